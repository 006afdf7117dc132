"""The routes, in one place."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from llm_obs_query.errors import Code, described
from llm_obs_query.telemetry import QueryMetrics
from llm_obs_query.web.access import Access
from llm_obs_query.web.graphql import GraphQL
from llm_obs_query.web.headers import SecureHeaders
from llm_obs_query.web.login import Login
from llm_obs_query.web.page import Page
from llm_obs_query.web.refusal import Refusal

__all__ = ["make_app"]

Handler = Callable[[Request], Awaitable[Response]]

PAGE: Final = "/{path:path}"


def make_app(access: Access, graphql: GraphQL, page: Page | None, metrics: QueryMetrics) -> Starlette:
    """The application.

    `/healthz` is open and says nothing but that the process answers; `/graphql` and `/metrics` need a key; the files of
    the page are the same for everybody and hold no data.

    Args:
        access: The door.
        graphql: The API.
        page: The web page, None to leave it out.
        metrics: Counts requests.
    """
    login = Login(access)

    def route(path: str, handler: Handler, *methods: str) -> BaseRoute:
        name = path[1:] if path != PAGE else "page"
        return Route(path, _guarded(access, metrics, name, handler), methods=methods)

    async def show_metrics(request: Request) -> Response:
        access.reader(request)
        kind, body = metrics.page()
        return Response(body, headers={"Content-Type": kind})

    routes = [
        Route("/healthz", _alive, methods=["GET"]),
        route("/graphql", graphql.ask, "POST"),
        route("/graphql", graphql.show, "GET"),
        route("/metrics", show_metrics, "GET"),
        route("/login", login.sign_in, "POST"),
        route("/logout", login.sign_out, "POST"),
    ]
    if page is not None:
        routes.append(route(PAGE, page.show, "GET"))
    return Starlette(
        routes=routes, middleware=[Middleware(SecureHeaders)], exception_handlers={HTTPException: _no_such_route}
    )


async def _alive(request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    got = f"{request.method} {request.url.path[:200]}"
    expected = (
        "a method of this path" if error.status_code == 405 else "a path of the API: /graphql, /healthz, /metrics"
    )
    return Refusal(error.status_code, f"expected {expected}, got {got}", Code.BAD_REQUEST, error.headers).response()


def _guarded(access: Access, metrics: QueryMetrics, name: str, handler: Handler) -> Handler:
    """The handler behind the check of names and sites; refusals and faults become answers, and all are counted."""
    log = structlog.get_logger("llm_obs.query")

    async def answer(request: Request) -> Response:
        try:
            access.check_site(request)
            return await handler(request)
        except Refusal as refusal:
            return refusal.response()
        except Exception as error:
            log.error("a request failed", path=request.url.path, cause=described(error))
            return Refusal(500, "a fault of the server; its log says which", Code.INTERNAL).response()

    async def guarded(request: Request) -> Response:
        started = time.perf_counter()
        response = await answer(request)
        metrics.request(name, response.status_code, time.perf_counter() - started)
        return response

    return guarded
