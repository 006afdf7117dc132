"""Reading the configuration from file, environment and flags, with errors that name the key and the repair."""

from __future__ import annotations

import os
import tomllib
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from llm_obs_core.config.settings import Config
from llm_obs_core.config.wrong import bare, find, type_name
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
        kind = bare(hints[field.name])
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from keys(kind, path + ".")
            continue
        default = getattr(defaults, field.name) if defaults is not None else field.default
        if default is msgspec.NODEFAULT:
            default = None if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        yield ConfigKey(path, type_name(kind), default, _doc(hints[field.name]))
        if (inner := _sections(kind)) is not None:
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
    sources = _Sources("llm-obs.toml" if path is None else str(path))
    if path is not None or Path(sources.file).is_file():
        data = _read(sources.file)
    variables = os.environ if environ is None else environ
    known = {key.path for key in keys()}
    for name, text in sorted(variables.items()):
        if not name.startswith(PREFIX) or "__" not in name:
            continue
        dotted = name[len(PREFIX) :].lower().replace("__", ".")
        if not _leads_to_a_key(Config, dotted.split(".")):
            raise ConfigError("a variable for a key of the configuration", got=name, fix=_nearest(dotted, known))
        _put(data, dotted, _value(text))
        sources.note(dotted, f"variable {name}")
    for dotted, value in (overrides or {}).items():
        _put(data, dotted, value)
        sources.note(dotted, f"flag for {dotted}")
    try:
        return msgspec.convert(data, Config, strict=False)
    except msgspec.ValidationError as error:
        raise _explain(data, error, sources, known) from None


def _sections(hint: Any) -> type[msgspec.Struct] | None:
    """The Struct of a table's sections that the user names, such as those of [sinks.<name>]."""
    if typing.get_origin(hint) is dict:
        inner = bare(typing.get_args(hint)[1])
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            return inner
    return None


def _leads_to_a_key(hint: Any, parts: list[str]) -> bool:
    """Whether a dotted path can be set: fields of Structs, any name below a table."""
    kind = bare(hint)
    if not parts:
        return not (isinstance(kind, type) and issubclass(kind, msgspec.Struct))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind, include_extras=True)
        return parts[0] in hints and _leads_to_a_key(hints[parts[0]], parts[1:])
    if typing.get_origin(kind) is dict:
        return len(parts) == 1 or _leads_to_a_key(typing.get_args(kind)[1], parts[1:])
    return kind is Any


def _read(source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(source).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError("a configuration file", got="none", where=source, fix="correct the path") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("TOML", got=str(error), where=source, fix="correct that line") from None
    except RecursionError:
        raise ConfigError("TOML", got="values nested without end", where=source, fix="correct the file") from None
    except UnicodeDecodeError as error:
        raise ConfigError("a file in UTF-8", got=str(error), where=source, fix="save it as UTF-8") from None
    except (OSError, ValueError) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise ConfigError("a file that can be read", got=got, where=source, fix="correct its path or mode") from None


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
        found = tomllib.loads(f"v = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return found["v"] if len(found) == 1 else text  # a line end in the text would begin another key


def _explain(data: dict[str, Any], error: msgspec.ValidationError, sources: _Sources, known: set[str]) -> ConfigError:
    wrong = find(data, Config)
    if wrong is None:
        return ConfigError("a configuration", got=str(error), where=sources.file, fix="correct it")
    where = sources.of(wrong.path)
    if wrong.unknown and "[" not in wrong.path:
        return ConfigError(
            "a key of the configuration", got=repr(wrong.path), where=where, fix=_nearest(wrong.path, known)
        )
    return ConfigError(wrong.expected, got=wrong.got, where=where, fix=f"correct {wrong.path}")


class _Sources:
    """Which file, variable or flag set a key."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._set: dict[str, str] = {}

    def note(self, dotted: str, source: str) -> None:
        self._set[dotted] = source

    def of(self, path: str) -> str:
        """Where to look for a key: `file, key`, or the variable or flag."""
        for dotted, source in reversed(self._set.items()):
            if path == dotted or path.startswith((f"{dotted}.", f"{dotted}[")):
                return source
        return f"{self.file}, {path}"


def _nearest(dotted: str, known: set[str]) -> str:
    import difflib

    section = dotted.partition(".")[0] + "."
    inside = sorted(key for key in known if key.startswith(section))  # a section that exists was meant
    near = (difflib.get_close_matches(dotted, keys, n=1, cutoff=0.5) for keys in (inside, sorted(known)))
    close = next(filter(None, near), None)
    return (f"did you mean {close[0]}? " if close else "") + "`llm-obs config keys` lists all"


def _doc(hint: Any) -> str:
    """What is said of a key."""
    doc = ""
    while typing.get_origin(hint) is typing.Annotated:
        for extra in hint.__metadata__:
            doc = getattr(extra, "description", None) or doc
        hint = hint.__origin__
    return doc
