"""The llm-obs SDK: init, tracer, context, head sampling and delivery by OTLP.

Everything is loaded on first use, so that importing this package costs next to nothing.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as type checkers know it, without importing `typing` for it
if TYPE_CHECKING:
    from typing import Any

    from llm_obs_sdk.attribution import context
    from llm_obs_sdk.client import Client, current, flush, init, shutdown
    from llm_obs_sdk.ledger import FlushResult
    from llm_obs_sdk.propagation import extract, inject
    from llm_obs_sdk.recorder import Recorder
    from llm_obs_sdk.threads import carry
    from llm_obs_sdk.tracing import observe, span

__all__ = [
    "Client",
    "FlushResult",
    "Recorder",
    "carry",
    "context",
    "current",
    "extract",
    "flush",
    "init",
    "inject",
    "observe",
    "shutdown",
    "span",
]

_HOMES = {
    "Client": "client",
    "FlushResult": "ledger",
    "Recorder": "recorder",
    "carry": "threads",
    "context": "attribution",
    "current": "client",
    "extract": "propagation",
    "flush": "client",
    "init": "client",
    "inject": "propagation",
    "observe": "tracing",
    "shutdown": "client",
    "span": "tracing",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"llm_obs_sdk.{home}"), name)
    globals()[name] = value
    return value
