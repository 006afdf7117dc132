"""What of a filter is evaluated above a reader that cannot do it, row by row and within a bound."""

from __future__ import annotations

from typing import NamedTuple

from llm_obs_core.filter import And, Filter, Source, conditions, field_of, text
from llm_obs_core.interfaces import About, Question

from llm_obs_query.errors import Code, UserError

__all__ = ["Bound", "Divided", "divided"]


class Divided(NamedTuple):
    """A filter in two parts that both have to hold.

    Attributes:
        below: What the reader evaluates.
        above: What it does not; None when that is nothing.
        of_spans: Whether the part above looks at spans, not only at summaries of traces.
    """

    below: Filter
    above: Filter | None
    of_spans: bool = False


def divided(where: Filter, name: str, about: About) -> Divided:
    """Divides a filter.

    Args:
        where: A checked filter.
        name: The reader's name.
        about: What it says about itself.

    Raises:
        UserError: It can be evaluated neither by the reader nor above it.
    """
    if about.can(where):
        return Divided(where, None)
    items = where.items if isinstance(where, And) else (where,)
    above = And(tuple(item for item in items if not about.can(item)))
    sources = {field_of(condition.field).source for condition in conditions(above)}
    if Source.CONTENT in sources and Question.CONTENT not in about.questions:
        raise UserError(
            "a filter without conditions on content", got=text(above), where="where",
            fix=f"reader {name} holds no content and does not search it; leave the condition out",
        )  # fmt: skip
    below = And(tuple(item for item in items if about.can(item)))
    return Divided(below, above, bool(sources - {Source.TRACE}))


class Bound:
    """Counts the rows that are looked through above the readers, for one query.

    Args:
        most: How many may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most

    def take(self, why: str) -> None:
        """Accounts for a row.

        Raises:
            UserError: There are more than may be looked through.
        """
        self._left -= 1
        if self._left < 0:
            raise UserError(
                f"a query that looks through at most {self._most} rows above the readers",
                got=f"more, because {why}",
                where="where",
                fix="narrow the time, add conditions that the reader evaluates, or raise query.max_rows",
                code=Code.LIMIT_EXCEEDED,
            )
