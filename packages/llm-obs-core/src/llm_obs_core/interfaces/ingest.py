"""Into the collector: receivers offer requests to a consumer and answer what it says."""

from __future__ import annotations

from typing import Protocol

import msgspec

from llm_obs_core.interfaces.batch import SpanBatch
from llm_obs_core.model import RecordKind, Rejection

__all__ = ["Consumer", "Context", "Outcome", "Principal", "Receiver", "Reservation"]


class Principal(msgspec.Struct, frozen=True):
    """Who sent a request, as the key says; never as the request says.

    Attributes:
        tenant: The tenant of the key.
        key_id: The key's public id, for logs; empty when no key is configured.
        scopes: What the key may do: `ingest`, `read`, `content`, `admin`.
    """

    tenant: str = "default"
    key_id: str = ""
    scopes: frozenset[str] = frozenset({"ingest", "read", "content", "admin"})


class Context(msgspec.Struct, frozen=True):
    """What is known of a request beside its bytes.

    Attributes:
        tenant: Whose it is, as the key says.
        kind: What it becomes in the log, which is the kind of its signal.
        received_ns: Unix nanoseconds.
        principal: Who sent it.
        content_type: What its body is; empty when it is the first that its signal names.
    """

    tenant: str
    kind: RecordKind
    received_ns: int
    principal: Principal = Principal()
    content_type: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a request once its answer may be sent: it is on disk.

    Attributes:
        accepted: Items (spans, annotations, …) in the log, also when an equal request had brought them before.
        rejected: Items dropped, by reason.
        repeated: Those of the accepted that an equal request had brought before: received = logged + repeated +
            rejected, where logged is accepted - repeated.
    """

    accepted: int
    rejected: tuple[Rejection, ...] = ()
    repeated: int = 0


class Reservation(Protocol):
    """A request's share of the bytes that may be under way. It is handed on with the request, and released once."""

    def settle(self, nbytes: int) -> None:
        """Holds this many bytes from here on: those that are there. Never refused, they are there already."""

    def release(self) -> None:
        """Gives everything back; the second call does nothing."""


class Consumer(Protocol):
    """The collector's pipeline, as receivers, the proxy and late facts see it."""

    async def offer(
        self, payload: bytes | SpanBatch, context: Context, reservation: Reservation | None = None
    ) -> Outcome:
        """Takes one request and returns when it is durable.

        Args:
            payload: A body of the signal, decompressed, or an already scanned batch.
            context: Tenant, kind and time.
            reservation: What the request holds of the memory for requests. From this call on it is the consumer's,
                which releases it when it is known what becomes of the request, also when it raises. None: the consumer
                makes one, which may be refused.

        Raises:
            WireError: The bytes are no such body; answer 400 / INVALID_ARGUMENT.
            LimitError: Too many items; answer 413 / RESOURCE_EXHAUSTED without RetryInfo.
            RetryableError: Overload or a full disk; answer 503 / UNAVAILABLE with its delay.
        """


class Receiver(Protocol):
    """A span producer of the collector: a server that speaks one protocol."""

    async def start(self, consumer: Consumer) -> None:
        """Begins to listen. Raises ConfigError when the address cannot be used, naming the key and the repair."""

    async def stop(self) -> None:
        """Refuses new requests, answers those under way, and closes. May be called twice."""

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`; the port that the system chose when 0 was asked for."""
