"""The workspace agrees with itself: folders, versions, the architecture page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from llm_obs.cli import COMMANDS
from llm_obs_core import hookspecs, plugins
from llm_obs_core.config import keys, settings
from llm_obs_core.metrics import METRICS
from llm_obs_core.roles import ROLES

ROOT = Path(__file__).parents[1]
FOLDERS = [
    ROOT / "core_ext",
    *sorted(path.parent for path in ROOT.glob("p*s/*/pyproject.toml") if path.parent.name != "_template"),
]


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def test_one_version_everywhere() -> None:
    version = project(ROOT)["project"]["version"]
    for folder in FOLDERS:
        data = project(folder)["project"]
        assert data["version"] == version
        extras = [item for items in data.get("optional-dependencies", {}).values() for item in items]
        for need in [*data["dependencies"], *extras]:
            if need.startswith("llm-obs"):
                assert need.endswith(f"=={version}"), (folder.name, need)


def test_every_distribution_is_a_source_of_the_workspace() -> None:
    names = {project(folder)["project"]["name"] for folder in FOLDERS}
    assert set(project(ROOT)["tool"]["uv"]["sources"]) == names
    for folder in FOLDERS[1:]:
        assert project(folder)["project"]["name"] == folder.name
        assert (folder / "src" / folder.name.replace("-", "_") / "py.typed").exists()


def test_an_application_installs_neither_normaliser_nor_prices() -> None:
    needs = {item["name"]: item["dependencies"] for item in (project(folder)["project"] for folder in FOLDERS)}
    for name in ("llm-obs-sdk", "llm-obs-openai", "llm-obs"):
        found: set[str] = set()
        left = [name]
        while left:
            found.add(one := left.pop())
            names = {re.split(r"[=\[<>]", text)[0] for text in needs[one]}
            left += sorted((names & set(needs)) - found)
        assert "llm-obs-core" in found
        assert "llm-obs-enrich" not in found, name


def test_every_distribution_carries_its_licence_and_says_for_whom_it_is() -> None:
    licence = (ROOT / "LICENSE").read_bytes()
    said = {name for name in project(FOLDERS[1])["project"]["classifiers"] if name != "Programming Language :: Cython"}
    for folder in FOLDERS:
        data = project(folder)["project"]
        assert (folder / "LICENSE").read_bytes() == licence, folder.name
        assert data["license"] == ("Apache-2.0 AND MIT" if (folder / "NOTICE").exists() else "Apache-2.0"), folder.name
        assert said <= set(data["classifiers"]), folder.name


def test_every_fragment_comes_into_the_changelog() -> None:
    types = {item["directory"] for item in project(ROOT)["tool"]["towncrier"]["type"]}
    for path in (ROOT / "docs/changes").iterdir():
        assert re.fullmatch(rf"[a-z0-9-]+\.({'|'.join(types)})\.md", path.name), path.name
        text = path.read_text()
        assert text.endswith(".\n"), path.name
        assert len(text.splitlines()) == 1, path.name


def test_every_readme_has_the_shape_of_the_house() -> None:
    for folder in FOLDERS:
        heads = re.findall(r"^## (.+)$", (folder / "README.md").read_text(), re.MULTILINE)
        assert {"Use", "Settings", "Limits"} <= set(heads), folder.name


def test_the_architecture_page_names_what_there_is() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    for folder in FOLDERS:
        assert f"`{folder.relative_to(ROOT)}/`" in page
    assert set(re.findall(r"`llm-obs ([\w-]+)`", page)) == {*COMMANDS, *plugins.load().names("command")}
    hooks = {name for name in vars(hookspecs) if name.startswith("register_")}
    assert set(re.findall(r"`(register_\w+)`", page)) == hooks == {role.hook for role in ROLES}


def words(page: str, head: str) -> set[str]:
    """The names in code of one bullet of "Words"; `a.{b,c}` stands for `a.b` and `a.c`."""
    (bullet,) = re.findall(rf"^- \*\*{head}\*\*:(.*?)(?=^- \*\*|\Z)", page, re.MULTILINE | re.DOTALL)
    found = set()
    for text in re.findall(r"`([^`]+)`", bullet):
        first, _, rest = text.partition("{")
        inner, _, last = rest.partition("}")
        found |= {first + name + last for name in inner.split(",")}
    return found


def test_the_architecture_page_names_every_key_and_metric() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    assert words(page, "Configuration") == {key.path for key in keys()}
    assert words(page, "Metrics") == {metric.name for metric in METRICS}


def test_every_component_has_the_same_files() -> None:
    rooms = {}
    for folder in FOLDERS:
        for name, module in project(folder)["project"].get("entry-points", {}).get(plugins.GROUP, {}).items():
            room, _, file = module.rpartition(".")
            assert file == "plugin", name
            rooms[name] = room
    found = plugins.load(only=rooms).registrations
    assert {item.plugin for item in found} == set(rooms)
    for item in found:
        room = rooms[item.plugin]
        assert item.factory.partition(":")[0].startswith(room), item.name
        homes = (f"{room}.config", settings.__name__)  # sections of the configuration are options too
        assert item.options is plugins.NoOptions or item.options.__module__ in homes, item.name


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_files_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / page).read_text()
    named = set(re.findall(r"`([\w./-]+(?:\.(?:py|pyx|h|tsx|toml|md)|/))`", text))
    tops = ("core_ext", "packages", "plugins", "tests", "docs", "benchmarks", "deploy")
    there = [
        f"/{path.relative_to(ROOT)}"
        for top in tops
        for path in (ROOT / top).rglob("*")
        if "node_modules" not in path.parts
    ]
    there += [f"/{path.name}" for path in ROOT.iterdir()]
    wrong = [name for name in named if not any(path.endswith("/" + name.rstrip("/")) for path in there)]
    assert wrong == []


def test_the_map_of_the_extension_names_every_module() -> None:
    folder = ROOT / "core_ext/src/llm_obs_core_ext"
    page = (ROOT / "core_ext/README.md").read_text().partition("### Modules")[2].partition("## ")[0]
    named = set(re.findall(r"`(\w+)`", page))
    assert {path.stem for path in folder.iterdir() if path.suffix in (".py", ".pyx")} - {"__init__"} == named


def test_no_module_is_larger_than_the_house_allows() -> None:
    paths = [path for folder in FOLDERS for path in (folder / "src").rglob("*") if path.suffix in (".py", ".pyx")]
    sizes = {path: len(path.read_text().splitlines()) for path in paths}
    assert [path.name for path, size in sizes.items() if size > (500 if path.suffix == ".pyx" else 600)] == []
    assert sorted(sizes.values())[len(sizes) // 2] <= 150
