"""Browsers that have shown a key: a random token in a cookie, what it may do in memory."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from llm_obs_core.interfaces import Principal

__all__ = ["COOKIE", "LIFETIME_S", "Sessions"]

COOKIE: Final = "llm_obs_session"
LIFETIME_S: Final = 12 * 3600
MOST: Final = 10_000
"""Sessions that are kept; the oldest goes first."""


class Sessions:
    """The sessions of one process; a restart ends them all.

    Args:
        now: Seconds that only go up.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: OrderedDict[bytes, tuple[Principal, float]] = OrderedDict()

    def begin(self, principal: Principal) -> str:
        """The token of a new session."""
        token = secrets.token_urlsafe(32)
        self._known[_digest(token)] = (principal, self._now() + LIFETIME_S)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return token

    def get(self, token: str) -> Principal | None:
        """Whose token it is, None when it is unknown or has ended."""
        found = self._known.get(_digest(token))
        if found is None:
            return None
        principal, ends = found
        if self._now() >= ends:
            self.end(token)
            return None
        return principal

    def end(self, token: str) -> Principal | None:
        """Ends a session. Returns whose it was, None when there is none."""
        found = self._known.pop(_digest(token), None)
        return None if found is None else found[0]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
