"""The web page of llm-obs, built by Vite."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from llm_obs_core.errors import LlmObsError

__all__ = ["static_dir"]


def static_dir() -> Path:
    """The folder of the built page: `index.html`, and under `assets/` files whose names change with their content.

    Every path that names no file is a view of the page and is answered with `index.html`. The page needs no other host
    and works under `script-src 'self'; style-src 'self'`.

    Raises:
        LlmObsError: This installation was made without the page.
    """
    folder = Path(str(files("llm_obs_ui"))) / "static"
    if not (folder / "index.html").is_file():
        raise LlmObsError("the built page", got="no index.html", where=str(folder), fix="Install llm-obs-ui again.")
    return folder
