"""The scrubber `pii`: which patterns, and how a hit is written over."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from llm_obs_core.interfaces import ScrubRules
from msgspec import Meta

from llm_obs_collector.scrub.patterns import DEFAULT

__all__ = ["PiiOptions", "PiiScrubber", "make"]

VERSION = 2
"""Raised whenever a built-in pattern changes; stamped on log records."""


class PiiOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[scrub.options.pii]`."""

    builtin: Annotated[tuple[str, ...], Meta(description="Built-in patterns to look for.")] = DEFAULT
    patterns: Annotated[dict[str, str], Meta(description="Own patterns: a name and an RE2 expression.")] = {}
    style: Annotated[
        Literal["redact", "pseudonym"], Meta(description="[REDACTED:name], or [name:digest], equal for equal values.")
    ] = "redact"
    key: Annotated[str, Meta(description="Key of pseudonyms, at least 16 bytes.")] = ""


def make(options: PiiOptions) -> PiiScrubber:
    """The factory of the scrubber `pii`."""
    return PiiScrubber(options)


class PiiScrubber:
    """A declarative `Scrubber`.

    Args:
        options: `[scrub.options.pii]`.
    """

    def __init__(self, options: PiiOptions) -> None:
        self._options = options

    def rules(self) -> ScrubRules:
        """The options as rules."""
        options = self._options
        return ScrubRules(
            VERSION, options.builtin, tuple(options.patterns.items()), options.style, options.key.encode()
        )
