"""What a reader says about itself: what it answers, over whose data and which time, and the filters it evaluates."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from llm_obs_core.filter import OPERATORS, Condition, Filter, Operator, conditions

__all__ = ["EVERY_FILTER", "About", "Evaluates", "Question"]


class Question(StrEnum):
    """What can be asked of a reader, and by which method.

    TRACES: `find_traces`, `trace`, `outline`, `spans`; SPANS: `find_spans`; SESSIONS: `find_sessions`; CONTENT: content
    in the answers of these; ANNOTATIONS: `annotations`, and those of a trace; MEASURES: `aggregate`; VALUES: `values`;
    LOGS: log records.
    """

    TRACES = "traces"
    SPANS = "spans"
    SESSIONS = "sessions"
    CONTENT = "content"
    ANNOTATIONS = "annotations"
    MEASURES = "measures"
    VALUES = "values"
    LOGS = "logs"


class Evaluates(msgspec.Struct, frozen=True):
    """Conditions that a reader evaluates: each of these operators on each of these fields.

    Attributes:
        fields: Names; one that ends in `*` stands for all that begin so.
        operators: Which.
    """

    fields: tuple[str, ...] = ("*",)
    operators: tuple[Operator, ...] = OPERATORS

    def includes(self, condition: Condition) -> bool:
        """Whether the condition is one of them."""
        return condition.op in self.operators and any(
            condition.field.startswith(name[:-1]) if name.endswith("*") else condition.field == name
            for name in self.fields
        )


EVERY_FILTER: Final = (Evaluates(),)


class About(msgspec.Struct, frozen=True):
    """What a reader can answer now.

    Attributes:
        questions: Which.
        origin: The log writers whose data it holds; empty when that is not known.
        complete: Whether it holds every span, not a sample. Measures are of every span in any store.
        tiers: Tiers that it reads: hot, warm, cold.
        start_ns: It holds what starts at or after this Unix time, nanoseconds; None: without such a bound.
        end_ns: It holds what starts before this.
        filters: What of the filter language it evaluates; `And`, `Or` and `Not` over such conditions too.
    """

    questions: frozenset[Question]
    origin: frozenset[str] = frozenset()
    complete: bool = True
    tiers: tuple[str, ...] = ("hot",)
    start_ns: int | None = None
    end_ns: int | None = None
    filters: tuple[Evaluates, ...] = EVERY_FILTER

    def can(self, where: Filter) -> bool:
        """Whether it evaluates all of a filter."""
        return all(any(item.includes(condition) for item in self.filters) for condition in conditions(where))
