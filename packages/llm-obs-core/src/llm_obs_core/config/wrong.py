"""What is wrong with data that does not fit a Struct: the first key, what was expected of it and what came."""

from __future__ import annotations

import operator
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

__all__ = ["Wrong", "bare", "find", "type_name"]

SECRET: Final = ("key", "secret", "password", "token", "sha256", "dsn")
"""Parts of names whose values are never shown."""
SHOWN: Final = 80
"""Most characters of a value that are shown."""


class Wrong(NamedTuple):
    """One key that does not fit.

    Attributes:
        path: Dotted path.
        expected: What would fit, as a noun phrase.
        got: What is there, as it may be shown.
        unknown: Whether it is no key at all.
    """

    path: str
    expected: str
    got: str
    unknown: bool = False


def find(data: Any, hint: Any, path: str = "") -> Wrong | None:
    """The first key of `data` that does not fit, None when all do.

    Args:
        data: What a TOML file or a variable gave.
        hint: A Struct or the type of one key, with its `Meta`.
        path: Where `data` stands.
    """
    inner = bare(hint)
    if _is_struct(inner):
        return (
            _in_struct(data, inner, path) if isinstance(data, Mapping) else Wrong(path, "a section", _shown(path, data))
        )
    if typing.get_origin(inner) is dict and isinstance(data, Mapping):
        return _first(find(value, typing.get_args(inner)[1], f"{path}.{key}") for key, value in data.items())
    if typing.get_origin(inner) is tuple and isinstance(data, (list, tuple)):
        return _first(find(value, typing.get_args(inner)[0], f"{path}[{at}]") for at, value in enumerate(data))
    try:
        msgspec.convert(data, hint, strict=False)
    except msgspec.ValidationError:
        return Wrong(path, _expected(hint, data), _shown(path, data))
    return None


def bare(hint: Any) -> Any:
    """The type without what is said of it."""
    while typing.get_origin(hint) is typing.Annotated:
        hint = hint.__origin__
    return hint


def type_name(hint: Any) -> str:
    """A type as a person writes it."""
    hint = bare(hint)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return " | ".join(map(str, typing.get_args(hint)))
    if origin is tuple:
        return f"list of {type_name(typing.get_args(hint)[0])}"
    if origin is dict:
        return "table"
    if origin in (types.UnionType, typing.Union):
        return " or ".join(type_name(arg) for arg in typing.get_args(hint))
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "none"}
    return names.get(hint, getattr(hint, "__name__", "value"))


def _in_struct(data: Mapping[str, Any], struct: type[msgspec.Struct], path: str) -> Wrong | None:
    hints = typing.get_type_hints(struct, include_extras=True)
    start = f"{path}." if path else ""
    for key in data:
        if key not in hints:
            return Wrong(f"{start}{key}", f"one of: {', '.join(hints) or 'none'}", repr(key), unknown=True)
    for field in msgspec.structs.fields(struct):
        if field.name in data:
            if (wrong := find(data[field.name], hints[field.name], f"{start}{field.name}")) is not None:
                return wrong
        elif field.required:
            return Wrong(f"{start}{field.name}", f"{type_name(hints[field.name])}, which has no default", "none")
    return None


def _first(found: Iterator[Wrong | None]) -> Wrong | None:
    return next((wrong for wrong in found if wrong is not None), None)


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, msgspec.Struct)


def _expected(hint: Any, data: Any) -> str:
    """The type, or what is said of it, with the bound that a number is beyond."""
    words = type_name(hint)
    if typing.get_origin(bare(hint)) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(bare(hint))))}"
    article = "an" if words[0] in "aeiou" else "a"
    number = data if isinstance(data, int | float) and not isinstance(data, bool) else None
    for meta in _metas(hint):
        if meta.title is not None:
            return meta.title
        for bound, fits, text in (
            (meta.ge, operator.ge, "at least"),
            (meta.gt, operator.gt, "more than"),
            (meta.le, operator.le, "at most"),
            (meta.lt, operator.lt, "less than"),
        ):
            if bound is not None and number is not None and not fits(number, bound):
                return f"{article} {words} of {text} {bound:,}"
    return f"{article} {words}"


def _metas(hint: Any) -> Iterator[msgspec.Meta]:
    while typing.get_origin(hint) is typing.Annotated:
        yield from (meta for meta in hint.__metadata__ if isinstance(meta, msgspec.Meta))
        hint = hint.__origin__


def _shown(path: str, data: Any) -> str:
    """A value that may be seen: numbers and short texts, but no secret."""
    name = path.rpartition(".")[2]
    if isinstance(data, Mapping):
        return "a section"
    if isinstance(data, (list, tuple)):
        return "a list"
    if any(part in name for part in SECRET):
        return f"a {type_name(type(data))} that is not shown"
    text = {True: "true", False: "false"}[data] if isinstance(data, bool) else repr(data)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
