"""Reading the configuration from file, environment and flags, with errors that name the key and the repair."""

from __future__ import annotations

import os
import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from llm_obs_core.config.settings import Config
from llm_obs_core.errors import ConfigError

__all__ = ["ConfigKey", "keys", "load"]

PREFIX = "LLM_OBS_"


class ConfigKey(NamedTuple):
    """One key of the reference.

    Attributes:
        path: Dotted path.
        type: Type as a person writes it.
        default: Default value, None when the key has none.
        doc: Meaning and unit.
    """

    path: str
    type: str
    default: Any
    doc: str

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.path.upper().replace(".", "__")


def keys(struct: type[msgspec.Struct] = Config, prefix: str = "") -> Iterator[ConfigKey]:
    """Every key, in the order of the file; `<name>` stands where the user names a section."""
    hints = typing.get_type_hints(struct, include_extras=True)
    defaults = struct() if not prefix else None
    for field in msgspec.structs.fields(struct):
        path = f"{prefix}{field.encode_name}"
        bare, doc = _bare(hints[field.name])
        if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
            yield from keys(bare, path + ".")
            continue
        default = getattr(defaults, field.name) if defaults is not None else field.default
        if default is msgspec.NODEFAULT:
            default = None if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        yield ConfigKey(path, _type_name(bare), default, doc)
        if (inner := _sections(bare)) is not None:
            yield from keys(inner, f"{path}.<name>.")


def load(
    path: str | os.PathLike[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Reads the configuration.

    Args:
        path: The TOML file. None takes `llm-obs.toml` in the working directory when it is there.
        environ: Variables; the process's own when None.
        overrides: Dotted keys to values, from flags.

    Raises:
        ConfigError: With the key, what was expected and what to do.
    """
    data: dict[str, Any] = {}
    source = "llm-obs.toml"
    if path is not None or Path(source).is_file():
        source = str(path or source)
        data = _read(source)
    variables = os.environ if environ is None else environ
    known = {key.path for key in keys()}
    for name, text in sorted(variables.items()):
        if not name.startswith(PREFIX) or "__" not in name:
            continue
        dotted = name[len(PREFIX) :].lower().replace("__", ".")
        if not _leads_to_a_key(Config, dotted.split(".")):
            raise ConfigError("a variable for a key of the configuration", got=name, fix=_nearest(dotted, known))
        _put(data, dotted, _value(text))
    for dotted, value in (overrides or {}).items():
        _put(data, dotted, value)
    try:
        return msgspec.convert(data, Config, strict=False)
    except msgspec.ValidationError as error:
        raise _explain(error, source, known) from None


def _sections(hint: Any) -> type[msgspec.Struct] | None:
    """The Struct of a table's sections that the user names, such as those of [sinks.<name>]."""
    if typing.get_origin(hint) is dict:
        inner = _bare(typing.get_args(hint)[1])[0]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return inner
    return None


def _leads_to_a_key(hint: Any, parts: list[str]) -> bool:
    """Whether a dotted path can be set: fields of Structs, any name below a table."""
    bare = _bare(hint)[0]
    if not parts:
        return not (isinstance(bare, type) and issubclass(bare, msgspec.Struct))
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        hints = typing.get_type_hints(bare, include_extras=True)
        return parts[0] in hints and _leads_to_a_key(hints[parts[0]], parts[1:])
    if typing.get_origin(bare) is dict:
        return len(parts) == 1 or _leads_to_a_key(typing.get_args(bare)[1], parts[1:])
    return bare is Any


def _read(source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(source).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("a configuration file", got="none", where=source, fix="correct the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("a readable UTF-8 file", got=str(error), where=source, fix="make it readable") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("TOML", got=str(error), where=source, fix="correct that line") from None


def _put(data: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise ConfigError("a table", got=repr(data), where=parent, fix=f"make it a section, to set {dotted}")
    data[last] = value


def _value(text: str) -> Any:
    """A variable's text as TOML would read it, else the text itself."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(error: msgspec.ValidationError, source: str, known: set[str]) -> ConfigError:
    text = str(error)
    message, _, where = text.partition(" - at `$")
    path = where.rstrip("`").lstrip(".")
    if found := re.search(r"unknown field `([^`]+)`", message):
        key = f"{path}.{found[1]}".lstrip(".")
        return ConfigError("a key of the configuration", got=repr(key), where=source, fix=_nearest(key, known))
    expected, _, got = message.removeprefix("Expected ").partition(", got ")
    return ConfigError(expected, got=got, where=f"{source}, {path}" if path else source, fix=f"correct {path or 'it'}")


def _nearest(dotted: str, known: set[str]) -> str:
    import difflib

    close = difflib.get_close_matches(dotted, sorted(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]}? " * bool(close) + "`llm-obs config keys` lists all"


def _bare(hint: Any) -> tuple[Any, str]:
    doc = ""
    while typing.get_origin(hint) is typing.Annotated:
        for extra in hint.__metadata__:
            doc = getattr(extra, "description", None) or doc
        hint = hint.__origin__
    return hint, doc


def _type_name(hint: Any) -> str:
    hint = _bare(hint)[0]
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return " | ".join(map(str, typing.get_args(hint)))
    if origin is tuple:
        return f"list of {_type_name(typing.get_args(hint)[0])}"
    if origin is dict:
        return "table"
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type_name(arg) for arg in typing.get_args(hint))
    return {str: "string", int: "integer", float: "number", bool: "boolean"}.get(
        hint, getattr(hint, "__name__", "value")
    )
