"""Who a span belongs to: attributes that every span below gets, as far as the OpenTelemetry context goes.

They live in that context under a key of their own, never in baggage: nothing of them leaves the process in a header.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import Token
from typing import Any

from llm_obs_core import semconv
from opentelemetry import context as otel

__all__ = ["ATTRIBUTES_KEY", "context", "current_attributes"]

ATTRIBUTES_KEY = "llm_obs.attributes"


def current_attributes(ctx: otel.Context | None = None) -> tuple[tuple[str, Any], ...]:
    """The (key, value) pairs that a span started now gets."""
    found = otel.get_value(ATTRIBUTES_KEY, ctx)
    return found if isinstance(found, tuple) else ()


class context:  # noqa: N801 - reads as a statement: `with llm_obs.context(user="ann"):`
    """Gives every span started inside the block the named attributes, on top of those of an outer block.

    Spans of other libraries get them too when the SDK is attached to their tracer provider. Use it around what happens
    without a `yield` to foreign code in between.

    Args:
        user: `user.id`.
        session: `gen_ai.conversation.id`.
        application: `llm_obs.application`.
        tags: `llm_obs.tags`.
        metadata: `llm_obs.metadata.<key>` each.
        attributes: More attributes under their own names.
    """

    def __init__(
        self,
        *,
        user: str | None = None,
        session: str | None = None,
        application: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        pairs: dict[str, Any] = {}
        if user is not None:
            pairs[semconv.USER_ID] = user
        if session is not None:
            pairs[semconv.CONVERSATION_ID] = session
        if application is not None:
            pairs[semconv.APPLICATION] = application
        if tags is not None:
            pairs["llm_obs.tags"] = tuple(tags)
        for key, value in (metadata or {}).items():
            pairs[f"llm_obs.metadata.{key}"] = value
        pairs.update(attributes or {})
        self._pairs = pairs
        self._tokens: list[Token[otel.Context]] = []

    def __enter__(self) -> None:
        merged = {**dict(current_attributes()), **self._pairs}
        self._tokens.append(otel.attach(otel.set_value(ATTRIBUTES_KEY, tuple(merged.items()))))

    def __exit__(self, *exc_info: object) -> None:
        detach(self._tokens.pop())


def detach(token: Token[otel.Context]) -> None:
    """Detaches, without OpenTelemetry's log line when the block is left in another context than it was entered in."""
    try:
        otel._RUNTIME_CONTEXT.detach(token)
    except (ValueError, RuntimeError):  # a generator closed by another task: its context is gone with its values
        return
