"""The APIs that can be imitated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llm_obs_testing.echo.api import Echo
from llm_obs_testing.imitation.api import Api
from llm_obs_testing.imitation.openai.api import OpenAI

__all__ = ["APIS"]

APIS: Final[Mapping[str, Api]] = {api.name: api for api in (OpenAI(), Echo())}
"""By name."""
