"""Plugins: found, made, refused, and never able to take the host down."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from llm_obs_core import hookimpl, plugins
from llm_obs_core.errors import ConfigError, PluginError
from llm_obs_core.host import Hosts
from llm_obs_core.interfaces import Host
from llm_obs_core.roles import ROLES


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: int = 1


def make(options: Options, host: Host) -> Any:
    return SimpleNamespace(size=options.size, name=host.name)


def old(options: Options) -> Any:
    return SimpleNamespace(size=options.size)


def keyword(options: Options, *, host: Host) -> Any:
    return SimpleNamespace(size=options.size)


thing = 3
HOST = Hosts()("sink", "a")


def plugin(role: str, name: str, factory: str = f"{__name__}:make") -> Any:
    def hook(register: plugins.Register) -> None:
        register(name, factory, Options, doc="for tests")

    return SimpleNamespace(**{next(item.hook for item in ROLES if item.name == role): hookimpl(hook)})


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules,
        __name__,
        sys.modules.get(__name__) or SimpleNamespace(make=make, old=old, keyword=keyword, thing=3),
    )


@pytest.mark.parametrize("role", [role.name for role in ROLES])
def test_every_role_is_registered_and_made(role: str) -> None:
    found = plugins.load(modules={"mine": plugin(role, "thing")}, only=())
    assert found.names(role) == ("thing",)
    assert found.get(role, "thing").make({"size": 3}, HOST).size == 3


def test_wrong_options_name_the_section() -> None:
    found = plugins.load(modules={"mine": plugin("sink", "thing")}, only=())
    with pytest.raises(ConfigError, match=r"sinks\.a\.options"):
        found.get("sink", "thing").make({"sise": 3}, HOST, where="sinks.a.options")


def test_a_plugin_that_raises_is_reported_and_the_others_load() -> None:
    broken = SimpleNamespace(register_sinks=hookimpl(lambda register: 1 / 0))
    found = plugins.load(modules={"broken": broken, "mine": plugin("sink", "thing")}, only=())
    assert found.names("sink") == ("thing",)
    assert {item.name: item.error.split(":")[0] for item in found.loaded} == {"broken": "ZeroDivisionError", "mine": ""}


def test_an_unknown_name_lists_what_there_is_and_what_failed() -> None:
    broken = SimpleNamespace(register_sinks=hookimpl(lambda register: 1 / 0))
    found = plugins.load(modules={"broken": broken, "mine": plugin("sink", "thing")}, only=())
    with pytest.raises(PluginError, match="out of: thing, got 'tempo'.*broken"):
        found.get("sink", "tempo")


def test_a_list_of_plugins_that_lacks_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_OBS_PLUGINS", "nobody")
    with pytest.raises(PluginError, match=r"install the plugin .*, name it in LLM_OBS_PLUGINS or correct"):
        plugins.load().get("log", "file")


def test_two_plugins_of_one_name_are_refused() -> None:
    found = plugins.load(modules={"a": plugin("sink", "x"), "b": plugin("sink", "x")}, only=())
    assert [item.plugin for item in found.registrations] == ["a"]
    assert "which plugin a has registered" in found.loaded[1].error


def test_a_misspelt_hook_is_reported() -> None:
    module = SimpleNamespace(register_snks=hookimpl(lambda register: None))
    found = plugins.load(modules={"mine": module}, only=())
    assert "register_snks" in found.loaded[0].error


def test_a_factory_that_cannot_be_imported_names_the_plugin() -> None:
    found = plugins.load(modules={"mine": plugin("sink", "x", "no_such_module:thing")}, only=())
    with pytest.raises(PluginError, match="no_such_module.*plugin mine"):
        found.get("sink", "x").make({}, HOST)


@pytest.mark.parametrize(
    ("factory", "got"),
    [
        ("old", r"old\(options: .*\) -> .*"),
        ("keyword", r"keyword\(options.*\*, host"),
        ("thing", "int 3, which cannot"),
    ],
)
def test_a_factory_of_another_form_is_named_with_the_repair(factory: str, got: str) -> None:
    found = plugins.load(modules={"mine": plugin("sink", "x", f"{__name__}:{factory}")}, only=())
    with pytest.raises(PluginError, match=rf"factory\(options, host\), got {got}.*plugin mine\); give it these two"):
        found.get("sink", "x").make({}, HOST)


def test_loading_every_installed_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys; from llm_obs_core import plugins; found = plugins.load(); "
        "bad = [p for p in found.loaded if p.error]; heavy = {'pyarrow', 'duckdb', 'grpc', 're2', 'openai'}; "
        "print(bad, sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[] []"
