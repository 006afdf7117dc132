"""The way back from stores: one request from the payloads of many rows."""

from collections.abc import Iterable

def assemble(spans: Iterable[bytes], scopes: Iterable[bytes | None], resources: Iterable[bytes | None]) -> bytes:
    """One canonical ExportTraceServiceRequest of the rows, in their order.

    `scan` reads it back into the spans that `SpanBatch.payloads` was made of, without their content. Neighbours with
    equal scope and resource share them. Payloads are joined as they are: they are checked by `scan`, not here.

    Args:
        spans: `otlp_span` of each row.
        scopes: `otlp_scope` of each row; None: the request had none.
        resources: `otlp_resource` of each row; None: the request had none.

    Raises:
        LimitError: Together they are over 2 GiB.
    """
