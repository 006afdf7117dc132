"""`POST /login` and `POST /logout`: a browser shows a key once and is known by its session from then on."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from llm_obs_query.errors import Code
from llm_obs_query.web.access import Access
from llm_obs_query.web.body import must_be_json, read_body
from llm_obs_query.web.refusal import Refusal
from llm_obs_query.web.sessions import COOKIE, LIFETIME_S

__all__ = ["Login"]

MAX_BODY_BYTES: Final = 4_096


class Shown(msgspec.Struct):
    """The body: the key that the page's form asked for."""

    key: str


class Login:
    """Begins and ends sessions; the form is the page's."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def sign_in(self, request: Request) -> Response:
        """Takes a key and answers with a cookie that no script can read."""
        must_be_json(request)
        try:
            shown = msgspec.json.decode(await read_body(request, MAX_BODY_BYTES), type=Shown)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Refusal(400, 'expected {"key": "…"}', Code.BAD_REQUEST) from None
        token = self._access.sign_in(request, shown.key.strip())
        response = Response(status_code=204)
        if token is not None:
            response.set_cookie(
                COOKIE, token, max_age=LIFETIME_S, httponly=True, samesite="strict", secure=_encrypted(request)
            )
        return response

    async def sign_out(self, request: Request) -> Response:
        """Ends the session."""
        self._access.sign_out(request)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_encrypted(request))
        return response


def _encrypted(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy before us."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
