"""`Collect` in Python: attributes with numbered names become objects."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from llm_obs_core.interfaces.operations import Collect, Member
from llm_obs_core.model import AttributeValue

from llm_obs_enrich.normalizer.jsontext import MISSING, JsonObject, dump, parse
from llm_obs_enrich.normalizer.places import formed

__all__ = ["collect"]

_NUMBER: Final = "(0|[1-9][0-9]{0,8})"


def collect(operation: Collect, values: dict[str, AttributeValue]) -> AttributeValue:
    """The collected JSON text, and what it was made of is taken away; None when there is nothing to collect."""
    items: dict[int, dict[str, Any]] = {}
    taken: list[str] = []
    for member in operation.members:
        path = _path(operation.prefix, member)
        for key, value in values.items():
            found = path.fullmatch(key)
            if found is None or not _is_plain(value):
                continue
            numbers = [int(number) for number in found.groups()]
            item = items.setdefault(numbers[0] if operation.prefix else 0, {})
            said = _said(value, member)
            if "*" in member.path:
                name, _, inner = member.name.partition(".")
                item = item.setdefault(name, {}).setdefault(numbers[1], {})
                fresh = inner not in item
                item.setdefault(inner, said)
            else:
                fresh = member.name not in item
                item.setdefault(member.name, said)
            if fresh:
                taken.append(key)
    if not items:
        return None
    for key in taken:
        del values[key]
    said = [_item(items[number], operation) for number in sorted(items)]
    made = formed(said, operation.form, operation.role)
    return dump(said) if made is None else made


def _path(prefix: str, member: Member) -> re.Pattern[str]:
    before, star, after = member.path.partition("*")
    inner = re.escape(before) + (_NUMBER + re.escape(after) if star else "")
    number = (_NUMBER + (r"\." if member.path else "")) if prefix else ""
    return re.compile(re.escape(prefix) + number + inner, re.DOTALL)


def _is_plain(value: AttributeValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | bool | int)


def _said(value: AttributeValue, member: Member) -> Any:
    if member.json and isinstance(value, str):
        said = parse(value)
        if said is not MISSING and (member.json == "value" or _are_parts(said)):
            return said
    return value


def _are_parts(said: Any) -> bool:
    return isinstance(said, list) and all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in said)


def _item(found: dict[str, Any], operation: Collect) -> Any:
    if "" in found:
        return found[""]
    lists = {member.name.partition(".")[0] for member in operation.members if "*" in member.path}
    made = {
        name: [_object(value[number]) for number in sorted(value)] if name in lists else value
        for name, value in found.items()
    }
    return _object(made)


def _object(members: dict[str, Any]) -> JsonObject:
    made = JsonObject(members)
    made.written = len(made)
    return made
