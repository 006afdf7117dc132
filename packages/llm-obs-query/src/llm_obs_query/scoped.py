"""Holds queries and answers to what their sender may see."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from llm_obs_core.errors import LimitError, LlmObsError
from llm_obs_core.filter import Filter, checked
from llm_obs_core.interfaces import Coverage, Scope, StoredSpan

from llm_obs_query.errors import Code, UserError

__all__ = ["must_be_of", "sourced", "usable", "without_bodies"]


def usable(where: Filter, scope: Scope) -> Filter:
    """The filter, `checked`.

    Raises:
        UserError: It is wrong or not permitted.
    """
    try:
        return checked(where, content=scope.content, at="where")
    except LlmObsError as error:
        code = Code.LIMIT_EXCEEDED if isinstance(error, LimitError) else Code.BAD_USER_INPUT
        raise UserError(error.expected, got=error.got, where=error.where, fix=error.fix, code=code) from None


def sourced(coverage: Coverage, name: str) -> Coverage:
    """The coverage with the reader's name in the configuration as its source."""
    return msgspec.structs.replace(coverage, sources=(name,))


def must_be_of(scope: Scope, tenants: Iterable[str]) -> None:
    """A second look, because a store that mixes tenants up must not be believed."""
    if foreign := set(tenants).difference(scope.tenants):
        raise RuntimeError(f"a reader gave data of {len(foreign)} tenants beyond its scope")


def without_bodies(spans: Iterable[StoredSpan]) -> tuple[StoredSpan, ...]:
    """The spans without bodies of content, whatever their reader gave."""
    return tuple(
        stored
        if all(item.body is None for item in stored.content)
        else msgspec.structs.replace(
            stored, content=tuple(msgspec.structs.replace(item, body=None) for item in stored.content)
        )
        for stored in spans
    )
