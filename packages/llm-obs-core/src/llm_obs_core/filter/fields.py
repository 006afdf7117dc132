"""The fields of the filter language: where each is found, its type, and the operators that fit."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from llm_obs_core.errors import LlmObsError
from llm_obs_core.filter.tree import OPERATORS, Operator
from llm_obs_core.model import CONTENT_SLOTS, SPAN_COLUMNS
from llm_obs_core.summary.columns import SUMMARY_COLUMNS

__all__ = ["FIELDS", "OPERATORS_OF", "PREFIXES", "Field", "FieldType", "Source", "field_of"]


class FieldType(StrEnum):
    """What a field holds: VALUE is of no fixed type, TEXTS are the texts of messages, an ID is hexadecimal text."""

    TEXT = "text"
    ID = "id"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    VALUE = "value"
    TEXTS = "texts"


class Source(StrEnum):
    """Where a field is found."""

    SPAN = "span"
    ATTRIBUTES = "attributes"
    RESOURCE = "resource"
    CONTENT = "content"
    ANNOTATIONS = "annotations"
    TRACE = "trace"


class Field(NamedTuple):
    """One field.

    Attributes:
        name: As it is written in a condition.
        type: What it holds.
        source: Where it is found.
        key: Its name there: a column, an attribute, a slot (empty: any), a key of annotations, a field of the summary.
        doc: Meaning and unit.
    """

    name: str
    type: FieldType
    source: Source
    key: str
    doc: str


_ORDER: Final[tuple[Operator, ...]] = ("gt", "gte", "lt", "lte")
_PARTS: Final[tuple[Operator, ...]] = ("contains", "starts_with", "ends_with", "regex", "search")

OPERATORS_OF: Final[dict[FieldType, tuple[Operator, ...]]] = {
    FieldType.TEXT: OPERATORS,
    FieldType.ID: ("eq", "ne", "in", "starts_with", "exists"),
    FieldType.INTEGER: ("eq", "ne", *_ORDER, "in", "exists"),
    FieldType.BOOLEAN: ("eq", "ne", "in", "exists"),
    FieldType.VALUE: OPERATORS,
    FieldType.TEXTS: (*_PARTS, "exists"),
}
"""Which operators fit a type. Texts are ordered by code point."""

_TYPES: Final = {
    "string": FieldType.TEXT,
    "int64": FieldType.INTEGER,
    "int32": FieldType.INTEGER,
    "int8": FieldType.INTEGER,
    "bool": FieldType.BOOLEAN,
    "fixed16": FieldType.ID,
    "fixed8": FieldType.ID,
}

FIELDS: Final[tuple[Field, ...]] = (
    *(Field(column.name, _TYPES[column.type], Source.SPAN, column.name, column.doc) for column in SPAN_COLUMNS),
    Field("model", FieldType.TEXT, Source.SPAN, "model", "The model that answered, else the one asked for."),
    Field("error", FieldType.BOOLEAN, Source.SPAN, "error", "Whether it failed: OTLP status error, or an error type."),
    Field("tags", FieldType.VALUE, Source.ATTRIBUTES, "llm_obs.tags", "The application's tags."),
    Field("content", FieldType.TEXTS, Source.CONTENT, "", "Any message."),
    *(
        Field(f"content.{slot}", FieldType.TEXTS, Source.CONTENT, slot, f"Messages: {slot}.")
        for slot, _ in CONTENT_SLOTS
    ),
    *(
        Field(f"trace.{column.name}", _TYPES[column.type], Source.TRACE, column.name, column.doc)
        for column in SUMMARY_COLUMNS
        if column.filtered
    ),
)
"""Every field with a fixed name."""

PREFIXES: Final[dict[str, tuple[Source, str, str]]] = {
    "attributes.": (Source.ATTRIBUTES, "", "An attribute of the span."),
    "resource.": (Source.RESOURCE, "", "An attribute of the span's resource."),
    "metadata.": (Source.ATTRIBUTES, "llm_obs.metadata.", "The application's metadata."),
    "annotations.": (Source.ANNOTATIONS, "", "What was said about the span or its trace."),
}
"""Fields with a name of the sender's behind a prefix: where they are, what stands before the name there."""

_BY_NAME: Final = {field.name: field for field in FIELDS}
_SLOT_OF: Final = {attribute: slot for slot, attribute in CONTENT_SLOTS}


def field_of(name: str, where: str = "filter.field") -> Field:
    """The field of a name.

    Args:
        name: As in a condition.
        where: For the error.

    Raises:
        LlmObsError: There is none.
    """
    if (known := _BY_NAME.get(name)) is not None:
        return known
    head, dot, key = name.partition(".")
    if (prefix := PREFIXES.get(head + dot)) is not None and key:
        source, before, doc = prefix
        if source is Source.ATTRIBUTES and (slot := _SLOT_OF.get(before + key)) is not None:
            raise LlmObsError("a field", got=repr(name), where=where, fix=f"messages are the field content.{slot}")
        return Field(name, FieldType.VALUE, source, before + key, doc)
    names = {"trace.": "trace.<field of the summary>", "content.": "content.<slot>"}.get(head + dot)
    likely = [field.name for field in FIELDS if field.name.startswith(head + dot)] if dot else []
    expected = f"a field out of: {', '.join(likely)}" if names and likely else (
        "a column of a span, model, error, tags, content, or a name behind one of: "
        "attributes. resource. metadata. content. annotations. trace."
    )  # fmt: skip
    raise LlmObsError(expected, got=repr(name[:100]), where=where, fix="correct the name")
