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
        ("[log]\nsegment_bytes = 'big'\n", ["log.segment_bytes", "an integer, got 'big'"]),
        ("[log]\nsegment_bytes = 0\n", ["log.segment_bytes", "at least 1, got 0"]),
        ("[log]\nmax_bytes = 99999999999999999999\n", ["log.max_bytes", "at most 9,223,372,036,854,775,807"]),
        ("[log]\ncodec = 'lzw'\n", ["log.codec", "one of none, zstd, got 'lzw'"]),
        ("[receiver.http]\nbody_timeout_s = inf\n", ["receiver.http.body_timeout_s", "at most 1,000,000,000", "inf"]),
        ("[receiver.http]\nbody_timeout_s = 0\n", ["more than 0"]),
        ("[receiver.http]\nenabled = 'maybe'\n", ["receiver.http.enabled", "a boolean, got 'maybe'"]),
        ("[query]\nlisten = '127.0.0.1:65536'\n", ["query.listen", "host:port"]),
        ("[server]\ndata_dir = ''\n", ["server.data_dir", "name of a folder"]),
        ('[server]\ndata_dir = "a\\u0000b"\n', ["server.data_dir"]),
        ("server = 'x'\n", ["server", "a section"]),
        ("[sinks]\nlake = 'x'\n", ["sinks.lake", "a section"]),
        ("[sinks.lake.worker]\ntimeout_s = 0\n", ["sinks.lake.worker.timeout_s", "more than 0"]),
        ("[sinks.lake.workers]\ntimeout_s = 0\n", ["sinks.lake.workers"]),
        ("[scrub.options]\npii = 1\n", ["scrub.options.pii"]),
        ("[[auth.keys]]\nid = 'a'\n", ["auth.keys[0].sha256", "no default"]),
        (
            "[[auth.keys]]\nid = 'a'\nsha256 = 'not yet hashed'\n",
            ["auth.keys[0].sha256", "64 hexadecimal", "not shown"],
        ),
        ("[[auth.keys]]\nid = 'a'\nkey = 'secret'\n", ["auth.keys[0].key", "one of: id, sha256"]),
        (f"x = {'[' * 5000}\n", ["TOML"]),
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


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "llm-obs.toml"
    file.write_text("[[auth.keys]]\nid = 'a'\nsha256 = 'sk-not-yet-hashed'\n")
    with pytest.raises(ConfigError) as caught:
        load(file, environ={})
    assert "sk-not" not in str(caught.value)


def test_files_of_other_editors(tmp_path: Path) -> None:
    file = tmp_path / "llm-obs.toml"
    file.write_bytes(b'\xef\xbb\xbf[server]\nwriter = "marked"\n')
    assert load(file, environ={}).server.writer == "marked"
    for data, said in ((b"[server]\xff", "save it as UTF-8"), ("[server]".encode("utf-16"), "save it as UTF-8")):
        file.write_bytes(data)
        with pytest.raises(ConfigError, match=said):
            load(file, environ={})
    with pytest.raises(ConfigError, match="can be read"):
        load(tmp_path, environ={})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LLM_OBS_QUERY__MAX_ROWS", "many", "an integer, got 'many' .at variable LLM_OBS_QUERY__MAX_ROWS"),
        ("LLM_OBS_QUERY__MAX_ROWS", "5\nx = 1", "at variable LLM_OBS_QUERY__MAX_ROWS"),
        ("LLM_OBS_QUERY__MAX_ROWS", "[" * 5000, "at variable LLM_OBS_QUERY__MAX_ROWS"),
        ("LLM_OBS_SINKS__LAKE__WORKER__RETRY_MAX_S", "-1", "at variable LLM_OBS_SINKS__LAKE__WORKER__RETRY_MAX_S"),
        ("LLM_OBS_SINKS__LAKE", "x", "at variable LLM_OBS_SINKS__LAKE"),
        ("LLM_OBS_AUTH__KEYS", '[{id="a"}]', r"auth.keys\[0\].sha256"),
        ("LLM_OBS__", "x", "a variable for a key"),
        ("LLM_OBS_SERVER__", "x", "a variable for a key"),
        ("LLM_OBS___", "x", "a variable for a key"),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(environ={name: value})


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match="nowhere.toml"):
        load("nowhere.toml", environ={})


def test_an_unknown_variable_is_refused() -> None:
    with pytest.raises(ConfigError, match="LLM_OBS_RECEIVER__GRPC__LISTN.*did you mean receiver.grpc.listen"):
        load(environ={"LLM_OBS_RECEIVER__GRPC__LISTN": "x"})
