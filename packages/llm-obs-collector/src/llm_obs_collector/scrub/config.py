"""The options of the scrubber `pii`: `[scrub.options.pii]`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from llm_obs_collector.scrub.patterns import DEFAULT

__all__ = ["PiiOptions"]


class PiiOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[scrub.options.pii]`."""

    builtin: Annotated[tuple[str, ...], Meta(description="Built-in patterns to look for.")] = DEFAULT
    patterns: Annotated[dict[str, str], Meta(description="Own patterns: a name and an RE2 expression.")] = {}
    style: Annotated[
        Literal["redact", "pseudonym"], Meta(description="[REDACTED:name], or [name:digest], equal for equal values.")
    ] = "redact"
    key: Annotated[str, Meta(description="Key of pseudonyms, at least 16 bytes.")] = ""
