"""The collector's own pages on the HTTP receiver's port: health, readiness, metrics, ledger, dead letters.

Where keys are configured, all but `/healthz` and the bare `/readyz` need one: with scope `read`, or `admin` to change
something.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from llm_obs_core.errors import LlmObsError, RetryableError

from llm_obs_collector.accounting import Readiness
from llm_obs_collector.receivers.http import Page, Route
from llm_obs_collector.sinks.resend import resend

if TYPE_CHECKING:
    from llm_obs_core.interfaces import Log

    from llm_obs_collector.sinks import Workers
    from llm_obs_collector.telemetry import SelfMetrics

__all__ = ["Pages", "ResendRequest"]

JSON = "application/json"


class ResendRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /dead-letters/send`: a sink and letters of it, all when None."""

    sink: str
    ids: list[str] | None = None


class Pages:
    """What the pages say.

    Args:
        log: Asked whether it can be written.
        sinks: Asked how they fare.
        telemetry: Metrics and ledger.
    """

    def __init__(self, log: Log, sinks: Workers, telemetry: SelfMetrics) -> None:
        self._log = log
        self._sinks = sinks
        self._telemetry = telemetry
        self.serving = False
        """Whether requests are taken: from the end of the start to the beginning of the stop."""

    def routes(self) -> Mapping[str, Route]:
        """Path to page."""
        return {
            "/healthz": Route(self._health),
            "/readyz": Route(self._ready),
            "/readyz?verbose": Route(self._ready_in_full, "read"),
            "/metrics": Route(self._metrics, "read"),
            "/ledger": Route(self._ledger, "read"),
            "/dead-letters/send": Route(self._resend, "admin", "POST"),
        }

    async def readiness(self) -> Readiness:
        """Whether requests are taken."""
        trouble = await self._log.trouble() if self.serving else "starting or stopping"
        return Readiness(not trouble, trouble, {worker.name: await worker.status() for worker in self._sinks.all})

    async def _health(self, _query: str, _body: bytes) -> Page:
        return Page(200, "text/plain", b"ok\n")

    async def _ready(self, _query: str, _body: bytes) -> Page:
        found = await self.readiness()
        return Page(200, "text/plain", b"ready\n") if found.ready else Page(503, "text/plain", b"not ready\n")

    async def _ready_in_full(self, _query: str, _body: bytes) -> Page:
        found = await self.readiness()
        return Page(200 if found.ready else 503, JSON, msgspec.json.encode(found) + b"\n")

    async def _metrics(self, _query: str, _body: bytes) -> Page:
        return Page(200, *await self._telemetry.metrics())

    async def _ledger(self, _query: str, _body: bytes) -> Page:
        return Page(200, JSON, msgspec.json.encode(await self._telemetry.ledger()) + b"\n")

    async def _resend(self, _query: str, body: bytes) -> Page:
        try:
            asked = msgspec.json.decode(body, type=ResendRequest)
        except msgspec.MsgspecError as error:
            return _said(400, f"expected sink and ids, got {error}")
        worker = next((worker for worker in self._sinks.all if worker.name == asked.sink), None)
        if worker is None:
            names = ", ".join(worker.name for worker in self._sinks.all) or "none"
            return _said(404, f"expected one of the running sinks: {names}, got {asked.sink!r}")
        try:
            return Page(200, JSON, msgspec.json.encode(await resend(self._log, worker.letters, asked.ids)) + b"\n")
        except RetryableError as error:
            return _said(503, str(error))
        except LlmObsError as error:
            return _said(500, str(error))


def _said(status: int, text: str) -> Page:
    return Page(status, JSON, msgspec.json.encode({"error": text}) + b"\n")
