"""A range of Positions that takes several writes: its pieces, until the last one makes all of it visible."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from llm_obs_core.interfaces import SinkPart
from llm_obs_core.model import Position

from llm_obs_lake.arrow import id_numbers
from llm_obs_lake.catalog import Segment
from llm_obs_lake.folder import Folder, ParquetFile
from llm_obs_lake.merge import merged
from llm_obs_lake.plan import units
from llm_obs_lake.schema import Kind
from llm_obs_lake.tables import Made

__all__ = ["Ids", "Piece", "ids_of", "mark_of", "together"]

Ids = npt.NDArray[np.uint64]


class Piece(NamedTuple):
    """What a write has stored, and nothing reads before the final write of its range.

    Attributes:
        first: Of the range.
        last: Of the range.
        part: Its number.
        mark: Equal to that of the same rows; empty where a range is one write.
        segments: Its files.
        ids: `ids_of` its spans, by tenant; empty where a range is one write.
        received_ns: When the last of it was received.
    """

    first: Position
    last: Position
    part: int
    mark: bytes
    segments: list[Segment]
    ids: dict[str, Ids]
    received_ns: int


def ids_of(tables: Mapping[Kind, Made]) -> Ids:
    """A number for each span; equal ones for equal ids."""
    if "spans" not in tables:
        return np.empty(0, dtype=np.uint64)
    traces, spans = (id_numbers(tables["spans"].table[name]) for name in ("trace_id", "span_id"))
    mixed: Ids = (traces[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ traces[:, 1]) * np.uint64(31) ^ spans[:, 0]
    return mixed


def mark_of(parts: Sequence[SinkPart], tables: Mapping[Kind, Made]) -> bytes:
    """What tells a tenant's rows from others of their range: what comes again takes the place of what came before."""
    mark = hashlib.blake2b(digest_size=16)
    # A record of measures is known by its Position, and its rows are never divided.
    mark.update(repr([(part.tenant, part.kind, part.first, part.last, len(part.rows)) for part in parts]).encode())
    for kind, made in tables.items():
        if kind == "spans":
            for name in ("trace_id", "span_id"):
                mark.update(id_numbers(made.table[name]).tobytes())
        elif kind == "annotations":
            out = pa.BufferOutputStream()
            with pa.ipc.new_stream(out, made.table.schema) as stream:
                stream.write_table(made.table)
            mark.update(out.getvalue())
    return mark.digest()


def together(folder: Folder, pieces: Sequence[Piece], level: int, files: list[ParquetFile]) -> list[Segment]:
    """The segments of a whole range. Where a span of a tenant is in two pieces, they become one that has it once.

    Args:
        folder: The store.
        pieces: In order.
        level: zstd's.
        files: Gets the files that are written here.
    """
    found = [segment for piece in pieces for segment in piece.segments]
    for tenant in {segment.tenant for segment in found} if len(pieces) > 1 else ():
        ids = np.concatenate([piece.ids[tenant] for piece in pieces if tenant in piece.ids])
        if len(np.unique(ids)) == len(ids):
            continue
        made: list[ParquetFile] = []
        try:
            whole = merged(folder, units(segment for segment in found if segment.tenant == tenant), level, made)
        finally:
            files += made
        folder.publish(made)
        found = [*(segment for segment in found if segment.tenant != tenant), *whole]
    return found
