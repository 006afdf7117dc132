from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.util.types import Attributes

from llm_obs_core_ext.pending import Pending
from llm_obs_core_ext.recorder import Limits
from llm_obs_core_ext.spanqueue import ScopeBuffer
from llm_obs_core_ext.template import CallTemplate

def reseed() -> None: ...

class RecordingTracer:
    scope: ScopeBuffer
    limits: Limits
    threshold: int
    sampler: Any
    processors: tuple[Any, ...]
    def __init__(
        self,
        scope: ScopeBuffer,
        limits: Limits,
        threshold: int,
        sampler: Any,
        processors: Sequence[Any],
        attributes_key: str | None,
        pending: Pending | None = None,
    ) -> None: ...
    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = ...,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span: ...
    def start_call(self, template: CallTemplate, model: str | None, body: dict[str, Any]) -> Span | None: ...
