"""From request bytes to rows, in one pass without copying."""

from llm_obs_core_ext.batch import KeyTable, SpanBatch

def scan(
    body: bytes | bytearray | memoryview,
    *,
    max_spans: int = 65536,
    max_attributes: int = 1024,
    max_depth: int = 100,
    keys: KeyTable | None = None,
) -> SpanBatch:
    """Scan the bytes of an OTLP ExportTraceServiceRequest.

    What protobuf reads is read; what it refuses is refused. A span with a wrong id or with bytes that are not UTF-8 is
    left out alone and reported in `SpanBatch.rejected`. Memory is at most twice the body plus the fixed rows.

    Args:
        body: The request, uncompressed; kept (not copied) as long as the batch lives.
        max_spans: Most spans in the request.
        max_attributes: Most attributes kept of one span; the rest is added to its dropped_attributes_count.
        max_depth: Most levels of messages, at most protobuf's 100.
        keys: The keys to number; by default `llm_obs_core.semconv.KNOWN_KEYS`.

    Raises:
        WireError: The bytes are not such a request; `offset` is the first wrong byte.
        LimitError: More than `max_spans` spans.
    """
