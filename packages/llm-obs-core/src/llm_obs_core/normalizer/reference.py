"""What a normaliser's rules mean, in Python: the reference that `llm_obs_core_ext.normalise` is tested against.

After the rules of every normaliser come the facts that all later stages need, each only where it is absent:

- `llm_obs.usage.role`: `leaf` on the operations of `semconv.MODEL_CALLS`, with or without usage; `rollup` on the other
  operations of the conventions that carry usage, which repeat what their calls report; `unknown` on spans that carry
  usage under no operation or a custom one. Only leaves are priced and added up.
- `llm_obs.usage.basis`: `reported` on spans that carry usage.

A span carries usage when `llm_obs_core.pricing.usage.settle` finds some. Nothing else is inferred: an operation, a
provider or a stream that no rule names stays absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from llm_obs_core import semconv
from llm_obs_core.interfaces.process import EnumMap, NormalizerRules, Operation, Rename, Scale
from llm_obs_core.model import AttributeValue
from llm_obs_core.pricing.usage import counts_of, settle

__all__ = ["apply", "derive"]

Attributes = Mapping[str, AttributeValue]
Values = dict[str, AttributeValue]


def apply(rules: Sequence[NormalizerRules], attributes: Attributes, *, is_root: bool = True) -> Values:
    """A span's attributes after the rules of every normaliser, in order, and the derived facts.

    Args:
        rules: Of each normaliser.
        attributes: Of one span.
        is_root: Whether the span has no parent.
    """
    values = dict(attributes)
    for item in rules:
        for operation in item.operations:
            value = _value(operation, values, is_root)
            if value is not None:
                values[operation.target] = value
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


def _value(operation: Operation, values: Attributes, is_root: bool) -> AttributeValue:
    # What the operation sets its target to; None changes nothing.
    absent = values.get(operation.target) is None
    if isinstance(operation, EnumMap):
        skip = (operation.only_if_absent and not absent) or (operation.only_roots and not is_root)
        return None if skip else _mapped(operation, values.get(operation.source))
    if not absent:
        return None
    if isinstance(operation, Scale):
        return _scaled(operation, values.get(operation.source))
    return _renamed(operation, values)


def _renamed(operation: Rename, values: Attributes) -> AttributeValue:
    if operation.when and values.get(semconv.OPERATION_NAME) not in operation.when:
        return None
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


def _scaled(operation: Scale, value: AttributeValue) -> AttributeValue:
    if isinstance(value, bool) or not isinstance(value, int | float):
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
