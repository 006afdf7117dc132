"""The questions of the query API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Annotated, cast

import strawberry
from llm_obs_core.interfaces import AggregateQuery, Scope
from strawberry.types import Info

from llm_obs_query import cursor
from llm_obs_query.errors import Code, UserError
from llm_obs_query.schema.aggregates import Aggregate, aggregate_rows
from llm_obs_query.schema.common import Coverage, PageInfo, ValueCount
from llm_obs_query.schema.inputs import MeasureFilter, MeasureKey, TraceFilter, measure_filter, trace_filter
from llm_obs_query.schema.parts import TraceParts, trace_parts
from llm_obs_query.schema.scalars import Int64
from llm_obs_query.schema.spans import row_id, span_rows
from llm_obs_query.schema.traces import Trace, TraceConnection, TraceRows, TraceSummary
from llm_obs_query.stores import Failures, Stores

__all__ = ["Asking", "Query"]

MINUTE_NS = 60_000_000_000


class Asking:
    """The context of one request.

    Args:
        stores: Who answers.
        scope: What the asker may see.
        max_rows: Rows that the request may ask for in all its lists.
        max_groups: Rows that one aggregate may give.
        receivers: Says where spans can be sent, `host:port` by protocol.
    """

    def __init__(
        self,
        stores: Stores,
        scope: Scope,
        max_rows: int,
        max_groups: int,
        receivers: Callable[[], Mapping[str, str]] = dict[str, str],
    ) -> None:
        self.stores = stores
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


async def _traces(
    info: Info[Asking, None],
    filter: TraceFilter | None = strawberry.UNSET,
    first: int = 50,
    after: str | None = strawberry.UNSET,
) -> TraceConnection:
    asking = info.context
    place = cursor.decode(after) if after else None
    rows = asking.take(first, "first")
    page = await asking.stores.find_traces(
        asking.scope, trace_filter(filter), first=rows, after=place, failed=asking.failures_of(info)
    )
    return TraceConnection(
        nodes=cast(list[TraceSummary], page.traces),
        page_info=PageInfo(
            has_next_page=page.next is not None, end_cursor=cursor.encode(page.next) if page.next else None
        ),
        coverage=cast(Coverage, page.coverage),
    )


async def _trace(info: Info[Asking, None], id: strawberry.ID) -> Trace | None:
    if not re.fullmatch("[0-9a-fA-F]{32}", id):
        raise UserError("32 hexadecimal digits", got=repr(id[:60]), where="id")
    asking = info.context
    trace_id = bytes.fromhex(id)
    rows = await _trace_rows(asking, trace_id, trace_parts(info.selected_fields), asking.failures_of(info))
    return cast(Trace | None, rows)


async def _trace_rows(asking: Asking, trace_id: bytes, parts: TraceParts, failed: Failures) -> TraceRows | None:
    """Asks for no more than the parts."""
    stores, scope = asking.stores, asking.scope
    if parts.ids is None:
        found = await stores.trace(scope, trace_id, failed=failed)
        if found is None:
            return None
        columns = {name: [stored.columns[name] for stored in found.spans] for name in parts.columns or ()}
        return TraceRows(found.summary, columns, found.coverage, span_rows(found.spans))
    rows: TraceRows | None = None
    if parts.columns is not None:
        outline = await stores.outline(scope, trace_id, parts.columns, failed=failed)
        if outline is None:
            return None
        rows = TraceRows(outline.summary, outline.columns, outline.coverage)
    if parts.ids:
        ids = [bytes.fromhex(id) for id in parts.ids if re.fullmatch("[0-9a-fA-F]{16}", id)]
        some = await stores.spans(scope, trace_id, ids, failed=failed)
        if some is not None:
            rows = rows or TraceRows(None, {}, some.coverage)
            rows.whole = {row_id(row): row for row in span_rows(some.spans)}
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
    result = await asking.stores.aggregate(asking.scope, query, failed=asking.failures_of(info))
    if len(result.rows) > asking.max_groups:
        raise _too_many_groups(len(result.rows), asking.max_groups)
    rows = aggregate_rows(tuple(map(_camel, names)), result.rows)
    return Aggregate(rows=rows, coverage=cast(Coverage, result.coverage))


async def _values(
    info: Info[Asking, None],
    key: MeasureKey,
    prefix: str = "",
    start_ns: Int64 | None = strawberry.UNSET,
    first: int = 100,
) -> list[ValueCount]:
    asking = info.context
    rows = asking.take(first, "first")
    found = await asking.stores.values(
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
        readers=list(asking.stores.names),
        tenants=list(asking.scope.tenants),
        content=asking.scope.content,
        receivers=[Receiver(protocol=protocol, address=address) for protocol, address in asking.receivers().items()],
    )


@strawberry.type
class Query:
    """Every field asks the stores within the scope of the key, and nothing else."""

    traces: TraceConnection = strawberry.field(
        resolver=_traces, description="The newest traces that match, newest first."
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
        resolver=_info, description="What answers: version, stores, and what this key may see."
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
