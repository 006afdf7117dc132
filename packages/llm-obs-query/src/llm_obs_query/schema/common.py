"""Types that several answers share."""

from __future__ import annotations

import strawberry

from llm_obs_query.schema.scalars import Int64

__all__ = ["Coverage", "PageInfo", "ValueCount"]


@strawberry.type
class PageInfo:
    """How a list goes on."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class ValueCount:
    """Rows: `llm_obs_core.interfaces.ValueCount`."""

    value: str
    requests: Int64


@strawberry.type
class Coverage:
    """Rows: `llm_obs_core.interfaces.Coverage`."""

    sources: list[str] = strawberry.field(description="The readers that answered, by their names in the configuration.")
    tiers: list[str]
    basis: str = strawberry.field(description="exact or weighted.")
    fresh_to_ns: Int64 | None = strawberry.field(
        description="Everything received up to this Unix time, nanoseconds, is in the answer; null when unknown."
    )
    damaged: list[str] = strawberry.field(
        description="Parts of the stores that cannot be read: what they hold is missing in the answer."
    )
