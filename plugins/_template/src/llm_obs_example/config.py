"""The options of the sink, as a user writes them under `[sinks.jsonl.options]`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class JsonLinesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the sink `jsonl`."""

    path: Annotated[str, Meta(description="The file; `spans.jsonl` in server.data_dir when empty.")] = ""
