"""Whether a filter holds, exactly as the language says: from spans as they are now, their payloads and messages.

Each condition is decided for each span by the language's own definition, then the filter from these. Spans are gone
through some thousand at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from llm_obs_core.filter import And, Condition, Facts, Field, Filter, Not, Or, Source, conditions, field_of, meets
from llm_obs_core.interfaces import TraceSummary
from llm_obs_core.summary.fold import trace_fields

from llm_obs_lake.content import spans_saying
from llm_obs_lake.engine import Engine
from llm_obs_lake.live import PAYLOADS, LiveSpans, files_of, live_spans, spans_of
from llm_obs_lake.members import span_columns
from llm_obs_lake.said import values_said
from llm_obs_lake.view import View

__all__ = ["SPANS_AT_ONCE", "Verifier", "in_chunks"]

SPANS_AT_ONCE: Final = 65_536
"""Spans whose columns and payloads are in memory at once, or those of one trace."""
_NOTHING: Final = Facts({})
_PAYLOAD_OF: Final = {Source.ATTRIBUTES: "otlp_span", Source.RESOURCE: "otlp_resource"}
Bools = npt.NDArray[np.bool_]
Key = tuple[str, str, str]


class Verifier:
    """Decides one filter for spans and traces.

    Args:
        engine: Reads the files.
        view: The live files.
        where: The filter, checked.
    """

    def __init__(self, engine: Engine, view: View, where: Filter) -> None:
        self._engine = engine
        self._view = view
        self._where = where
        self._by_key = {_key(condition): condition for condition in conditions(where)}
        fields = [field_of(condition.field) for condition in self._by_key.values()]
        self.columns = [
            *dict.fromkeys(["trace_id", "span_id", *(name for field in fields for name in _read_of(field))])
        ]

    def traces(self, tenant: str, traces: Sequence[TraceSummary]) -> list[bool]:
        """For which of a tenant's traces it holds."""
        found: list[bool] = []
        for some in in_chunks(traces):
            ids = [trace.trace_id for trace in some]
            start_ns = min(trace.start_ns for trace in some)
            end_ns = max(trace.start_ns + trace.duration_ns for trace in some)
            files = files_of(self._view, tenant, ids, start_ns, end_ns)
            live = live_spans(self._engine, self._view, files, self.columns, ids)
            of_trace = {id: number for number, id in enumerate(ids)}
            held = {} if live is None else self._held(tenant, live)
            owner = np.array([] if live is None else [of_trace[id] for id in live.table["trace_id"].to_pylist()], int)

            def decide(
                condition: Condition,
                some: Sequence[TraceSummary] = some,
                held: dict[Key, Bools] = held,
                owner: npt.NDArray[Any] = owner,
            ) -> Bools:
                if field_of(condition.field).source is Source.TRACE:
                    return _of_traces(condition, some)
                met = np.zeros(len(some), dtype=np.bool_)
                if (spans := held.get(_key(condition))) is not None:
                    met[owner[spans]] = True
                return met

            found += map(bool, _decided(self._where, decide, len(some)))
        return found

    def spans(self, tenant: str, live: LiveSpans, summaries: Mapping[bytes, TraceSummary]) -> list[bool]:
        """For which spans it holds.

        Args:
            tenant: Their tenant.
            live: They, with the columns `columns`.
            summaries: Of their traces, by id; for filters with conditions on these.
        """
        held = self._held(tenant, live)
        ids = live.table["trace_id"].to_pylist()

        def decide(condition: Condition) -> Bools:
            if field_of(condition.field).source is not Source.TRACE:
                return held[_key(condition)]
            known = list(dict.fromkeys(ids))
            met = dict(zip(known, _of_traces(condition, [summaries[id] for id in known]), strict=True))
            return np.array([met[id] for id in ids], dtype=np.bool_)

        return list(map(bool, _decided(self._where, decide, len(ids))))

    def _held(self, tenant: str, live: LiveSpans) -> dict[Key, Bools]:
        """Of each condition that is not on the trace, for which spans it holds."""
        held: dict[Key, Bools] = {}
        by_source: dict[Source, dict[Key, Condition]] = {}
        for key, condition in self._by_key.items():
            by_source.setdefault(field_of(condition.field).source, {})[key] = condition
        if light := by_source.get(Source.SPAN):
            names = dict.fromkeys(name for item in light.values() for name in span_columns(field_of(item.field)))
            facts = [Facts(row) for row in live.table.select(list(names)).to_pylist()]
            held |= {key: _met(condition, facts) for key, condition in light.items()}
        for source in (Source.ATTRIBUTES, Source.RESOURCE):
            for key, condition in by_source.get(source, {}).items():
                held[key] = np.full(len(live.table), meets(condition, _NOTHING, {}), dtype=np.bool_)
        heavy = {**by_source.get(Source.ATTRIBUTES, {}), **by_source.get(Source.RESOURCE, {})}
        if heavy:
            self._hold_attributes(live.table, heavy, held)
        if content := by_source.get(Source.CONTENT):
            self._hold_content(tenant, live, content, held)
        if said := by_source.get(Source.ANNOTATIONS):
            self._hold_annotations(tenant, live, said, held)
        return held

    def _hold_attributes(self, table: pa.Table, wanted: dict[Key, Condition], held: dict[Key, Bools]) -> None:
        named = np.zeros(len(table), dtype=np.bool_)  # in whose payloads a name stands
        for condition in wanted.values():
            field = field_of(condition.field)
            name = field.key.encode(errors="surrogatepass")
            found = pc.match_substring(table[_PAYLOAD_OF[field.source]], name)
            named |= pc.fill_null(found, False).to_numpy()
        rows = np.flatnonzero(named)
        for row, span in zip(rows, spans_of(table.select(PAYLOADS).take(pa.array(rows))), strict=True):
            facts = Facts({}, span.attributes, span.resource)
            for key, condition in wanted.items():
                held[key][row] = meets(condition, facts, {})

    def _hold_content(self, tenant: str, live: LiveSpans, wanted: dict[Key, Condition], held: dict[Key, Bools]) -> None:
        ids = zip(live.table["trace_id"].to_pylist(), live.table["span_id"].to_pylist(), strict=True)
        places = [(segment.unit, *id) for segment, id in zip(live.segments, ids, strict=True)]
        traces = list(dict.fromkeys(place[1] for place in places))
        units = {segment.unit for segment in live.segments}
        for key, condition in wanted.items():
            absent = condition.op == "exists" and condition.value is False
            sought = Condition(condition.field, "exists", True) if absent else condition
            found = spans_saying(self._engine, self._view, tenant, units, traces, sought)
            held[key] = np.array([(place in found) != absent for place in places], dtype=np.bool_)

    def _hold_annotations(
        self, tenant: str, live: LiveSpans, wanted: dict[Key, Condition], held: dict[Key, Bools]
    ) -> None:
        traces, spans = (live.table[name].to_pylist() for name in ("trace_id", "span_id"))
        said = values_said(self._engine, self._view, tenant, list(dict.fromkeys(traces)))
        facts = [
            Facts({}, annotations=(*said.get((trace, None), ()), *said.get((trace, span), ())))
            for trace, span in zip(traces, spans, strict=True)
        ]
        for key, condition in wanted.items():
            held[key] = _met(condition, facts)


