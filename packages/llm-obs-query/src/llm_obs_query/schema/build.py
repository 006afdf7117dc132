"""Making the schema."""

from __future__ import annotations

import functools

import strawberry

from llm_obs_query.schema.root import Query
from llm_obs_query.schema.scalars import CONFIG

__all__ = ["build"]


@functools.cache
def build() -> strawberry.Schema:
    """The one schema; takes some ten milliseconds the first time."""
    return strawberry.Schema(query=Query, config=CONFIG)
