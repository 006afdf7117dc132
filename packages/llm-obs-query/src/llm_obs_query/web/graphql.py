"""`POST /graphql`: GraphQL over HTTP, JSON in and out; `GET /graphql` shows the schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from llm_obs_query.errors import Code
from llm_obs_query.operations import Operations
from llm_obs_query.readers import Readers
from llm_obs_query.schema.root import Asking
from llm_obs_query.web.access import Access, scope_of
from llm_obs_query.web.body import must_be_json, read_body
from llm_obs_query.web.compress import answered
from llm_obs_query.web.refusal import Refusal

__all__ = ["GraphQL"]

RESPONSE_JSON: Final = "application/graphql-response+json"


class Question(msgspec.Struct):
    """The body of a request; `extensions` is accepted and not read."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None  # noqa: N815 - the name on the wire
    extensions: dict[str, Any] | None = None


class GraphQL:
    """The endpoint.

    Args:
        operations: Runs requests.
        readers: Who answers.
        access: Who may ask.
        sdl: The schema as text.
        max_rows: `query.max_rows`.
        max_groups: `query.max_groups`.
        max_request_bytes: `query.max_request_bytes`.
        receivers: Says where spans can be sent now, `host:port` by protocol.
    """

    def __init__(
        self,
        operations: Operations,
        readers: Readers,
        access: Access,
        *,
        sdl: str,
        max_rows: int,
        max_groups: int,
        max_request_bytes: int,
        receivers: Callable[[], Mapping[str, str]],
    ) -> None:
        self._operations = operations
        self._readers = readers
        self._access = access
        self._sdl = sdl
        self._max_rows = max_rows
        self._max_groups = max_groups
        self._max_request_bytes = max_request_bytes
        self._receivers = receivers
        self._decoder = msgspec.json.Decoder(Question)

    async def show(self, request: Request) -> Response:
        """The schema, for whoever may read."""
        self._access.reader(request)
        if "query" in request.query_params:
            raise Refusal(405, "expected POST /graphql with a JSON body, got GET", Code.BAD_REQUEST, {"Allow": "POST"})
        return Response(self._sdl, media_type="text/plain; charset=utf-8")

    async def ask(self, request: Request) -> Response:
        """Answers one question. A document that cannot be run is 400 to clients that know GraphQL's own media type."""
        principal = self._access.reader(request)
        must_be_json(request)
        body = await read_body(request, self._max_request_bytes, "query.max_request_bytes")
        try:
            question = self._decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal(
                400,
                f'expected {{"query": "…", "variables": {{…}}, "operationName": "…"}}, got what does not fit: {error}',
                Code.BAD_REQUEST,
            ) from None
        asking = Asking(self._readers, scope_of(principal), self._max_rows, self._max_groups, self._receivers)
        response = await self._operations.run(question.query, question.variables, question.operationName, asking)
        if RESPONSE_JSON in request.headers.get("accept", ""):
            return await answered(request, response.body, 200 if response.ran else 400, {"Content-Type": RESPONSE_JSON})
        return await answered(request, response.body, 200, {"Content-Type": "application/json"})
