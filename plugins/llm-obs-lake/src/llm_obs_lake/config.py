"""The options of the lake, as a user writes them under `[sinks.lake.options]` and `[readers.lake.options]`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["LakeOptions"]


class LakeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the sink and the reader `lake`."""

    path: Annotated[
        str,
        Meta(
            title="the name of a folder",
            description="Folder of the store; `lake` in server.data_dir when empty.",
            pattern=r"^[^\x00]*$",
        ),
    ] = ""
    compression_level: Annotated[int, Meta(description="Level of zstd.", ge=1, le=19)] = 1
    merge: Annotated[bool, Meta(description="Whether the sink merges small segments in the background.")] = True
    merge_interval_s: Annotated[
        float, Meta(description="Pause between rounds of upkeep, seconds.", gt=0, le=86_400)
    ] = 5.0
    merge_segments: Annotated[
        int, Meta(description="Segments of like size that are merged into one.", ge=2, le=1_000)
    ] = 8
    merge_max_rows: Annotated[
        int, Meta(description="Most spans, or measures, of a merged segment.", ge=1, le=2**31 - 1)
    ] = 262_144
    retention_days: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Segments received longer ago are dropped, days; none keeps all."),
    ] = None
    memory_limit_bytes: Annotated[
        int, Meta(description="Most memory of the reader's DuckDB, bytes.", ge=64 * 1024**2, le=2**63 - 1)
    ] = 512 * 1024**2
    measures_memory_bytes: Annotated[
        int, Meta(description="Most memory of the reader for decoded measures, bytes; 0 keeps none.", ge=0)
    ] = 64 * 1024**2
    threads: Annotated[int, Meta(description="Threads of the reader's DuckDB; 0 takes one a core.", ge=0, le=256)] = 0

    def folder_in(self, data_dir: Path) -> Path:
        """Where the store is, given `server.data_dir`."""
        return Path(self.path) if self.path else data_dir / "lake"
