"""Reading the fields of requests and answers by a table, and the template of a call's span, for instrumentors."""

from __future__ import annotations

from llm_obs_core_ext.fields import Always, Each, Fields, Part
from llm_obs_core_ext.template import CallTemplate

__all__ = ["Always", "CallTemplate", "Each", "Fields", "Part"]
