"""Who may come in: keys in headers, keys behind a session cookie, and no other site's page.

A page of a foreign site cannot read an answer (there is no CORS), cannot post JSON without being asked first, does not
have the cookie sent along (SameSite=Strict), and is told apart by `Origin`. A name that a foreign site points at this
machine (DNS rebinding) is told apart by `Host`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import structlog
from llm_obs_core.auth import Authorizer
from llm_obs_core.interfaces import Principal, Scope
from llm_obs_core.listen import is_loopback
from starlette.requests import Request

from llm_obs_query.errors import Code
from llm_obs_query.web.attempts import Attempts
from llm_obs_query.web.refusal import Refusal
from llm_obs_query.web.sessions import COOKIE, Sessions

__all__ = ["Access", "scope_of"]


class Access:
    """The door of the query API.

    Args:
        authorizer: Knows the keys.
        sessions: Knows the browsers that have shown one.
        hosts: `query.hosts`.
        attempts: Counts wrong keys by address.
        observe: Told of each key that was shown: `accepted`, `unknown`, `without_read` or `put_off`.
    """

    def __init__(
        self,
        authorizer: Authorizer,
        sessions: Sessions,
        hosts: Sequence[str],
        attempts: Attempts,
        observe: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._authorizer = authorizer
        self._sessions = sessions
        self._attempts = attempts
        self._observe = observe
        self._log = structlog.get_logger("llm_obs.query.audit")
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._any_host = not hosts and not authorizer.open

    def check_site(self, request: Request) -> None:
        """Refuses names that are not ours and posts from other sites' pages.

        Raises:
            Refusal: 403.
        """
        host = request.headers.get("host", "")
        name = _name(host)
        if not (self._any_host or is_loopback(name) or name in self._hosts):
            raise Refusal(
                403,
                f"expected a request to a loopback name or one of query.hosts, got Host {host[:100]!r}; "
                "add the name to query.hosts",
                Code.FORBIDDEN,
            )
        if request.method in ("GET", "HEAD"):
            return
        origin = request.headers.get("origin")
        foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if foreign or (origin is not None and urlsplit(origin).netloc.lower() != host.lower()):
            raise Refusal(
                403, f"expected a request of this site's own page, got Origin {origin or ''!r:.100}", Code.FORBIDDEN
            )

    def reader(self, request: Request) -> Principal:
        """Who asks, with the right to.

        Raises:
            Refusal: 401 without a known key, 403 when it may not read, 429 after too many wrong keys.
        """
        headers = request.headers
        if self._authorizer.open:
            return Principal()
        if "authorization" in headers or "x-api-key" in headers:
            fix = "send `Authorization: Bearer <key>` or `x-api-key: <key>`"
            return self._shown(request, headers.get("authorization"), headers.get("x-api-key"), fix)
        principal = self._sessions.get(request.cookies.get(COOKIE, ""))
        if principal is None:
            raise _unknown("send `Authorization: Bearer <key>` or `x-api-key: <key>`, or sign in")
        return principal

    def sign_in(self, request: Request, key: str) -> str | None:
        """The token of a new session; None where nobody needs one.

        Raises:
            Refusal: As `reader`.
        """
        if self._authorizer.open:
            return None
        principal = self._shown(request, None, key, "correct it")
        self._log.info("signed in", address=_address(request), key=principal.key_id, tenant=principal.tenant)
        return self._sessions.begin(principal)

    def sign_out(self, request: Request) -> None:
        """Ends the request's session."""
        principal = self._sessions.end(request.cookies.get(COOKIE, ""))
        if principal is not None:
            self._log.info("signed out", address=_address(request), key=principal.key_id, tenant=principal.tenant)

    def _shown(self, request: Request, authorization: str | None, key: str | None, fix: str) -> Principal:
        """Whose key was shown. An address that has shown too many wrong ones is put off before it is looked at."""
        address = _address(request)
        if wait_s := self._attempts.wait_s(address):
            self._observe("put_off")
            raise Refusal(
                429,
                f"expected at most query.wrong_keys_per_minute wrong keys of an address; come back in {wait_s} s",
                Code.UNAUTHENTICATED,
                {"Retry-After": str(wait_s)},
            )
        principal = self._authorizer.principal(authorization, key)
        if principal is None:
            self._observe("unknown")
            put_off = self._attempts.failed(address)
            self._log.warning("a key was refused", address=address, path=request.url.path, put_off=put_off)
            raise _unknown(fix)
        if "read" not in principal.scopes:
            self._observe("without_read")
            raise Refusal(403, f"expected a key with scope read, got key {principal.key_id}", Code.FORBIDDEN)
        self._observe("accepted")
        return principal


def _unknown(fix: str) -> Refusal:
    challenge = {"WWW-Authenticate": 'Bearer realm="llm-obs"'}
    return Refusal(401, f"expected a known API key; {fix}", Code.UNAUTHENTICATED, challenge)


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def scope_of(principal: Principal) -> Scope:
    """What the sender may see: the tenant of the key, and content only with the scope `content`."""
    return Scope(tenants=(principal.tenant,), content="content" in principal.scopes)


def _name(host: str) -> str:
    """The name of a `Host` header, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower().rstrip(".")
