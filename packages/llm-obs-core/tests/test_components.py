"""Sections of the configuration become components: inheritance from [server], errors that name the key."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from llm_obs_core import hookimpl, plugins
from llm_obs_core.components import check_folder, configured
from llm_obs_core.config import Server, Sink, load
from llm_obs_core.errors import ConfigError, PluginError
from llm_obs_core.plugins import Plugins, Register


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    data_dir: str = ""
    batch: int = 7


def installed() -> Plugins:
    module = ModuleType("offering")

    @hookimpl
    def register_sinks(register: Register) -> None:
        register("box", "nowhere_at_all:make", Options)
        register("bare", "nowhere_at_all:make")

    module.register_sinks = register_sinks  # type: ignore[attr-defined]
    return plugins.load(modules={"offering": module}, only=())


SERVER = Server(data_dir="/data", writer="w1")


def test_options_inherit_the_data_dir_unless_they_set_it() -> None:
    sections = {"box": Sink(), "mine": Sink(type="box", options={"data_dir": "/other", "batch": 3}), "bare": Sink()}
    box, mine, bare = configured(installed(), "sink", sections, SERVER)
    assert box.options == Options("/data", 7)
    assert mine.options == Options("/other", 3)
    assert (mine.name, mine.where, bare.registration.name) == ("mine", "sinks.mine", "bare")
    assert "nowhere_at_all" not in sys.modules


def test_what_is_not_enabled_is_not_looked_at() -> None:
    assert configured(installed(), "sink", {"nobody": Sink(enabled=False)}, SERVER) == []


@pytest.mark.parametrize(
    ("section", "error", "said"),
    [
        (Sink(type="bax"), PluginError, "a sink out of: box, bare.*'bax'.*at sinks.mine.type"),
        (Sink(type="box", options={"bach": 1}), ConfigError, "data_dir, batch.*bach.*at sinks.mine.options"),
        (Sink(type="bare", options={"x": 1}), ConfigError, "none.*sinks.mine.options"),
    ],
)
def test_a_wrong_section_names_key_and_repair(section: Sink, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        configured(installed(), "sink", {"mine": section}, SERVER)


def test_a_section_is_named_like_a_file() -> None:
    with pytest.raises(ConfigError, match="rename the section"):
        configured(installed(), "sink", {"../box": Sink(type="box")}, SERVER)


def test_a_factory_that_cannot_be_imported_is_named() -> None:
    (box,) = configured(installed(), "sink", {"box": Sink()}, SERVER)
    with pytest.raises(PluginError, match="nowhere_at_all"):
        box.make()


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
