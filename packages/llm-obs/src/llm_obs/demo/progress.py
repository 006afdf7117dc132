"""What a person sees while the demo works."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["Quiet", "Shown"]


class Quiet:
    """A `Watcher` that says nothing."""

    def up(self, addresses: dict[str, str], provider: str, took_s: float) -> None:
        """Nothing."""

    def tickets(self, count: int) -> None:
        """Nothing."""

    def ticket(self, well: bool) -> None:
        """Nothing."""

    def delivered(self, spans: int) -> None:
        """Nothing."""


class Shown(Quiet):
    """A `Watcher` with lines and a bar; a context manager.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._failed = 0
        self._task: TaskID | None = None
        self._progress = Progress(
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=32, complete_style="cyan", finished_style="cyan"),
            TextColumn("{task.completed:.0f}/{task.total:.0f} tickets"),
            TextColumn("[bright_black]{task.fields[failed]} failed"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Shown:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def up(self, addresses: dict[str, str], provider: str, took_s: float) -> None:
        """Two lines."""
        told = f"page {addresses['query']}, OTLP {addresses['http']} and {addresses['grpc']}"
        self._line(f"up in {took_s:.1f} s", told)
        self._line("provider", f"an imitation of the OpenAI API at {provider}")

    def tickets(self, count: int) -> None:
        """The bar."""
        self._task = self._progress.add_task("the help desk works", total=count, failed=0)

    def ticket(self, well: bool) -> None:
        """One step."""
        if self._task is not None:
            self._failed += not well
            self._progress.update(self._task, advance=1, failed=self._failed)

    def delivered(self, spans: int) -> None:
        """One line."""
        self._line("application", f"a help desk, done: {spans} spans acknowledged over OTLP/HTTP")

    def _line(self, what: str, more: str) -> None:
        self._progress.console.print(f"[green]✓[/] {what:<12} [bright_black]{more}", highlight=False)
