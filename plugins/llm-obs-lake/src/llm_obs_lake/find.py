"""The trace list: newest first, filtered, from the files of summaries.

Files are looked at from the newest on, until there are enough traces. A trace of which a part is in an older file
starts earlier than what was seen of it, so every trace found is added up from all its parts before it counts. Where the
summaries and the columns of spans do not decide a filter, each candidate is verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from llm_obs_core.filter import Filter
from llm_obs_core.interfaces import Cursor, Scope, TraceQuery, TraceSummary

from llm_obs_lake.arrow import id_numbers
from llm_obs_lake.candidates import Candidates, statement
from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.fold import fold, group_starts
from llm_obs_lake.literals import Cost, cost_in_trace, literals, normal
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.summary import summaries_of
from llm_obs_lake.verify import Verifier
from llm_obs_lake.view import View, relation
from llm_obs_lake.windows import FIRST_ROWS, windows

__all__ = ["FIRST_ROWS", "MOST_AT_ONCE", "Known", "TraceFilter", "cursor_of", "find_traces", "known_traces"]

MOST_AT_ONCE: Final = 8_192
"""Most candidates between two statements."""


class Known(NamedTuple):
    """A trace's summary, and in how many segments its spans are."""

    summary: TraceSummary
    parts: int


class TraceFilter:
    """A filter on traces, and what is needed to decide it.

    Args:
        engine: Reads the files.
        view: The live files.
        where: The filter, checked.
    """

    def __init__(self, engine: Engine, view: View, where: Filter) -> None:
        self.node = normal(where, cost_in_trace)
        costs = {literal.cost for literal in literals(self.node)}
        self._heavy = Cost.HEAVY in costs
        self._light = Cost.LIGHT in costs
        self._verifier = Verifier(engine, view, where)

    def keep(self, candidates: Sequence[Known]) -> list[TraceSummary]:
        """The candidates that it holds for, in their order."""
        doubtful = [item.summary for item in candidates if self._heavy or (self._light and item.parts > 1)]
        dropped: set[tuple[str, bytes]] = set()
        for tenant in dict.fromkeys(summary.tenant for summary in doubtful):
            mine = [summary for summary in doubtful if summary.tenant == tenant]
            held = self._verifier.traces(tenant, mine)
            dropped.update((tenant, item.trace_id) for item, holds in zip(mine, held, strict=True) if not holds)
        return [item.summary for item in candidates if (item.summary.tenant, item.summary.trace_id) not in dropped]


def find_traces(
    engine: Engine,
    view: View,
    scope: Scope,
    query: TraceQuery,
    first: int,
    after: Cursor | None,
    first_rows: int = FIRST_ROWS,
) -> list[TraceSummary]:
    """The first traces that match, in the order of `Cursor`; `first_rows` is of the first window."""
    found: list[TraceSummary] = []
    if first <= 0:
        return found
    tenants = list(dict.fromkeys(scope.tenants))
    where = TraceFilter(engine, view, query.where)
    eager = False  # what is common is found among the first candidates; what is rare needs a look at everything
    before = [ns for ns in (query.end_ns, after and after.start_ns + 1) if ns is not None]
    for window in windows(view, tenants, "summaries", query.start_ns, min(before, default=None), first_rows):
        limit = first
        while True:
            wanted = Candidates(where.node, window.segments, window.start_ns, query.end_ns, after, eager)
            bound = Parameters()
            text = statement(view, tenants, wanted, limit, bound)
            rows = engine.rows(text, bound.values) if text else []
            known = known_traces(engine, view, [(tenant, trace_id) for tenant, trace_id, _ in rows])
            found += where.keep([item for item in known if _stays(item.summary, window.start_ns, after)])
            if len(found) >= first:
                return found[:first]
            if len(rows) < limit:
                break
            tenant, trace_id, start_ns = rows[-1]
            after = Cursor(start_ns, trace_id, tenant)
            limit = max(limit, min(2 * limit, MOST_AT_ONCE))
            eager = True
        if window.start_ns is not None:  # traces that start later are all seen
            edge = Cursor(window.start_ns, b"")
            after = edge if after is None else min(after, edge)
    return found


def known_traces(engine: Engine, view: View, ids: Sequence[tuple[str, bytes]]) -> list[Known]:
    """The summaries of traces, given by tenant and id, from all files and in order of the list."""
    found: list[Known] = []
    for tenant in dict.fromkeys(tenant for tenant, _ in ids):
        bound = Parameters()
        schema = SCHEMAS["summaries"]
        source = relation(view, view.of(tenant, "summaries"), schema.names, bound)
        wanted = bound.bind([trace_id for owner, trace_id in ids if owner == tenant])
        partials = engine.table(
            f"SELECT * FROM {source} WHERE trace_id IN (SELECT unnest({wanted})) ORDER BY trace_id", bound.values
        )
        partials = _cast(partials, schema)
        starts = group_starts(id_numbers(partials["trace_id"]))
        parts = np.diff(np.append(starts, len(partials))).tolist()
        found += map(Known, summaries_of(tenant, fold(partials)), parts)
    found.sort(key=lambda known: cursor_of(known.summary), reverse=True)
    return found


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    return table.select(schema.names).cast(schema)


def cursor_of(trace: TraceSummary) -> Cursor:
    """Its place in the list."""
    return Cursor(trace.start_ns, trace.trace_id, trace.tenant)


def _stays(trace: TraceSummary, start_ns: int | None, after: Cursor | None) -> bool:
    """Whether a trace is where it was thought to be, now that all of it is known."""
    return (start_ns is None or trace.start_ns >= start_ns) and (after is None or cursor_of(trace) < after)
