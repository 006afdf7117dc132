"""GraphQL documents: parsed, held to the limits and validated once, then found by their text."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    validate,
)

from llm_obs_query.errors import Code, UserError

__all__ = ["MAX_DEPTH", "MAX_FIELDS", "MAX_ROOT_FIELDS", "MAX_TOKENS", "Documents", "InvalidDocument"]

MAX_TOKENS: Final = 4_000
"""Words and signs of a document."""
MAX_DEPTH: Final = 16
"""Fields inside each other; what editors send to read the schema needs 14."""
MAX_FIELDS: Final = 500
"""Fields of an operation, fragments written out."""
MAX_ROOT_FIELDS: Final = 32
"""Questions of an operation, aliases counted."""
MAX_ERRORS: Final = 20
"""Mistakes that are told at once."""
KEPT: Final = 128
"""Documents that are kept; the longest unused goes first."""


class InvalidDocument(Exception):
    """A document that cannot be run.

    Args:
        errors: What is wrong, each with its place in the document.
        code: Of all errors.
    """

    def __init__(self, errors: list[GraphQLError], code: Code) -> None:
        self.errors = errors
        self.code = code
        super().__init__(errors, code)


class Documents:
    """Documents of one schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._kept: OrderedDict[str, DocumentNode] = OrderedDict()

    def get(self, text: str) -> DocumentNode:
        """The document of a text; costs milliseconds the first time and nothing after it.

        Raises:
            InvalidDocument: It is no GraphQL, too large, or does not fit the schema.
        """
        document = self._kept.get(text)
        if document is not None:
            self._kept.move_to_end(text)
            return document
        document = self._read(text)
        self._kept[text] = document
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return document

    def _read(self, text: str) -> DocumentNode:
        try:
            document = parse(text, max_tokens=MAX_TOKENS)
            _check_size(document)
            errors = validate(self._schema, document, max_errors=MAX_ERRORS)
        except GraphQLSyntaxError as error:
            raise InvalidDocument([error], Code.GRAPHQL_PARSE_FAILED) from None
        except UserError as error:
            raise InvalidDocument([GraphQLError(str(error))], error.code) from None
        except RecursionError:
            deep = _too_large("fields inside each other", MAX_DEPTH, None)
            raise InvalidDocument([GraphQLError(str(deep))], deep.code) from None
        if errors:
            raise InvalidDocument(errors, Code.GRAPHQL_VALIDATION_FAILED)
        return document


class _Size(NamedTuple):
    """How deep a selection goes, its fields in all, and those at its own level; fragments written out."""

    depth: int = 0
    fields: int = 0
    roots: int = 0


def _check_size(document: DocumentNode) -> None:
    """Refuses what would be dear to validate or to run; cycles of fragments are left to validation."""
    fragments = {item.name.value: item for item in document.definitions if isinstance(item, FragmentDefinitionNode)}
    known: dict[str, _Size] = {}
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            size = _size(operation.selection_set, fragments, known)
            if size.depth > MAX_DEPTH:
                raise _too_large("fields inside each other", MAX_DEPTH, size.depth)
            if size.fields > MAX_FIELDS:
                raise _too_large("fields, fragments written out", MAX_FIELDS, size.fields)
            if size.roots > MAX_ROOT_FIELDS:
                raise _too_large("questions in one request", MAX_ROOT_FIELDS, size.roots)


def _size(selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode], known: dict[str, _Size]) -> _Size:
    depth = fields = roots = 0
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            inner = _size(selection.selection_set, fragments, known) if selection.selection_set else _Size()
            part = _Size(inner.depth + 1, inner.fields + 1, 1)
        elif isinstance(selection, FragmentSpreadNode):
            name = selection.name.value
            if name not in known and name in fragments:
                known[name] = _Size()
                known[name] = _size(fragments[name].selection_set, fragments, known)
            part = known.get(name, _Size())
        else:
            part = _size(cast(InlineFragmentNode, selection).selection_set, fragments, known)
        depth = max(depth, part.depth)
        fields += part.fields
        roots += part.roots
    return _Size(depth, fields, roots)


def _too_large(what: str, most: int, got: int | None) -> UserError:
    shown = "many more" if got is None or got > 1_000_000 else str(got)
    return UserError(
        f"at most {most} {what}", got=shown, where="query", fix="ask in several requests", code=Code.LIMIT_EXCEEDED
    )
