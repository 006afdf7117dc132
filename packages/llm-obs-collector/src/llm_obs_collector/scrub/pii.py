"""The scrubber `pii`: which patterns, and how a hit is written over."""

from __future__ import annotations

from llm_obs_core.interfaces import Host, ScrubRules

from llm_obs_collector.scrub.config import PiiOptions

__all__ = ["PiiScrubber", "make"]

VERSION = 2
"""Raised whenever a built-in pattern changes; stamped on log records."""


def make(options: PiiOptions, host: Host) -> PiiScrubber:
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
