"""Completing rows without graphql-core's machinery per field.

Below the questions themselves every field is an attribute of a row or a pure function of it. So the selection of a
question is turned into nested functions once a request, and the rows go through them: the answer of `graphql.execution`
at an eighth of its time. Whatever does not go well (a null where none may be, a value that does not fit) is done again
by graphql-core, which knows how to say where; `test_plain.py` holds the two against each other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from graphql import (
    Executor,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLString,
)
from graphql.execution import get_argument_values
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

__all__ = ["PlainExecutor"]

Complete = Callable[[Any], Any]

ROWS_ON_THE_LOOP: Final = 500
"""Larger answers are completed in a thread: some 10 µs a row."""


class _NotPlain(Exception):
    """A field that must be left to graphql-core."""


class PlainExecutor(Executor[None]):
    """An executor that completes rows by `Complete` functions where it can."""

    _again = False

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: None,
    ) -> Any:
        """See `Executor.complete_value`."""
        if path.prev is None and not self._again:
            try:
                complete = self._completer(return_type, field_details_list)
                if _rows(result) > ROWS_ON_THE_LOOP:
                    return self._apart(complete, return_type, field_details_list, info, path, result)
                return complete(result)
            except Exception:
                return self._carefully(return_type, field_details_list, info, path, result)
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)

    async def _apart(self, complete: Complete, *question: Any) -> Any:
        """Completes in a thread, so that a large answer does not keep others waiting."""
        try:
            return await asyncio.to_thread(complete, question[-1])
        except Exception:
            return self._carefully(*question)

    def _carefully(
        self,
        return_type: GraphQLOutputType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
    ) -> Any:
        """Completes by graphql-core."""
        self._again = True
        try:
            return super().complete_value(return_type, field_details_list, info, path, result, None)
        finally:
            self._again = False

    def _completer(self, kind: GraphQLOutputType, details: list[FieldDetails]) -> Complete:
        if isinstance(kind, GraphQLNonNull):
            return _present(self._completer(kind.of_type, details))
        if isinstance(kind, GraphQLList):
            return _each(self._completer(kind.of_type, details))
        if isinstance(kind, GraphQLObjectType):
            return _object(self._fields(kind, details))
        if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
            return _leaf(kind)
        raise _NotPlain

    def _fields(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> list[tuple[str, Complete, Complete]]:
        """Answer's name, how to get the value from the row, how to complete it: for every selected field."""
        if kind.is_type_of is not None:
            raise _NotPlain
        found: list[tuple[str, Complete, Complete]] = []
        for name, selected in self.collect_subfields(kind, details).grouped_field_set.items():
            if selected[0].node.name.value == "__typename":
                found.append((name, _constant(kind.name), _as_it_is))
                continue
            field = kind.fields[selected[0].node.name.value]
            found.append((name, self._getter(kind, selected), self._completer(field.type, selected)))
        return found

    def _getter(self, kind: GraphQLObjectType, selected: list[FieldDetails]) -> Complete:
        node = selected[0].node
        field = kind.fields[node.name.value]
        definition = cast(StrawberryField, field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF])
        if definition.is_basic_field:
            return _read(definition.default_resolver, definition.python_name)
        resolver = definition.base_resolver
        if resolver is None or resolver.is_async or resolver.info_parameter is not None or definition.extensions:
            raise _NotPlain
        function = cast(Complete, resolver.wrapped_func)
        if not field.args:
            return function
        arguments = get_argument_values(field, node, self.variable_values, selected[0].fragment_variable_values)
        return _call(function, arguments)


def _rows(result: Any) -> int:
    """Rows of an answer: spans of a trace, groups of an aggregate."""
    size: int = getattr(result, "size", 0)
    return size or len(getattr(result, "rows", ()))


def _as_it_is(value: Any) -> Any:
    return value


def _constant(value: Any) -> Complete:
    return lambda row: value


def _read(resolve: Callable[[Any, str], Any], name: str) -> Complete:
    return lambda row: resolve(row, name)


def _call(function: Callable[..., Any], arguments: dict[str, Any]) -> Complete:
    return lambda row: function(row, **arguments)


def _present(complete: Complete) -> Complete:
    def present(value: Any) -> Any:
        completed = complete(value)
        if completed is None:
            raise _NotPlain
        return completed

    return present


def _each(complete: Complete) -> Complete:
    return lambda values: None if values is None else [complete(value) for value in values]


def _leaf(kind: GraphQLScalarType | GraphQLEnumType) -> Complete:
    coerce = kind.coerce_output_value
    if kind is GraphQLString:
        return lambda value: value if value is None or type(value) is str else coerce(value)

    def leaf(value: Any) -> Any:
        return None if value is None else Executor.complete_leaf_value(kind, value)

    return leaf


def _object(fields: list[tuple[str, Complete, Complete]]) -> Complete:
    def complete_object(row: Any) -> Any:
        if row is None:
            return None
        return {name: complete(get(row)) for name, get, complete in fields}

    return complete_object
