"""Observability for applications that call large language models: the SDK's names, loaded when they are used."""

from __future__ import annotations

TYPE_CHECKING = False  # as type checkers know it; importing `typing` would be all that `import llm_obs` costs
if TYPE_CHECKING:
    from typing import Any

    from llm_obs_sdk import (
        Client,
        FlushResult,
        Recorder,
        carry,
        context,
        current,
        extract,
        flush,
        init,
        inject,
        observe,
        shutdown,
        span,
    )

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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import llm_obs_sdk

    return getattr(llm_obs_sdk, name)
