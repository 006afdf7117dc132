"""The built-in patterns by name. What they are is written in `llm_obs_core_ext`'s `textscan_verify.h`."""

from __future__ import annotations

from typing import Final

from llm_obs_core_ext.textscan import PATTERNS

__all__ = ["BUILTIN", "DEFAULT"]

BUILTIN: Final = PATTERNS
"""What users write, and read in `[REDACTED:<name>]`."""

DEFAULT: Final = tuple(name for name in BUILTIN if name not in ("ipv4", "mac_address"))
"""What the scrubber `pii` looks for unless told otherwise: addresses of machines are rarely a person's."""
