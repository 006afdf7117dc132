"""Reading the fields of requests and answers by a table, for instrumentors."""

from __future__ import annotations

from llm_obs_core_ext.fields import Fields

__all__ = ["Fields"]
