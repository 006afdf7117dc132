"""Attribute values put into protobuf messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llm_obs_core.model import AttributeValue
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

__all__ = ["add_attributes", "set_value"]


def add_attributes(message: Any, attributes: Mapping[str, AttributeValue]) -> None:
    """Adds them to a message that has `attributes`: a span, a resource, an event."""
    for key, value in attributes.items():
        set_value(message.attributes.add(key=key).value, value)


def set_value(target: AnyValue, value: AttributeValue) -> None:
    """Sets the field of the value's type; None leaves the value there and empty."""
    target.SetInParent()
    match value:
        case None:
            pass
        case bool():
            target.bool_value = value
        case int():
            target.int_value = value
        case float():
            target.double_value = value
        case str():
            target.string_value = value
        case bytes():
            target.bytes_value = value
        case list():
            target.array_value.SetInParent()
            for item in value:
                set_value(target.array_value.values.add(), item)
        case _:
            raise AssertionError(value)
