"""The configuration: defaults, order of sources, errors that name the key and the repair."""

from pathlib import Path

import pytest
from llm_obs_core.config import Config, keys, load
from llm_obs_core.errors import ConfigError


def test_defaults_need_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(environ={}) == Config()


def test_every_key_says_what_it_means() -> None:
    assert [key.path for key in keys() if not key.doc] == []
    assert len({key.path for key in keys()}) == len(list(keys()))


def test_flags_beat_variables_beat_the_file(tmp_path: Path) -> None:
    file = tmp_path / "llm-obs.toml"
    file.write_text(
        "[receiver]\nmax_spans_per_request = 7\n"
        '[receiver.grpc]\nlisten = "127.0.0.1:1"\n[receiver.http]\nlisten = "127.0.0.1:2"\n'
    )
    environ = {"LLM_OBS_RECEIVER__GRPC__LISTEN": "127.0.0.1:3", "LLM_OBS_RECEIVER__HTTP__LISTEN": "127.0.0.1:4"}
    config = load(file, environ=environ, overrides={"receiver.grpc.listen": "127.0.0.1:5"})
    assert config.receiver.grpc.listen == "127.0.0.1:5"
    assert config.receiver.http.listen == "127.0.0.1:4"
    assert config.receiver.max_spans_per_request == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[receiver.htp]\n", ["receiver.htp", "did you mean receiver.http"]),
        ("[log]\nsegment_bytes = 'big'\n", ["log.segment_bytes", "int"]),
        ("[log]\nsegment_bytes = 0\n", ["log.segment_bytes", ">= 1"]),
        ("[receiver.grpc]\nlisten = 'everywhere'\n", ["receiver.grpc.listen"]),
        ("[receiver.grpc\n", ["TOML"]),
    ],
)
def test_a_wrong_file_names_key_and_repair(tmp_path: Path, text: str, said: list[str]) -> None:
    file = tmp_path / "llm-obs.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, environ={})
    for part in [*said, "llm-obs.toml"]:
        assert part in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match="nowhere.toml"):
        load("nowhere.toml", environ={})


def test_an_unknown_variable_is_refused() -> None:
    with pytest.raises(ConfigError, match="LLM_OBS_RECEIVER__GRPC__LISTN.*did you mean receiver.grpc.listen"):
        load(environ={"LLM_OBS_RECEIVER__GRPC__LISTN": "x"})
