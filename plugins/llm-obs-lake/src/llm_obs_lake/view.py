"""What one question reads: the live files of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from llm_obs_core.interfaces import Coverage

from llm_obs_lake.blobs import BlobStore
from llm_obs_lake.catalog import Segment
from llm_obs_lake.engine import Parameters
from llm_obs_lake.schema import Kind
from llm_obs_lake.versions import absent, sql_nothing

__all__ = ["View", "relation"]


class View(NamedTuple):
    """The live files.

    Attributes:
        blobs: Where they are.
        segments: By tenant and kind.
        fresh_to_ns: Up to when everything received is in them, None when unknown.
        filter_blocks: `Catalog.filter_blocks`.
        damaged: Files that cannot be read and are left out.
    """

    blobs: BlobStore
    segments: dict[tuple[str, Kind], list[Segment]]
    fresh_to_ns: int | None
    filter_blocks: Callable[[str, int], dict[int, bytes]]
    damaged: tuple[str, ...] = ()

    def without(self, damaged: frozenset[str], tenants: Iterable[str]) -> View:
        """Without some files; `damaged` names those of these tenants."""
        if not damaged:
            return self
        kept = {key: [part for part in parts if part.path not in damaged] for key, parts in self.segments.items()}
        mine = set(tenants)
        lost = [
            part.path
            for (tenant, _), parts in self.segments.items()
            if tenant in mine
            for part in parts
            if part.path in damaged
        ]
        return self._replace(segments=kept, damaged=tuple(sorted(lost)))

    def of(self, tenant: str, kind: Kind) -> list[Segment]:
        """A tenant's files of a kind."""
        return self.segments.get((tenant, kind), [])

    def all(self) -> list[Segment]:
        """Every file."""
        return [segment for segments in self.segments.values() for segment in segments]

    def paths(self, segments: Iterable[Segment]) -> list[str]:
        """Where DuckDB reads them."""
        return [self.blobs.locate(segment.path) for segment in segments]

    def coverage(self) -> Coverage:
        """What an answer from these files rests on."""
        tiers = {segment.tier for segments in self.segments.values() for segment in segments}
        return Coverage(("lake",), tuple(sorted(tiers)) or ("hot",), fresh_to_ns=self.fresh_to_ns, damaged=self.damaged)


def relation(
    view: View,
    segments: Iterable[Segment],
    columns: Sequence[str],
    bound: Parameters,
    *,
    tenant: bool = False,
    filename: bool = False,
    row_number: bool = False,
) -> str:
    """Files of one kind, of which there must be one, for the FROM of a statement.

    Args:
        view: Says where they are.
        segments: The files, of any version.
        columns: The columns that the statement uses; where a segment's version has no such column it is
            `versions.nothing`.
        bound: Gets the parameters.
        tenant: Whether there is a column `tenant` too.
        filename: Whether there is a column `filename` too, out of `View.paths`.
        row_number: Whether there is a column `file_row_number` too, the rows of each file from 0.
    """
    added = [name for name, wanted in (("filename", filename), ("file_row_number", row_number)) if wanted]
    flags = "".join(f", {name} = true" for name in added)
    alike: dict[tuple[str, Kind, frozenset[str]], list[Segment]] = {}
    for segment in segments:
        missing = absent(segment.kind, segment.schema, columns)
        alike.setdefault((segment.tenant if tenant else "", segment.kind, missing), []).append(segment)
    parts = []
    for (owner, kind, missing), members in alike.items():
        source = f"read_parquet({bound.bind(view.paths(members))}{flags})"
        if len(alike) == 1 and not (tenant or missing):
            return source  # a statement within it would be bound twice
        names = [f'{sql_nothing(kind, name)} AS "{name}"' if name in missing else f'"{name}"' for name in columns]
        if tenant:
            names.append(f"{bound.bind(owner)}::VARCHAR AS tenant")
        names += added
        parts.append(f"SELECT {', '.join(names)} FROM {source}")
    return f"({' UNION ALL '.join(parts)})"
