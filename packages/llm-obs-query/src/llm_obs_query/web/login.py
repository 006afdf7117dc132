"""`/login` and `/logout`: a browser shows a key once and is known by its session from then on."""

from __future__ import annotations

import base64
import hashlib
import html
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from llm_obs_query.web.access import Access
from llm_obs_query.web.body import read_body
from llm_obs_query.web.refusal import Refusal
from llm_obs_query.web.sessions import COOKIE, LIFETIME_S

__all__ = ["Login"]

MAX_FORM_BYTES: Final = 16 * 1024

STYLE: Final = (
    ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
    "body{display:grid;place-content:center;min-height:100vh;margin:0}"
    "form{display:grid;gap:.75rem;width:min(22rem,90vw)}h1{font-size:1.25rem;margin:0}"
    "input,button{font:inherit;padding:.5rem}[role=alert]{margin:0;color:light-dark(#b00020,#ff8a80)}"
)
POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FORM: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · llm-obs</title><style>{style}</style></head>
<body><form method="post" action="/login"><h1>llm-obs</h1>{alert}
<input type="hidden" name="next" value="{next}">
<label for="key">API key with scope read</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button></form></body></html>
"""


class Login:
    """The form and what it does."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def show(self, request: Request) -> Response:
        """The form; whoever is known already goes on."""
        following = _local(request.query_params.get("next", "/"))
        if self._access.principal(request) is not None:
            return RedirectResponse(following, 303)
        return _form(following)

    async def sign_in(self, request: Request) -> Response:
        """Takes a key and begins a session."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/x-www-form-urlencoded":
            return _form("/", "The form sends application/x-www-form-urlencoded.", 415)
        fields = parse_qs((await read_body(request, MAX_FORM_BYTES)).decode("utf-8", "replace"), max_num_fields=10)
        following = _local(fields.get("next", ["/"])[0])
        try:
            token = self._access.sign_in(fields.get("key", [""])[0].strip())
        except Refusal:
            return _form(following, "This key may not read; it needs the scope read.", 403)
        if token is None:
            return _form(following, "This key is not known.", 401)
        response = RedirectResponse(following, 303)
        response.set_cookie(
            COOKIE, token, max_age=LIFETIME_S, httponly=True, samesite="strict", secure=_encrypted(request)
        )
        return response

    async def sign_out(self, request: Request) -> Response:
        """Ends the session."""
        self._access.sign_out(request)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_encrypted(request))
        return response


def _form(following: str, alert: str = "", status: int = 200) -> Response:
    shown = f'<p role="alert">{html.escape(alert)}</p>' if alert else ""
    body = FORM.format(style=STYLE, alert=shown, next=html.escape(following, quote=True))
    return Response(body, status, {"Content-Security-Policy": POLICY}, media_type="text/html; charset=utf-8")


def _local(path: str) -> str:
    """A path of this server; anything that could lead elsewhere becomes the front page."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if safe else "/"


def _encrypted(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy before us."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
