"""Options of what this distribution offers, as a user writes them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["MemoryLogOptions"]

Quota = Annotated[int, Meta(ge=0)]


class MemoryLogOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the log `memory`."""

    max_items: Annotated[Quota | None, Meta(description="Items that `accepted` holds at most.")] = None
    max_bytes: Annotated[Quota | None, Meta(description="Bytes of payload that `accepted` holds at most.")] = None
