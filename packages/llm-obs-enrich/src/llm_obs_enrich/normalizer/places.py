"""Places of a span in Python: what is there, and what `Extract` and `Drop` do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_obs_core.interfaces.operations import Extract, Place, When
from llm_obs_core.model import AttributeValue
from llm_obs_core.typed import as_int

from llm_obs_enrich.normalizer import forms
from llm_obs_enrich.normalizer.jsontext import MISSING, clean, dump, find, parse

__all__ = ["at", "extract", "formed", "holds", "number_at", "take"]

Values = dict[str, AttributeValue]
Read = Mapping[str, AttributeValue]


def at(place: Place, values: Read) -> Any:
    """What is at a place: of a whole attribute as OTLP has it, inside one as JSON has it; MISSING: nothing."""
    value = values.get(place.attribute)
    if not place.keys:
        return MISSING if value is None else value
    return find(parse(value), place.keys) if isinstance(value, str) else MISSING


def holds(condition: When, values: Read) -> bool:
    """Whether a span meets a condition."""
    value = at(condition.place, values)
    holds = value is not MISSING and (
        not condition.values or (isinstance(value, str) and clean(value) in condition.values)
    )
    return holds is not condition.absent


def number_at(place: Place, values: Read) -> int | None:
    """The int at a place, by the rules of `llm_obs_core.typed`."""
    value = at(place, values)
    return None if value is MISSING else as_int(value)


def take(place: Place, values: Values) -> None:
    """Takes away what is at a place: a whole attribute is removed, a place inside one becomes null."""
    value = values.get(place.attribute)
    if not place.keys:
        if value is not None:
            del values[place.attribute]
    elif isinstance(value, str):
        whole = parse(value)
        if find(whole, place.keys) is not MISSING:
            find(whole, place.keys[:-1])[place.keys[-1]] = None
            values[place.attribute] = dump(whole)


def extract(operation: Extract, values: Values) -> AttributeValue:
    """What the operation sets its target to; None changes nothing."""
    for place in operation.sources:
        value = at(place, values)
        if value is MISSING:
            continue
        said = _said(value, operation) if not place.keys else value
        made = formed(said, operation.form, operation.role)
        if made is None and not operation.replace:
            made = _as_it_is(value) if place.keys else value
        if made is not None and operation.take and place.attribute != operation.target:
            take(place, values)
        return made
    return None


def _said(value: AttributeValue, operation: Extract) -> Any:
    # What a whole attribute says as JSON.
    if isinstance(value, list) and operation.form in ("messages", "tools"):
        if not all(isinstance(item, str) for item in value):
            return MISSING
        read = [parse(item) if isinstance(item, str) else item for item in value]
        return [item if said is MISSING else said for item, said in zip(value, read, strict=True)]
    if not isinstance(value, str):
        return MISSING
    said = parse(value)
    return value if said is MISSING and operation.form == "messages" else said


def formed(said: Any, form: str, role: str) -> AttributeValue:
    """A JSON value in a form; None when it has not got it."""
    if said is MISSING:
        return None
    if form == "texts":
        found = forms.texts(said)
        return None if found is None else list(found)
    made = forms.messages(said, role) if form == "messages" else forms.tools(said) if form == "tools" else None
    return None if made is None else dump(made)


def _as_it_is(value: Any) -> AttributeValue:
    # A value inside JSON text as an attribute.
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list | dict):
        return dump(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return None
    return value  # type: ignore[no-any-return]
