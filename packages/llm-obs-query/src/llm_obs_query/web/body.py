"""Reading a body within its size and its time."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request

from llm_obs_query.errors import Code
from llm_obs_query.web.refusal import Refusal

__all__ = ["must_be_json", "read_body"]

TIMEOUT_S: Final = 10.0


def must_be_json(request: Request) -> None:
    """Refuses what a form of another site could send.

    Raises:
        Refusal: 415.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        got = media_type[:100] or "none"
        raise Refusal(415, f"expected Content-Type application/json, got {got}", Code.BAD_REQUEST)


async def read_body(request: Request, most: int, key: str = "") -> bytes:
    """The whole body.

    Args:
        request: Whose.
        most: Largest size, bytes.
        key: The configuration key of `most`, if it has one.

    Raises:
        Refusal: 413 when it is larger, 408 when it takes too long, 400 when it is cut.
    """
    body = bytearray()
    closing = {"Connection": "close"}
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    fix = f"; send less, or raise {key}" if key else ""
                    raise Refusal(413, f"expected a body of at most {most} bytes{fix}", Code.LIMIT_EXCEEDED, closing)
    except TimeoutError:
        raise Refusal(408, f"expected the whole body within {TIMEOUT_S:g} s", Code.BAD_REQUEST, closing) from None
    except ClientDisconnect:
        raise Refusal(400, "expected a whole body", Code.BAD_REQUEST, closing) from None
    return bytes(body)
