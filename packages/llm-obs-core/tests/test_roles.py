"""The table of roles agrees with hooks, interfaces and itself."""

import importlib

import pytest
from llm_obs_core import hookspecs
from llm_obs_core.roles import ROLES, Role, roles_of


def test_every_hook_has_one_role() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("register_")]
    assert sorted(role.hook for role in ROLES) == sorted(hooks)
    assert len({role.name for role in ROLES}) == len(ROLES)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_protocol_is_there(role: Role[object]) -> None:
    module, _, name = role.protocol.rpartition(":")
    assert isinstance(getattr(importlib.import_module(module or "llm_obs_core.interfaces"), name), type)


def test_what_a_role_needs_is_started_before_it_in_the_same_part() -> None:
    started: dict[str, str] = {}
    for role in ROLES:
        assert {started.get(name) for name in role.needs} <= {role.part}
        started[role.name] = role.part


def test_a_process_starts_the_roles_of_its_parts() -> None:
    assert [role.name for role in roles_of("query")] == ["reader"]
    assert [role.name for role in roles_of("sdk")] == ["instrumentor"]
    assert {role.name for role in roles_of("collector", "query")} == {
        "scrubber", "normalizer", "pricer", "log", "sink", "receiver", "reader",
    }  # fmt: skip
