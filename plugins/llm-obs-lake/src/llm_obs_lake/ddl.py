"""The tables of the catalog. A contract: `tests/golden/schema.txt` holds it, a change of it is a decision."""

from __future__ import annotations

from typing import Final

__all__ = ["APPLICATION_ID", "DDL"]

APPLICATION_ID: Final = 0x6C6F6C6B
"""`lolk`: what SQLite's header says this file is."""

DDL: Final = """
-- One row. Raised by every change of the live segments.
CREATE TABLE store (
    generation INTEGER NOT NULL
) STRICT;

-- Up to where each log is stored. Changed in the transaction that adds the segments.
CREATE TABLE positions (
    writer TEXT NOT NULL,
    partition INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    received_ns INTEGER NOT NULL,      -- everything received up to here is stored; 0 when unknown
    changed INTEGER NOT NULL,          -- the generation that changed it
    PRIMARY KEY (writer, partition)
) STRICT, WITHOUT ROWID;

-- One row a file. The files of one tenant and range of Positions belong together.
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('spans', 'content', 'summaries', 'measures')),
    path TEXT NOT NULL UNIQUE,         -- below segments/
    rows INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    min_start_ns INTEGER NOT NULL,     -- of the spans
    max_start_ns INTEGER NOT NULL,
    writer TEXT NOT NULL,
    partition INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    received_ns INTEGER NOT NULL,
    tier TEXT NOT NULL DEFAULT 'hot' CHECK (tier IN ('hot', 'warm', 'cold')),
    state TEXT NOT NULL DEFAULT 'live' CHECK (state IN ('live', 'retired')),
    retired INTEGER                    -- the generation from which on nothing reads it
) STRICT;

-- What is stored of a range of Positions is stored once.
CREATE UNIQUE INDEX segments_identity
    ON segments (tenant, kind, writer, partition, first_sequence) WHERE state = 'live';
CREATE INDEX segments_retired ON segments (retired) WHERE state = 'retired';

-- Which traces may be in a segment of spans: blocks of 32 bytes.
CREATE TABLE trace_filters (
    segment_id INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
    blocks INTEGER NOT NULL,
    bits BLOB NOT NULL
) STRICT;
"""
