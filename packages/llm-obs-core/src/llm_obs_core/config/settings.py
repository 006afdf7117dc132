"""The keys of `llm-obs.toml`, each with its type, default, unit and meaning: the one place where they are written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

__all__ = [
    "ApiKey",
    "Auth",
    "Config",
    "GrpcReceiver",
    "HttpReceiver",
    "LogSettings",
    "Normalize",
    "Pricing",
    "Query",
    "Reader",
    "Receiver",
    "ReceiverSettings",
    "Scrub",
    "Server",
    "Sink",
    "Worker",
]

MOST_SECONDS = 1e9
"""About 31 years: what timers can count."""

Listen = Annotated[
    str,
    Meta(
        title="an address host:port, such as 127.0.0.1:4318",
        pattern=r"^(\[[0-9a-fA-F:]+\]|[^:\s]+):"
        r"([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$",
    ),
]
Folder = Annotated[str, Meta(title="the name of a folder", pattern=r"^[^\x00]+$")]
Name = Annotated[str, Meta(title="a name of 1 to 63 characters", min_length=1, max_length=63)]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Bytes = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Seconds = Annotated[float, Meta(ge=0, le=MOST_SECONDS)]
Duration = Annotated[float, Meta(gt=0, le=MOST_SECONDS)]


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The process."""

    data_dir: Annotated[
        Folder, Meta(description="Folder of the log and the embedded store; made when it is missing.")
    ] = "llm-obs-data"
    writer: Annotated[
        str,
        Meta(
            title="a name of at most 63 small letters, digits and -",
            description="Name of this collector in log positions.",
            pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        ),
    ] = "local"


class HttpReceiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """OTLP over HTTP."""

    enabled: Annotated[bool, Meta(description="Whether to listen.")] = True
    listen: Annotated[Listen, Meta(description="Address, host:port; port 0 takes a free one.")] = "127.0.0.1:4318"
    header_timeout_s: Annotated[Duration, Meta(description="Longest time for a request's headers, seconds.")] = 10.0
    body_timeout_s: Annotated[Duration, Meta(description="Longest time for a request's body, seconds.")] = 30.0
    idle_timeout_s: Annotated[Duration, Meta(description="An idle connection is closed after this, seconds.")] = 75.0
    max_connections: Annotated[Count, Meta(description="Connections at once; more are closed at once.")] = 10_000


class GrpcReceiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """OTLP over gRPC."""

    enabled: Annotated[bool, Meta(description="Whether to listen.")] = True
    listen: Annotated[Listen, Meta(description="Address, host:port; port 0 takes a free one.")] = "127.0.0.1:4317"


class Receiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What comes in."""

    http: HttpReceiver = HttpReceiver()
    grpc: GrpcReceiver = GrpcReceiver()
    max_request_bytes: Annotated[
        Count, Meta(description="Largest request, bytes, on the wire and after decompression.")
    ] = 64 * 1024 * 1024
    max_spans_per_request: Annotated[Count, Meta(description="Most spans of a request.")] = 65_536
    max_attributes_per_span: Annotated[
        Count, Meta(description="Most attributes of a span; the rest is dropped and counted on the span.")
    ] = 1_024
    max_annotations_per_request: Annotated[Count, Meta(description="Most annotations of a request.")] = 4_096
    max_in_flight_bytes: Annotated[
        Bytes, Meta(description="Bytes of requests under way; beyond it senders are asked to come back.")
    ] = 256 * 1024 * 1024


class ReceiverSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receiver of a plugin: [receivers.<name>]."""

    type: Annotated[str, Meta(description="The registered receiver; the section's own name when empty.")] = ""
    enabled: Annotated[bool, Meta(description="Whether to listen.")] = True
    options: Annotated[dict[str, Any], Meta(description="The receiver's own options.")] = {}


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key."""

    id: Annotated[Name, Meta(description="Public name of the key, for logs.")]
    sha256: Annotated[
        str,
        Meta(
            title="64 hexadecimal digits in small letters: `printf %s KEY | sha256sum`",
            description="SHA-256 of the key, hexadecimal.",
            pattern=r"^[0-9a-f]{64}$",
        ),
    ]
    tenant: Annotated[Name, Meta(description="Tenant of everything sent with it.")] = "default"
    scopes: Annotated[
        tuple[Literal["ingest", "read", "content", "admin"], ...], Meta(description="What the key may do.")
    ] = ("ingest",)


class Auth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may come in."""

    keys: Annotated[
        tuple[ApiKey, ...], Meta(description="Keys; without any, only loopback addresses may be listened on.")
    ] = ()


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The durable log."""

    type: Annotated[str, Meta(description="The registered log.")] = "file"
    segment_bytes: Annotated[Bytes, Meta(description="Size at which a new segment is begun, bytes.")] = 32 * 1024 * 1024
    codec: Annotated[Literal["none", "zstd"], Meta(description="Compression of payloads.")] = "none"
    max_bytes: Annotated[Bytes, Meta(description="Largest size of the log on disk, bytes; beyond it senders wait.")] = (
        16 * 1024 * 1024 * 1024
    )
    dedup_window_s: Annotated[
        Seconds, Meta(description="An equal request within this time is acknowledged and not stored again, seconds.")
    ] = 600.0
    options: Annotated[
        dict[str, Any], Meta(description="Options of another log than `file`, whose keys are those of this section.")
    ] = {}


class Scrub(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is removed before anything is written."""

    scrubbers: Annotated[tuple[str, ...], Meta(description="Scrubber plugins, in order.")] = ("pii",)
    options: Annotated[dict[str, dict[str, Any]], Meta(description="Options by scrubber: [scrub.options.pii].")] = {}


