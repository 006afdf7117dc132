"""What a signal must bring: receivers, pipeline and workers know it by this alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from blake3 import blake3
from llm_obs_core.interfaces import Context, Outcome, Rows
from llm_obs_core.model import LogRecord, RecordKind, Rejection
from llm_obs_core.signals import Signal

__all__ = ["Prepared", "SignalHandler", "SignalRows", "digest_of"]

DIGEST_BYTES = 16


class Prepared(NamedTuple):
    """A request that is ready for the log.

    Attributes:
        signal: What it is of.
        records: What is appended, numbered by `LogRecord.slice`; none when nothing was accepted.
        rejected: Items that were dropped.
        scrubbed: Values written over, by pattern.
        priced: Model calls with a cost, by provider.
        unpriced: Model calls with usage that no price is known for, by provider.
    """

    signal: Signal
    records: Sequence[LogRecord]
    rejected: tuple[Rejection, ...] = ()
    scrubbed: Mapping[str, int] = {}
    priced: Mapping[str, int] = {}
    unpriced: Mapping[str, int] = {}

    @property
    def accepted(self) -> int:
        """Items in the records."""
        return sum(record.accepted for record in self.records)


class SignalRows(Rows, Protocol):
    """Rows that sinks are given."""

    def select(self, mask: bytes | bytearray | memoryview) -> SignalRows:
        """The rows whose byte in `mask` is not zero."""


class SignalHandler(Protocol):
    """What the collector does for one signal. Safe in any thread."""

    @property
    def signal(self) -> Signal:
        """Which one."""

    @property
    def inline_bytes(self) -> int:
        """Largest body that is prepared on the event loop; what is larger goes to a thread."""

    def prepare(self, body: bytes, content_type: str, context: Context) -> Prepared:
        """Everything before the log: reads a body, drops what is wrong, and leaves nothing in it that must be hidden.

        Args:
            body: Decompressed.
            content_type: One of the signal's.
            context: Tenant, kind and time.

        Raises:
            WireError: The bytes are no such body.
            LimitError: It is larger than a limit allows.
        """

    def rows(self, record: LogRecord) -> SignalRows:
        """The rows of a record that `prepare` made, of this version or an earlier one.

        Raises:
            LlmObsError: The payload cannot be read.
        """

    def concat(self, parts: Sequence[SignalRows]) -> SignalRows:
        """The rows of all parts, in order. The parts are rows of this signal."""

    def response(self, outcome: Outcome, content_type: str) -> bytes:
        """The body of the answer to a request that was taken, of the content type of the request."""


def digest_of(kind: RecordKind, body: bytes) -> bytes:
    """What a request is recognised by: equal bytes of different signals are different requests.

    Spans are recognised by their bytes alone, as in every log that was written before there were other signals.
    """
    if kind is RecordKind.SPANS:
        return blake3(body).digest(DIGEST_BYTES)
    return blake3(bytes((kind,))).update(body).digest(DIGEST_BYTES)
