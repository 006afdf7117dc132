"""The fields of the query API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Annotated, cast

import strawberry
from llm_obs_core.interfaces import (
    AggregateQuery,
    Cursor,
    Scope,
    SessionCursor,
    SessionQuery,
    SpanCursor,
    SpanQuery,
    TraceQuery,
)
from llm_obs_core.interfaces import (
    Coverage as ReaderCoverage,
)
from strawberry.types import Info

from llm_obs_query import cursor
from llm_obs_query.errors import Code, UserError
from llm_obs_query.readers import Failures, Readers
from llm_obs_query.schema.aggregates import Aggregate, aggregate_rows
from llm_obs_query.schema.common import Coverage, PageInfo, ValueCount
from llm_obs_query.schema.filters import Where, WhereText, filter_of
from llm_obs_query.schema.inputs import MeasureFilter, MeasureKey, measure_filter
from llm_obs_query.schema.lists import Session, SessionConnection, SpanConnection, found_rows
from llm_obs_query.schema.parts import TraceParts, trace_parts, whole_spans
from llm_obs_query.schema.scalars import Int64
from llm_obs_query.schema.spans import row_id, span_rows
from llm_obs_query.schema.traces import Trace, TraceConnection, TraceRows, TraceSummary

__all__ = ["Asking", "Query"]

MINUTE_NS = 60_000_000_000


class Asking:
    """The context of one request.

    Args:
        readers: Who answers.
        scope: What the asker may see.
        max_rows: Rows that the request may ask for in all its lists.
        max_groups: Rows that one aggregate may give.
        receivers: Says where spans can be sent, `host:port` by protocol.
    """

    def __init__(
        self,
        readers: Readers,
        scope: Scope,
        max_rows: int,
        max_groups: int,
        receivers: Callable[[], Mapping[str, str]] = dict[str, str],
    ) -> None:
        self.readers = readers
        self.scope = scope
        self.receivers = receivers
        self.max_groups = max_groups
        self.failed: list[tuple[list[str | int], Failures]] = []
        self._max_rows = max_rows
        self._rows_left = max_rows

    def failures_of(self, info: Info[Asking, None]) -> Failures:
        """A list for the readers that fail at this field."""
        failures: Failures = []
        self.failed.append((info.path.as_list(), failures))
        return failures

    def take(self, first: int, where: str) -> int:
        """Accounts for the rows that a list asks for.

        Raises:
            UserError: None, or more than the request may have.
        """
        if first < 1:
            raise UserError("at least 1", got=str(first), where=where)
        self._rows_left -= first
        if self._rows_left < 0:
            raise UserError(
                f"at most {self._max_rows} rows in all lists of a request",
                got=f"{self._max_rows - self._rows_left}",
                where=where,
                fix="ask for fewer and go on with `after`, or raise query.max_rows",
                code=Code.LIMIT_EXCEEDED,
            )
        return first


@strawberry.type(description="Where spans can be sent.")
class Receiver:
    """One address of the collector."""

    protocol: str = strawberry.field(description="http: OTLP/HTTP; grpc: OTLP/gRPC.")
    address: str = strawberry.field(description="host:port as it is listened on; 0.0.0.0 and :: are every address.")


@strawberry.type(name="Info")
class ServerInfo:
    """What answers."""

    version: str
    readers: list[str]
    tenants: list[str]
    content: bool = strawberry.field(description="Whether bodies of content are given.")
    receivers: list[Receiver] = strawberry.field(
        description="Those of the collector in this process or, beside it, on this data folder; none when unknown."
    )


StartNs = Annotated[
    Int64 | None, strawberry.argument(description="What starts at or after this Unix time, nanoseconds.")
]
EndNs = Annotated[Int64 | None, strawberry.argument(description="What starts before this Unix time, nanoseconds.")]


async def _traces(
    info: Info[Asking, None],
    where: Where = strawberry.UNSET,
    where_text: WhereText = strawberry.UNSET,
    start_ns: StartNs = strawberry.UNSET,
    end_ns: EndNs = strawberry.UNSET,
    first: int = 50,
    after: str | None = strawberry.UNSET,
) -> TraceConnection:
    asking = info.context
    page = await asking.readers.find_traces(
        asking.scope,
        TraceQuery(filter_of(where, where_text), _given(start_ns), _given(end_ns)),
        first=asking.take(first, "first"),
        after=cursor.decode(after, Cursor) if after else None,
        failed=asking.failures_of(info),
    )
    nodes = cast(list[TraceSummary], page.traces)
    return TraceConnection(nodes=nodes, page_info=_page_info(page.next), coverage=_coverage(page.coverage))


async def _spans(
    info: Info[Asking, None],
    where: Where = strawberry.UNSET,
    where_text: WhereText = strawberry.UNSET,
    start_ns: StartNs = strawberry.UNSET,
    end_ns: EndNs = strawberry.UNSET,
    first: int = 50,
    after: str | None = strawberry.UNSET,
) -> SpanConnection:
    asking = info.context
    page = await asking.readers.find_spans(
        asking.scope,
        SpanQuery(filter_of(where, where_text), _given(start_ns), _given(end_ns)),
        first=asking.take(first, "first"),
        after=cursor.decode(after, SpanCursor) if after else None,
        whole=whole_spans(info.selected_fields),
        failed=asking.failures_of(info),
    )
    nodes = found_rows(page.spans)
    return SpanConnection(nodes=nodes, page_info=_page_info(page.next), coverage=_coverage(page.coverage))


async def _sessions(
    info: Info[Asking, None],
    where: Where = strawberry.UNSET,
    where_text: WhereText = strawberry.UNSET,
    start_ns: StartNs = strawberry.UNSET,
    end_ns: EndNs = strawberry.UNSET,
    first: int = 50,
    after: str | None = strawberry.UNSET,
) -> SessionConnection:
    asking = info.context
    page = await asking.readers.find_sessions(
        asking.scope,
        SessionQuery(filter_of(where, where_text), _given(start_ns), _given(end_ns)),
        first=asking.take(first, "first"),
        after=cursor.decode(after, SessionCursor) if after else None,
        failed=asking.failures_of(info),
    )
    nodes = cast(list[Session], page.sessions)
    return SessionConnection(nodes=nodes, page_info=_page_info(page.next), coverage=_coverage(page.coverage))


def _page_info(last: Cursor | SpanCursor | SessionCursor | None) -> PageInfo:
    return PageInfo(has_next_page=last is not None, end_cursor=None if last is None else cursor.encode(last))


def _coverage(coverage: ReaderCoverage) -> Coverage:
    return cast(Coverage, coverage)


async def _trace(info: Info[Asking, None], id: strawberry.ID) -> Trace | None:
    if not re.fullmatch("[0-9a-fA-F]{32}", id):
        raise UserError("32 hexadecimal digits", got=repr(id[:60]), where="id")
    asking = info.context
    trace_id = bytes.fromhex(id)
    rows = await _trace_rows(asking, trace_id, trace_parts(info.selected_fields), asking.failures_of(info))
    return cast(Trace | None, rows)


async def _trace_rows(asking: Asking, trace_id: bytes, parts: TraceParts, failed: Failures) -> TraceRows | None:
    """Reads no more than the parts."""
    readers, scope = asking.readers, asking.scope
    if parts.ids is None:
        found = await readers.trace(scope, trace_id, failed=failed)
        if found is None:
            return None
        columns = {name: [stored.columns[name] for stored in found.spans] for name in parts.columns or ()}
        whole = span_rows(found.spans, found.annotations)
        return TraceRows(found.summary, columns, found.coverage, whole, found.annotations)
    rows: TraceRows | None = None
    tenant = ""
    if parts.columns is not None:
        outline = await readers.outline(scope, trace_id, parts.columns, failed=failed)
        if outline is None:
            return None
        rows, tenant = TraceRows(outline.summary, outline.columns, outline.coverage), outline.summary.tenant
    some = None
    if parts.ids:
        ids = [bytes.fromhex(id) for id in parts.ids if re.fullmatch("[0-9a-fA-F]{16}", id)]
        some = await readers.spans(scope, trace_id, ids, failed=failed)
        if some is not None:
            rows, tenant = rows or TraceRows(None, {}, some.coverage), some.tenant
    if rows is not None and parts.annotations:
        rows.annotations = (await readers.annotations(Scope((tenant,)), [trace_id], failed=failed)).rows
    if rows is not None and some is not None:
        rows.whole = {row_id(row): row for row in span_rows(some.spans, rows.annotations)}
    return rows


async def _aggregate(
    info: Info[Asking, None],
    group_by: list[MeasureKey] = [],  # noqa: B006 - the schema's default; never changed
    interval_ns: Annotated[
        Int64 | None,
        strawberry.argument(
            description="Width of time buckets, nanoseconds: a multiple of a minute; null for no buckets."
        ),
    ] = strawberry.UNSET,
    start_ns: Annotated[
        Int64 | None,
        strawberry.argument(
            description="From this Unix time on, nanoseconds; calls are kept by the minute of their start."
        ),
    ] = strawberry.UNSET,
    end_ns: Annotated[
        Int64 | None, strawberry.argument(description="Up to this Unix time, exclusive.")
    ] = strawberry.UNSET,
    filter: MeasureFilter | None = strawberry.UNSET,
) -> Aggregate:
    asking = info.context
    names = tuple(dict.fromkeys(key.value for key in group_by))
    query = AggregateQuery(
        start_ns=_given(start_ns),
        end_ns=_given(end_ns),
        group_by=names,
        interval_ns=_given(interval_ns),
        filter=measure_filter(filter),
    )
    _check_buckets(query, asking.max_groups)
    result = await asking.readers.aggregate(asking.scope, query, failed=asking.failures_of(info))
    if len(result.rows) > asking.max_groups:
        raise _too_many_groups(len(result.rows), asking.max_groups)
    rows = aggregate_rows(tuple(map(_camel, names)), result.rows)
    return Aggregate(rows=rows, coverage=_coverage(result.coverage))


async def _values(
    info: Info[Asking, None],
    key: MeasureKey,
    prefix: str = "",
    start_ns: Int64 | None = strawberry.UNSET,
    first: int = 100,
) -> list[ValueCount]:
    asking = info.context
    rows = asking.take(first, "first")
    found = await asking.readers.values(
        asking.scope,
        key.value,
        prefix=prefix,
        start_ns=_given(start_ns),
        first=rows,
        failed=asking.failures_of(info),
    )
    return cast(list[ValueCount], found)


def _info(info: Info[Asking, None]) -> ServerInfo:
    asking = info.context
    return ServerInfo(
        version=version("llm-obs-query"),
        readers=list(asking.readers.names),
        tenants=list(asking.scope.tenants),
        content=asking.scope.content,
        receivers=[Receiver(protocol=protocol, address=address) for protocol, address in asking.receivers().items()],
    )


@strawberry.type
class Query:
    """Every field asks the readers within the scope of the key, and nothing else."""

    traces: TraceConnection = strawberry.field(
        resolver=_traces, description="The newest traces that match, newest first."
    )
    spans: SpanConnection = strawberry.field(
        resolver=_spans, description="The newest spans that match, of all traces, newest first."
    )
    sessions: SessionConnection = strawberry.field(
        resolver=_sessions,
        description="The sessions with a trace that matches, the one that ended last first, each with all its traces.",
    )
    trace: Trace | None = strawberry.field(
        resolver=_trace,
        description="One whole trace by its id, 32 hexadecimal digits; null when there is none that you may see.",
    )
    aggregate: Aggregate = strawberry.field(
        resolver=_aggregate,
        description="Sums over model calls from exact measures, one row a group and time bucket.",
    )
    values: list[ValueCount] = strawberry.field(
        resolver=_values, description="The commonest values of a key, for filters and completion."
    )
    info: ServerInfo = strawberry.field(
        resolver=_info, description="What answers: version, readers, and what this key may see."
    )


def _given(value: int | None) -> int | None:
    return None if value is strawberry.UNSET else value


def _check_buckets(query: AggregateQuery, max_groups: int) -> None:
    interval_ns = query.interval_ns
    if query.start_ns is not None and query.end_ns is not None and query.start_ns >= query.end_ns:
        raise UserError("a time after startNs", got=str(query.end_ns), where="endNs")
    if interval_ns is None:
        return
    if interval_ns < MINUTE_NS or interval_ns % MINUTE_NS:
        raise UserError(
            "a multiple of a minute, 60000000000",
            got=str(interval_ns),
            where="intervalNs",
            fix="calls are kept by the minute; ask for one minute or more",
        )
    if query.start_ns is not None and query.end_ns is not None:
        buckets = -(-(query.end_ns - query.start_ns) // interval_ns)
        if buckets > max_groups:
            raise _too_many_groups(buckets, max_groups)


def _too_many_groups(count: int, most: int) -> UserError:
    return UserError(
        f"at most {most} groups and time buckets",
        got=str(count),
        where="aggregate",
        fix="take a wider interval, a shorter time or fewer keys, or raise query.max_groups",
        code=Code.LIMIT_EXCEEDED,
    )


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
