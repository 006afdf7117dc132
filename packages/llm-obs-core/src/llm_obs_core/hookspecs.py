"""The hooks of llm-obs. Each is called once at start-up with a `register` callable, never per span.

A plugin is a module named by an entry point of the group `llm_obs`. It implements the hooks it needs with
`llm_obs_core.hookimpl` and calls ``register(name, factory, options)``: the user's word for the component in the
configuration, a ``module:callable`` string that is imported only when the component is used, and the msgspec Struct of
its options. `llm_obs_core.plugins.Register` is the signature. The callable is a factory, called with the options and
the component's `llm_obs_core.interfaces.Host`; `llm_obs_core.interfaces` says what it returns, `llm_obs_core.roles`
which process calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from llm_obs_core.plugins import Register

PROJECT = "llm_obs"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_instrumentors(register: Register) -> None:
    """Offer `Instrumentor`s, which the SDK starts inside an application."""


@hookspec
def register_receivers(register: Register) -> None:
    """Offer `Receiver`s, which take requests in the collector. Their host is a `ReceiverHost`."""


@hookspec
def register_scrubbers(register: Register) -> None:
    """Offer `Scrubber`s, which run before anything reaches a disk."""


@hookspec
def register_normalizers(register: Register) -> None:
    """Offer `Normalizer`s, which turn foreign attribute names and values into the canonical ones."""


@hookspec
def register_pricers(register: Register) -> None:
    """Offer `Pricer`s, which know what a model costs."""


@hookspec
def register_logs(register: Register) -> None:
    """Offer `Log`s, which keep acknowledged requests until every sink has them."""


@hookspec
def register_sinks(register: Register) -> None:
    """Offer `Sink`s, which store batches read from the log."""


@hookspec
def register_readers(register: Register) -> None:
    """Offer `Reader`s, which answer the query API."""


@hookspec
def register_commands(register: Register) -> None:
    """Offer subcommands of `llm-obs`: factories that return a `click.Command`."""
