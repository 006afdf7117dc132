"""Every setting of the SDK in one table, and how a value is found: argument, ``LLM_OBS_*``, ``OTEL_*``, default."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from llm_obs_core.errors import ConfigError

__all__ = ["OPTIONS", "Option", "resolve"]


class Option(NamedTuple):
    """One setting.

    Attributes:
        name: Keyword of `llm_obs_sdk.init`.
        type: In words, for the reference.
        default: The value when nothing sets it.
        unit: Unit of the value; empty when it has none.
        env: Environment variables that set it, the first that is set wins.
        doc: Meaning.
        read: From the text of an environment variable or the argument's value; raises ValueError.
    """

    name: str
    type: str
    default: Any
    unit: str
    env: tuple[str, ...]
    doc: str
    read: Callable[[Any], Any]


def _text(value: Any) -> str:
    return str(value)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in {"true", "1", "yes", "on", "span_only", "event_only", "span_and_event"}:
        return True
    if text in {"false", "0", "no", "off", "", "no_content"}:
        return False
    raise ValueError("true or false")


def _rate(value: Any) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError):
        raise ValueError("a number from 0 to 1") from None
    if not 0.0 <= rate <= 1.0:
        raise ValueError("a number from 0 to 1")
    return rate


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise ValueError("a number of seconds") from None
    if not 0.0 < seconds <= 86400.0:
        raise ValueError("a number of seconds above 0")
    return seconds


def _seconds_or_none(value: Any) -> float:
    try:
        return 0.0 if float(value) == 0.0 else _seconds(value)
    except (TypeError, ValueError):
        raise ValueError("a number of seconds, or 0") from None


def _count(value: Any) -> int:
    try:
        count = int(value)
    except (TypeError, ValueError):
        raise ValueError("a whole number") from None
    if count < 0:
        raise ValueError("a whole number, 0 or more")
    return count


def _bytes(value: Any) -> int:
    try:
        size = int(value)
    except (TypeError, ValueError):
        raise ValueError("a whole number of bytes") from None
    if size < 1024:
        raise ValueError("at least 1024 bytes")
    return size


def _compression(value: Any) -> str:
    text = str(value).strip().lower()
    if text not in {"none", "gzip"}:
        raise ValueError("none or gzip")
    return text


def _url(value: Any) -> str:
    text = str(value).strip()
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port out of range, a bracket too few
        sound = False
    if not sound:
        raise ValueError("a URL such as http://127.0.0.1:4318")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL without user and password, which go into api_key or headers")
    if parts.query or parts.fragment:
        raise ValueError("a URL without ? and #")
    return text


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return tuple(str(part) for part in value)


def _places(value: Any) -> tuple[str, ...]:
    names = _names(value)
    if not set(names) <= {"pools", "threads"}:
        raise ValueError("names out of: pools, threads")
    return names


def _options(value: Any) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(value) if isinstance(value, str) else value
        return {str(name): dict(options) for name, options in dict(found).items()}
    except (TypeError, ValueError):
        raise ValueError('options by instrumentor, such as {"openai": {"providers": {}}}') from None


def pairs(value: Any) -> dict[str, Any]:
    """``key=value`` pairs of W3C baggage form, values percent-decoded, or a mapping as it is."""
    if isinstance(value, Mapping):
        return dict(value)
    found: dict[str, Any] = {}
    for part in str(value).split(","):
        if not part.strip():
            continue
        key, equals, text = part.partition("=")
        if not equals or not key.strip():
            raise ValueError("key=value pairs separated by commas")
        found[unquote(key.strip())] = unquote(text.strip())
    return found


MIB: Final = 1024 * 1024

OPTIONS: Final[tuple[Option, ...]] = (
    Option(
        "service_name",
        "str",
        "unknown_service:python",
        "",
        ("OTEL_SERVICE_NAME",),
        "`service.name` of the resource.",
        _text,
    ),
    Option(
        "endpoint",
        "str",
        "http://127.0.0.1:4318",
        "",
        ("LLM_OBS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        "Base URL of the collector; `/v1/traces` is added. `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is taken as it is.",
        _url,
    ),
    Option("api_key", "str", "", "", ("LLM_OBS_API_KEY",), "Sent as `Authorization: Bearer …`; never logged.", _text),
    Option(
        "headers",
        "mapping",
        {},
        "",
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        "More request headers.",
        pairs,
    ),
    Option(
        "environment", "str", "", "", ("LLM_OBS_ENVIRONMENT",), "`deployment.environment.name` of the resource.", _text
    ),
    Option(
        "application",
        "str",
        "",
        "",
        ("LLM_OBS_APPLICATION",),
        "`llm_obs.application` of the resource; `context` says it per request.",
        _text,
    ),
    Option("resource", "mapping", {}, "", (), "More resource attributes, above `OTEL_RESOURCE_ATTRIBUTES`.", pairs),
    Option(
        "sample_rate",
        "float",
        None,
        "",
        ("LLM_OBS_SAMPLE_RATE",),
        "Share of traces that is recorded, by trace id. Unset: `OTEL_TRACES_SAMPLER`, then 1.",
        _rate,
    ),
    Option(
        "keep_errors",
        "bool",
        True,
        "",
        ("LLM_OBS_KEEP_ERRORS",),
        "Whether a trace that `sample_rate` rejects is kept when one of its spans has an error.",
        _flag,
    ),
    Option(
        "keep_slow_s",
        "float",
        5.0,
        "s",
        ("LLM_OBS_KEEP_SLOW_S",),
        "As `keep_errors`, when its local root lasts as long; 0 for no such rule.",
        _seconds_or_none,
    ),
    Option(
        "keep_tokens",
        "int",
        0,
        "tokens",
        ("LLM_OBS_KEEP_TOKENS",),
        "As `keep_errors`, when its calls use as many input and output tokens together; 0 for no such rule.",
        _count,
    ),
    Option(
        "pending_bytes",
        "int",
        16 * MIB,
        "bytes",
        ("LLM_OBS_PENDING_BYTES",),
        "Bound of the spans that wait for these rules; beyond it the oldest trace has to go.",
        _bytes,
    ),
    Option(
        "instrument",
        "names",
        ("auto",),
        "",
        ("LLM_OBS_INSTRUMENT",),
        "Libraries to instrument: `auto` for all that are installed, names, or none.",
        _names,
    ),
    Option(
        "instrument_options",
        "mapping",
        {},
        "",
        ("LLM_OBS_INSTRUMENT_OPTIONS",),
        "Options of instrumentors by name; JSON in the environment.",
        _options,
    ),
    Option(
        "capture_content",
        "bool",
        False,
        "",
        ("LLM_OBS_CAPTURE_CONTENT", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"),
        "Whether prompts and answers are recorded.",
        _flag,
    ),
    Option(
        "carry_context",
        "names",
        (),
        "",
        ("LLM_OBS_CARRY_CONTEXT",),
        "Where the current span and `context` go along by themselves: `pools`, `threads`. See below.",
        _places,
    ),
    Option(
        "compression",
        "str",
        "none",
        "",
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"),
        "`gzip` or `none`.",
        _compression,
    ),
    Option(
        "timeout_s",
        "float",
        10.0,
        "s",
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"),
        "Bound of one request, from connect to the last byte of the answer.",
        _seconds,
    ),
    Option(
        "flush_interval_s",
        "float",
        1.0,
        "s",
        ("LLM_OBS_FLUSH_INTERVAL_S",),
        "A span waits at most this long for company.",
        _seconds,
    ),
    Option(
        "exit_timeout_s",
        "float",
        2.0,
        "s",
        ("LLM_OBS_EXIT_TIMEOUT_S",),
        "Bound of the last flush when the process ends.",
        _seconds,
    ),
    Option(
        "queue_bytes",
        "int",
        64 * MIB,
        "bytes",
        ("LLM_OBS_QUEUE_BYTES",),
        "Bound of all spans that wait; the last tenth is kept for spans with an error.",
        _bytes,
    ),
    Option(
        "batch_bytes",
        "int",
        512 * 1024,
        "bytes",
        ("LLM_OBS_BATCH_BYTES",),
        "A request is sent when it holds this much.",
        _bytes,
    ),
    Option(
        "max_span_bytes",
        "int",
        16 * MIB,
        "bytes",
        ("LLM_OBS_MAX_SPAN_BYTES",),
        "A larger span is dropped alone and counted.",
        _bytes,
    ),
    Option(
        "spool_dir",
        "str",
        "",
        "",
        ("LLM_OBS_SPOOL_DIR",),
        "Folder for spans that wait while the collector is away and when the process ends. Unset: memory only.",
        _text,
    ),
    Option(
        "spool_bytes",
        "int",
        256 * MIB,
        "bytes",
        ("LLM_OBS_SPOOL_BYTES",),
        "Bound of what waits there for one endpoint, of all processes together.",
        _bytes,
    ),
    Option(
        "own_global",
        "bool",
        False,
        "",
        ("LLM_OBS_OWN_GLOBAL",),
        "Whether to become OpenTelemetry's global tracer provider.",
        _flag,
    ),
    Option("disabled", "bool", False, "", ("OTEL_SDK_DISABLED",), "Records and sends nothing.", _flag),
)


def resolve(given: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The value of every option.

    Args:
        given: Keywords of `init`; None means not given.
        environ: The environment; None reads `os.environ`.

    Raises:
        ConfigError: A value that cannot be used; `where` names the keyword or the variable.
    """
    env = os.environ if environ is None else environ
    unknown = set(given) - {option.name for option in OPTIONS}
    if unknown:
        raise ConfigError(
            f"keywords out of: {', '.join(option.name for option in OPTIONS)}",
            got=", ".join(sorted(unknown)),
            where="init()",
            fix="correct the name",
        )
    found: dict[str, Any] = {}
    for option in OPTIONS:
        value, where = given.get(option.name), f"init({option.name}=)"
        if value is None:
            for name in option.env:
                if env.get(name, "").strip():
                    value, where = env[name], name
                    break
        if value is None:
            found[option.name] = option.default
            continue
        try:
            found[option.name] = option.read(value)
        except ValueError as error:
            secret = option.name in {"api_key", "headers"} or "@" in str(value)
            shown = "a secret" if secret else repr(value)
            raise ConfigError(str(error), got=shown, where=where, fix=f"correct {where} or remove it") from None
    exact = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    if given.get("endpoint") is None and exact and not env.get("LLM_OBS_ENDPOINT", "").strip():
        try:
            found["endpoint"] = _url(exact)
        except ValueError as error:
            where = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
            raise ConfigError(
                str(error), got="a secret" if "@" in exact else repr(exact), where=where, fix=f"correct {where}"
            ) from None
        found["traces_url"] = found["endpoint"]
    else:
        found["traces_url"] = found["endpoint"].rstrip("/") + "/v1/traces"
    return found
