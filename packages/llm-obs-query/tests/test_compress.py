"""Large answers to other machines are compressed, and only those."""

from __future__ import annotations

import gzip

import pytest
from llm_obs_query.web.compress import LEAST_BYTES, answered
from starlette.requests import Request

LARGE = b'{"data": ' + b'"span" ' * LEAST_BYTES + b"}"


def request(client: str, accept: str | None) -> Request:
    headers = [] if accept is None else [(b"accept-encoding", accept.encode())]
    return Request({"type": "http", "client": (client, 4), "headers": headers})


@pytest.mark.parametrize(
    ("client", "accept", "body", "compressed"),
    [
        ("192.0.2.1", "gzip, deflate, br", LARGE, True),
        ("2001:db8::1", "br;q=1.0, GZIP;q=0.8", LARGE, True),
        ("192.0.2.1", "*", LARGE, True),
        ("192.0.2.1", "gzip;q=0", LARGE, False),
        ("192.0.2.1", "br", LARGE, False),
        ("192.0.2.1", None, LARGE, False),
        ("192.0.2.1", "gzip", b"{}", False),
        ("127.0.0.1", "gzip", LARGE, False),
        ("::1", "gzip", LARGE, False),
    ],
)
async def test_what_is_compressed(client: str, accept: str | None, body: bytes, compressed: bool) -> None:
    response = await answered(request(client, accept), body, 200, {"Content-Type": "application/json"})
    assert (response.headers.get("content-encoding") == "gzip") == compressed
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["content-type"] == "application/json"
    given = bytes(response.body)
    assert int(response.headers["content-length"]) == len(given)
    assert (gzip.decompress(given) if compressed else given) == body
