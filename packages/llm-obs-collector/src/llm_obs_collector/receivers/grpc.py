"""The gRPC receiver: the method of every signal that has one, over raw bytes, without generated code.

Rules: opentelemetry-proto, docs/specification.md, OTLP/gRPC. A call is answered OK only when it is on disk.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import structlog
from llm_obs_core.auth import Authorizer
from llm_obs_core.config import GrpcReceiver
from llm_obs_core.errors import ConfigError, WireError
from llm_obs_core.interfaces import Consumer, Context
from llm_obs_core.listen import bind

from llm_obs_collector.budget import Budget, Reservation
from llm_obs_collector.receivers.http import RequestObserver
from llm_obs_collector.receivers.status import Cause, Refusal, refusal_of, status_body
from llm_obs_collector.signals import SignalHandler, Signals, builtin

__all__ = ["GrpcServer"]

STOP_GRACE_S = 10.0
READ_TIMEOUT_S = 30.0
MIN_RESERVE_BYTES = 64 * 1024


class GrpcServer:
    """A `Receiver` over gRPC.

    Args:
        settings: `[receiver.grpc]`.
        max_request_bytes: `receiver.max_request_bytes`.
        authorizer: Who may send.
        budget: Bytes of requests that may be under way, shared with the pipeline.
        observe: Told of each request, for metrics.
        signals: What can be sent; by default the built-in ones.
    """

    def __init__(
        self,
        settings: GrpcReceiver,
        *,
        max_request_bytes: int,
        authorizer: Authorizer,
        budget: Budget,
        observe: RequestObserver | None = None,
        signals: Signals | None = None,
    ) -> None:
        self._settings = settings
        self._max_request_bytes = max_request_bytes
        self._signals = signals or builtin()
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
        services: dict[str, dict[str, Any]] = {}
        for item in self._signals:
            if item.signal.grpc_method is not None:
                service, method = item.signal.grpc_method[1:].split("/")
                taking = partial(self._take, item)
                # a stream, because nothing of it is read before it is asked for
                services.setdefault(service, {})[method] = grpc.stream_unary_rpc_method_handler(taking)
        self._server = grpc.aio.server(
            handlers=[grpc.method_handlers_generic_handler(service, methods) for service, methods in services.items()],
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

    async def _take(self, handler: SignalHandler, _: Any, context: Any) -> bytes:
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
                body, reservation = await self._read(handler, context)
                nbytes = len(body)
                request = Context(principal.tenant, handler.signal.kind, time.time_ns(), principal)
                outcome = await self._consumer.offer(body, request, reservation)
            except TimeoutError:
                refusal = Refusal(Cause.TIMEOUT, f"expected the whole message within {READ_TIMEOUT_S:g} s")
            except Exception as error:
                refusal = refusal_of(error)
                if refusal.cause is Cause.INTERNAL:
                    self._log.error("a request failed", error=repr(error), exc_info=error)
            else:
                self._observe("grpc", 0, nbytes, nbytes, time.perf_counter() - started)
                return handler.response(outcome, handler.signal.content_types[0])
        self._observe("grpc", refusal.cause.grpc, nbytes, nbytes, time.perf_counter() - started)
        return await self._abort(context, refusal)

    async def _read(self, handler: SignalHandler, context: Any) -> tuple[bytes, Reservation]:
        """The message. Its size is not known before it is there, so a share of the budget is reserved meanwhile."""
        import grpc

        reservation = self._budget.reserve()
        reservation.grow(self._reserve_bytes)
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                body = await context.read()
                more = body is not grpc.aio.EOF and await context.read() is not grpc.aio.EOF
            if body is grpc.aio.EOF or more:  # what follows the first would be answered OK and stored nowhere
                method = handler.signal.grpc_method or ""
                raise WireError("one message", got="several" if more else "none", where=method, fix="send one a call")
        except BaseException:
            reservation.release()
            raise
        return body, reservation

    async def _abort(self, context: Any, refusal: Refusal) -> bytes:
        import grpc

        code = next(code for code in grpc.StatusCode if code.value[0] == refusal.cause.grpc)
        if refusal.retry_after_s is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", status_body(refusal, retry_info=True)),))
        await context.abort(code, refusal.message)
        raise AssertionError("unreachable: abort raises")
