"""The keys of measures, and what sums are narrowed by."""

from __future__ import annotations

import enum
from typing import Any

import strawberry
from llm_obs_core.model import MEASURE_KEYS

__all__ = ["MeasureFilter", "MeasureKey", "measure_filter"]


@strawberry.enum
class MeasureKey(enum.Enum):
    """The keys of measures; a member's value is the reader's name for it."""

    SERVICE = "service"
    ENVIRONMENT = "environment"
    APPLICATION = "application"
    OPERATION = "operation"
    PROVIDER = "provider"
    MODEL = strawberry.enum_value("model", description="The model that answered, else the one asked for.")
    REQUEST_MODEL = "request_model"
    RESPONSE_MODEL = "response_model"
    USER_ID = "user_id"
    STREAM = "stream"
    FINISH_REASON = "finish_reason"
    ERROR_TYPE = "error_type"
    HTTP_STATUS = "http_status"


@strawberry.input(
    description=("Each given key must have one of its values; null in a list stands for calls without a value.")
)
class MeasureFilter:
    """One list a key of measures."""

    service: list[str | None] | None = strawberry.UNSET
    environment: list[str | None] | None = strawberry.UNSET
    application: list[str | None] | None = strawberry.UNSET
    operation: list[str | None] | None = strawberry.UNSET
    provider: list[str | None] | None = strawberry.UNSET
    model: list[str | None] | None = strawberry.UNSET
    request_model: list[str | None] | None = strawberry.UNSET
    response_model: list[str | None] | None = strawberry.UNSET
    user_id: list[str | None] | None = strawberry.UNSET
    stream: list[bool | None] | None = strawberry.UNSET
    finish_reason: list[str | None] | None = strawberry.UNSET
    error_type: list[str | None] | None = strawberry.UNSET
    http_status: list[int | None] | None = strawberry.UNSET


MEASURE_CONDITIONS = ("model", *(column.name for column in MEASURE_KEYS if column.name != "minute_ns"))


def measure_filter(given: MeasureFilter | None) -> dict[str, tuple[Any, ...]]:
    """The reader's filter; what is not given or null is no condition."""
    return {name: tuple(values) for name, values in _given(given, MEASURE_CONDITIONS)}


def _given(source: object, names: tuple[str, ...]) -> list[tuple[str, Any]]:
    if source is None or source is strawberry.UNSET:
        return []
    values = ((name, getattr(source, name)) for name in names)
    return [(name, value) for name, value in values if value is not None and value is not strawberry.UNSET]
