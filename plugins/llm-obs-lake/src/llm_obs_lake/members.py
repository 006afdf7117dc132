"""Sets of traces, and of spans, as statements: those with a span, a message or an annotation that meets a condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from llm_obs_core.filter import Condition, Field, Scalar, Source
from llm_obs_core.model import CONTENT_SLOTS, SPAN_COLUMNS

from llm_obs_lake.catalog import Segment
from llm_obs_lake.comparison import compared
from llm_obs_lake.engine import Parameters
from llm_obs_lake.literals import Cost, Group, Literal, Node, literals
from llm_obs_lake.schema import Kind
from llm_obs_lake.view import View, relation

__all__ = ["Sets", "SpanTerm", "joined", "span_columns", "tree"]

_WIDTHS: Final = {column.name: int(column.type[5:]) for column in SPAN_COLUMNS if column.type.startswith("fixed")}
_COMPUTED: Final = {
    "model": ("coalesce(response_model, request_model)", ("response_model", "request_model")),
    "error": ("(coalesce(status_code = 2, false) OR error_type IS NOT NULL)", ("status_code", "error_type")),
}
_SLOTS: Final = {slot: number for number, (slot, _) in enumerate(CONTENT_SLOTS)}
_PAYLOADS: Final = {Source.ATTRIBUTES: "otlp_span", Source.RESOURCE: "otlp_resource"}


class SpanTerm(NamedTuple):
    """A condition on a row of the spans' files, and the columns that it reads."""

    sql: str
    columns: tuple[str, ...]


def span_columns(field: Field) -> tuple[str, ...]:
    """The columns of spans that a field of theirs is made of."""
    return _COMPUTED[field.key][1] if field.key in _COMPUTED else (field.key,)


def joined(every: bool, texts: Sequence[str]) -> str:
    """All of them, or one of them."""
    if not texts:
        return "true" if every else "false"
    return f"({(' AND ' if every else ' OR ').join(f'({text})' for text in texts)})"


def tree(node: Node, leaf: Callable[[Literal], str]) -> str:
    """The node as an expression."""
    if isinstance(node, Literal):
        return leaf(node)
    return joined(node.every, [tree(item, leaf) for item in node.items])


