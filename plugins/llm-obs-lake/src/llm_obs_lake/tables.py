"""From one tenant's parts to the tables of a segment's files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from llm_obs_core.interfaces import SinkPart
from llm_obs_core.model import MEASURE_KEYS, PayloadKind

from llm_obs_lake.arrow import array_of, id_numbers, numbers, table_of
from llm_obs_lake.fold import fold_spans
from llm_obs_lake.revisions import fold_annotations
from llm_obs_lake.schema import SCHEMAS, Kind
from llm_obs_lake.sums import add_measures

__all__ = ["Made", "content_table", "first_holders", "span_order", "tables_of"]

_ZEROS: Final = frozenset(SCHEMAS["measures"].names) - {column.name for column in MEASURE_KEYS}
Rows = npt.NDArray[np.int64]


class Made(NamedTuple):
    """The table of one file, and between which times its rows are.

    Of spans, their traces and their content by the starts of spans, of measures by minutes, of annotations by arrivals.
    """

    table: pa.Table
    min_start_ns: int
    max_start_ns: int


def tables_of(parts: Sequence[SinkPart]) -> dict[Kind, Made]:
    """The tables of parts of one tenant; those without rows are left out.

    Of spans with the same ids, and of annotations of equal revision, the last one is kept. Measures with equal keys are
    added up.
    """
    found: dict[Kind, Made] = {}
    by_kind = {kind: [part for part in parts if part.kind is kind and len(part.rows)] for kind in PayloadKind}
    if spans := by_kind[PayloadKind.SPANS]:
        found |= _of_spans(spans)
    if measures := by_kind[PayloadKind.MEASURES]:
        table = add_measures(_joined([_rows_of(part, "measures", _ZEROS) for part in measures]))
        found["measures"] = _made(table, table["minute_ns"])
    if annotations := by_kind[PayloadKind.ANNOTATIONS]:
        table = fold_annotations(_joined([_rows_of(part, "annotations") for part in annotations]))
        found["annotations"] = _made(table, table["received_ns"])
    return found


def _of_spans(parts: Sequence[SinkPart]) -> dict[Kind, Made]:
    schema = SCHEMAS["spans"]
    batches = [part.spans for part in parts]
    spans = _joined([table_of({**batch.columns(), **batch.payloads()}, schema, len(batch)) for batch in batches])
    order = span_order(spans)
    spans = _taken(spans, pa.array(order))
    tables: dict[Kind, pa.Table] = {"spans": spans, "summaries": fold_spans(spans)}
    messages = _messages(parts)
    if messages is not None:
        tables["content"] = content_table(messages, spans, order)
    return {kind: _made(table, spans["start_ns"]) for kind, table in tables.items() if len(table)}


def _rows_of(part: SinkPart, kind: Kind, zeros: Collection[str] = ()) -> pa.Table:
    return table_of(part.rows.columns(), SCHEMAS[kind], len(part.rows), zeros)


def _made(table: pa.Table, times: pa.ChunkedArray) -> Made:
    bounds = pc.min_max(times).as_py()
    return Made(table, bounds["min"], bounds["max"])


def _taken(table: pa.Table, order: pa.Array) -> pa.Table:
    """As `Table.take`; a column of nulls, and every batch has many, is made new."""
    columns = [
        pa.nulls(len(order), column.type) if column.null_count == len(column) else column.take(order)
        for column in table.columns
    ]
    return pa.table(columns, schema=table.schema)


def span_order(spans: pa.Table) -> Rows:
    """The rows in the order of a file: by trace, then start; only the last of those with the same ids."""
    traces, ids = id_numbers(spans["trace_id"]), id_numbers(spans["span_id"])[:, 0]
    order = np.lexsort((numbers(spans["start_ns"]), traces[:, 1], traces[:, 0]))
    mixed = np.sort(traces[:, 1] * np.uint64(0x9E3779B97F4A7C15) ^ traces[:, 0] ^ ids)
    if not np.any(mixed[1:] == mixed[:-1]):  # no two rows can have the same ids
        return order.astype(np.int64)
    by_id = np.lexsort((ids, traces[:, 1], traces[:, 0]))  # stable: equal ids stay in the order they came
    same = (ids[by_id][1:] == ids[by_id][:-1]) & np.all(traces[by_id][1:] == traces[by_id][:-1], axis=1)
    kept = np.ones(len(order), dtype=np.bool_)
    kept[by_id[:-1][same]] = False
    return order[kept[order]].astype(np.int64)


def content_table(messages: pa.Table, spans: pa.Table, order: Rows) -> pa.Table:
    """The messages of a file of spans, in its order.

    Args:
        messages: The columns of `ContentBatch`, rows counted as in the parts.
        spans: The file's spans.
        order: Which row of the parts each of them was.
    """
    place = np.full(int(order.max(initial=-1)) + 1, -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    rows = numbers(messages["row"])
    at = np.where(rows < len(place), place[np.minimum(rows, len(place) - 1)], -1)
    sorted_rows = np.argsort(at, kind="stable")
    sorted_rows = sorted_rows[at[sorted_rows] >= 0]
    whose = pa.array(at[sorted_rows])
    messages = messages.take(pa.array(sorted_rows))
    return _share_bodies(
        pa.table(
            {
                "trace_id": spans["trace_id"].combine_chunks().take(whose),
                "span_id": spans["span_id"].combine_chunks().take(whose),
                "slot": messages["slot"],
                "index": messages["index"],
                "digest": messages["digest"],
                "body_bytes": pc.binary_length(messages["body"]),
                "body": messages["body"],
            }
        )
    )


def first_holders(digests: pa.Array, holds: npt.NDArray[np.bool_]) -> Rows:
    """For each row the first row of the same digest that holds a body, else the first that has the digest."""
    codes = numbers(digests.dictionary_encode().indices)
    rows = np.arange(len(codes))
    found = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    for chosen in (rows[::-1], rows[holds][::-1]):
        found[codes[chosen]] = chosen
    holders: Rows = found[codes]
    return holders


def _share_bodies(table: pa.Table) -> pa.Table:
    """Keeps one body of each digest, that of its first row; the others point to it."""
    rows = np.arange(len(table))
    holder = first_holders(table["digest"].combine_chunks(), rows >= 0)
    columns = {name: table[name] for name in table.column_names} | {
        "body_row": pa.array(holder.astype(np.int32)),
        "body": table["body"].combine_chunks().take(pa.array(rows, mask=holder != rows)),
    }
    return pa.table([columns[name] for name in SCHEMAS["content"].names], schema=SCHEMAS["content"])


def _messages(parts: Sequence[SinkPart]) -> pa.Table | None:
    tables = []
    first = 0
    for part in parts:
        if part.contents is not None and len(part.contents):
            columns = {name: array_of(column) for name, column in part.contents.columns().items()}
            columns["row"] = pc.add(columns["row"], pa.scalar(first, pa.int32()))
            tables.append(pa.table(columns))
        first += len(part.spans)
    return _joined(tables) if tables else None


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).combine_chunks()
