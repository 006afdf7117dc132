"""Sections of the configuration become components, for every role in the same way; errors name the key."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from llm_obs_core import hookimpl, plugins
from llm_obs_core.components import build, check_folder, components
from llm_obs_core.config import Config, HttpReceiver, LogSettings, load
from llm_obs_core.errors import ConfigError, PluginError
from llm_obs_core.host import Hosts
from llm_obs_core.plugins import Plugins, Register
from llm_obs_core.roles import LOG, PRICER, RECEIVER, SINK


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    batch: int = 7


def installed() -> Plugins:
    module = ModuleType("offering")

    @hookimpl
    def register_sinks(register: Register) -> None:
        register("box", "nowhere_at_all:make", Options)
        register("bare", "nowhere_at_all:make")

    @hookimpl
    def register_logs(register: Register) -> None:
        register("file", "nowhere_at_all:make", LogSettings)
        register("tape", "nowhere_at_all:make", Options)

    @hookimpl
    def register_receivers(register: Register) -> None:
        register("http", "nowhere_at_all:make", HttpReceiver)
        register("pipe", "nowhere_at_all:make", Options)

    @hookimpl
    def register_pricers(register: Register) -> None:
        register("rules", "nowhere_at_all:make", Rules)
        register("mine", "nowhere_at_all:make", Options)

    for hook in (register_sinks, register_logs, register_receivers, register_pricers):
        setattr(module, hook.__name__, hook)
    return plugins.load(modules={"offering": module}, only=())


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Options, ...]


def config(**sections: Any) -> Config:
    return msgspec.convert(sections, Config)


def test_sections_become_options_and_nothing_is_imported() -> None:
    sinks = {"box": {}, "mine": {"type": "box", "options": {"batch": 3}}, "bare": {}}
    box, mine, bare = components(SINK, installed(), config(sinks=sinks))
    assert (box.options, mine.options) == (Options(7), Options(3))
    assert (mine.name, mine.where, bare.registration.name) == ("mine", "sinks.mine.options", "bare")
    assert "nowhere_at_all" not in sys.modules


def test_what_is_not_enabled_is_not_looked_at() -> None:
    assert components(SINK, installed(), config(sinks={"nobody": {"enabled": False}})) == []
    assert (
        components(RECEIVER, installed(), config(receiver={"http": {"enabled": False}, "grpc": {"enabled": False}}))
        == []
    )


def test_a_section_of_our_own_is_the_options_itself() -> None:
    (log,) = components(LOG, installed(), config(log={"segment_bytes": 9}))
    assert (log.registration.name, log.options) == ("file", LogSettings(segment_bytes=9))
    (log,) = components(LOG, installed(), config(log={"type": "tape", "options": {"batch": 2}}))
    assert (log.registration.name, log.options) == ("tape", Options(2))


def test_receivers_of_plugins_stand_beside_the_built_in_ones() -> None:
    section = {"receiver": {"grpc": {"enabled": False}}, "receivers": {"pipe": {"options": {"batch": 1}}}}
    http, pipe = components(RECEIVER, installed(), config(**section))
    assert (http.name, http.options, pipe.name, pipe.options) == ("http", HttpReceiver(), "pipe", Options(1))
    with pytest.raises(ConfigError, match=r"'http' \(at receivers.http\).*\[receiver.http\]"):
        components(RECEIVER, installed(), config(receivers={"http": {"type": "pipe"}}))


def test_own_prices_come_first() -> None:
    pricing = {"pricers": ["mine"], "rules": [{"batch": 1}], "options": {"mine": {"batch": 4}}}
    rules, mine = components(PRICER, installed(), config(pricing=pricing))
    assert (rules.options, mine.options) == (Rules((Options(1),)), Options(4))
    with pytest.raises(ConfigError, match=r"pricing\.rules\[0\]\.batch"):
        components(PRICER, installed(), config(pricing=pricing | {"rules": [{"batch": "x"}]}))
    with pytest.raises(ConfigError, match=r"one of: mine, got 'mein' \(at pricing.options.mein\)"):
        components(PRICER, installed(), config(pricing=pricing | {"options": {"mein": {}}}))


@pytest.mark.parametrize(
    ("section", "error", "said"),
    [
        ({"type": "bax"}, PluginError, "a sink out of: box, bare.*'bax'.*at sinks.mine.type"),
        ({"type": "box", "options": {"bach": 1}}, ConfigError, "batch.*bach.*at sinks.mine.options"),
        ({"type": "bare", "options": {"x": 1}}, ConfigError, "none.*sinks.mine.options"),
    ],
)
def test_a_wrong_section_names_key_and_repair(section: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        components(SINK, installed(), config(sinks={"mine": section}))


def test_a_section_is_named_like_a_file() -> None:
    with pytest.raises(ConfigError, match="rename the section"):
        components(SINK, installed(), config(sinks={"../box": {"type": "box"}}))


def test_a_log_that_nobody_offers_is_named() -> None:
    with pytest.raises(PluginError, match="a log out of: file, tape, got 'kafka' .*log.type"):
        components(LOG, installed(), config(log={"type": "kafka"}))


def test_a_factory_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(PluginError, match="nowhere_at_all"):
        build(SINK, installed(), config(sinks={"box": {}}), Hosts())


class Half:
    async def start(self) -> None:
        raise AssertionError

    @property
    def limits(self) -> None:
        raise AssertionError("asked before it is started")


class Before:
    def __getattr__(self, name: str) -> None:
        raise AssertionError


def test_what_is_no_component_of_its_role_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("nowhere_at_all")
    monkeypatch.setitem(sys.modules, "nowhere_at_all", module)
    module.make = lambda options, host: Half()  # type: ignore[attr-defined]
    with pytest.raises(PluginError, match="a sink with write, stop, got a Half without .*nowhere_at_all:make"):
        build(SINK, installed(), config(sinks={"box": {}}), Hosts())
    module.make = lambda options, host: Before()  # type: ignore[attr-defined]
    assert len(build(SINK, installed(), config(sinks={"box": {}}), Hosts())) == 1


def test_a_folder_that_can_be_made_is_fine_and_a_file_is_not(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b", "server.data_dir")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="no folder.*server.data_dir"):
        check_folder(tmp_path / "file" / "x", "server.data_dir")


def test_variables_reach_sections_that_the_user_names() -> None:
    environ = {
        "LLM_OBS_SINKS__LAKE__OPTIONS__PATH": "/x",
        "LLM_OBS_SINKS__LAKE__WORKER__RETRY_MAX_S": "2",
        "LLM_OBS_READERS__LAKE__ENABLED": "false",
        "LLM_OBS_PRICING__OPTIONS__BUNDLED__X": "1",
    }
    config = load(environ=environ)
    assert config.sinks["lake"].options == {"path": "/x"}
    assert config.sinks["lake"].worker.retry_max_s == 2
    assert not config.readers["lake"].enabled
    with pytest.raises(ConfigError, match="LLM_OBS_SINKS__LAKE__WORKER__RETRY"):
        load(environ={"LLM_OBS_SINKS__LAKE__WORKER__RETRY": "2"})
