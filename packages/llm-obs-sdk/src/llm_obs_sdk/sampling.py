"""Head sampling: the threshold of a rate, and what `OTEL_TRACES_SAMPLER` asks for."""

from __future__ import annotations

import os
from typing import Any, Final, NamedTuple

from llm_obs_core.errors import ConfigError
from opentelemetry.trace import SpanContext, TraceState

__all__ = ["Kept", "choose", "kept", "threshold"]

LOW_56: Final = (1 << 56) - 1


def threshold(rate: float, digits: int = 5) -> int:
    """The 56-bit rejection threshold of a sampling rate.

    A trace is kept when the low 56 bits of its id are at least the threshold. As the OpenTelemetry specification
    (probability sampling) advises, it keeps `digits` hexadecimal digits behind the leading ``f``s, so that ``ot=th``
    stays short; 1 % is ``fd70a4``.

    Args:
        rate: From 0 (nothing) to 1 (everything).
        digits: Precision, from 1 to 14.
    """
    if rate >= 1.0:
        return 0
    exact = (1 << 56) - round(rate * (1 << 56))
    if rate <= 0.0 or exact >= 1 << 56:
        return 1 << 56
    text = f"{exact:014x}"
    kept = min(len(text) - len(text.lstrip("f")) + digits, 14)
    unit = 1 << (4 * (14 - kept))
    return min((exact + unit // 2) // unit * unit, (1 << 56) - 1)


class Kept(NamedTuple):
    """A trace that is kept, and the tracestate that says at which threshold."""

    state: TraceState


def kept(context: SpanContext, threshold: int) -> Kept | None:
    """Whether a trace that somebody else's sampler has kept is kept at our threshold too; None when it is not.

    The decision is that of our own tracer: the low 56 bits of the trace id, or the randomness that the tracestate
    carries (`ot=rv:`). The higher of two thresholds is what a kept trace was sampled at.

    Args:
        context: Of any span of the trace.
        threshold: Rejection threshold, 0 to 2**56.
    """
    fields = dict(part.partition(":")[::2] for part in (context.trace_state.get("ot") or "").split(";") if part)
    if _digits(fields.get("rv"), context.trace_id & LOW_56) < threshold:
        return None
    if fields.get("th") is not None and _digits(fields["th"].ljust(14, "0"), 0) >= threshold:
        return Kept(context.trace_state)
    fields = {"th": f"{threshold:014x}".rstrip("0") or "0"} | {key: fields[key] for key in fields if key != "th"}
    value = ";".join(f"{key}:{text}" for key, text in fields.items())
    state = context.trace_state.update("ot", value) if "ot" in context.trace_state else None
    return Kept(state if state is not None else context.trace_state.add("ot", value))


def _digits(text: str | None, default: int) -> int:
    """14 hexadecimal digits; the default when it is something else."""
    try:
        return int(text, 16) if text is not None and len(text) == 14 else default
    except ValueError:
        return default


def choose(rate: float | None, sampler: Any = None) -> tuple[int, Any]:
    """(threshold, OpenTelemetry sampler or None): the argument, then the rate, then `OTEL_TRACES_SAMPLER`.

    Raises:
        ConfigError: `OTEL_TRACES_SAMPLER_ARG` is not a rate.
    """
    if sampler is not None:
        return 0, sampler
    if rate is not None:
        return threshold(rate), None
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if name in {"", "parentbased_always_on"}:
        return 0, None
    if name == "parentbased_always_off":
        return 1 << 56, None
    if name in {"traceidratio", "parentbased_traceidratio"}:
        text = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1").strip() or "1"
        try:
            value = float(text)
            if not 0.0 <= value <= 1.0:
                raise ValueError
        except ValueError:
            where = "OTEL_TRACES_SAMPLER_ARG"
            raise ConfigError("a rate from 0 to 1", got=repr(text), where=where, fix=f"correct {where}") from None
        return threshold(value), None
    from opentelemetry.sdk.trace import sampling

    return 0, sampling._get_from_env_or_default()
