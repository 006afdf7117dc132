"""The tables of the catalog. A contract: `tests/golden/schema.txt` holds it, a change of it is a decision."""

from __future__ import annotations

from typing import Final

__all__ = ["APPLICATION_ID", "DDL", "FORMAT", "UPGRADE"]

APPLICATION_ID: Final = 0x6C6F6C6B
"""`lolk`: what SQLite's header says this file is."""

FORMAT: Final = 2
"""Version of the tables. 1 had no streams, parts and schema versions, and no annotations."""

_STORE: Final = """
-- One row. Raised by every change of the live segments.
CREATE TABLE store (
    generation INTEGER NOT NULL
) STRICT;

"""

_POSITIONS: Final = """
-- Up to where each stream of each log is stored. Changed in the transaction that adds the segments.
CREATE TABLE positions (
    writer TEXT NOT NULL,
    partition INTEGER NOT NULL,
    stream TEXT NOT NULL CHECK (stream IN ('accepted', 'derived')),
    sequence INTEGER NOT NULL,
    received_ns INTEGER NOT NULL,      -- everything received up to here is stored; 0 when unknown
    changed INTEGER NOT NULL,          -- the generation that changed it
    PRIMARY KEY (writer, partition, stream)
) STRICT, WITHOUT ROWID;
"""

_SEGMENTS: Final = """
-- One row a file. The files of one tenant, range of Positions and part of it belong together.
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('spans', 'content', 'summaries', 'measures', 'annotations')),
    path TEXT NOT NULL UNIQUE,         -- below segments/
    rows INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    min_start_ns INTEGER NOT NULL,     -- of the spans; of measures the minutes, of annotations the arrivals
    max_start_ns INTEGER NOT NULL,
    writer TEXT NOT NULL,
    partition INTEGER NOT NULL,
    stream TEXT NOT NULL CHECK (stream IN ('accepted', 'derived')),
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    part INTEGER NOT NULL,             -- of what was written in parts, from 0
    schema INTEGER NOT NULL,           -- the version of its columns
    received_ns INTEGER NOT NULL,
    tier TEXT NOT NULL DEFAULT 'hot' CHECK (tier IN ('hot', 'warm', 'cold')),
    state TEXT NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'retired')),
    retired INTEGER                    -- the generation from which on nothing reads it
) STRICT;

-- What is stored of a range of Positions is stored once.
CREATE UNIQUE INDEX segments_identity
    ON segments (tenant, kind, writer, partition, stream, first_sequence, part) WHERE state = 'live';
CREATE INDEX segments_retired ON segments (retired) WHERE state = 'retired';

"""

_FILTERS: Final = """
-- Which traces may be in a segment of spans: blocks of 32 bytes.
CREATE TABLE trace_filters (
    segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
    blocks INTEGER NOT NULL,
    bits BLOB NOT NULL
) STRICT;
"""

DDL: Final = _STORE + _POSITIONS + _SEGMENTS + _FILTERS

UPGRADE: Final[dict[int, str]] = {
    1: f"""
CREATE TEMP TABLE old_positions AS SELECT * FROM main.positions;
CREATE TEMP TABLE old_segments AS SELECT * FROM main.segments;
DROP TABLE main.positions;
DROP TABLE main.segments;
{_POSITIONS}
{_SEGMENTS}
INSERT INTO main.positions SELECT writer, partition, 'accepted', sequence, received_ns, changed FROM old_positions;
INSERT INTO main.segments (
    id, tenant, kind, path, rows, size_bytes, min_start_ns, max_start_ns, writer, partition, stream, first_sequence,
    last_sequence, part, schema, received_ns, tier, state, retired
) SELECT
    id, tenant, kind, path, rows, size_bytes, min_start_ns, max_start_ns, writer, partition, 'accepted', first_sequence,
    last_sequence, 0, 1, received_ns, tier, state, retired
FROM old_segments;
DROP TABLE old_positions;
DROP TABLE old_segments;
"""
}
"""By format, what makes the next one of it, within one transaction and without foreign keys enforced."""
