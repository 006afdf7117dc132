"""The span list: spans of all traces, newest first, filtered, from the files of spans.

As the trace list, it looks at files from the newest on. A span that came again counts as it came last, wherever that
is, so every span found is looked up by its ids before it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from llm_obs_core.interfaces import FoundSpan, Scope, SpanCursor, SpanQuery, TraceSummary

from llm_obs_lake.candidates import TraceConditions
from llm_obs_lake.catalog import Segment
from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.find import FIRST_ROWS, MOST_AT_ONCE, known_traces
from llm_obs_lake.literals import Cost, Group, Node, cost_in_span, literals, normal
from llm_obs_lake.live import LiveSpans, files_of, live_spans
from llm_obs_lake.members import Sets, joined
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.trace import COLUMNS, stored_spans
from llm_obs_lake.verify import SPANS_AT_ONCE, Verifier
from llm_obs_lake.view import View, relation
from llm_obs_lake.windows import Window, windows

__all__ = ["find_spans", "span_cursor_of"]

_IDS: Final = ("start_ns", "trace_id", "span_id")
_ORDER: Final = "start_ns DESC, trace_id DESC, span_id DESC, tenant DESC"


class _Row(NamedTuple):
    """A row of a file."""

    place: SpanCursor
    path: str


class _SpanList:
    """The list of one query.

    Args:
        engine: Reads the files.
        view: The live files.
        tenants: Whose.
        query: Which spans.
    """

    def __init__(self, engine: Engine, view: View, tenants: Sequence[str], query: SpanQuery) -> None:
        self._engine = engine
        self._view = view
        self._tenants = tenants
        self._query = query
        self._node = normal(query.where, cost_in_span)
        costs = {literal.cost for literal in literals(self._node)}
        self._decided = costs <= {Cost.LIGHT}
        self._of_traces = Cost.SUMMED in costs
        self._verifier = Verifier(engine, view, query.where)

    def rows(self, window: Window, after: SpanCursor | None, limit: int, eager: bool) -> list[_Row]:
        """The first rows of a window that may match."""
        bound = Parameters()
        sets = Sets(self._view, self._tenants, None, bound)
        conditions = _SpanConditions(self._view, self._tenants, sets, bound, eager)
        where = [conditions.upper(self._node)]
        segments = window.segments
        before = [ns for ns in (self._query.end_ns, after and after.start_ns + 1) if ns is not None]
        if before:
            segments = [segment for segment in segments if segment.min_start_ns < min(before)]
            where.append(f"start_ns < {bound.bind(min(before))}")
        if not segments:
            return []
        if window.start_ns is not None:
            where.append(f"start_ns >= {bound.bind(window.start_ns)}")
        if after is not None:
            where.append(f"({', '.join(_IDS)}, tenant) < ({', '.join(map(bound.bind, after))})")
        columns = list(dict.fromkeys([*_IDS, *conditions.columns]))
        source = relation(self._view, segments, columns, bound, tenant=True, filename=True)
        found = self._engine.rows(
            f"SELECT {', '.join(_IDS)}, tenant, filename FROM {source} WHERE {joined(True, where)} "
            f"ORDER BY {_ORDER} LIMIT {int(limit)}",
            bound.values,
        )
        return [_Row(SpanCursor(*place), path) for *place, path in found]

    def keep(self, rows: Sequence[_Row]) -> list[_Row]:
        """Those rows that count now, and that the filter holds for."""
        kept: set[_Row] = set()
        for tenant in dict.fromkeys(row.place.tenant for row in rows):
            mine = [row for row in rows if row.place.tenant == tenant]
            for start in range(0, len(mine), SPANS_AT_ONCE):
                kept.update(self._keep(tenant, mine[start : start + SPANS_AT_ONCE]))
        return [row for row in rows if row in kept]

    def _keep(self, tenant: str, rows: Sequence[_Row]) -> list[_Row]:
        summaries = self._summaries(tenant, rows) if self._of_traces else {}
        if self._of_traces:  # there is none of a trace whose file of summaries is damaged
            rows = [row for row in rows if row.place.trace_id in summaries]
        rows = self._among(rows, self._load(tenant, rows, ["trace_id", "span_id"], self._view.of(tenant, "spans")))
        if self._decided or not rows:
            return list(rows)
        live = self._load(tenant, rows, self._verifier.columns, self._files(tenant, rows))
        return self._among(rows, live, None if live is None else self._verifier.spans(tenant, live, summaries))

    def _among(self, rows: Sequence[_Row], live: LiveSpans | None, holds: Sequence[bool] | None = None) -> list[_Row]:
        """Those rows that are live, and for which `holds` says so."""
        if live is None:
            return []
        ids = zip(live.table["trace_id"].to_pylist(), live.table["span_id"].to_pylist(), strict=True)
        paths = self._view.paths(live.segments)
        held = [True] * len(paths) if holds is None else holds
        found = {(*id, path) for id, path, held in zip(ids, paths, held, strict=True) if held}
        return [row for row in rows if (row.place.trace_id, row.place.span_id, row.path) in found]

    def _files(self, tenant: str, rows: Sequence[_Row]) -> list[Segment]:
        """The files that the rows are of."""
        wanted = {row.path for row in rows}
        segments = self._view.of(tenant, "spans")
        return [part for path, part in zip(self._view.paths(segments), segments, strict=True) if path in wanted]

    def _summaries(self, tenant: str, rows: Sequence[_Row]) -> dict[bytes, TraceSummary]:
        ids = dict.fromkeys(row.place.trace_id for row in rows)
        known = known_traces(self._engine, self._view, [(tenant, id) for id in ids])
        return {item.summary.trace_id: item.summary for item in known}

    def whole(self, scope: Scope, rows: Sequence[_Row], stored: bool) -> list[FoundSpan]:
        """The spans of rows that count, in their order."""
        found: dict[SpanCursor, FoundSpan] = {}
        for tenant in dict.fromkeys(row.place.tenant for row in rows):
            mine = [row for row in rows if row.place.tenant == tenant]
            live = self._load(tenant, mine, SCHEMAS["spans"].names if stored else COLUMNS, self._files(tenant, mine))
            if live is None:
                continue
            if stored:
                traces = list(dict.fromkeys(row.place.trace_id for row in mine))
                ids = list(dict.fromkeys(row.place.span_id for row in mine))
                spans = stored_spans(self._engine, self._view, scope, tenant, live, traces, ids)
                items = [FoundSpan(tenant, span.columns, span) for span in spans]
            else:
                items = [FoundSpan(tenant, columns) for columns in live.table.to_pylist()]
            found |= {span_cursor_of(item): item for item in items}
        return [found[row.place] for row in rows]

    def _load(
        self, tenant: str, rows: Sequence[_Row], columns: Sequence[str], among: Sequence[Segment]
    ) -> LiveSpans | None:
        traces = list(dict.fromkeys(row.place.trace_id for row in rows))
        spans = list(dict.fromkeys(row.place.span_id for row in rows))
        wanted = {segment.id for segment in among}
        files = [segment for segment in files_of(self._view, tenant, traces) if segment.id in wanted]
        return live_spans(self._engine, self._view, files, columns, traces, spans)


class _SpanConditions:
    """A filter on rows of spans' files: false only where it does not hold, or where the row does not count."""

    def __init__(self, view: View, tenants: Sequence[str], sets: Sets, bound: Parameters, eager: bool) -> None:
        self._view = view
        self._tenants = tenants
        self._sets = sets
        self._bound = bound
        self._eager = eager
        self.columns: list[str] = []

    def upper(self, node: Node) -> str:
        """The expression; `columns` gets what it reads."""
        if isinstance(node, Group):
            summed = [item for item in node.items if _summed(item)]
            texts = [self.upper(item) for item in node.items if item not in summed]
            if summed:
                texts.append(self._of_traces(Group(node.every, tuple(summed))))
            return joined(node.every, texts)
        if node.cost is Cost.SUMMED:
            return self._of_traces(node)
        if node.cost is Cost.HEAVY and not (self._eager and node.holds):
            return "true"
        term = self._sets.span_term(node)
        if term is None:
            return self._sets.hint(node, spans=True) or "true"
        self.columns += term.columns
        return term.sql if node.holds else f"NOT coalesce({term.sql}, false)"

    def _of_traces(self, node: Node) -> str:
        """Of which traces, by their summaries."""
        segments: list[Segment] = [part for tenant in self._tenants for part in self._view.of(tenant, "summaries")]
        if not self._eager or not segments:
            return "true"
        where = TraceConditions(self._sets, self._bound, eager=False)
        where.require(node)
        columns = dict.fromkeys(["trace_id", *(name for sums in where.fields.values() for name in sums.columns)])
        sums = "".join(f", {sums.sql} AS {name}" for name, sums in where.fields.items())
        source = relation(self._view, segments, list(columns), self._bound, tenant=True)
        return (
            f"(tenant, trace_id) IN (SELECT tenant, trace_id FROM (SELECT tenant, trace_id{sums} FROM {source} "
            f"GROUP BY tenant, trace_id) WHERE {joined(True, [*where.on_ids, *where.on_sums])})"
        )


