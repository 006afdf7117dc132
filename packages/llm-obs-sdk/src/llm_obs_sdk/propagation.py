"""W3C Trace Context in and out of carriers, through the propagators that `OTEL_PROPAGATORS` names."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextvars import Token
from typing import Any

from opentelemetry import context as otel
from opentelemetry import propagate

from llm_obs_sdk.attribution import detach

__all__ = ["extract", "inject"]


def inject(carrier: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Writes the current trace into a carrier such as HTTP headers, and returns it."""
    propagate.inject(carrier)
    return carrier


class extract:  # noqa: N801 - reads as a statement: `with llm_obs.extract(request.headers):`
    """Continues the trace of a carrier inside the block. Header names are matched in lower case too."""

    def __init__(self, carrier: Mapping[str, Any]) -> None:
        self.carrier = {**carrier, **{str(key).lower(): value for key, value in carrier.items()}}
        self._tokens: list[Token[otel.Context]] = []

    def __enter__(self) -> otel.Context:
        context = propagate.extract(self.carrier)
        self._tokens.append(otel.attach(context))
        return context

    def __exit__(self, *exc_info: object) -> None:
        detach(self._tokens.pop())
