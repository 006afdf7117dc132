"""The options of the log `file`, as a user writes them under `[log.options]`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from llm_obs_core.config.settings import Bytes, Seconds
from msgspec import Meta

__all__ = ["FileLogOptions"]


class FileLogOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the log in files."""

    segment_bytes: Annotated[Bytes, Meta(description="Size at which a new segment is begun, bytes.")] = 32 * 1024 * 1024
    codec: Annotated[Literal["none", "zstd"], Meta(description="Compression of payloads.")] = "none"
    max_bytes: Annotated[Bytes, Meta(description="Largest size of the log on disk, bytes; beyond it senders wait.")] = (
        16 * 1024 * 1024 * 1024
    )
    dedup_window_s: Annotated[
        Seconds, Meta(description="An equal request within this time is acknowledged and not stored again, seconds.")
    ] = 600.0
