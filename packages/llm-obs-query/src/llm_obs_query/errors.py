"""Errors of the query API: what the asker did wrong, and what a store failed at. Nothing else is shown."""

from __future__ import annotations

import enum
import traceback

from llm_obs_core.errors import LlmObsError

__all__ = ["Code", "ReaderError", "UserError", "described"]


class Code(enum.StrEnum):
    """`extensions.code` of an error."""

    BAD_REQUEST = "BAD_REQUEST"
    """The HTTP request is not a GraphQL request."""
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    """An argument or variable has a value that cannot be used."""
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    READER_FAILED = "READER_FAILED"
    """A store could not answer; `extensions.reader` names it, and what the others said is in `data`."""
    INTERNAL = "INTERNAL"
    """A fault of the server; its log says which."""


class UserError(LlmObsError):
    """A question that cannot be answered as it is asked.

    Args:
        expected: As in `LlmObsError`.
        got: As in `LlmObsError`.
        where: The argument.
        fix: As in `LlmObsError`.
        code: The error's code.
    """

    def __init__(
        self, expected: str, *, got: str = "", where: str = "", fix: str = "", code: Code = Code.BAD_USER_INPUT
    ) -> None:
        self.code = code
        super().__init__(expected, got=got, where=where, fix=fix)


class ReaderError(LlmObsError):
    """A store that did not answer.

    Args:
        reader: Its name in the configuration.
        got: What it said, or that it took too long.
        fix: As in `LlmObsError`.
    """

    def __init__(self, reader: str, *, got: str, fix: str = "") -> None:
        self.reader = reader
        super().__init__(f"an answer of reader {reader}", got=got, where=f"readers.{reader}", fix=fix)


def described(error: BaseException) -> str:
    """The error with its traceback for the log; no values of variables, which may be a user's data."""
    return "".join(traceback.format_exception(error))
