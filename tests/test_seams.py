"""Every hook has a caller and a shipped user, every interface is used: what nobody needs yet is not declared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from llm_obs_core import hookspecs, interfaces, plugins
from llm_obs_core.roles import ROLES

ROOT = Path(__file__).parents[1]
CORE = ROOT / "packages/llm-obs-core/src/llm_obs_core"
DECLARED_AHEAD = {"start_step", "claim"}
"""What is declared before its users, by name; the kinds of records are no interfaces."""


def sources() -> dict[Path, str]:
    """The code of every distribution that ships, without comments and docstrings; the kit for tests is none."""
    found = {}
    for house in ("core_ext/src", "packages/*/src", "plugins/llm-obs-*/src"):
        for path in ROOT.glob(f"{house}/**/*.py*"):
            if path.suffix in (".py", ".pyx", ".pxd", ".pyi") and "llm-obs-testing" not in path.parts:
                text = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
                found[path] = re.sub(r"#.*", "", text)
    return found


SOURCES = sources()


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("register_")])
def test_every_hook_has_a_caller_and_a_shipped_user(hook: str) -> None:
    (role,) = (role for role in ROLES if role.hook == hook)
    made_by = re.compile(rf"\b(?:build|component)\(\s*{role.name.upper()}\b")
    callers = [path for path, text in SOURCES.items() if CORE not in path.parents and made_by.search(text)]
    assert callers, f"nobody makes components of the role {role.name}"
    offers = re.compile(rf"@hookimpl\s+def {hook}\(")
    assert [path for path, text in SOURCES.items() if offers.search(text)], f"nothing that ships offers a {role.name}"


def test_one_builder_makes_every_component() -> None:
    makes = [
        path for path, text in SOURCES.items() if re.search(r"\bregistration\.make\(|\bimport_module\(module\)", text)
    ]
    assert {path.name for path in makes if CORE in path.parents} == {"components.py", "plugins.py"}
    roles = "|".join(role.name for role in ROLES)
    asks = re.compile(rf"\.get\(\s*[\"'](?:{roles})[\"']")
    assert [path for path, text in SOURCES.items() if asks.search(text)] == []


def test_no_option_is_filled_in_by_its_name() -> None:
    for item in plugins.load().registrations:
        assert not {"data_dir", "writer"} & set(item.options.__struct_fields__), item.name


@pytest.mark.parametrize("name", sorted(set(interfaces.__all__) - DECLARED_AHEAD))
def test_every_interface_is_used_by_more_than_its_definition(name: str) -> None:
    definition = re.compile(rf"^(?:class {name}\b|{name}\b ?[:=])", re.MULTILINE)
    users = []
    for path, text in SOURCES.items():
        if path == CORE / "interfaces/__init__.py":
            continue
        code = re.sub(r"__all__[^=]*= \[.*?\]", "", text, flags=re.DOTALL)
        if len(re.findall(rf"\b{name}\b", code)) > len(definition.findall(code)):
            users.append(path)
    assert users, f"{name} is declared, and nobody uses it"
