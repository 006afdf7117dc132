"""RE2 expressions. The library comes with the distributions that evaluate filters, an application does not need it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from llm_obs_core.errors import LlmObsError

__all__ = ["compiled"]


def compiled(expression: str, where: str = "filter.value") -> Callable[[str], bool]:
    """Says whether an expression is found anywhere in a text.

    Raises:
        LlmObsError: It is no RE2 expression.
    """
    try:
        return _compiled(expression)
    except ValueError as error:
        raise LlmObsError(
            "an RE2 expression", got=f"{expression[:100]!r}: {error}", where=where,
            fix="correct it; RE2 has no look-around and no back-references",
        ) from None  # fmt: skip


@lru_cache(maxsize=64)
def _compiled(expression: str) -> Callable[[str], bool]:
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        pattern = re2.compile(expression, options)
    except re2.error as error:
        cause = error.args[0] if error.args else error
        raise ValueError(cause.decode(errors="replace") if isinstance(cause, bytes) else str(cause)) from None
    return lambda text: pattern.search(text) is not None