def span_cursor_of(span: FoundSpan) -> SpanCursor:
    """Its place in the list."""
    start_ns, trace_id, span_id = (span.columns[name] for name in _IDS)
    assert isinstance(start_ns, int)
    assert isinstance(trace_id, bytes)
    assert isinstance(span_id, bytes)
    return SpanCursor(start_ns, trace_id, span_id, span.tenant)


def _summed(node: Node) -> bool:
    return bool(costs := {literal.cost for literal in literals(node)}) and costs == {Cost.SUMMED}


def find_spans(
    engine: Engine,
    view: View,
    scope: Scope,
    query: SpanQuery,
    first: int,
    after: SpanCursor | None,
    whole: bool,
    first_rows: int = FIRST_ROWS,
) -> list[FoundSpan]:
    """The first spans that match, in the order of `SpanCursor`; `first_rows` is of the first window."""
    tenants = list(dict.fromkeys(scope.tenants))
    spans = _SpanList(engine, view, tenants, query)
    return spans.whole(scope, _matching(spans, view, tenants, query, first, after, first_rows), whole)


def _matching(
    spans: _SpanList,
    view: View,
    tenants: Sequence[str],
    query: SpanQuery,
    first: int,
    after: SpanCursor | None,
    first_rows: int,
) -> list[_Row]:
    found: list[_Row] = []
    if first <= 0:
        return found
    eager = False
    before = [ns for ns in (query.end_ns, after and after.start_ns + 1) if ns is not None]
    for window in windows(view, tenants, "spans", query.start_ns, min(before, default=None), first_rows):
        limit = first
        while True:
            rows = spans.rows(window, after, limit, eager)
            found += spans.keep(rows)
            if len(found) >= first:
                return found[:first]
            if len(rows) < limit:
                break
            after, limit, eager = rows[-1].place, max(limit, min(2 * limit, MOST_AT_ONCE)), True
        if window.start_ns is not None:
            edge = SpanCursor(window.start_ns, b"", b"")
            after = edge if after is None else min(after, edge)
    return found
