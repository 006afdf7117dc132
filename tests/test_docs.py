"""What the pages say is so: TOML can be loaded, Python runs, commands and their flags exist, links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from commands import serving
from llm_obs.cli import cli
from llm_obs_core import config

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("p*s/*/README.md"),
        *ROOT.glob("core_ext/*.md"),
    ]
    if not {"changes", "reference", "node_modules"} & set(path.relative_to(ROOT).parts)
)
BLOCK = re.compile(r"(<!-- not run[^>]*-->\n)?^( *)```(\w+)([^\n]*)\n(.*?)^\2```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[Path, str]]:
    """Page and text of every block of a language that is not taken from a file and not marked."""
    found = []
    for page in PAGES:
        for marked, indent, name, _, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if name == language and not marked and "--8<--" not in text:
                found.append((page, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)))
    return found


def label(case: object) -> str:
    return str(case.relative_to(ROOT)) if isinstance(case, Path) else ""


@pytest.mark.parametrize(("page", "text"), blocks("toml"), ids=label)
def test_configuration_can_be_loaded(page: Path, text: str, tmp_path: Path) -> None:
    file = tmp_path / "llm-obs.toml"
    file.write_text(text)
    config.load(file, environ={})


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("docs")
    with serving("collect", "--data-dir", str(folder / "data"), cwd=folder) as (addresses, _):
        yield f"http://{addresses['http']}"


@pytest.mark.parametrize(("page", "text"), blocks("python"), ids=label)
def test_python_runs(page: Path, text: str, endpoint: str, tmp_path: Path) -> None:
    text = text.replace("http://127.0.0.1:4318", endpoint)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "LLM_OBS_ENDPOINT": endpoint},  # a page without an address means the usual port
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "text"), blocks("sh"), ids=label)
def test_commands_and_flags_exist(page: Path, text: str) -> None:
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if "llm-obs" not in words:
            continue
        command: click.Command = cli
        for word in words[words.index("llm-obs") + 1 :]:
            if isinstance(command, click.Group) and not word.startswith("-"):
                found = command.get_command(click.Context(command), word)
                assert found is not None, line
                command = found
            elif word.startswith("-"):
                flags = {flag for parameter in command.params for flag in [*parameter.opts, *parameter.secondary_opts]}
                assert word.partition("=")[0] in flags | {"--help", "--version"}, line


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "reference/" not in target:
            assert (page.parent / target).exists(), target
