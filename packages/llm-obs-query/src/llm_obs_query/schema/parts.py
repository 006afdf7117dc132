"""What of a trace or of spans a query needs, by its selection: columns of all spans, some spans whole, or all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from llm_obs_core.model import SPAN_COLUMNS
from strawberry.types.nodes import SelectedField, Selection
from strawberry.utils.str_converters import to_snake_case

__all__ = ["TraceParts", "trace_parts", "whole_spans"]

_COLUMNS: Final = frozenset(column.name for column in SPAN_COLUMNS)
_NAMED: Final = {
    "id": "span_id",
    "parentId": "parent_span_id",
    "status": "status_code",
    "cacheWrite5m": "cache_write_5m",
    "cacheWrite1h": "cache_write_1h",
    "role": "usage_role",
    "basis": "usage_basis",
}
"""Fields of `Span` and `Usage` that are not called like their column."""
_USAGE: Final = ("input_tokens", "output_tokens")
"""Columns that decide whether a span has usage."""


class TraceParts(NamedTuple):
    """What a question needs.

    Attributes:
        columns: Of every span; None when only spans with ids are asked for.
        ids: Of the spans that are wanted with payload or content; None when all spans are.
        annotations: Whether what was said is wanted.
    """

    columns: tuple[str, ...] | None
    ids: tuple[str, ...] | None
    annotations: bool = False


def trace_parts(selections: Iterable[Selection]) -> TraceParts:
    """The parts that the fields below `trace` need; what directives leave out is counted as asked for.

    Args:
        selections: `Info.selected_fields` of the question `trace`.
    """
    columns: dict[str, None] = {}
    ids: dict[str, None] = {}
    outlined = whole = said = False
    for field in _below(selections):
        if field.name == "columns":
            columns |= dict.fromkeys(_columns(field.selections) or ())
        said = said or "annotations" in {inner.name for inner in (field, *_fields(field.selections))}
        if field.name != "spans":
            outlined = outlined or field.name in ("summary", "columns", "annotations")
            continue
        wanted = _columns(field.selections)
        given = field.arguments.get("ids")
        if wanted is None and given is None:
            whole = True
        elif wanted is None:
            ids |= dict.fromkeys(map(str, given if isinstance(given, list) else [given]))
        else:
            outlined = True
            columns |= dict.fromkeys(wanted)
    return TraceParts(tuple(columns) if outlined or not ids else None, None if whole else tuple(ids), said)


def whole_spans(selections: Iterable[Selection]) -> bool:
    """Whether the fields `span` of a list need more than columns.

    Args:
        selections: `Info.selected_fields` of the field `spans`.
    """
    nodes = (node for field in _below(selections) if field.name == "nodes" for node in _fields(field.selections))
    return any(_columns(node.selections) is None for node in nodes if node.name == "span")


def _below(selections: Iterable[Selection]) -> Iterator[SelectedField]:
    """The fields inside some, fragments written out."""
    for selection in selections:
        yield from _fields(selection.selections)


def _fields(selections: Iterable[Selection]) -> Iterator[SelectedField]:
    for selection in selections:
        if isinstance(selection, SelectedField):
            yield selection
        else:
            yield from _fields(selection.selections)


def _columns(selections: Iterable[Selection]) -> list[str] | None:
    """The columns that fields of spans are made of; None when one is made of more."""
    found: list[str] = ["span_id"]
    for field in _fields(selections):
        if field.name == "usage":
            found += [*_USAGE, *(_column(inner.name) for inner in _fields(field.selections))]
        elif (name := _column(field.name)) in _COLUMNS:
            found.append(name)
        elif field.name != "__typename":
            return None
    return [name for name in found if name in _COLUMNS]


def _column(field: str) -> str:
    return _NAMED.get(field) or to_snake_case(field)
