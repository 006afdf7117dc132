"""Queries made from a seed, over every field and operator, with values that are in the data and values that are not."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from llm_obs_core.filter import (
    FIELDS,
    OPERATORS_OF,
    And,
    Condition,
    Facts,
    Field,
    FieldType,
    Filter,
    Not,
    Operator,
    Or,
    Scalar,
    Source,
    field_of,
)
from llm_obs_core.interfaces import AggregateQuery
from llm_obs_core.model import MEASURE_KEYS
from llm_obs_core.summary.columns import is_error, model_of

from llm_obs_testing.measures import MINUTE_NS
from llm_obs_testing.spans import START_NS

__all__ = ["FILTERED", "Questions", "Trace", "known_values"]

Trace = tuple[Sequence[Facts], dict[str, object]]
"""The spans of a trace, and the fields of its summary."""

FILTERED: Final[tuple[str, ...]] = (
    *(field.name for field in FIELDS),
    "attributes.gen_ai.request.model",
    "attributes.gen_ai.usage.input_tokens",
    "attributes.gen_ai.response.finish_reasons",
    "attributes.llm_obs.metadata.mixed",
    "attributes.any",
    "attributes.nobody has it",
    "resource.service.name",
    "resource.deployment.environment.name",
    "metadata.mixed",
    "metadata.team",
    "annotations.score",
    "annotations.label",
)
"""Every field with a fixed name, and some behind each prefix."""

KEYS: Final = ("model", *(column.name for column in MEASURE_KEYS))
_ODD_TEXTS: Final = ("", "%", "_", "a", "STOP", "naïve", "日本", "🙂", "'; --", "\\", "nobody", "gpt", " ")
_ODD_IDS: Final = ("", "0", "f" * 16, "f" * 32, "00000000000000000000000000000041A"[1:], "ABC")
_ODD_NUMBERS: Final = (0, 1, -1, 2, 200, 2**62, 2**63 - 1, -(2**63))
_EXPRESSIONS: Final = (
    "",
    "^g",
    "o$",
    "a.c",
    r"\d{3}",
    "(?i)SHOP|日本",
    "[^a-z]",
    "^$",
    r"\bis\b",
    ".*",
    "(?s)the.*the",
)
_PARTS: Final = ("contains", "starts_with", "ends_with", "search", "regex")


class Questions:
    """Makes filters and queries.

    Args:
        seed: The same seed and data make the same.
        known: The values that each field has in the data (`known_values`).
    """

    def __init__(self, seed: int, known: Mapping[str, Sequence[Scalar]]) -> None:
        self._chance = random.Random(seed)  # noqa: S311
        self._values = known

    def each(self, name: str) -> Iterator[Condition]:
        """A condition with each operator of a field."""
        for op in OPERATORS_OF[field_of(name).type]:
            yield self._condition(name, op)

    def condition(self) -> Condition:
        """Any condition."""
        name = self._chance.choice(FILTERED)
        return self._condition(name, self._chance.choice(OPERATORS_OF[field_of(name).type]))

    def filter(self, depth: int = 3) -> Filter:
        """Any filter."""
        shape = self._chance.random()
        if depth == 0 or shape < 0.3:
            return self.condition()
        if shape < 0.45:
            return Not(self.filter(depth - 1))
        items = tuple(self.filter(depth - 1) for _ in range(self._chance.choice((0, 1, 2, 2, 2, 3, 3))))
        return And(items) if shape < 0.7 else Or(items)

    def times(self) -> tuple[int | None, int | None]:
        """A start and an end, each perhaps none."""
        start_ns, end_ns = (
            self._chance.choice((None, START_NS + self._chance.randrange(70) * 250_000_000)) for _ in range(2)
        )
        return start_ns, end_ns

    def first(self) -> int:
        """How many rows a page has."""
        return self._chance.choice((1, 2, 3, 7, 50))

    def aggregate(self) -> AggregateQuery:
        """Sums of anything by anything."""
        chance = self._chance
        start_ns, end_ns = self.times()
        names = chance.sample(KEYS, chance.randrange(4))
        wanted: dict[str, tuple[str | int | bool | None, ...]] = {}
        for name in chance.sample([name for name in KEYS if name != "minute_ns"], chance.choice((0, 0, 1, 2))):
            known = [value for value in self._values.get(name, ()) if isinstance(value, str | int)]
            choices: list[str | int | bool | None] = [
                None,
                "nobody",
                200,
                True,
                *chance.sample(known, min(5, len(known))),
            ]
            wanted[name] = tuple(chance.sample(choices, chance.randrange(1, 4)))
        interval_ns = chance.choice((None, MINUTE_NS, 5 * MINUTE_NS, 1440 * MINUTE_NS))
        return AggregateQuery(start_ns, end_ns, tuple(names), interval_ns, wanted)

    def _condition(self, name: str, op: Operator) -> Condition:
        if op == "exists":
            return Condition(name, op, self._chance.random() < 0.5)
        if op == "regex":
            return Condition(name, op, self._chance.choice(_EXPRESSIONS))
        field = field_of(name)
        if op == "in":
            return Condition(name, op, tuple(self._value(field, op) for _ in range(self._chance.choice((0, 1, 2, 4)))))
        return Condition(name, op, self._value(field, op))

    def _value(self, field: Field, op: Operator) -> Scalar:
        chance, known = self._chance, self._values[field.name]
        kind = field.type
        if kind in (FieldType.TEXT, FieldType.TEXTS) or op in _PARTS:
            texts = [value for value in known if isinstance(value, str)]
            text = chance.choice(texts) if texts and chance.random() < 0.75 else chance.choice(_ODD_TEXTS)
            if field.type is FieldType.ID:
                text = chance.choice(texts or _ODD_IDS) if chance.random() < 0.6 else chance.choice(_ODD_IDS)
                return text[: chance.randrange(len(text) + 1)]
            return self._part(text) if op in _PARTS else text
        if kind is FieldType.ID:
            ids = [value for value in known if isinstance(value, str)]
            return chance.choice(ids) if ids and chance.random() < 0.8 else chance.choice(_ODD_IDS)
        if kind is FieldType.BOOLEAN:
            return chance.random() < 0.5
        if kind is FieldType.INTEGER:
            numbers = [value for value in known if isinstance(value, int)]
            return chance.choice(numbers) if numbers and chance.random() < 0.75 else chance.choice(_ODD_NUMBERS)
        ordered = op in ("gt", "gte", "lt", "lte")
        values: list[Scalar] = [value for value in known if not (ordered and isinstance(value, bool))]
        odd: list[Scalar] = ["a", "3", 3, 2.5, -0.0, 1e300, *([] if ordered else [True, False])]
        return chance.choice(values) if values and chance.random() < 0.75 else chance.choice(odd)

    def _part(self, text: str) -> str:
        """A part of a text, now and then in capitals."""
        start = self._chance.randrange(len(text) + 1)
        part = text[start : start + self._chance.choice((1, 3, 8, 40))]
        return part.upper() if self._chance.random() < 0.3 else part


def known_values(traces: Sequence[Trace]) -> dict[str, list[Scalar]]:
    """What each field has in the data: of each trace the spans and the fields of its summary."""
    return {name: list(_values(field_of(name), traces)) for name in FILTERED}


def _values(field: Field, traces: Sequence[Trace]) -> Iterator[Scalar]:
    """What a field has in the data, some of it."""
    found: dict[tuple[type, Scalar], None] = {}
    for spans, summary in traces:
        values: list[object] = []
        match field.source:
            case Source.TRACE:
                values = [summary[field.key]]
            case Source.SPAN if field.key == "model":
                values = [model_of(span.columns) for span in spans]
            case Source.SPAN if field.key == "error":
                values = [is_error(span.columns) for span in spans]
            case Source.SPAN:
                values = [span.columns[field.key] for span in spans]
            case Source.ATTRIBUTES:
                values = [span.attributes.get(field.key) for span in spans]
            case Source.RESOURCE:
                values = [span.resource.get(field.key) for span in spans]
            case Source.CONTENT:
                values = [body for span in spans for slot, body in span.content if field.key in ("", slot)]
            case Source.ANNOTATIONS:
                values = [value for span in spans for key, value in span.annotations if key == field.key]
        flat = (one for value in values for one in (value if isinstance(value, list) else [value]))
        for one in flat:
            value = one.hex() if isinstance(one, bytes) else one
            if isinstance(value, str | int | float):
                found[type(value), value] = None
    return (value for _, value in found)
