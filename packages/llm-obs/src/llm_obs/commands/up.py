"""`llm-obs up`: everything in one process on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click
from llm_obs_core.config import Config
from llm_obs_core.errors import ConfigError

from llm_obs.options import config_option, data_option, loaded
from llm_obs.serving import forget_running, note_running, serve

if TYPE_CHECKING:
    from llm_obs_collector.server import Collector
    from llm_obs_query.server import QueryServer

__all__ = ["Up", "free_ports", "up"]

LISTENS = ("receiver.http.listen", "receiver.grpc.listen", "query.listen")


class Up:
    """Receivers, log, sinks, query API and page of one configuration.

    Args:
        config: The whole configuration.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self._collector: Collector | None = None
        self._query: QueryServer | None = None

    @property
    def addresses(self) -> dict[str, str]:
        """What listens where, once started."""
        found = dict(self._collector.addresses) if self._collector is not None else {}
        if self._query is not None:
            found["query"] = self._query.address
        return found

    async def start(self) -> None:
        """Starts the collector, then what reads its stores.

        Raises:
            LlmObsError: A part of it cannot be used.
        """
        from llm_obs_collector.server import Collector
        from llm_obs_core import plugins

        installed = plugins.load()
        self._collector = Collector(self.config, installed)
        if self.config.query.enabled:
            from llm_obs_query.server import QueryServer

            collector = self._collector
            self._query = QueryServer(self.config, installed, lambda: collector.addresses)
        await self._collector.start()
        if self._query is not None:
            await self._query.start()
        note_running(self.config.server.data_dir, self.addresses)

    async def stop(self) -> None:
        """Ends both. May be called twice and after a failed start."""
        if self._query is not None:
            await self._query.stop()
        if self._collector is not None:
            await self._collector.stop()
        forget_running(self.config.server.data_dir)


def free_ports(config: Config) -> dict[str, str]:
    """Overrides that let the system choose a port wherever the configured one is taken."""
    from llm_obs_core.listen import bind

    found: dict[str, str] = {}
    for key in LISTENS:
        listen = str(attrgetter(key)(config))
        try:
            bind(key, listen).close()
        except ConfigError:
            found[key] = f"{listen.rpartition(':')[0]}:0"
    return found


@click.command()
@config_option
@data_option("Folder of everything that is kept")
@click.option("--free-ports", "free", is_flag=True, help="Take a free port wherever the configured one is taken.")
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one line of JSON.")
def up(path: str | None, data_dir: str | None, free: bool, as_json: bool) -> None:
    """Run everything in one process, until Ctrl-C.

    Receivers, log, sinks, query API and page, on loopback.
    """
    config = loaded(path, data_dir)
    if free:
        config = loaded(path, data_dir, free_ports(config))
    everything = Up(config)

    async def start() -> Callable[[], None]:
        try:
            await everything.start()
        except ConfigError as error:
            if not free and error.where in free_ports(config):
                raise ConfigError(
                    error.expected, got=error.got, where=error.where, fix=f"{error.fix}, or add --free-ports"
                ) from None
            raise
        return lambda: _announce(everything, as_json)

    with suppress(KeyboardInterrupt):
        serve(start, everything.stop)


def _announce(everything: Up, as_json: bool) -> None:
    addresses = everything.addresses
    if as_json:
        click.echo(json.dumps({**addresses, "data_dir": everything.config.server.data_dir}))
        return
    lines = []
    if (query := addresses.get("query")) is not None:
        if everything.config.query.page:
            lines.append(("page", click.style(f"http://{query}/", bold=True)))
        lines.append(("GraphQL", f"http://{query}/graphql"))
    if (http := addresses.get("http")) is not None:
        lines.append(("OTLP/HTTP", f"http://{http}"))
    if (grpc := addresses.get("grpc")) is not None:
        lines.append(("OTLP/gRPC", grpc))
    lines.append(("data", str(Path(everything.config.server.data_dir).absolute())))
    click.echo(click.style("llm-obs is up", bold=True, fg="green"))
    click.echo()
    for name, value in lines:
        click.echo(f"  {name:<10} {value}")
    click.echo()
    if http is not None:
        click.echo(f'  Send it spans:    import llm_obs; llm_obs.init("your-app", endpoint="http://{http}")')
        click.echo(f"  or OpenTelemetry: OTEL_EXPORTER_OTLP_ENDPOINT=http://{http}")
        click.echo("                    OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
    click.echo("  See what came:    llm-obs traces")
    click.echo("  Check the ledger: llm-obs ledger")
    click.echo()
    click.echo("Ctrl-C ends it.")
