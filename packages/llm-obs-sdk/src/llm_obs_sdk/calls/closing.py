"""Noticing that an HTTP response is closed: whatever closes a stream or a raw answer closes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["hook", "unhook"]


def hook(response: Any, notice: Callable[[Any], None]) -> None:
    """Calls `notice` with the response after each of its closes, until `unhook`. `notice` must not raise."""
    close: Callable[[], Any] | None = getattr(response, "close", None)
    aclose: Callable[[], Awaitable[Any]] | None = getattr(response, "aclose", None)

    if close is not None:

        def closing(inner: Callable[[], Any] = close) -> None:
            try:
                inner()
            finally:
                notice(response)

        response.close = closing
    if aclose is not None:

        async def closing_async(inner: Callable[[], Awaitable[Any]] = aclose) -> None:
            try:
                await inner()
            finally:
                notice(response)

        response.aclose = closing_async


def unhook(response: Any) -> None:
    """Makes the response what it was."""
    vars(response).pop("close", None)
    vars(response).pop("aclose", None)
