"""What one question reads: the live files of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from llm_obs_core.interfaces import Coverage

from llm_obs_lake.catalog import Segment
from llm_obs_lake.engine import Parameters
from llm_obs_lake.schema import Kind

__all__ = ["View", "union"]


class View(NamedTuple):
    """The live files.

    Attributes:
        root: Where their paths begin.
        segments: By tenant and kind.
        fresh_to_ns: Up to when everything received is in them, None when unknown.
        filter_blocks: `Catalog.filter_blocks`.
        damaged: Files that cannot be read and are left out.
    """

    root: str
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
        """Where they are."""
        return [f"{self.root}/{segment.path}" for segment in segments]

    def coverage(self) -> Coverage:
        """What an answer from these files rests on."""
        tiers = {segment.tier for segments in self.segments.values() for segment in segments}
        return Coverage(("lake",), tuple(sorted(tiers)) or ("hot",), fresh_to_ns=self.fresh_to_ns, damaged=self.damaged)


def union(by_tenant: Iterable[tuple[str, Sequence[str]]], columns: str, bound: Parameters) -> str:
    """A relation of files with a column `tenant`; tenants without files are left out, and there must be one with."""
    return " UNION ALL ".join(
        f"SELECT {bound.bind(tenant)}::VARCHAR AS tenant, {columns} FROM read_parquet({bound.bind(list(paths))})"
        for tenant, paths in by_tenant
        if paths
    )
