"""Into the collector: receivers offer requests to a consumer and answer what it says."""

from __future__ import annotations

from typing import Protocol

import msgspec

from llm_obs_core.interfaces.batch import SpanBatch
from llm_obs_core.model import RecordKind, Rejection

__all__ = ["Consumer", "Context", "Outcome", "Principal", "Receiver"]


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
    """What is known of a request beside its bytes; `received_ns` is Unix nanoseconds."""

    tenant: str
    kind: RecordKind
    received_ns: int
    principal: Principal = Principal()


class Outcome(msgspec.Struct, frozen=True):
    """What became of a request once its answer may be sent: it is on disk.

    Attributes:
        accepted: Spans stored in the log (also when an equal request had stored them before).
        rejected: Spans dropped, by reason.
        duplicate: Whether the log already held this very request.
    """

    accepted: int
    rejected: tuple[Rejection, ...] = ()
    duplicate: bool = False


class Consumer(Protocol):
    """The collector's pipeline, as receivers, the proxy and late facts see it."""

    async def offer(self, payload: bytes | SpanBatch, context: Context) -> Outcome:
        """Takes one request and returns when it is durable.

        Args:
            payload: An ExportTraceServiceRequest, decompressed, or an already scanned batch.
            context: Tenant, kind and time.

        Raises:
            WireError: The bytes are not protobuf; answer 400 / INVALID_ARGUMENT.
            LimitError: Too many spans; answer 413 / RESOURCE_EXHAUSTED without RetryInfo.
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