class Sets:
    """Builds them.

    Args:
        view: The live files.
        tenants: Of which tenants.
        start_ns: Spans that started earlier are passed over, where that spares a file; None: none.
        bound: Gets the parameters.
    """

    def __init__(self, view: View, tenants: Sequence[str], start_ns: int | None, bound: Parameters) -> None:
        self._view = view
        self._tenants = tenants
        self._start_ns = start_ns
        self._bound = bound

    def span_term(self, literal: Literal) -> SpanTerm | None:
        """What a row of spans must meet so that the condition can hold for it; None when any row can.

        Exact for light conditions. An attribute's name and texts stand in the payload as they are.
        """
        condition, field = literal.condition, literal.field
        if literal.cost is Cost.LIGHT:
            value = _COMPUTED[field.key][0] if field.key in _COMPUTED else field.key
            sql = compared(condition, field.type, value, self._bound, _WIDTHS.get(field.key, 0))
            return SpanTerm(sql, span_columns(field))
        if (payload := _PAYLOADS.get(field.source)) is None or not _needs_something(condition):
            return None
        named = self._in_payload(payload, field.key)
        values = _equal_to(condition)
        if values and all(isinstance(value, str) for value in values):
            named = joined(True, [named, joined(False, [self._in_payload(payload, str(value)) for value in values])])
        return SpanTerm(named, (payload,))

    def _in_payload(self, payload: str, words: str) -> str:
        """Whether the bytes of a text are somewhere in a payload; DuckDB writes both as text in the same way."""
        return f"contains({payload}::VARCHAR, {self._bound.bind(_encoded(words))}::BLOB::VARCHAR)"

    def with_spans(self, node: Node) -> str:
        """Whether a trace is one for whose spans the node holds, every condition of which has a `span_term`."""
        segments = self._segments("spans")
        without = _without(node)
        terms: dict[Condition, SpanTerm] = {}
        for literal in literals(node):
            if literal.condition not in terms and (term := self.span_term(literal)) is not None:
                terms[literal.condition] = term
        if not segments or not terms:
            return str(without).lower()
        columns = dict.fromkeys(["trace_id", *(name for term in terms.values() for name in term.columns)])
        source = relation(self._view, segments, list(columns), self._bound, tenant=True)
        some = joined(False, [term.sql for term in terms.values()])
        found = f"SELECT tenant, trace_id FROM {source} WHERE {some} GROUP BY ALL"
        if len(terms) > 1 or not isinstance(node, Literal):
            having = tree(node, lambda literal: _any(terms[literal.condition].sql, literal.holds))
            found += f" HAVING {'NOT ' if without else ''}{having}"
        return f"(tenant, trace_id) {'NOT ' if without else ''}IN ({found})"

    def hint(self, literal: Literal, *, spans: bool) -> str | None:
        """What must hold so that a heavy condition can hold; None when nothing is known.

        Args:
            literal: It, not its opposite.
            spans: Whether of a span, or of a trace.
        """
        condition, field = literal.condition, literal.field
        if not _needs_something(condition):
            return None
        match field.source:
            case Source.CONTENT:
                ids = ("tenant", "trace_id", "span_id") if spans else ("tenant", "trace_id")
                return self._with_messages(condition, field, ", ".join(ids))
            case Source.ANNOTATIONS:
                return self._with_annotations(field.key)
            case _:
                return None

    def _with_messages(self, condition: Condition, field: Field, ids: str) -> str:
        segments = self._segments("content")
        if not segments:
            return "false"
        names = ["trace_id", "span_id", "slot", "body_row"]
        said = relation(self._view, segments, names, self._bound, tenant=True, filename=True)
        slot = f"slot = {self._bound.bind(_SLOTS[field.key])}" if field.key else "true"
        if condition.op == "exists":
            return f"({ids}) IN (SELECT DISTINCT {ids} FROM {said} WHERE {slot})"
        bodies = relation(self._view, segments, ["body"], self._bound, filename=True, row_number=True)
        fits = compared(condition, field.type, "body", self._bound)
        rows = f"SELECT filename, file_row_number FROM {bodies} WHERE body IS NOT NULL AND {fits}"
        return f"({ids}) IN (SELECT DISTINCT {ids} FROM {said} WHERE {slot} AND (filename, body_row) IN ({rows}))"

    def _with_annotations(self, key: str) -> str:
        segments = self._segments("annotations")
        if not segments:
            return "false"
        source = relation(self._view, segments, ["trace_id", "key"], self._bound, tenant=True)
        wanted = self._bound.bind(_encoded(key))
        return f"(tenant, trace_id) IN (SELECT DISTINCT tenant, trace_id FROM {source} WHERE encode(key) = {wanted})"

    def _segments(self, kind: Kind) -> list[Segment]:
        found = [segment for tenant in self._tenants for segment in self._view.of(tenant, kind)]
        if self._start_ns is None or kind == "annotations":  # what is said of a trace has times of its own
            return found
        return [segment for segment in found if segment.max_start_ns >= self._start_ns]


def _equal_to(condition: Condition) -> tuple[Scalar, ...]:
    """The values of which it needs one; none when it is another condition."""
    value = condition.value
    if isinstance(value, tuple):
        return value
    return (value,) if condition.op == "eq" else ()


def _needs_something(condition: Condition) -> bool:
    """Whether a field that is not there cannot meet it."""
    return condition.op != "exists" or condition.value is True


def _encoded(name: str) -> bytes:
    return name.encode(errors="surrogatepass")


def _any(sql: str, holds: bool) -> str:
    some = f"coalesce(bool_or({sql}), false)"
    return some if holds else f"NOT {some}"


def _without(node: Node) -> bool:
    """Whether it holds for a trace with no span that meets any of its conditions."""
    if isinstance(node, Group):
        return all(map(_without, node.items)) if node.every else any(map(_without, node.items))
    return not node.holds
