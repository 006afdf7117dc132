"""The session list: the one that ended last first, each whole, from the files of summaries.

When a session ended is known from all its traces, so every list goes through all summaries of its tenants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from llm_obs_core.interfaces import Scope, SessionCursor, SessionQuery, SessionSummary
from llm_obs_core.summary.fold import sessions_of

from llm_obs_lake.candidates import TraceConditions
from llm_obs_lake.engine import Engine, Parameters
from llm_obs_lake.find import TraceFilter, known_traces
from llm_obs_lake.members import Sets, joined
from llm_obs_lake.summed import SESSION
from llm_obs_lake.view import View, relation

__all__ = ["find_sessions"]

_MOST_AT_ONCE: Final = 256
"""Most sessions of which all traces are in memory at once."""
Session = tuple[str, str]


class _SessionList:
    """The list of one query.

    Args:
        engine: Reads the files.
        view: The live files.
        tenants: Whose.
        query: Which sessions.
    """

    def __init__(self, engine: Engine, view: View, tenants: Sequence[str], query: SessionQuery) -> None:
        self._engine = engine
        self._view = view
        self._segments = [part for tenant in tenants for part in view.of(tenant, "summaries")]
        self._tenants = tenants
        self._query = query
        self._filter = TraceFilter(engine, view, query.where)

    def candidates(self, after: SessionCursor | None, limit: int, eager: bool) -> list[SessionCursor]:
        """The first sessions of which a trace may match."""
        if not self._segments:
            return []
        bound = Parameters()
        traces, matches = self._traces(bound, eager)
        on_sums = [f"({', '.join(('ended', *_SESSION))}) < ({', '.join(map(bound.bind, after))})"] if after else []
        rows = self._engine.rows(
            f"WITH traces AS MATERIALIZED ({traces}) "
            f"SELECT * FROM (SELECT max(ended) AS ended, session_id, tenant FROM traces "
            f"WHERE session_id IS NOT NULL GROUP BY session_id, tenant HAVING bool_or({matches})) "
            f"WHERE {joined(True, on_sums)} ORDER BY ended DESC, session_id DESC, tenant DESC LIMIT {int(limit)}",
            bound.values,
        )
        return [SessionCursor(*row) for row in rows]

    def keep(self, candidates: Sequence[SessionCursor], eager: bool) -> list[SessionSummary]:
        """The sessions of which a trace matches, whole and in order."""
        if not candidates:
            return []
        bound = Parameters()
        traces, matches = self._traces(bound, eager)
        mine = [
            f"(tenant = {bound.bind(item.tenant)} AND session_id = {bound.bind(item.session_id)})"
            for item in candidates
        ]
        rows = self._engine.rows(
            f"SELECT tenant, trace_id, {matches} FROM ({traces}) WHERE {joined(False, mine)}", bound.values
        )
        known = known_traces(self._engine, self._view, [(tenant, trace_id) for tenant, trace_id, _ in rows])
        likely = {(tenant, trace_id) for tenant, trace_id, matching in rows if matching}
        kept = self._filter.keep([item for item in known if (item.summary.tenant, item.summary.trace_id) in likely])
        sessions: set[tuple[str, str | None]] = {(item.tenant, item.session_id) for item in kept}
        found = sessions_of([item.summary for item in known])
        return [session for session in found if (session.tenant, session.session_id) in sessions]

    def _traces(self, bound: Parameters, eager: bool) -> tuple[str, str]:
        """A statement of all traces, and an expression over it: whether one may match."""
        sets = Sets(self._view, self._tenants, self._query.start_ns, bound)
        where = TraceConditions(sets, bound, eager)
        where.require(self._filter.node)
        conditions = [*where.on_ids, *where.on_sums]
        if self._query.start_ns is not None:
            conditions.append(f"began >= {bound.bind(self._query.start_ns)}")
        if self._query.end_ns is not None:
            conditions.append(f"began < {bound.bind(self._query.end_ns)}")
        read = [name for sums in where.fields.values() for name in sums.columns]
        columns = dict.fromkeys(["trace_id", "start_ns", "end_ns", *SESSION.columns, *read])
        sums = "".join(f", {sums.sql} AS {name}" for name, sums in where.fields.items())
        traces = (
            f"SELECT tenant, trace_id, min(start_ns) AS began, max(end_ns) AS ended, count(*) AS parts, "
            f"{SESSION.sql} AS session_id{sums} "
            f"FROM {relation(self._view, self._segments, list(columns), bound, tenant=True)} GROUP BY tenant, trace_id"
        )
        return traces, joined(True, conditions)


_SESSION: Final = ("session_id", "tenant")


def find_sessions(
    engine: Engine, view: View, scope: Scope, query: SessionQuery, first: int, after: SessionCursor | None
) -> list[SessionSummary]:
    """The first sessions that match, in the order of `SessionCursor`."""
    found: list[SessionSummary] = []
    sessions = _SessionList(engine, view, list(dict.fromkeys(scope.tenants)), query)
    limit, eager = first, False
    while len(found) < first:
        limit = min(limit, _MOST_AT_ONCE)
        candidates = sessions.candidates(after, limit, eager)
        found += sessions.keep(candidates, eager)
        if len(candidates) < limit:
            break
        after, limit, eager = candidates[-1], 2 * limit, True
    return found[:first]
