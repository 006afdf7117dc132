"""Large answers go compressed to other machines: what a waterfall of 10,000 spans is drawn from is 3.5 MB of JSON."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

__all__ = ["answered"]

LEAST_BYTES: Final = 32 * 1024
"""Smaller answers are not worth it."""
LEVEL: Final = 1
"""About 100 MB/s; higher levels take longer than most networks save."""


async def answered(request: Request, body: bytes, status: int, given: Mapping[str, str]) -> Response:
    """The answer with its headers, compressed when it is large, the client takes gzip, and is not on this machine."""
    headers = {**given, "Vary": "Accept-Encoding"}
    if len(body) >= LEAST_BYTES and _takes_gzip(request) and not _is_here(request):
        body = await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, status, headers)


def _takes_gzip(request: Request) -> bool:
    for item in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = item.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _is_here(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
