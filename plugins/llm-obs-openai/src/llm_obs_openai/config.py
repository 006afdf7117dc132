"""The options of the instrumentor `openai`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["OpenAIOptions"]


class OpenAIOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the instrumentor `openai`."""

    providers: Annotated[
        dict[str, str],
        Meta(
            description="Host of a base URL (`gateway.example`, or with its port) to gen_ai.provider.name, before the "
            "built-in table: for gateways and proxies, whose provider nobody else can know."
        ),
    ] = {}
