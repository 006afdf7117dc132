"""The one current client: what `init` makes and `shutdown` ends."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from dataclasses import replace
from typing import Any

from llm_obs_core import semconv
from llm_obs_core.errors import ConfigError, StoreError
from llm_obs_core_ext.pending import Pending
from llm_obs_core_ext.spanqueue import SpanQueue

from llm_obs_sdk import sampling
from llm_obs_sdk.delivery import Delivery
from llm_obs_sdk.guard import Guard
from llm_obs_sdk.instrumentors import Instrumentors
from llm_obs_sdk.ledger import FlushResult
from llm_obs_sdk.options import resolve
from llm_obs_sdk.recorder import Recorder
from llm_obs_sdk.threads import Carrier

__all__ = ["Client", "current", "flush", "init", "shutdown"]

log = logging.getLogger("llm_obs.sdk")


class Client:
    """A tracer provider (our own, or the application's that we attach to), its delivery and its instrumentors.

    Args:
        options: As `llm_obs_sdk.options.resolve` returns them.
        tracer_provider: An OpenTelemetry SDK provider to attach to; None makes our own.
        sampler: An OpenTelemetry `Sampler`; None uses `sample_rate`.
        plugins: Loaded plugins to find instrumentors in; None loads the installed ones.
    """

    def __init__(
        self, options: dict[str, Any], tracer_provider: Any = None, sampler: Any = None, plugins: Any = None
    ) -> None:
        from importlib.metadata import version as version_of  # slow to import; `import llm_obs` does without

        version = version_of("llm-obs-sdk")
        self.options = options
        self.guard = Guard()
        self._closed = False
        self._processor: Any = None
        self._pending: Pending | None = None
        threshold, chosen = sampling.choose(options["sample_rate"], sampler)
        try:
            self.delivery = Delivery(options, f"llm-obs-sdk/{version}")
        except StoreError as error:
            where, fix = f"init(spool_dir=): {error.where}", "make it writable for this process alone"
            raise ConfigError(error.expected, got=error.got, where=where, fix=fix) from None
        except ValueError as error:
            where = "init(api_key=, headers=)"
            raise ConfigError(
                str(error), got="a secret", where=where, fix="remove line breaks from the value"
            ) from None
        self.provider: Any
        if tracer_provider is None:
            from llm_obs_sdk.provider import Provider

            queue = self.delivery.queue
            self._pending = _pending(options, queue)
            resource = _resource(options, version)
            self.provider = Provider(queue, resource, threshold, chosen, pending=self._pending)
        else:
            from llm_obs_sdk.processor import attach

            self.provider = tracer_provider
            # OTEL_TRACES_SAMPLER is the provider's business there; only a rate of our own counts.
            rate = options["sample_rate"]
            floor = 0 if rate is None else sampling.threshold(rate)
            self._processor = attach(tracer_provider, self.delivery.queue, floor)
        self.tracer = self.provider.get_tracer("llm_obs", version)
        self.recorder = Recorder(self.tracer, options["capture_content"], self.guard)
        self._carrier = Carrier(options["carry_context"])
        self._instrumentors = Instrumentors(
            self.recorder, options["instrument"], plugins, options["instrument_options"]
        )

    def start(self) -> None:
        """Instruments the libraries that the options name, and lets threads carry the context where they ask for it."""
        self._carrier.install()
        self._instrumentors.instrument()

    def wrapped(self) -> dict[str, dict[str, bool]]:
        """By instrumentor: each symbol and whether it is wrapped."""
        return self._instrumentors.wrapped()

    def flush(self, timeout_s: float = 5.0) -> FlushResult:
        """Delivers what has ended, within `timeout_s` seconds; see `FlushResult`."""
        return self._counted(self.delivery.flush(timeout_s))

    def ledger(self) -> FlushResult:
        """The ledger now, without waiting."""
        return self._counted(self.delivery.result(self.delivery.queue.queued == 0))

    def _counted(self, result: FlushResult) -> FlushResult:
        return result if self._pending is None else replace(result, pending=self._pending.spans)

    def shutdown(self, timeout_s: float = 5.0) -> FlushResult:
        """Takes the wrappers off, delivers what is left within `timeout_s` seconds and ends. May be called twice."""
        if not self._closed:
            self._closed = True
            self._instrumentors.uninstrument()
            self._carrier.remove()
            if self._processor is not None:
                self._processor.detach()
            if self._pending is not None:
                self._pending.close(time.time_ns())
        return self.delivery.stop(timeout_s)

    def after_fork(self) -> None:
        """Called in a forked child."""
        self.delivery.after_fork()
        if hasattr(self.provider, "after_fork"):
            self.provider.after_fork()


class _Holder:
    """The SDK's only global state: the current client."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self.lock = threading.Lock()
        self.hooked = False

    def hook(self) -> None:
        if not self.hooked:
            self.hooked = True
            atexit.register(self.at_exit)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self.after_fork)

    def at_exit(self) -> None:
        if self.client is not None:
            self.client.shutdown(self.client.options["exit_timeout_s"])

    def after_fork(self) -> None:
        self.lock = threading.Lock()
        if self.client is not None:
            self.client.after_fork()


