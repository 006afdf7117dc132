"""The sink: a range is appended, synced, and closed by a line with its Position: a crash stores nothing twice."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
from llm_obs_core.errors import PermanentError, RetryableError, StoreError
from llm_obs_core.interfaces import Host, SinkLimits, SinkPart, SinkWrite
from llm_obs_core.model import PayloadKind, Position
from llm_obs_core.threads import in_thread

from llm_obs_example.config import JsonLinesOptions


def make(options: JsonLinesOptions, host: Host) -> JsonLinesSink:
    """The factory that `plugin.py` names; it does no work."""
    return JsonLinesSink(Path(options.path) if options.path else host.data_dir / "spans.jsonl")


class JsonLinesSink:
    """Appends spans as JSON lines.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._held: Position | None = None

    @property
    def limits(self) -> SinkLimits:
        """Spans only, in small writes."""
        return SinkLimits(kinds=frozenset({PayloadKind.SPANS}), max_items=4_096)

    async def start(self) -> Position | None:
        """Opens the file, cuts off what no Position line closes, and says how far it is."""
        self._held = await in_thread(self._open)
        return self._held

    async def write(self, write: SinkWrite) -> None:
        """Appends all parts, and the Position of a range that ends; returns when they are on disk."""
        for part in write.parts:
            if part.kind is not PayloadKind.SPANS:
                raise PermanentError("spans", got=part.kind, where=str(self._path), fix="write what `limits` declares")
        if self._held is not None and write.last <= self._held:
            return
        if self._held is not None and write.first <= self._held:
            raise StoreError(f"a write after {self._held}", got=f"{write.first} to {write.last}", where=str(self._path))
        await in_thread(self._append, write)

    async def stop(self) -> None:
        """Closes the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> Position | None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                "a file that can be written",
                got=error.strerror or str(error),
                where=str(self._path),
                fix="correct sinks.jsonl.options.path, or the folder's owner and mode",
            ) from None
        position, end, at = None, 0, 0
        with self._path.open("rb") as lines:
            for line in lines:
                at += len(line)
                if line.startswith(b'{"position"') and line.endswith(b"\n"):
                    position, end = msgspec.json.decode(line, type=dict[str, Position])["position"], at
        os.ftruncate(self._file, end)
        return position

    def _append(self, write: SinkWrite) -> None:
        if self._file is None:
            raise StoreError("a sink that was started", where=str(self._path))
        lines = [*_lines(write.parts), *([msgspec.json.encode({"position": write.last})] if write.final else [])]
        text = b"".join(line + b"\n" for line in lines)
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            view = memoryview(text)
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
            if write.final:
                self._held = write.last  # here, because the write may be cut off while it waits for this thread
        except OSError as error:
            os.ftruncate(self._file, end)
            raise RetryableError(
                "room on the disk", got=error.strerror or str(error), where=str(self._path), fix="free some space"
            ) from None


def _lines(parts: Iterable[SinkPart]) -> Iterable[bytes]:
    for part in parts:
        for span in part.spans.spans():
            yield msgspec.json.encode(
                {
                    "tenant": part.tenant,
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "name": span.name,
                    "start_ns": span.start_ns,
                    "duration_ns": max(span.end_ns - span.start_ns, 0),
                    "attributes": span.attributes,
                }
            )
