"""The options of the sink, as a user writes them under `[sinks.jsonl.options]`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class JsonLinesOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the sink `jsonl`."""

    path: Annotated[str, Meta(description="The file; made when it is missing.")] = ""
    data_dir: Annotated[
        str, Meta(description="Filled in with server.data_dir; `spans.jsonl` in it is the default.")
    ] = "llm-obs-data"
