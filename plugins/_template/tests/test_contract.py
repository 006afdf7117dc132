"""The sink passes the suite that every sink of llm-obs passes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
from llm_obs_core.config import Server
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Sink
from llm_obs_example.config import JsonLinesOptions
from llm_obs_example.sink import make
from llm_obs_testing.contracts.sink import SinkContract


class TestJsonLinesSink(SinkContract):
    def make(self, folder: Path) -> Sink:
        return make(JsonLinesOptions(), Hosts(Server(data_dir=str(folder)))("sink", "jsonl"))

    async def stored(self, folder: Path) -> Iterable[tuple[str, bytes, bytes, str]]:
        rows = list(map(msgspec.json.decode, (folder / "spans.jsonl").read_bytes().splitlines()))
        while rows and "position" not in rows[-1]:  # what no Position closes is not there
            rows.pop()
        spans = {(row["tenant"], row["trace_id"], row["span_id"]): row["name"] for row in rows if "position" not in row}
        return [
            (tenant, bytes.fromhex(trace), bytes.fromhex(span), name) for (tenant, trace, span), name in spans.items()
        ]