class Normalize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How other conventions' names and values become the canonical ones."""

    normalizers: Annotated[tuple[str, ...], Meta(description="Normaliser plugins, in order.")] = ("genai",)
    options: Annotated[
        dict[str, dict[str, Any]], Meta(description="Options by normaliser: [normalize.options.<name>].")
    ] = {}


class Pricing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What calls cost."""

    pricers: Annotated[
        tuple[str, ...], Meta(description="Pricer plugins; the first that knows a model's price wins.")
    ] = ("bundled",)
    options: Annotated[dict[str, dict[str, Any]], Meta(description="Options by pricer: [pricing.options.<name>].")] = {}
    rules: Annotated[
        tuple[dict[str, Any], ...], Meta(description="Own prices, before the bundled ones: [[pricing.rules]].")
    ] = ()


class Worker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a sink's worker behaves when the store is slow or away."""

    retry_initial_s: Annotated[Seconds, Meta(description="First delay before a write is tried again, seconds.")] = 0.5
    retry_max_s: Annotated[Seconds, Meta(description="Longest delay; delays double and jitter up to it, seconds.")] = (
        30.0
    )
    retry_attempts: Annotated[
        int, Meta(description="Tries before a write becomes dead letters; 0 never gives up.", ge=0, le=2**31 - 1)
    ] = 0
    breaker_failures: Annotated[Count, Meta(description="Failures in a row that open the circuit breaker.")] = 5
    breaker_reset_s: Annotated[
        Seconds, Meta(description="An open breaker lets one write through after this, seconds.")
    ] = 30.0
    timeout_s: Annotated[
        Duration,
        Meta(description="Longest time for a write, or to open or close the store; then it counts as failed, seconds."),
    ] = 60.0
    drain_s: Annotated[
        Seconds, Meta(description="Longest time for the last writes at a stop; the rest stays in the log, seconds.")
    ] = 5.0


class Sink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A store that is fed from the log: [sinks.<name>]."""

    type: Annotated[str, Meta(description="The registered sink; the section's own name when empty.")] = ""
    enabled: Annotated[bool, Meta(description="Whether it is fed.")] = True
    options: Annotated[dict[str, Any], Meta(description="The sink's own options.")] = {}
    worker: Worker = Worker()


class Reader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A store that the query API asks: [readers.<name>]."""

    type: Annotated[str, Meta(description="The registered reader; the section's own name when empty.")] = ""
    enabled: Annotated[bool, Meta(description="Whether it is asked.")] = True
    prefer: Annotated[
        bool, Meta(description="Whether it answers where other readers hold the same data; they are never added up.")
    ] = False
    origin: Annotated[
        tuple[str, ...],
        Meta(description="The log writers (server.writer) whose data it holds; as the reader says when empty."),
    ] = ()
    options: Annotated[dict[str, Any], Meta(description="The reader's own options.")] = {}


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query API and the page."""

    enabled: Annotated[bool, Meta(description="Whether to listen.")] = True
    listen: Annotated[Listen, Meta(description="Address, host:port; port 0 takes a free one.")] = "127.0.0.1:4319"
    page: Annotated[bool, Meta(description="Whether to serve the web page beside the API.")] = True
    hosts: Annotated[
        tuple[str, ...],
        Meta(description="Host names it answers to, next to loopback ones; when empty and a key is set, any."),
    ] = ()
    max_rows: Annotated[Count, Meta(description="Most rows that one request may ask for.")] = 1_000
    max_groups: Annotated[Count, Meta(description="Most groups and time buckets of one aggregate.")] = 10_000
    max_request_bytes: Annotated[Count, Meta(description="Largest request, bytes.")] = 256 * 1024
    timeout_s: Annotated[Duration, Meta(description="Longest time for the answer of one reader, seconds.")] = 30.0
    wrong_keys_per_minute: Annotated[
        Count, Meta(description="Wrong keys that an address may show in a minute before it is put off.")
    ] = 30


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration."""

    server: Server = Server()
    receiver: Receiver = Receiver()
    receivers: Annotated[
        dict[str, ReceiverSettings], Meta(description="Receivers of plugins, beside the built-in ones, by name.")
    ] = {}
    auth: Auth = Auth()
    log: LogSettings = LogSettings()
    normalize: Normalize = Normalize()
    pricing: Pricing = Pricing()
    scrub: Scrub = Scrub()
    sinks: Annotated[dict[str, Sink], Meta(description="The stores that are fed, by name.")] = msgspec.field(
        default_factory=lambda: {"lake": Sink()}
    )
    readers: Annotated[dict[str, Reader], Meta(description="The stores that are asked, by name.")] = msgspec.field(
        default_factory=lambda: {"lake": Reader()}
    )
    query: Query = Query()
