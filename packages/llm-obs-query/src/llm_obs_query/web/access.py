"""Who may come in: keys in headers, keys behind a session cookie, and no other site's page.

A page of a foreign site cannot read an answer (there is no CORS), cannot post JSON without being asked first, does not
have the cookie sent along (SameSite=Strict), and is told apart by `Origin`. A name that a foreign site points at this
machine (DNS rebinding) is told apart by `Host`.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from llm_obs_core.auth import Authorizer
from llm_obs_core.interfaces import Principal, Scope
from llm_obs_core.listen import is_loopback
from starlette.requests import Request

from llm_obs_query.errors import Code
from llm_obs_query.web.refusal import Refusal
from llm_obs_query.web.sessions import COOKIE, Sessions

__all__ = ["Access", "scope_of"]


class Access:
    """The door of the query API.

    Args:
        authorizer: Knows the keys.
        sessions: Knows the browsers that have shown one.
        hosts: `query.hosts`.
    """

    def __init__(self, authorizer: Authorizer, sessions: Sessions, hosts: Sequence[str]) -> None:
        self._authorizer = authorizer
        self._sessions = sessions
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

    def principal(self, request: Request) -> Principal | None:
        """Who sent a request; None when no known key came with it."""
        headers = request.headers
        if self._authorizer.open or "authorization" in headers or "x-api-key" in headers:
            return self._authorizer.principal(headers.get("authorization"), headers.get("x-api-key"))
        return self._sessions.get(request.cookies.get(COOKIE, ""))

    def reader(self, request: Request) -> Principal:
        """Who asks, with the right to.

        Raises:
            Refusal: 401 without a known key, 403 when it may not read.
        """
        return _may_read(self.principal(request), "send `Authorization: Bearer <key>` or `x-api-key: <key>`")

    def sign_in(self, key: str) -> str | None:
        """The token of a new session; None where nobody needs one.

        Raises:
            Refusal: 401 when the key is unknown, 403 when it may not read.
        """
        principal = _may_read(self._authorizer.principal(None, key), "correct it")
        return None if self._authorizer.open else self._sessions.begin(principal)

    def sign_out(self, request: Request) -> None:
        """Ends the request's session."""
        self._sessions.end(request.cookies.get(COOKIE, ""))


def _may_read(principal: Principal | None, fix: str) -> Principal:
    if principal is None:
        challenge = {"WWW-Authenticate": 'Bearer realm="llm-obs"'}
        raise Refusal(401, f"expected a known API key; {fix}", Code.UNAUTHENTICATED, challenge)
    if "read" not in principal.scopes:
        raise Refusal(403, f"expected a key with scope read, got key {principal.key_id}", Code.FORBIDDEN)
    return principal


def scope_of(principal: Principal) -> Scope:
    """What the sender may see: the tenant of the key, and content only with the scope `content`."""
    return Scope(tenants=(principal.tenant,), content="content" in principal.scopes)


def _name(host: str) -> str:
    """The name of a `Host` header, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower().rstrip(".")
