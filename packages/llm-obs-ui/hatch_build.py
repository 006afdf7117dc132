"""Puts the built page into the wheel."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageBuildHook(BuildHookInterface[Any]):
    """Runs `tools/web.py build` with the interpreter of the build, which has the build requirements."""

    _out: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds before the wheel is packed; an editable wheel gets the same files.

        Raises:
            RuntimeError: The build failed; its output is in the message.
        """
        self._out = tempfile.TemporaryDirectory(prefix="llm-obs-ui-built-")
        command = [sys.executable, str(Path(self.root) / "tools" / "web.py"), "build", self._out.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the page was not built:\n{done.stdout}{done.stderr}")
        build_data["force_include"][self._out.name] = "llm_obs_ui/static"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clears up."""
        if self._out is not None:
            self._out.cleanup()
