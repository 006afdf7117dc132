"""Columns of a file of measures in memory: keys as numbers of words, values in as few bytes as they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from llm_obs_core.model import MEASURE_KEYS, MEASURE_VALUES

from llm_obs_lake.arrow import numbers
from llm_obs_lake.blobs import BlobStore
from llm_obs_lake.catalog import Segment
from llm_obs_lake.damage import UnreadableError
from llm_obs_lake.schema import SCHEMAS
from llm_obs_lake.versions import absent, nothing

__all__ = ["HISTOGRAMS", "KEYS", "SUMS", "Column", "Histograms", "Keys", "Values", "decode"]

KEYS: Final = tuple(column.name for column in MEASURE_KEYS)
SUMS: Final = tuple(column.name for column in MEASURE_VALUES if column.type != "histogram")
HISTOGRAMS: Final = tuple(column.name for column in MEASURE_VALUES if column.type == "histogram")

_TEXTS: Final = [column.name for column in MEASURE_KEYS if column.type == "string"]
_VALUES_AT_ONCE: Final = 250_000
"""Read from Parquet before they are made small: 2 MB of numbers, or one column."""
_WORD_BYTES: Final = 80
"""What a short text or number takes in Python, with its place in a tuple."""

_KINDS: Final = [(kind, np.iinfo(kind).min, np.iinfo(kind).max) for kind in (np.int8, np.int16, np.int32)]

Numbers = npt.NDArray[Any]


class Keys(NamedTuple):
    """One word a row: `words[codes[row]]`; null is a word too."""

    codes: Numbers
    words: tuple[Any, ...]

    @property
    def nbytes(self) -> int:
        """Bytes in memory, nearly."""
        long = sum(len(word) for word in self.words if type(word) is str)
        return self.codes.nbytes + len(self.words) * _WORD_BYTES + long


class Values(NamedTuple):
    """One number a row: `low + (high << 32)`. A part that is None is zero in every row."""

    low: Numbers | None
    high: Numbers | None

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(part.nbytes for part in self if part is not None)


class Histograms(NamedTuple):
    """A sparse histogram a row: how many buckets it has, and the buckets of all rows with their counts."""

    sizes: Numbers
    buckets: Numbers
    counts: Numbers

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(part.nbytes for part in self)


Column = Keys | Values | Histograms


def decode(blobs: BlobStore, segment: Segment, names: Sequence[str]) -> dict[str, Column]:
    """Columns of a file.

    Args:
        blobs: Where it is.
        segment: The file.
        names: Out of `MEASURE_KEYS` and `MEASURE_VALUES`; a histogram is one column.

    Raises:
        UnreadableError: It is not there, or damaged.
    """
    found: dict[str, Column] = {}
    texts = [name for name in _TEXTS if name not in absent(segment.kind, segment.schema, _TEXTS)]
    try:
        with (
            blobs.open(segment.path) as source,
            pq.ParquetFile(source, read_dictionary=texts, page_checksum_verification=True) as file,
        ):
            rows = file.metadata.num_rows
            batches = _batches(names, rows)
            for some in batches:
                parts = [part for name in some for part in _parts(name)]
                new = absent(segment.kind, segment.schema, parts)
                table = file.read(columns=[part for part in parts if part not in new], use_threads=False)
                columns = {part: table[part] for part in parts if part not in new}
                columns |= {part: pa.chunked_array([nothing(SCHEMAS["measures"].field(part), rows)]) for part in new}
                found |= {name: _column(columns, name) for name in some}
    except MemoryError:
        raise
    except Exception as error:  # damage has no class of its own
        raise UnreadableError(error, [blobs.locate(segment.path)]) from error
    if len(batches) > 1:
        pa.default_memory_pool().release_unused()  # of this thread; it would keep some 20 MB for the next file
    return found


def _batches(names: Sequence[str], rows: int) -> list[Sequence[str]]:
    size = max(1, _VALUES_AT_ONCE // max(rows, 1))
    return [names[start : start + size] for start in range(0, len(names), size)]


def _parts(name: str) -> list[str]:
    return [f"{name}_index", f"{name}_count"] if name in HISTOGRAMS else [name]


def _column(columns: Mapping[str, pa.ChunkedArray], name: str) -> Column:
    parts = [_whole(columns[part]) for part in _parts(name)]
    if name in HISTOGRAMS:
        index, count = parts
        sizes = numbers(pc.list_value_length(index))
        return Histograms(
            sizes.astype(np.min_scalar_type(sizes.max(initial=0))),
            numbers(pc.list_flatten(index)).copy(),
            _small(numbers(pc.list_flatten(count))),
        )
    return _keys(parts[0]) if name in KEYS else _values(numbers(parts[0]))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _keys(column: pa.Array) -> Keys:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    codes = numbers(encoded.indices, null=len(words))
    if encoded.null_count:
        words.append(None)
    return Keys(codes.astype(np.min_scalar_type(len(words))), tuple(words))


def _values(column: Numbers) -> Values:
    least, most = int(column.min(initial=0)), int(column.max(initial=0))
    if not (least or most):
        return Values(None, None)
    if least >= -(2**31) and most < 2**31:
        return Values(column.astype(_kind(least, most)), None)
    return Values((column & 0xFFFFFFFF).astype(np.uint32), _small(column >> 32))


def _small(column: Numbers) -> Numbers:
    return column.astype(_kind(int(column.min(initial=0)), int(column.max(initial=0))))


def _kind(least: int, most: int) -> Any:
    """The smallest type that `add_up` takes, of numbers that fit into 32 bits with a sign or without."""
    return next((kind for kind, low, high in _KINDS if low <= least and most <= high), np.uint32)
