"""What a component must be, by role. Everything here is structural: a plugin needs no base class.

The house rules of every component: a factory makes it of its options and its `Host` and does no work; `start` may block
or fail with a clear error; `stop` may be called twice and after a failed start; a component is never changed while it
runs, a reload makes a new one, swaps, and stops the old one.
"""

from llm_obs_core.interfaces.batch import Arrow, ContentBatch, MeasureBatch, SpanBatch
from llm_obs_core.interfaces.host import Clock, Host, Logger, Metrics, Observe
from llm_obs_core.interfaces.ingest import Consumer, Context, Outcome, Principal, Receiver
from llm_obs_core.interfaces.instrument import Instrumentor
from llm_obs_core.interfaces.log import Appended, Log, StoredRecord
from llm_obs_core.interfaces.operations import (
    Collect,
    Drop,
    Elapsed,
    EnumMap,
    Extract,
    Member,
    Normalizer,
    NormalizerRules,
    Operation,
    Place,
    Rename,
    Scale,
    Sum,
    When,
)
from llm_obs_core.interfaces.process import Price, PriceBand, PriceKey, Pricer, Scrubber, ScrubRules
from llm_obs_core.interfaces.read import (
    AggregateQuery,
    AggregateResult,
    AggregateRow,
    ContentItem,
    Coverage,
    Cursor,
    Reader,
    Scope,
    StoredSpan,
    StoredSpans,
    StoredTrace,
    TraceFilter,
    TraceOutline,
    TracePage,
    TraceSummary,
    ValueCount,
)
from llm_obs_core.interfaces.sink import Sink, SinkLimits, SinkPart

__all__ = [
    "AggregateQuery",
    "AggregateResult",
    "AggregateRow",
    "Appended",
    "Arrow",
    "Clock",
    "Collect",
    "Consumer",
    "ContentBatch",
    "ContentItem",
    "Context",
    "Coverage",
    "Cursor",
    "Drop",
    "Elapsed",
    "EnumMap",
    "Extract",
    "Host",
    "Instrumentor",
    "Log",
    "Logger",
    "MeasureBatch",
    "Member",
    "Metrics",
    "Normalizer",
    "NormalizerRules",
    "Observe",
    "Operation",
    "Outcome",
    "Place",
    "Price",
    "PriceBand",
    "PriceKey",
    "Pricer",
    "Principal",
    "Reader",
    "Receiver",
    "Rename",
    "Scale",
    "Scope",
    "ScrubRules",
    "Scrubber",
    "Sink",
    "SinkLimits",
    "SinkPart",
    "SpanBatch",
    "StoredRecord",
    "StoredSpan",
    "StoredSpans",
    "StoredTrace",
    "Sum",
    "TraceFilter",
    "TraceOutline",
    "TracePage",
    "TraceSummary",
    "ValueCount",
    "When",
]
