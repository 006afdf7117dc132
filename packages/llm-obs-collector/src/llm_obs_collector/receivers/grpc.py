"""The OTLP/gRPC receiver: TraceService/Export over raw bytes, without generated code.

Rules: opentelemetry-proto, docs/specification.md, OTLP/gRPC. A call is answered OK only when it is on disk.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import GrpcReceiver
from llm_obs_core.errors import ConfigError, WireError
from llm_obs_core.interfaces import Consumer, Context
from llm_obs_core.listen import bind
from llm_obs_core.model import RecordKind

from llm_obs_collector.budget import Budget, Held
from llm_obs_collector.receivers.http import RequestObserver
from llm_obs_collector.receivers.status import Cause, Refusal, export_response, refusal_of, status_body

__all__ = ["EXPORT", "GrpcServer"]

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
STOP_GRACE_S = 10.0
READ_TIMEOUT_S = 30.0
MIN_RESERVE_BYTES = 64 * 1024


class GrpcServer:
    """A `Receiver` for OTLP over gRPC.

    Args:
        settings: `[receiver.grpc]`.
        max_request_bytes: `receiver.max_request_bytes`.
        authorizer: Who may send.
        budget: Bytes of requests that may be under way, shared with the pipeline.
        observe: Told of each request, for metrics.
    """

    def __init__(
        self,
        settings: GrpcReceiver,
        *,
        max_request_bytes: int,
        authorizer: Authorizer,
        budget: Budget,
        observe: RequestObserver | None = None,
    ) -> None:
        self._settings = settings
        self._max_request_bytes = max_request_bytes
        self._authorizer = authorizer
        self._budget = budget
        self._reserve_bytes = min(max_request_bytes, max(MIN_RESERVE_BYTES, max_request_bytes // 16))
        self._observe = observe or (lambda *_: None)
        self._server: Any = None
        self._consumer: Consumer | None = None
        self._port = 0
        self._log = structlog.get_logger("llm_obs.receiver.grpc")

    async def start(self, consumer: Consumer) -> None:
        """Listens. See `llm_obs_core.interfaces.Receiver`."""
        import grpc

        self._consumer = consumer
        bind("receiver.grpc.listen", self._settings.listen).close()  # gRPC's own error names neither cause nor repair
        handler = grpc.stream_unary_rpc_method_handler(self._export)  # reads nothing before it is asked to
        service, method = EXPORT[1:].split("/")
        self._server = grpc.aio.server(
            handlers=[grpc.method_handlers_generic_handler(service, {method: handler})],
            options=[
                ("grpc.max_receive_message_length", self._max_request_bytes),
                ("grpc.so_reuseport", 0),
                ("grpc.http2.max_ping_strikes", 2),
            ],
        )
        try:
            self._port = self._server.add_insecure_port(self._settings.listen)
        except RuntimeError as error:
            raise ConfigError(
                "a free address of this machine",
                got=f"{self._settings.listen}: {error}",
                where="receiver.grpc.listen",
                fix="stop what listens there, choose another port, or port 0 for any that is free",
            ) from None
        await self._server.start()

    async def stop(self) -> None:
        """Refuses new calls, answers those under way, closes."""
        if self._server is not None:
            await self._server.stop(STOP_GRACE_S)
            self._server = None

    @property
    def address(self) -> str:
        """Where it listens, `host:port`."""
        host = self._settings.listen.rpartition(":")[0]
        return f"{host}:{self._port}" if self._port else self._settings.listen

    async def _export(self, _: Any, context: Any) -> bytes:
        started = time.perf_counter()
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        principal = self._authorizer.principal(metadata.get("authorization"), metadata.get("x-api-key"))
        nbytes = 0
        if principal is None:
            refusal = Refusal(
                Cause.UNAUTHENTICATED, "expected a known API key; send metadata `authorization: Bearer <key>`"
            )
        elif "ingest" not in principal.scopes:
            refusal = Refusal(Cause.FORBIDDEN, f"expected a key with scope ingest, got key {principal.key_id}")
        else:
            assert self._consumer is not None
            try:
                body = await self._read(context)
                nbytes = len(body)
                outcome = await self._consumer.offer(
                    body, Context(principal.tenant, RecordKind.SPANS, time.time_ns(), principal)
                )
            except TimeoutError:
                refusal = Refusal(Cause.TIMEOUT, f"expected the whole message within {READ_TIMEOUT_S:g} s")
            except Exception as error:
                refusal = refusal_of(error)
                if refusal.cause is Cause.INTERNAL:
                    self._log.error("a request failed", error=repr(error), exc_info=error)
            else:
                self._observe("grpc", 0, nbytes, nbytes, time.perf_counter() - started)
                return export_response(outcome.rejected)
        self._observe("grpc", refusal.cause.grpc, nbytes, nbytes, time.perf_counter() - started)
        return await self._abort(context, refusal)

    async def _read(self, context: Any) -> bytes:
        """The message. Its size is not known before it is there, so a share of the budget is held meanwhile."""
        import grpc

        held = Held(self._budget)
        held.take(self._reserve_bytes)
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                body = await context.read()
                more = body is not grpc.aio.EOF and await context.read() is not grpc.aio.EOF
        finally:
            held.release()
        if body is grpc.aio.EOF or more:  # what follows the first would be answered OK and stored nowhere
            got = "several" if more else "none"
            raise WireError("one message", got=got, where=EXPORT, fix="send one ExportTraceServiceRequest a call")
        message: bytes = body
        return message

    async def _abort(self, context: Any, refusal: Refusal) -> bytes:
        import grpc

        code = next(code for code in grpc.StatusCode if code.value[0] == refusal.cause.grpc)
        if refusal.retry_after_s is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", status_body(refusal, retry_info=True)),))
        await context.abort(code, refusal.message)
        raise AssertionError("unreachable: abort raises")
