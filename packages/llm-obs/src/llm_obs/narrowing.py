"""The flags that narrow a list, and `--where`: one table, from which options and conditions are made."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import click
from llm_obs_core.errors import LlmObsError
from llm_obs_core.filter import And, Condition, Filter, Operator, Or, parse

from llm_obs.human import NANO, since_ns, span_ns

__all__ = ["Narrowed", "narrowed", "narrowing_options"]

Command = TypeVar("Command", bound=Callable[..., Any])


class _Flag(NamedTuple):
    """One flag.

    Attributes:
        name: As it is typed.
        trace: The field where traces (and sessions) are listed; several are alternatives.
        span: The field where spans are listed.
        op: The operator.
        help: Of the option.
        type: Of the option.
        read: From what was typed (and the flag's name) to the value.
    """

    name: str
    trace: tuple[str, ...]
    span: tuple[str, ...]
    op: Operator
    help: str
    type: type[Any] = str
    read: Callable[[Any, str], str | int] = lambda value, name: value


def _digits(value: str, name: str) -> str:
    if not set(value.lower()) <= set("0123456789abcdef") or len(value) > 32:
        raise LlmObsError("up to 32 hexadecimal digits", got=repr(value), where=name)
    return value.lower()


def _nano(value: float, name: str) -> int:
    return round(value * NANO)


def _same(field: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (field,), (field,)


_MODELS: Final = ("request_model", "response_model")
_FLAGS: Final = (
    _Flag("--service", *_same("service"), "eq", "The service."),
    _Flag("--model", _MODELS, _MODELS, "eq", "Model asked for or that answered."),
    _Flag("--provider", *_same("provider"), "eq", "Provider, as in gen_ai.provider.name."),
    _Flag("--operation", *_same("operation"), "eq", "GenAI operation: chat, embeddings, execute_tool …"),
    _Flag("--user", *_same("user_id"), "eq", "The application's user."),
    _Flag("--session", *_same("session_id"), "eq", "The conversation."),
    _Flag("--application", *_same("application"), "eq", "The application."),
    _Flag("--environment", *_same("environment"), "eq", "Deployment environment."),
    _Flag("--name", ("trace.name",), ("name",), "contains", "Part of the name, any case; of a trace, its root's."),
    _Flag("--trace", *_same("trace_id"), "starts_with", "Beginning of the trace's id, hexadecimal.", read=_digits),
    _Flag("--error-type", *_same("error_type"), "eq", "A span's error type."),
    _Flag("--finish-reason", *_same("finish_reason"), "eq", "A call's finish reason."),
    _Flag(
        "--min-duration", ("trace.duration_ns",), ("duration_ns",), "gte", "Takes at least: 250ms, 1.5s.", read=span_ns
    ),
    _Flag("--max-duration", ("trace.duration_ns",), ("duration_ns",), "lte", "Takes at most.", read=span_ns),
    _Flag(
        "--min-cost", ("trace.cost_nano_usd",), ("cost_nano_usd",), "gte", "Costs at least, US dollars.", float, _nano
    ),
    _Flag("--min-tokens", ("trace.total_tokens",), (), "gte", "Input and output tokens together, at least.", int),
)


class Narrowed(NamedTuple):
    """What is listed.

    Attributes:
        where: What has to hold.
        start_ns: From this Unix time on, nanoseconds.
        end_ns: Before this.
    """

    where: Filter
    start_ns: int | None
    end_ns: int | None

    @property
    def all(self) -> bool:
        """Whether nothing narrows it."""
        return self == Narrowed(And(), None, None)


def narrowing_options(*, spans: bool = False) -> Callable[[Command], Command]:
    """The options of a list of spans, or of traces and sessions."""

    def add(command: Command) -> Command:
        options = [
            click.option("--where", help="What has to hold: `model = gpt-4o and (cost > 0.01 or error_type exists)`."),
            *(
                click.option(flag.name, type=flag.type, help=flag.help)
                for flag in _FLAGS
                if (flag.span if spans else flag.trace)
            ),
            click.option("--error/--no-error", default=None, help="With an error, or without."),
            click.option("--since", help="Started since: 15m, 2h, 7d ago, or a time such as 2026-01-31T09:30."),
            click.option("--until", help="Started before: as --since."),
        ]
        for option in reversed(options):
            command = option(command)
        return command

    return add


def narrowed(given: dict[str, Any], *, spans: bool = False) -> Narrowed:
    """What the options say.

    Args:
        given: The options by name, as click gives them.
        spans: Whether spans are listed.

    Raises:
        LlmObsError: One of them cannot be used.
    """
    now = time.time_ns()
    parts: list[Filter] = []
    if given["where"]:
        parts.append(parse(given["where"], at="--where"))
    for flag in _FLAGS:
        value = given.get(flag.name.removeprefix("--").replace("-", "_"))
        if value is not None:
            fields = flag.span if spans else flag.trace
            some = tuple(Condition(field, flag.op, flag.read(value, flag.name)) for field in fields)
            parts.append(some[0] if len(some) == 1 else Or(some))
    if given["error"] is not None:
        failed = Condition("error", "eq", given["error"])
        none = Condition("trace.error_count", "gt" if given["error"] else "eq", 0)
        parts.append(failed if spans else none)
    start_ns, end_ns = (since_ns(given[name], f"--{name}", now) if given[name] else None for name in ("since", "until"))
    return Narrowed(parts[0] if len(parts) == 1 else And(tuple(parts)), start_ns, end_ns)
