"""The contracts as text: a change to one is a decision, seen as a change of the golden file."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from llm_obs_core import interfaces, model
from llm_obs_core.config import Reader, Sink, keys

GOLDEN = Path(__file__).parent / "golden" / "contracts.txt"


def fields(thing: object) -> str:
    """Names and types, as they are written."""
    kinds = getattr(thing, "__annotations__", {})
    return ", ".join(f"{name} {getattr(kind, '__forward_arg__', kind)}" for name, kind in kinds.items())


def contracts() -> Iterator[str]:
    for name in ("Position", "LogRecord"):
        struct = getattr(model, name)
        yield f"{name}: {fields(struct)}"
    for name in (
        "SPAN_COLUMNS",
        "MEASURE_KEYS",
        "MEASURE_VALUES",
        "ANNOTATION_COLUMNS",
        "CALL_COLUMNS",
        "CORRECTION_COLUMNS",
    ):
        yield ""
        for column in getattr(model, name):
            yield f"{name} {column.name} {column.type}{' null' if column.nullable else ''} from {column.source}"
    yield ""
    yield from (f"CONTENT_SLOTS {number} {slot} {name}" for number, (slot, name) in enumerate(model.CONTENT_SLOTS))
    yield ""
    for prefix, struct in (("", None), ("sinks.<name>.", Sink), ("readers.<name>.", Reader)):
        for key in keys(struct, prefix) if struct else keys():
            yield f"key {key.path} {key.type} = {msgspec.json.encode(msgspec.to_builtins(key.default)).decode()}"
    for name in interfaces.__all__:
        yield ""
        thing = getattr(interfaces, name)
        yield f"{name}: {fields(thing)}"
        for method, function in vars(thing).items() if isinstance(thing, type) else ():
            if isinstance(function, property):
                yield f"{name}.{method}: {function.fget.__annotations__['return']}"
            elif inspect.isfunction(function) and not method.startswith("_"):
                yield f"{name}.{method}{inspect.signature(function)}"


def test_the_contracts_are_those_of_the_golden_file(golden: Callable[..., None]) -> None:
    golden(GOLDEN, "\n".join(contracts()) + "\n")
