"""What can be sent to the collector: one entry a signal. What the collector does for each is in `llm_obs_collector`."""

from __future__ import annotations

from typing import Final, NamedTuple

from llm_obs_core.model import PayloadKind, RecordKind

__all__ = ["ANNOTATIONS", "ENCODINGS", "JSON", "PROTOBUF", "SIGNALS", "TRACES", "Signal"]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

ENCODINGS: Final = ("identity", "gzip", "zstd")
"""The values of `Content-Encoding` that receivers undo; any other is refused, never read as raw bytes."""


class Signal(NamedTuple):
    """One kind of telemetry.

    Attributes:
        name: What it is called in settings, metrics and the ledger.
        kind: What its requests become in the log.
        payload: What its records become for sinks.
        http_path: Where it is sent over HTTP.
        grpc_method: The method that takes it over gRPC, with its service; None when there is none.
        content_types: What its body may be; answers are of the type of the body.
        item: What its requests are made of, in the plural.
    """

    name: str
    kind: RecordKind
    payload: PayloadKind
    http_path: str
    grpc_method: str | None
    content_types: tuple[str, ...]
    item: str


TRACES: Final = Signal(
    "traces",
    RecordKind.SPANS,
    PayloadKind.SPANS,
    "/v1/traces",
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    (PROTOBUF,),
    "spans",
)

ANNOTATIONS: Final = Signal(
    "annotations", RecordKind.ANNOTATION, PayloadKind.ANNOTATIONS, "/v1/annotations", None, (JSON,), "annotations"
)

SIGNALS: Final = (TRACES, ANNOTATIONS)
"""Every signal that llm-obs itself takes."""
