"""What a filter means, in plain Python, a row at a time: for what no store evaluates, and to hold stores against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from llm_obs_core.filter.fields import Field, Source, field_of
from llm_obs_core.filter.regex import compiled
from llm_obs_core.filter.tree import And, Condition, Filter, Not, Or, Scalar
from llm_obs_core.summary.columns import is_error, model_of

__all__ = ["Facts", "fold_case", "meets", "meets_any"]


class Facts(msgspec.Struct, frozen=True):
    """What is known about one span.

    Attributes:
        columns: `SPAN_COLUMNS` by name.
        attributes: The span's attributes.
        resource: Its resource's.
        content: Slot and text of each message.
        annotations: Key and value (as JSON means it) of what was said about the span or its trace.
    """

    columns: Mapping[str, object]
    attributes: Mapping[str, object] = {}
    resource: Mapping[str, object] = {}
    content: Sequence[tuple[str, str]] = ()
    annotations: Sequence[tuple[str, object]] = ()


def meets(where: Filter, span: Facts, trace: Mapping[str, object]) -> bool:
    """Whether a span meets a filter.

    Args:
        where: A filter that is `checked`.
        span: The span.
        trace: The summary of its trace, as `llm_obs_core.summary.fold.trace_fields` gives it.
    """
    return meets_any(where, (span,), trace)


def meets_any(where: Filter, spans: Sequence[Facts], trace: Mapping[str, object]) -> bool:
    """Whether a trace meets a filter: each condition on spans may be met by another span.

    Args:
        where: A filter that is `checked`.
        spans: Every span of the trace; none when the filter has conditions on `trace.` only.
        trace: As in `meets`.
    """
    match where:
        case And():
            return all(meets_any(item, spans, trace) for item in where.items)
        case Or():
            return any(meets_any(item, spans, trace) for item in where.items)
        case Not():
            return not meets_any(where.item, spans, trace)
        case Condition():
            field = field_of(where.field)
            if field.source is Source.TRACE:
                return _holds(where, [_plain(trace[field.key])])
            return any(_holds(where, _values(field, span)) for span in spans)


def fold_case(text: str) -> str:
    """Small letters, one code point for one (Unicode's simple mapping), as the stores fold case."""
    return text.lower() if text.isascii() else "".join(letter.lower()[0] for letter in text)


def _values(field: Field, span: Facts) -> list[object]:
    match field.source:
        case Source.SPAN if field.key == "model":
            return [model_of(span.columns)]
        case Source.SPAN if field.key == "error":
            return [is_error(span.columns)]
        case Source.SPAN:
            return [_plain(span.columns[field.key])]
        case Source.ATTRIBUTES:
            return _elements(span.attributes.get(field.key))
        case Source.RESOURCE:
            return _elements(span.resource.get(field.key))
        case Source.CONTENT:
            return [body for slot, body in span.content if field.key in ("", slot)]
        case Source.ANNOTATIONS:
            return [item for key, value in span.annotations if key == field.key for item in _elements(value)]
        case Source.TRACE:
            raise AssertionError("a field of the trace is not one of a span")


def _plain(value: object) -> object:
    """A column's value; ids as hexadecimal text."""
    return value.hex() if isinstance(value, bytes) else value


def _elements(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _holds(condition: Condition, values: Iterable[object]) -> bool:
    wanted = condition.value
    present = [value for value in values if value is not None]
    if condition.op == "exists":
        return bool(present) == wanted
    if isinstance(wanted, tuple):
        return any(_compared("eq", value, one) for value in present for one in wanted)
    return any(_compared(condition.op, value, wanted) for value in present)


_NUMBERS: Final = (int, float)


def _compared(op: str, value: object, wanted: Scalar) -> bool:
    if isinstance(wanted, bool) or isinstance(value, bool):
        same = isinstance(wanted, bool) and isinstance(value, bool)
        return same and ((op == "eq" and value == wanted) or (op == "ne" and value != wanted))
    if isinstance(wanted, str):
        return isinstance(value, str) and _text(op, value, wanted)
    return isinstance(value, _NUMBERS) and _ordered(op, value, wanted)


def _text(op: str, text: str, wanted: str) -> bool:
    match op:
        case "contains":
            return fold_case(wanted) in fold_case(text)
        case "starts_with":
            return fold_case(text).startswith(fold_case(wanted))
        case "ends_with":
            return fold_case(text).endswith(fold_case(wanted))
        case "search":
            folded = fold_case(text)
            return all(word in folded for word in fold_case(wanted).split())
        case "regex":
            return compiled(wanted)(text)
        case _:
            return _ordered(op, text, wanted)


def _ordered(op: str, value: str | float, wanted: str | float) -> bool:
    if isinstance(value, str) != isinstance(wanted, str):
        return False
    match op:
        case "eq":
            return value == wanted
        case "ne":
            return value != wanted and value == value  # a number that is none is not compared
        case "gt":
            return value > wanted  # type: ignore[operator]
        case "gte":
            return value >= wanted  # type: ignore[operator]
        case "lt":
            return value < wanted  # type: ignore[operator]
        case "lte":
            return value <= wanted  # type: ignore[operator]
        case _:
            return False
