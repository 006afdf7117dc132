"""Serving recordings: each under a base URL of its own, its exchanges found by method, path and body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from llm_obs_testing.loopback import HttpRequest, LoopbackServer, Reply, running
from llm_obs_testing.recordings.cassette import Exchange, Recording

__all__ = ["Playback"]

ADDED: Final = ("encoding_format",)
"""Parameters that newer clients add by themselves: they may be missing in a recording."""


class Playback:
    """Answers the requests of recordings as the provider did.

    A request that is in no recording is answered with 501 and kept in `unknown`.

    Args:
        recordings: What to serve.
    """

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._recordings = {recording.name: recording for recording in recordings}
        self._server = LoopbackServer(self._handle)
        self.unknown: list[str] = []

    def url(self, name: str) -> str:
        """The base URL for the client of one recording."""
        return f"http://127.0.0.1:{self._server.port}/{name}/v1"

    @contextmanager
    def running(self) -> Iterator[Playback]:
        """Serves in a thread of its own until the block ends."""
        with running(self._server):
            yield self

    async def _handle(self, request: HttpRequest, reply: Reply) -> None:
        name, _, path = request.path.removeprefix("/").partition("/")
        found = _find(self._recordings.get(name), request, f"/{path}")
        if found is None:
            self.unknown.append(f"{request.method} {request.path} {request.body[:200]!r}")
            message = f"no exchange of recording {name!r} asks this"
            await reply.send(501, {"content-type": "application/json"}, msgspec.json.encode({"error": message}))
            return
        # A recorded retry-after of 0 is ignored by clients, which then wait for seconds: the finer header is obeyed.
        headers = {"content-type": found.content_type, "retry-after-ms": "1"}
        if not found.streamed:
            await reply.send(found.status, headers, found.body)
            return
        await reply.begin(found.status, headers)
        for event in found.events():
            await reply.write(event)
        await reply.end()


def _find(recording: Recording | None, request: HttpRequest, path: str) -> Exchange | None:
    try:
        asked = msgspec.json.decode(request.body) if request.body else None
    except msgspec.DecodeError:
        return None
    for exchange in recording.exchanges if recording else ():
        if (exchange.method, exchange.path) == (request.method, path) and _same(exchange.asked, asked):
            return exchange
    return None


def _same(recorded: Any, asked: Any) -> bool:
    if isinstance(recorded, Mapping) and isinstance(asked, Mapping):
        added = [name for name in ADDED if name in asked and name not in recorded]
        return dict(recorded) == {name: value for name, value in asked.items() if name not in added}
    return bool(recorded == asked)
