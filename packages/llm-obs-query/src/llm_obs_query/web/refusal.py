"""Requests that are refused before a question is asked."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from llm_obs_query.errors import Code
from llm_obs_query.operations import error_body

__all__ = ["Refusal"]


class Refusal(Exception):
    """An HTTP answer of 4xx or 5xx.

    Args:
        status: HTTP status.
        message: What was expected, what came, what to do.
        code: `extensions.code` of the answer.
        headers: More headers of the answer.
    """

    def __init__(self, status: int, message: str, code: Code, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})
        super().__init__(status, message)

    def response(self) -> Response:
        """The answer, in the shape of a GraphQL response."""
        body = error_body(self.message, self.code)
        return Response(body, self.status, self.headers, media_type="application/json")