def in_chunks(traces: Sequence[TraceSummary]) -> Iterator[Sequence[TraceSummary]]:
    """The traces, so many at once that their spans are not too many."""
    start = spans = 0
    for end, trace in enumerate(traces):
        if end > start and spans + trace.span_count > SPANS_AT_ONCE:
            yield traces[start:end]
            start, spans = end, 0
        spans += trace.span_count
    if start < len(traces):
        yield traces[start:]


def _key(condition: Condition) -> Key:
    """What tells conditions apart: 1, 1.0 and true are equal in Python."""
    return condition.field, condition.op, repr(condition.value)


def _read_of(field: Field) -> tuple[str, ...]:
    if field.source is Source.SPAN:
        return span_columns(field)
    return PAYLOADS if field.source in _PAYLOAD_OF else ()


def _met(condition: Condition, facts: Sequence[Facts]) -> Bools:
    return np.array([meets(condition, span, {}) for span in facts], dtype=np.bool_)


def _of_traces(condition: Condition, traces: Sequence[TraceSummary]) -> Bools:
    return np.array([meets(condition, _NOTHING, trace_fields(trace)) for trace in traces], dtype=np.bool_)


def _decided(where: Filter, decide: Callable[[Condition], Bools], size: int) -> Bools:
    match where:
        case And():
            met = np.ones(size, dtype=np.bool_)
            for item in where.items:
                met &= _decided(item, decide, size)
            return met
        case Or():
            met = np.zeros(size, dtype=np.bool_)
            for item in where.items:
                met |= _decided(item, decide, size)
            return met
        case Not():
            return ~_decided(where.item, decide, size)
        case Condition():
            return decide(where)
