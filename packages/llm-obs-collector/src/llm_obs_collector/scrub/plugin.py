"""What scrubbing offers to llm-obs, in the same way as a stranger's."""

from __future__ import annotations

import msgspec
from llm_obs_core.hookspecs import hookimpl
from llm_obs_core.plugins import Register

from llm_obs_collector.scrub.config import PiiOptions

__all__ = ["register_scrubbers"]


@hookimpl
def register_scrubbers(register: Register) -> None:
    """`pii`."""
    options: type[msgspec.Struct] = PiiOptions
    register("pii", "llm_obs_collector.scrub.pii:make", options, doc="Secrets and personal data, by pattern.")
