"""Golden files: `pytest --renew-golden` writes them anew, and the diff shows what a change means for others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option of our own."""
    parser.addoption("--renew-golden", action="store_true", help="write golden files anew instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`golden(path, text)` compares a text with a file; `reading` says as what both are read, when not as text."""

    def compare(path: Path, text: str, reading: Callable[[str], str] = str) -> None:
        same = reading(text) == reading(path.read_text(encoding="utf-8"))
        if not same and request.config.getoption("--renew-golden"):
            path.write_text(text, encoding="utf-8")
        assert reading(text) == reading(path.read_text(encoding="utf-8")), "see --renew-golden"

    return compare
