"""One call, several spans: a framework claims what the provider's client does inside its own span.

Who counts is settled between the spans as they end, in whatever order and whichever requests they are sent in. The
rules are those of the collector (`llm_obs_core.normalizer.roles`), which sees the spans of one request only:

- A call inside that has usage counts, and so does one that failed: it is an attempt. One without usage is a
  `duplicate`: the claiming span reports what there is.
- The claiming span is a `rollup` when a call inside had usage; when it has no usage itself and a call inside counts, or
  is still under way and will count. Else it counts.
- A call inside that ends when the claiming span has counted already is a `duplicate`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from llm_obs_core import semconv
from opentelemetry import context as otel
from opentelemetry import trace as api

from llm_obs_sdk.attribution import detach
from llm_obs_sdk.handles import CallHandle

__all__ = ["Claim", "Role", "claiming", "inside", "used"]

KEY: Final = "llm_obs.claim"

used = False
"""Whether anything was ever claimed in this process: as long as not, nobody looks into the context."""


class Claim:
    """What is known of the calls inside one claiming span.

    Args:
        embeds: Whether they are embeddings; others are claimed apart.
        above: The claim around it.
    """

    def __init__(self, embeds: bool, above: Claim | None) -> None:
        self.embeds = embeds
        self.above = above
        self._lock = threading.RLock()  # a stream may be freed, and end, while this thread holds it
        self._open = 0
        self._counted = False  # a call inside is a leaf
        self._used = False  # … with usage
        self._settled: str | None = None  # the claiming span's role, once it has ended

    def begun(self) -> None:
        """A call inside has begun."""
        with self._lock:
            self._open += 1

    def ended_inside(self, *, has_usage: bool, failed: bool, is_rollup: bool) -> str | None:
        """A call inside ends: the role that it must say, None for none."""
        with self._lock:
            self._open -= 1
            if is_rollup:  # what is inside of it counts
                self._counted = self._used = True
                return None
            if self._settled == "leaf" or (self._settled is None and not has_usage and not failed):
                return "duplicate"
            self._counted = True
            self._used = self._used or has_usage
            return None

    def ended(self, *, has_usage: bool) -> str | None:
        """The claiming span ends: the role that it must say, None for none."""
        with self._lock:
            elsewhere = self._used or (not has_usage and (self._counted or self._open > 0))
            self._settled = "rollup" if elsewhere else "leaf"
        return "rollup" if elsewhere else None


class Role:
    """A call's part in claims.

    Attributes:
        inside: The claim that it is inside of.
        own: The claim that it makes.
    """

    __slots__ = ("inside", "own")

    def __init__(self, inside: Claim | None = None) -> None:
        self.inside = inside
        self.own: Claim | None = None

    def settle(self, span: api.Span) -> None:
        """Says on the span that ends what it is, where it does not count."""
        attributes = getattr(span, "attributes", None) or {}
        has_usage = semconv.USAGE_INPUT_TOKENS in attributes or semconv.USAGE_OUTPUT_TOKENS in attributes
        role = None if self.own is None else self.own.ended(has_usage=has_usage)
        if self.inside is not None:
            failed = semconv.ERROR_TYPE in attributes
            said = self.inside.ended_inside(has_usage=has_usage, failed=failed, is_rollup=role is not None)
            role = role or said
        if role is not None:
            span.set_attribute(semconv.USAGE_ROLE, role)


def inside(operation: str) -> Role | None:
    """The part of a call that begins now; None when nobody has claimed it."""
    embeds = operation == "embeddings"
    claim = otel.get_value(KEY)
    while isinstance(claim, Claim) and claim.embeds != embeds:
        claim = claim.above
    if not isinstance(claim, Claim):
        return None
    claim.begun()
    return Role(claim)


@contextmanager
def claiming(call: CallHandle, operation: str) -> Iterator[None]:
    """A block in which calls are `call` once more, and their spans are inside its span."""
    global used
    used = True
    above = otel.get_value(KEY)
    claim = Claim(operation == "embeddings", above if isinstance(above, Claim) else None)
    call.role = call.role or Role()
    call.role.own = claim
    token = otel.attach(otel.set_value(KEY, claim, api.set_span_in_context(call.span)))
    try:
        yield
    finally:
        detach(token)
