"""The query API as one thing: configuration and plugins in, readers open, questions answered."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from typing import Final

import llm_obs_ui
import uvicorn
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import Config
from llm_obs_core.errors import ConfigError
from llm_obs_core.listen import bind, must_be_loopback, shown
from llm_obs_core.plugins import Plugins

from llm_obs_query.configured import make_readers
from llm_obs_query.operations import Operations
from llm_obs_query.readers import Readers, settings_of
from llm_obs_query.schema import build
from llm_obs_query.telemetry import QueryMetrics
from llm_obs_query.web.access import Access
from llm_obs_query.web.app import make_app
from llm_obs_query.web.attempts import Attempts
from llm_obs_query.web.graphql import GraphQL
from llm_obs_query.web.page import Page
from llm_obs_query.web.protocol import BoundedProtocol
from llm_obs_query.web.sessions import Sessions

__all__ = ["QueryServer"]

MAX_CONNECTIONS: Final = 1_000
KEEP_ALIVE_S: Final = 75
"""An idle connection is closed after this, seconds."""
DRAIN_S: Final = 5
"""How long `stop` waits for answers under way, seconds."""


class QueryServer:
    """Readers, GraphQL and the page, inside the event loop of whoever starts it; takes no signal.

    Args:
        config: The whole configuration.
        plugins: Where the readers of `[readers.<name>]` come from.
        receivers: Says where the collector listens now, `host:port` by protocol; nothing when that is not known.

    Raises:
        ConfigError: A part of it cannot be used; raised before anything is opened.
        PluginError: A reader is not installed.
    """

    def __init__(
        self, config: Config, plugins: Plugins, receivers: Callable[[], Mapping[str, str]] = dict[str, str]
    ) -> None:
        query = config.query
        if not config.auth.keys:
            must_be_loopback("query.listen", query.listen)
        readers = make_readers(plugins, config)
        if not readers:
            raise ConfigError(
                "at least one reader", got="none enabled", where="readers", fix="enable one, such as [readers.lake]"
            )
        self._listen = query.listen
        metrics = QueryMetrics()
        self._readers = Readers(readers, query.timeout_s, metrics.answer, settings_of(config), query.max_rows)
        attempts = Attempts(query.wrong_keys_per_minute)
        access = Access(Authorizer(config.auth.keys), Sessions(), query.hosts, attempts, metrics.key)
        schema = build()
        graphql = GraphQL(
            Operations(schema),
            self._readers,
            access,
            sdl=schema.as_str() + "\n",
            max_rows=query.max_rows,
            max_groups=query.max_groups,
            max_request_bytes=query.max_request_bytes,
            receivers=receivers,
        )
        page = Page(llm_obs_ui.static_dir()) if query.page else None
        self._server = uvicorn.Server(
            uvicorn.Config(
                make_app(access, graphql, page, metrics),
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )
        self._socket: socket.socket | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where it listens, `host:port`; what the configuration says until it is started."""
        return self._listen if self._socket is None else shown(self._socket)

    async def start(self) -> None:
        """Takes the address, opens the readers, then answers. When a part fails, what was opened is closed again.

        Raises:
            ConfigError: The address cannot be used.
            LlmObsError: A reader cannot be opened, or two hold the same data and none of them is preferred.
        """
        self._socket = bind("query.listen", self._listen)
        try:
            await self._readers.start()
            server = self._server
            server.config.load()
            server.lifespan = server.config.lifespan_class(server.config)
            await server.startup(sockets=[self._socket])
            self._running = asyncio.create_task(server.main_loop())
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stops listening, answers what is under way, closes the readers. May be called twice."""
        if self._running is not None:
            self._server.should_exit = True
            await self._running
            self._running = None
            await self._server.shutdown()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        await self._readers.stop()
