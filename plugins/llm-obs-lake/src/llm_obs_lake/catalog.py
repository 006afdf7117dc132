"""What is stored, where, and up to which Position: SQLite. Changed by the one process that has the folder's lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from llm_obs_core.errors import LlmObsError, RetryableError, StoreError
from llm_obs_core.model import Position, Stream

from llm_obs_lake.ddl import APPLICATION_ID, DDL, FORMAT, UPGRADE
from llm_obs_lake.filter import BLOCK_BYTES
from llm_obs_lake.schema import Kind
from llm_obs_lake.versions import VERSION

__all__ = ["Catalog", "Segment", "Snapshot", "Stored", "storage_error"]

_COLUMNS = (
    "id, tenant, kind, path, rows, size_bytes, min_start_ns, max_start_ns, "
    "writer, partition, stream, first_sequence, last_sequence, part, schema, received_ns, tier"
)
_OLD_COLUMNS = {1: _COLUMNS.replace(" stream,", " 'accepted',").replace(" part, schema,", " 0, 1,")}
"""The columns of a catalog that no process has upgraded yet, which only readers meet."""
_BUSY_S = 30.0


class Segment(msgspec.Struct, frozen=True):
    """One file of the store: a row of `segments`. `id` is 0 until the catalog has it; `filter` is of spans only.

    `schema` is the version of its columns.
    """

    id: int
    tenant: str
    kind: Kind
    path: str
    rows: int
    size_bytes: int
    min_start_ns: int
    max_start_ns: int
    writer: str
    partition: int
    stream: str
    first_sequence: int
    last_sequence: int
    part: int
    schema: int
    received_ns: int
    tier: str = "hot"
    filter: bytes = b""

    @property
    def unit(self) -> tuple[str, str, int, str, int, int]:
        """What the files that belong together have in common; in order of Positions."""
        return *self.log, self.first_sequence, self.part

    @property
    def log(self) -> tuple[str, str, int, str]:
        """Tenant, and the stream of which log the Positions are of; `derived` follows `accepted`."""
        return self.tenant, self.writer, self.partition, self.stream


class Snapshot(NamedTuple):
    """What is live at one moment.

    Attributes:
        generation: The store's; files that were live then are kept for those who hold a lease on it.
        segments: The files, oldest first.
        fresh_to_ns: Up to when everything that the last writer received is in them; None when unknown.
    """

    generation: int
    segments: list[Segment]
    fresh_to_ns: int | None


class Stored(NamedTuple):
    """A Position and up to when everything received is stored, Unix nanoseconds."""

    position: Position
    received_ns: int


def storage_error(error: OSError | sqlite3.Error, where: str | Path) -> LlmObsError:
    """What a failing disk means to the worker: it may be repaired, so the write is tried again."""
    return RetryableError(
        "a disk that takes what is written",
        got=getattr(error, "strerror", None) or str(error),
        where=str(where),
        fix="free space on it, or correct the folder's owner and mode; nothing is lost meanwhile, the log keeps it",
    )


def _damaged(error: Exception, where: Path) -> StoreError:
    return StoreError(
        "the catalog of a lake",
        got=str(error),
        where=str(where),
        fix="correct its owner and mode; a damaged catalog has to come back from a copy of the whole folder",
    )


def _newer(expected: str, got: str, where: Path) -> StoreError:
    return StoreError(
        expected,
        got=got,
        where=str(where),
        fix="start the version of llm-obs that wrote it, or set server.data_dir to another folder",
    )


def _failed(error: sqlite3.Error, where: Path) -> LlmObsError:
    """A disk that refuses or a lock that is held too long may be over soon; a damaged file is not."""
    return storage_error(error, where) if isinstance(error, sqlite3.OperationalError) else _damaged(error, where)


class Catalog:
    """One connection to the catalog; its methods are called by one thread at a time.

    Args:
        path: The file.
        write: Whether this is the process with the folder's lock; it makes the tables, and upgrades old ones.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self.path = path
        try:
            self._db = self._connect(write)
        except (sqlite3.Error, OSError) as error:
            raise _damaged(error, path) from None

    def _connect(self, write: bool) -> sqlite3.Connection:
        mode = "rwc" if write else "ro"
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        db = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if write and version == 0 and not db.execute("SELECT 1 FROM sqlite_schema").fetchone():
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(
                    f"BEGIN IMMEDIATE; {DDL} INSERT INTO store VALUES (1);"
                    f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
                )
                version = FORMAT
            self._known(version)
            if write:
                self._upgrade(db, version)
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA synchronous = FULL")
        except BaseException:
            db.close()
            raise
        return db

    def _known(self, version: int) -> None:
        if not 1 <= version <= FORMAT:
            raise _newer(f"a lake of format 1 to {FORMAT}", f"format {version}", self.path)

    def _upgrade(self, db: sqlite3.Connection, version: int) -> None:
        """Makes the tables those of today, all or nothing; the files of segments stay as they are."""
        if version == FORMAT:
            return
        steps = "".join(UPGRADE[number] for number in range(version, FORMAT))
        db.execute("PRAGMA foreign_keys = OFF")
        try:
            db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {FORMAT}; COMMIT;")
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"a disk on which the catalog can be upgraded from format {version}",
                got=str(error),
                where=str(self.path),
                fix="free space on it, or correct the folder's owner and mode; the catalog is as it was",
            ) from None

    def close(self) -> None:
        """May be called twice."""
        self._db.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction, all or nothing."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _failed(error, self.path) from None

    def _rows(self, statement: str, parameters: Sequence[object] = ()) -> list[Any]:
        """The rows of a question.

        Raises:
            StoreError: The catalog is damaged.
            RetryableError: The disk refuses.
        """
        try:
            return self._db.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise _failed(error, self.path) from None

    def position(self, writer: str = "", partition: int = 0, stream: Stream | None = None) -> Stored | None:
        """Where a writer's log is stored up to; that of the last one that wrote when `writer` is empty.

        Args:
            writer: Whose.
            partition: Of its partitions.
            stream: Of its streams; when None the derived one if anything of it is stored, else the accepted one.
        """
        rows = self._rows(
            "SELECT writer, partition, sequence, stream, received_ns FROM positions "
            "WHERE ?1 = '' OR (writer = ?1 AND partition = ?2 AND stream = coalesce(?3, stream)) "
            "ORDER BY CASE WHEN ?1 = '' THEN changed ELSE stream = 'derived' END DESC LIMIT 1",
            (writer, partition, None if stream is None else str(stream)),
        )
        if not rows:
            return None
        name, number, sequence, of, received_ns = rows[0]
        return Stored(Position(name, number, sequence, Stream(of)), received_ns)

    def add(self, segments: Sequence[Segment], last: Position, received_ns: int) -> None:
        """Makes files part of the store, and the Position with them. They must be durable already."""
        with self._change() as db:
            generation = self._raise_generation(db)
            self._insert(db, segments)
            db.execute(
                "INSERT INTO positions VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "sequence = excluded.sequence, received_ns = max(received_ns, excluded.received_ns), "
                "changed = excluded.changed",
                (last.writer, last.partition, str(last.stream), last.sequence, received_ns, generation),
            )

    def replace(self, old: Sequence[Segment], new: Sequence[Segment]) -> None:
        """Takes files out of the store and puts others in their place."""
        with self._change() as db:
            generation = self._raise_generation(db)
            db.executemany(
                "UPDATE segments SET state = 'retired', retired = ? WHERE id = ?",
                [(generation, segment.id) for segment in old],
            )
            db.executemany("DELETE FROM trace_filters WHERE segment_id = ?", [(segment.id,) for segment in old])
            self._insert(db, new)

    def forget(self, paths: Sequence[str]) -> None:
        """Drops the rows of retired files, which are deleted already."""
        with self._change() as db:
            db.executemany("DELETE FROM segments WHERE state = 'retired' AND path = ?", [(path,) for path in paths])

    def _raise_generation(self, db: sqlite3.Connection) -> int:
        (generation,) = db.execute("UPDATE store SET generation = generation + 1 RETURNING generation").fetchone()
        return int(generation)

    def _insert(self, db: sqlite3.Connection, segments: Sequence[Segment]) -> None:
        for segment in segments:
            *values, bits = msgspec.structs.astuple(segment)[1:]
            id = db.execute(
                f"INSERT INTO segments ({_COLUMNS.removeprefix('id, ')}) VALUES ({', '.join('?' * len(values))})",
                values,
            ).lastrowid
            if bits:
                db.execute("INSERT INTO trace_filters VALUES (?, ?, ?)", (id, len(bits) // BLOCK_BYTES, bits))

    def snapshot(self) -> Snapshot:
        """What is live at one moment.

        Raises:
            StoreError: A newer llm-obs has upgraded the catalog since, or written segments that this one cannot read.
        """
        with self._one_view():
            ((version,),) = self._rows("PRAGMA user_version")  # another process may have upgraded it
            self._known(version)
            ((generation,),) = self._rows("SELECT generation FROM store")
            columns = _OLD_COLUMNS.get(version, _COLUMNS)
            rows = self._rows(
                f"SELECT {columns} FROM segments WHERE state = 'live' ORDER BY tenant, kind, first_sequence, id"
            )
            segments = [Segment(*row) for row in rows]
            ((fresh_to_ns,),) = self._rows(
                "SELECT min(newest) FROM (SELECT max(received_ns) AS newest FROM positions "
                "WHERE writer = (SELECT writer FROM positions ORDER BY changed DESC LIMIT 1) GROUP BY partition)"
            )
        if newer := next((segment for segment in segments if segment.schema > VERSION), None):
            raise _newer(
                f"segments of version 1 to {VERSION}", f"version {newer.schema}, such as {newer.path}", self.path
            )
        return Snapshot(generation, segments, fresh_to_ns or None)

    def filter_blocks(self, tenant: str, hash: int) -> dict[int, bytes]:
        """By id of each live segment of a tenant's spans, the block of its filter for a trace of this hash."""
        rows = self._rows(
            f"SELECT id, substr(bits, 1 + (? % blocks) * {BLOCK_BYTES}, {BLOCK_BYTES}) "
            "FROM segments JOIN trace_filters ON segment_id = id "
            "WHERE tenant = ? AND kind = 'spans' AND state = 'live'",
            (hash >> 32, tenant),
        )
        return dict(rows)

    def retired(self, below: int | None = None) -> list[str]:
        """Paths of the files that nothing reads any more, of those that were retired up to a generation."""
        rows = self._rows(
            "SELECT path FROM segments WHERE state = 'retired' AND (?1 IS NULL OR retired <= ?1)", (below,)
        )
        return [path for (path,) in rows]

    def paths(self) -> set[str]:
        """Every path that the catalog names."""
        return {path for (path,) in self._rows("SELECT path FROM segments")}

    def change_mark(self) -> int:
        """A number that differs after another connection has changed the catalog."""
        ((mark,),) = self._rows("PRAGMA data_version")
        return int(mark)

    @contextmanager
    def _one_view(self) -> Iterator[None]:
        """One view of all tables."""
        self._rows("BEGIN")
        try:
            yield
        finally:
            with suppress(sqlite3.Error):  # it only read; what went wrong was said already
                self._db.execute("COMMIT")
