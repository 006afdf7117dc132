"""What a component must be, by role. Everything here is structural: a plugin needs no base class.

The house rules of every component: a factory makes it and does no work; `start` may block or fail with a clear error;
`stop` may be called twice and after a failed start; a component is never changed while it runs, a reload makes a new
one, swaps, and stops the old one.
"""

from llm_obs_core.interfaces.batch import Arrow, ContentBatch, MeasureBatch, SpanBatch
from llm_obs_core.interfaces.ingest import Consumer, Context, Outcome, Principal, Receiver
from llm_obs_core.interfaces.instrument import HeadSampler, Instrumentor, SamplingDecision
from llm_obs_core.interfaces.log import Appended, Log, StoredRecord
from llm_obs_core.interfaces.process import (
    EnumMap,
    Normalizer,
    NormalizerRules,
    Operation,
    Price,
    PriceBand,
    PriceKey,
    Pricer,
    Rename,
    Scale,
    Scrubber,
    ScrubRules,
    TailPolicy,
    TextHit,
    TextScrubber,
)
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
    StoredTrace,
    TraceFilter,
    TracePage,
    TraceSummary,
    ValueCount,
)
from llm_obs_core.interfaces.sink import Notification, Notifier, Sink, SinkLimits, SinkPart

__all__ = [
    "AggregateQuery",
    "AggregateResult",
    "AggregateRow",
    "Appended",
    "Arrow",
    "Consumer",
    "ContentBatch",
    "ContentItem",
    "Context",
    "Coverage",
    "Cursor",
    "EnumMap",
    "HeadSampler",
    "Instrumentor",
    "Log",
    "MeasureBatch",
    "Normalizer",
    "NormalizerRules",
    "Notification",
    "Notifier",
    "Operation",
    "Outcome",
    "Price",
    "PriceBand",
    "PriceKey",
    "Pricer",
    "Principal",
    "Reader",
    "Receiver",
    "Rename",
    "SamplingDecision",
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
    "StoredTrace",
    "TailPolicy",
    "TextHit",
    "TextScrubber",
    "TraceFilter",
    "TracePage",
    "TraceSummary",
    "ValueCount",
]
