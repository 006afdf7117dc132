"""What a normaliser's rules mean, in Python: the reference that `llm_obs_core_ext.normalise` is tested against.

After the rules of every normaliser come the facts that all later stages need, each only where it is absent:

- `llm_obs.usage.role`: `leaf` on the operations of `semconv.MODEL_CALLS`, with or without usage; `rollup` on the other
  operations of the conventions that carry usage, which repeat what their calls report; `unknown` on spans that carry
  usage under no operation or a custom one. Only leaves are priced and added up.
- `llm_obs.usage.basis`: `reported` on spans that carry usage.

A span carries usage when `llm_obs_core.pricing.usage.settle` finds some. Nothing else is inferred: an operation, a
provider or a stream that no rule names stays absent. What several spans say together is `normalizer.roles`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from llm_obs_core import semconv
from llm_obs_core.interfaces.operations import (
    Collect,
    Drop,
    Elapsed,
    EnumMap,
    Extract,
    NormalizerRules,
    Rename,
    Scale,
    Sum,
)
from llm_obs_core.model import AttributeValue
from llm_obs_core.pricing.usage import counts_of, settle

from llm_obs_enrich.normalizer.collecting import collect
from llm_obs_enrich.normalizer.elapsed import elapsed
from llm_obs_enrich.normalizer.places import at, extract, holds, number_at, take

__all__ = ["apply", "derive"]

Attributes = Mapping[str, AttributeValue]
Values = dict[str, AttributeValue]
_Plain = Rename | EnumMap | Scale | Sum | Collect | Extract | Drop


def apply(
    rules: Sequence[NormalizerRules],
    attributes: Attributes,
    *,
    is_root: bool = True,
    start_ns: int = 0,
    events: Sequence[tuple[str, int]] = (),
) -> Values:
    """A span's attributes after the rules of every normaliser, in order, and the derived facts.

    Args:
        rules: Of each normaliser.
        attributes: Of one span.
        is_root: Whether the span has no parent.
        start_ns: The span's start, Unix nanoseconds; 0 when it has none.
        events: Name and Unix nanoseconds of its events.
    """
    values = dict(attributes)
    for item in rules:
        for operation in item.operations:
            if not all(holds(condition, values) for condition in operation.when):
                continue
            if not isinstance(operation, Elapsed):
                _apply(operation, values, is_root)
            elif values.get(operation.target) is None:
                seconds = elapsed(operation, values, start_ns, events)
                if seconds is not None:
                    values[operation.target] = seconds
    return derive(values)


def derive(attributes: Attributes) -> Values:
    """The attributes and the facts that follow from them."""
    values = dict(attributes)
    has_usage = settle(counts_of(values)) is not None
    operation = values.get(semconv.OPERATION_NAME)
    if values.get(semconv.USAGE_ROLE) is None:
        if operation in semconv.MODEL_CALLS:
            values[semconv.USAGE_ROLE] = "leaf"
        elif has_usage:
            values[semconv.USAGE_ROLE] = "rollup" if operation in semconv.OPERATIONS else "unknown"
    if has_usage and values.get(semconv.USAGE_BASIS) is None:
        values[semconv.USAGE_BASIS] = "reported"
    return values


def _apply(operation: _Plain, values: Values, is_root: bool) -> None:
    if isinstance(operation, Drop):
        for place in operation.places:
            take(place, values)
        return
    absent = values.get(operation.target) is None
    value: AttributeValue = None
    if isinstance(operation, EnumMap):
        if (absent or not operation.only_if_absent) and (is_root or not operation.only_roots):
            value = _mapped(operation, values.get(operation.source))
    elif absent or (isinstance(operation, Sum | Extract) and operation.replace):
        if isinstance(operation, Rename):
            value = _renamed(operation, values)
        elif isinstance(operation, Scale):
            value = _scaled(operation, at(operation.source, values))
        elif isinstance(operation, Sum):
            value = _summed(operation, values)
        elif isinstance(operation, Collect):
            value = collect(operation, values)
        else:
            value = extract(operation, values)
    if value is not None:
        values[operation.target] = value


def _renamed(operation: Rename, values: Attributes) -> AttributeValue:
    for source in operation.sources:
        value = values.get(source)
        if value is not None:
            return [value] if operation.as_list and isinstance(value, str) else value
    return None


def _mapped(operation: EnumMap, value: AttributeValue) -> AttributeValue:
    if isinstance(value, list):
        if operation.target == operation.source:
            return [operation.mapping.get(item, item) if isinstance(item, str) else item for item in value]
        value = value[0] if value else None
    return operation.mapping.get(value) if isinstance(value, str) else None


def _scaled(operation: Scale, value: Any) -> AttributeValue:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return None
    if operation.integer and isinstance(value, int):
        exact = (2 * value * operation.numerator + operation.denominator) // (2 * operation.denominator)
        return exact if -(2**63) <= exact < 2**63 else None
    number = float(value) * operation.numerator / operation.denominator
    if not math.isfinite(number):
        return None
    if not operation.integer:
        return number
    number = math.floor(number + 0.5)
    return number if -(2**63) <= number < 2**63 else None


def _summed(operation: Sum, values: Attributes) -> AttributeValue:
    total = number_at(operation.first, values)
    if total is None:
        return None
    for place in operation.plus:
        total += number_at(place, values) or 0
    for place in operation.minus:
        total -= number_at(place, values) or 0
    return total if 0 <= total < 2**63 else None
