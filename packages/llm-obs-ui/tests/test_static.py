"""The built page is in the installed distribution and asks for nothing from elsewhere."""

from __future__ import annotations

import re

import llm_obs_ui
import pytest
from llm_obs_core.errors import LlmObsError
from llm_obs_ui import static_dir


def test_the_installed_page_is_whole() -> None:
    folder = static_dir()
    page = (folder / "index.html").read_text()
    named = re.findall(r'(?:src|href)="/([^"]+)"', page)
    assert any(name.startswith("assets/") and name.endswith(".js") for name in named)
    assert all((folder / name).is_file() for name in named)


def test_a_strict_policy_would_let_the_page_run() -> None:
    page = (static_dir() / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "<style" not in page
    assert "style=" not in page
    assert not re.search(r"""["'(]https?://(?!www\.w3\.org/)""", page)


def test_an_installation_without_the_page_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(llm_obs_ui, "files", lambda _: tmp_path)
    with pytest.raises(LlmObsError, match="expected the built page"):
        static_dir()
