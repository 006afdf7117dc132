"""What a component is given, and what a process that has it not says."""

import logging
from pathlib import Path

import pytest
from llm_obs_core.config import Server
from llm_obs_core.errors import PluginError
from llm_obs_core.host import Hosts
from llm_obs_core.metrics import PRICE_TABLE


def test_a_host_says_what_the_process_is() -> None:
    hosts = Hosts(Server(data_dir="/data", writer="w1"), key_of=lambda tenant: tenant.encode())
    host = hosts("sink", "lake")
    assert (host.name, host.data_dir, host.writer) == ("lake", Path("/data"), "w1")
    assert host.tenant_key("a") == b"a"


def test_a_process_without_a_folder_or_a_secret_says_so() -> None:
    host = Hosts()("instrumentor", "openai")
    for ask in (lambda: host.data_dir, lambda: host.writer, lambda: host.tenant_key("a")):
        with pytest.raises(
            PluginError, match=r"a process with .*, got one without \(at openai\); use the component in"
        ):
            ask()


def test_events_go_to_python_s_logging_with_the_component_s_name(caplog: pytest.LogCaptureFixture) -> None:
    logger = Hosts()("instrumentor", "openai").logger
    with caplog.at_level(logging.DEBUG, "llm_obs"):
        logger.debug("looked", at=1)
        logger.info("done")
        logger.warning("odd", why="so")
        logger.error("failed", exc_info=ValueError("x"))
    assert [(item.name, item.levelname, item.getMessage()) for item in caplog.records] == [
        ("llm_obs.instrumentor", "DEBUG", "openai: looked at=1"),
        ("llm_obs.instrumentor", "INFO", "openai: done"),
        ("llm_obs.instrumentor", "WARNING", "openai: odd why=so"),
        ("llm_obs.instrumentor", "ERROR", "openai: failed"),
    ]
    assert caplog.records[-1].exc_info is not None


def test_metrics_may_be_registered_where_none_are_exported() -> None:
    Hosts()("pricer", "bundled").metrics.register(PRICE_TABLE)(1.0)


async def test_the_clock_is_the_process_s_own() -> None:
    clock = Hosts()("sink", "lake").clock
    before, day_ns = clock.now(), clock.time_ns()
    await clock.sleep(0)
    assert clock.now() >= before
    assert day_ns > 10**18