_holder = _Holder()


def init(
    service_name: str | None = None,
    *,
    endpoint: str | None = None,
    api_key: str | None = None,
    environment: str | None = None,
    application: str | None = None,
    sample_rate: float | None = None,
    sampler: Any = None,
    instrument: Any = None,
    capture_content: bool | None = None,
    tracer_provider: Any = None,
    own_global: bool | None = None,
    plugins: Any = None,
    **options: Any,
) -> Client:
    """Starts the SDK and makes it the current client; a second call replaces the first cleanly.

    Nothing global is taken over unless `own_global` is true. Every other setting of `llm_obs_sdk.options.OPTIONS` is a
    keyword too; what is not given comes from the environment (`LLM_OBS_*`, then `OTEL_*`).

    Args:
        service_name: `service.name` of the resource.
        endpoint: Base URL of the collector.
        api_key: Sent as a bearer token.
        environment: `deployment.environment.name`.
        application: `llm_obs.application` of every span.
        sample_rate: Share of traces recorded, 0 to 1.
        sampler: An OpenTelemetry `Sampler` that decides instead of `sample_rate`.
        instrument: ``"auto"``, a list of instrumentors, or ``()``.
        capture_content: Whether prompts and answers are recorded.
        tracer_provider: An OpenTelemetry SDK provider to attach to instead of using our own.
        own_global: Whether to become OpenTelemetry's global provider.
        plugins: A loaded `llm_obs_core.plugins.Plugins` to take instrumentors from.
        **options: See the table.

    Raises:
        ConfigError: A value that cannot be used.
    """
    given = {
        "service_name": service_name,
        "endpoint": endpoint,
        "api_key": api_key,
        "environment": environment,
        "application": application,
        "sample_rate": sample_rate,
        "instrument": instrument,
        "capture_content": capture_content,
        "own_global": own_global,
        **options,
    }
    found = resolve(given)
    if found["disabled"]:
        found["instrument"] = found["carry_context"] = ()
        sample_rate, sampler, tracer_provider = 0.0, None, None
        found["sample_rate"] = 0.0
    with _holder.lock:
        previous, _holder.client = _holder.client, None
        if previous is not None:
            previous.shutdown(found["exit_timeout_s"])
        client = Client(found, tracer_provider, sampler, plugins)
        client.start()
        _holder.client = client
        _holder.hook()
    if found["own_global"] and tracer_provider is None:
        from opentelemetry import trace

        trace.set_tracer_provider(client.provider)
    return client


def current() -> Client | None:
    """The current client; None before `init` and after `shutdown`."""
    return _holder.client


def flush(timeout_s: float = 5.0) -> FlushResult:
    """`Client.flush` of the current client; an empty ledger when there is none."""
    client = _holder.client
    return client.flush(timeout_s) if client is not None else FlushResult(True, 0, 0, 0)


def shutdown(timeout_s: float = 5.0) -> FlushResult:
    """`Client.shutdown` of the current client, which then is no more."""
    with _holder.lock:
        client, _holder.client = _holder.client, None
    return client.shutdown(timeout_s) if client is not None else FlushResult(True, 0, 0, 0)


def _pending(options: dict[str, Any], queue: SpanQueue) -> Pending | None:
    """What waits for the rules that keep traces; None when nothing is rejected, or nothing could keep it."""
    rate = options["sample_rate"]
    rules = (options["keep_errors"], options["keep_slow_s"], options["keep_tokens"])
    if rate is None or rate >= 1.0 or options["disabled"] or not any(rules):
        return None
    return Pending(queue, *rules, options["pending_bytes"])


def _resource(options: dict[str, Any], version: str) -> Any:
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    values: dict[str, Any] = {
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "llm-obs",
        "telemetry.sdk.version": version,
        semconv.SERVICE_NAME: options["service_name"],
    }
    from_env = dict(OTELResourceDetector().detect().attributes)
    if options["service_name"] == "unknown_service:python":
        values.update(from_env)
    else:
        values.update({key: value for key, value in from_env.items() if key != semconv.SERVICE_NAME})
    if options["environment"]:
        values[semconv.DEPLOYMENT_ENVIRONMENT_NAME] = options["environment"]
    if options["application"]:
        values[semconv.APPLICATION] = options["application"]
    values.update(options["resource"])
    return Resource(values)
