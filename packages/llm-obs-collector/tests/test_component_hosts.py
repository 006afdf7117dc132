"""Components of the collector: a receiver of a plugin, metrics of their own, a factory that is not one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from feeding import Box, plugins_with_boxes
from llm_obs_collector.component_metrics import ComponentMetrics
from llm_obs_collector.receivers.host import ReceiverHost
from llm_obs_collector.server import Collector
from llm_obs_core import hookimpl, plugins
from llm_obs_core.config import Config
from llm_obs_core.errors import ConfigError, PluginError
from llm_obs_core.interfaces import Consumer, Context
from llm_obs_core.metrics import Metric
from llm_obs_core.model import RecordKind
from llm_obs_core.plugins import NoOptions, Plugins, Register
from llm_obs_testing.otlp import request
from llm_obs_testing.spans import make_span
from prometheus_client import CollectorRegistry, generate_latest

RECEIVED = Metric("llm_obs_pipe_requests", "counter", ("component", "result"), "Requests through the pipe.")


class Pipe:
    """A receiver that is handed requests by a test."""

    address = "pipe:0"

    def __init__(self, host: ReceiverHost) -> None:
        self.host = host
        self.count = host.metrics.register(RECEIVED)
        self.consumer: Consumer | None = None

    async def start(self, consumer: Consumer) -> None:
        self.consumer = consumer

    async def stop(self) -> None:
        self.consumer = None


PIPES: list[Pipe] = []


def make_pipe(options: NoOptions, host: ReceiverHost) -> Pipe:
    PIPES.append(Pipe(host))
    return PIPES[-1]


def make_old(options: NoOptions) -> Pipe:
    raise AssertionError("never called")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("pipes")
    module.__dict__.update(make_pipe=make_pipe, make_old=make_old)
    monkeypatch.setitem(sys.modules, "pipes", module)
    PIPES.clear()


def with_pipe(factory: str = "make_pipe") -> Plugins:
    module = ModuleType("offering")

    @hookimpl
    def register_receivers(register: Register) -> None:
        register("pipe", f"pipes:{factory}")

    module.register_receivers = register_receivers  # type: ignore[attr-defined]
    boxes = plugins_with_boxes(box=Box())
    own = plugins.load(only=(), modules={"piping": module})
    return Plugins([*boxes.loaded, *own.loaded], [*boxes.registrations, *own.registrations])


def config(root: Path, **sections: Any) -> Config:
    data = {
        "server": {"data_dir": str(root), "writer": "w1"},
        "receiver": {"http": {"listen": "127.0.0.1:0"}, "grpc": {"enabled": False}},
        "sinks": {"box": {}},
        "readers": {},
    }
    return msgspec.convert(data | sections, Config)


async def test_a_receiver_of_a_plugin_feeds_the_pipeline_and_counts(tmp_path: Path) -> None:
    collector = Collector(config(tmp_path, receivers={"mine": {"type": "pipe"}}), with_pipe())
    (pipe,) = PIPES
    assert (pipe.host.name, pipe.host.data_dir, pipe.host.writer) == ("mine", tmp_path, "w1")
    assert (pipe.host.authorizer.open, pipe.host.max_request_bytes) == (True, 64 * 1024 * 1024)
    assert pipe.consumer is None
    await collector.start()
    try:
        assert set(collector.addresses) == {"http", "mine"}
        assert pipe.consumer is not None
        outcome = await pipe.consumer.offer(request([make_span(1)]), Context("default", RecordKind.SPANS, 1))
        pipe.count(1, "taken")
        assert outcome.accepted == 1
        _, page = await collector.telemetry.metrics()
        assert b'llm_obs_pipe_requests_total{component="mine",result="taken"} 1.0' in page
        assert b'llm_obs_price_table_timestamp_seconds{component="bundled"}' in page
    finally:
        await collector.stop()


def test_the_key_of_a_tenant_is_the_same_at_every_start(tmp_path: Path) -> None:
    settings = config(tmp_path, receivers={"mine": {"type": "pipe"}})
    for _ in range(2):
        Collector(settings, with_pipe())
    assert list(tmp_path.iterdir()) == []  # nothing is made before somebody asks
    first, second = (pipe.host.tenant_key("a") for pipe in PIPES)
    assert first == second != PIPES[0].host.tenant_key("b")
    assert len(first) == 32


def test_a_plugin_with_the_old_factory_is_named_and_nothing_is_opened(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"factory\(options, host\), got make_old\(options.*plugin piping"):
        Collector(config(tmp_path, receivers={"pipe": {}}), with_pipe("make_old"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sections", "error", "said"),
    [
        ({"receivers": {"pip": {}}}, PluginError, "a receiver out of: .*pipe.*, got 'pip'"),
        ({"receivers": {"pipe": {"options": {"x": 1}}}}, ConfigError, "receivers.pipe.options"),
        ({"log": {"type": "kafka"}}, PluginError, "a log out of: file, got 'kafka'.*log.type"),
    ],
)
def test_a_wrong_section_is_named(tmp_path: Path, sections: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Collector(config(tmp_path, **sections), with_pipe())


def test_components_share_a_metric_and_are_told_apart() -> None:
    registry = CollectorRegistry()
    metrics = ComponentMetrics(registry)
    for name in ("a", "b"):
        metrics.of(name).register(RECEIVED)(2, "taken")
    metrics.of("a").register(Metric("m_seconds", "histogram", ("component",), "Time."))(0.5)
    page = generate_latest(registry).decode()
    assert page.count('result="taken"} 2.0') == 2
    assert 'm_seconds_count{component="a"} 1.0' in page


def test_a_metric_that_is_taken_or_of_nobody_is_refused() -> None:
    metrics = ComponentMetrics(CollectorRegistry())
    metrics.of("a").register(RECEIVED)
    with pytest.raises(PluginError, match=r"whose name is free, got counter .*; rename it"):
        metrics.of("b").register(RECEIVED._replace(kind="gauge"))
    with pytest.raises(PluginError, match="first label is `component`, got no label"):
        metrics.of("b").register(RECEIVED._replace(labels=()))
