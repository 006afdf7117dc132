"""Noticing that an HTTP response is closed: whatever closes a stream or a raw answer closes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["hook", "unhook"]


def hook(response: Any, notice: Callable[[Any], None]) -> None:
    """Calls `notice` with the response after each of its closes, until `unhook`. `notice` must not raise."""
    close, aclose = response.close, response.aclose

    def closing() -> None:
        try:
            close()
        finally:
            notice(response)

    async def closing_async() -> None:
        try:
            await aclose()
        finally:
            notice(response)

    response.close, response.aclose = closing, closing_async


def unhook(response: Any) -> None:
    """Makes the response what it was."""
    vars(response).pop("close", None)
    vars(response).pop("aclose", None)
