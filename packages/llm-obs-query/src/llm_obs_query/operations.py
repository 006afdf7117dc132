"""Running one GraphQL request: text and variables in, the response's bytes out. Nothing is raised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec
import strawberry
import structlog
from graphql import ExecutionResult, GraphQLError, execute

from llm_obs_query.documents import Documents, InvalidDocument
from llm_obs_query.errors import Code, ReaderError, UserError, described
from llm_obs_query.plain import PlainExecutor
from llm_obs_query.schema.root import Asking

__all__ = ["Operations", "Response", "error_body"]


class Response(NamedTuple):
    """A GraphQL response; `ran` is false when the request was refused before anything was asked."""

    body: bytes
    ran: bool


class Operations:
    """Runs requests against the schema."""

    def __init__(self, schema: strawberry.Schema) -> None:
        self._schema = schema._schema  # strawberry's own way in is three times as dear a request
        self._documents = Documents(self._schema)
        self._encoder = msgspec.json.Encoder()
        self._log = structlog.get_logger("llm_obs.query")

    async def run(
        self, query: str, variables: Mapping[str, Any] | None, operation_name: str | None, asking: Asking
    ) -> Response:
        """Answers one request.

        Args:
            query: The document.
            variables: By name.
            operation_name: Which of the document's operations.
            asking: Who asks, and whom.
        """
        try:
            document = self._documents.get(query)
        except InvalidDocument as invalid:
            errors = [_formatted(error, {"code": invalid.code}) for error in invalid.errors]
            return Response(self._encoder.encode({"errors": errors}), False)
        outcome = execute(
            self._schema,
            document,
            context_value=asking,
            variable_values=dict(variables or {}),
            operation_name=operation_name,
            executor_class=PlainExecutor,
        )
        result = outcome if isinstance(outcome, ExecutionResult) else await outcome
        errors = [self._explain(error) for error in result.errors or ()]
        errors += [
            _formatted(GraphQLError(str(failure), path=path), _about(failure))
            for path, failures in asking.failed
            for failure in failures
        ]
        if result.data is None and result.errors and all(error.path is None for error in result.errors):
            return Response(self._encoder.encode({"errors": errors}), False)
        body: dict[str, Any] = {"data": result.data}
        if errors:
            body["errors"] = errors
        return Response(self._encoder.encode(body), True)

    def _explain(self, error: GraphQLError) -> dict[str, Any]:
        cause = error.original_error
        if isinstance(cause, UserError | ReaderError):
            return _formatted(error, _about(cause))
        if cause is None or isinstance(cause, GraphQLError):
            return _formatted(error, {"code": Code.BAD_USER_INPUT})
        self._log.error("a field failed", path=error.path, cause=described(cause))
        return _formatted(error, {"code": Code.INTERNAL}, "a fault of the server; its log says which")


def _about(error: UserError | ReaderError) -> dict[str, Any]:
    if isinstance(error, ReaderError):
        return {"code": Code.READER_FAILED, "reader": error.reader}
    return {"code": error.code}


def _formatted(error: GraphQLError, extensions: dict[str, Any], message: str | None = None) -> dict[str, Any]:
    formatted = cast(dict[str, Any], error.formatted)
    return {**formatted, "message": message or error.message, "extensions": extensions}


def error_body(message: str, code: Code) -> bytes:
    """A response with one error and no data."""
    return msgspec.json.encode({"errors": [{"message": message, "extensions": {"code": code}}]})
