"""The README's requests are answered as it says, and its settings are those of the code."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest
from asking import Serve
from llm_obs_core.config import keys
from llm_obs_query import documents
from llm_obs_query.web import body, protocol
from llm_obs_testing.memory import MemoryReader, MemoryStore
from llm_obs_testing.spans import make_traces

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(curl .*?)```\n\n```json\n(.*?)```", README, re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
async def test_the_examples(serve: Serve) -> None:
    store = MemoryStore()
    store.add(make_traces(3), received_ns=5)
    client = await serve({"lake": MemoryReader(store)})
    assert len(EXAMPLES) == README.count("curl -s") == 3
    for command, answer in EXAMPLES:
        command = command.replace("http://127.0.0.1:4319", str(client.base_url).rstrip("/"))
        ran = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
        out, _ = await ran.communicate()
        assert json.loads(out) == json.loads(answer)


def test_the_settings() -> None:
    rows = dict(re.findall(r"^\| `(\S+)` \| .*? \| (.*?) \|", README, re.MULTILINE))
    known = {key.path: key for key in keys()}
    assert {path for path in known if path.startswith(("query.", "readers."))} | {"auth.keys"} == set(rows)
    for path, default in rows.items():
        real = known[path].default
        if path.startswith("query.") and path != "query.hosts":
            assert default.strip("`") == str(real).removesuffix(".0").replace("True", "true")


def test_the_limits() -> None:
    limits = README.partition("## Limits")[2]
    for figure in (documents.MAX_TOKENS, documents.MAX_FIELDS, documents.MAX_ROOT_FIELDS, documents.MAX_DEPTH):
        assert f"{figure:,}" in limits
    assert f"{protocol.MAX_HEADER_BYTES // 1024} KiB and {protocol.HEADER_TIMEOUT_S:g} seconds" in limits
    assert f"body {body.TIMEOUT_S:g} seconds" in limits
