"""The written form of a filter, for people: `model = "gpt-4o" and (cost > 0.01 or error_type exists)`.

    filter    = and-part { "or" and-part }
    and-part  = part { "and" part }
    part      = "not" part | "(" filter ")" | "all" | "none" | condition
    condition = field [ "not" ] ( "exists" | "in" "(" value { "," value } ")" | operator value )
    operator  = "=" "!=" ">" ">=" "<" "<=" "~" (regex), or contains, starts_with, ends_with, regex, search
    value     = "text" | 'text' | a number | true | false | a word without spaces

Names of attributes with spaces or signs are quoted: `attributes."my key"`. Numbers of times may have a unit
(`ns us ms s m h`) or, for a point in time, be ISO 8601 with a zone; `cost`, `duration` and `ttft` are in dollars and
seconds. An empty text is always true.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from llm_obs_core.errors import LimitError, LlmObsError
from llm_obs_core.filter.check import MAX_DEPTH, checked
from llm_obs_core.filter.fields import OPERATORS_OF, Field, FieldType, field_of
from llm_obs_core.filter.tree import OPERATORS, And, Condition, Filter, Not, Operator, Or, Scalar, simplified
from llm_obs_core.filter.words import ALIASES, KEYWORDS, SIGNS, UNITS_NS, Word, words

__all__ = ["MAX_CHARACTERS", "parse"]

MAX_CHARACTERS: Final = 65_536
_WRITTEN: Final = {op: sign for sign, op in SIGNS.items()}
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str, *, content: bool = True, at: str = "filter") -> Filter:
    """The filter that a text says, simplified and `checked`.

    Args:
        text: The written form.
        content: As in `checked`.
        at: What errors call it.

    Raises:
        LlmObsError: It says none; the error names the character.
    """
    if len(text) > MAX_CHARACTERS:
        raise LimitError(f"at most {MAX_CHARACTERS} characters", got=str(len(text)), where=at, fix="write it shorter")
    found, broken = words(text)
    if broken is not None:
        raise LlmObsError("a word, a sign or a closed quotation", got=repr(text[broken:][:20]), where=_at(at, broken))
    parser = _Parser(found, at)
    where = And() if parser.word.kind == "end" else parser.either(0)
    parser.expect_end()
    return checked(simplified(where), content=content, at=at)


def _at(name: str, index: int) -> str:
    return f"{name}, character {index + 1}"


class _Parser:
    def __init__(self, found: list[Word], name: str) -> None:
        self._words = found
        self._next = 0
        self._name = name

    @property
    def word(self) -> Word:
        return self._words[self._next]

    def _take(self) -> Word:
        word = self.word
        self._next += word.kind != "end"
        return word

    def _is(self, text: str) -> bool:
        """Whether the next word is this sign or keyword."""
        return self.word.kind in ("sign", "plain") and self.word.text.lower() == text

    def _error(self, expected: str, word: Word, fix: str = "") -> LlmObsError:
        got = "the end" if word.kind == "end" else repr(word.text[:60])
        return LlmObsError(expected, got=got, where=_at(self._name, word.at), fix=fix)

    def expect_end(self) -> None:
        if self.word.kind != "end":
            raise self._error("and, or, or the end", self.word, "put texts with spaces between quotation marks")

    def either(self, depth: int) -> Filter:
        items = [self._all(depth)]
        while self._is("or"):
            self._take()
            items.append(self._all(depth))
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _all(self, depth: int) -> Filter:
        items = [self._part(depth)]
        while self._is("and"):
            self._take()
            items.append(self._part(depth))
        return items[0] if len(items) == 1 else And(tuple(items))

    def _part(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise LimitError(
                f"at most {MAX_DEPTH} parentheses and nots in each other", got="more",
                where=_at(self._name, self.word.at), fix="write it flatter",
            )  # fmt: skip
        if self._is("not"):
            self._take()
            return Not(self._part(depth + 1))
        if self._is("("):
            self._take()
            inner = self.either(depth + 1)
            if not self._is(")"):
                raise self._error("and, or, or )", self.word)
            self._take()
            return inner
        if self._is("all") or self._is("none"):
            return And() if self._take().text.lower() == "all" else Or()
        return self._condition()

    def _condition(self) -> Filter:
        word = self._take()
        if word.kind == "name":
            head, _, rest = word.text.partition(".")
            written = f"{head}.{self._quoted(Word('quoted', rest, word.at + len(head) + 1))}"
        elif word.kind == "plain" and word.text.lower() not in KEYWORDS:
            written = word.text
        else:
            raise self._error("a field, not, or (", word, "such as `model = gpt-4o` or `content search refund`")
        alias = ALIASES.get(written)
        field = field_of(alias.field if alias else written, _at(self._name, word.at))
        factor = alias.factor if alias else None
        negated = self._is("not")
        if negated:
            self._take()
        op = self._operator(field)
        if op == "exists":
            return Condition(field.name, op, not negated)
        if op == "in":
            condition = Condition(field.name, op, self._values(field, factor))
        else:
            condition = Condition(field.name, op, self._value(field, op, factor))
        return Not(condition) if negated else condition

    def _operator(self, field: Field) -> Operator:
        word = self._take()
        op = SIGNS.get(word.text) if word.kind == "sign" else word.text.lower() if word.kind == "plain" else None
        if op not in OPERATORS_OF[field.type] or (op in SIGNS.values() and op != "regex" and word.kind != "sign"):
            fitting = ", ".join(_WRITTEN.get(one, one) for one in OPERATORS if one in OPERATORS_OF[field.type])
            raise self._error(f"an operator that fits {field.name} ({field.type}): {fitting}", word)
        return op

    def _values(self, field: Field, factor: int | None) -> tuple[Scalar, ...]:
        if not self._is("("):
            raise self._error("( and values with commas between them", self.word)
        self._take()
        values: list[Scalar] = []
        while not self._is(")"):
            values.append(self._value(field, "in", factor))
            if self._is(","):
                self._take()
            elif not self._is(")"):
                raise self._error("a comma or )", self.word)
        self._take()
        return tuple(values)

    def _value(self, field: Field, op: Operator, factor: int | None) -> Scalar:
        word = self._take()
        if word.kind == "quoted":
            return self._quoted(word)
        if word.kind != "plain":
            raise self._error("a value", word, "put texts with signs between quotation marks")
        text = word.text
        match field.type:
            case FieldType.INTEGER:
                return self._integer(field, word, factor)
            case FieldType.BOOLEAN:
                if text.lower() not in ("true", "false"):
                    raise self._error(f"true or false for {field.name}", word)
                return text.lower() == "true"
            case FieldType.VALUE if op not in ("contains", "starts_with", "ends_with", "regex", "search"):
                if text in ("true", "false"):
                    return text == "true"
                if _NUMBER.fullmatch(text):
                    return int(text) if re.fullmatch(r"[+-]?\d{1,20}", text) else float(text)
        return text

    def _integer(self, field: Field, word: Word, factor: int | None) -> int:
        text = word.text
        number = _NUMBER.match(text)
        unit = text[number.end() :].lower() if number else ""
        try:
            if number is not None and (not unit or (field.key.endswith("_ns") and unit in UNITS_NS)):
                scaled = Decimal(number[0]) * (UNITS_NS[unit] if unit else factor or 1)
                if scaled == scaled.to_integral_value():
                    return int(scaled)
                raise self._error(f"a whole number for {field.name} when it is multiplied out", word)
            if field.key == "start_ns":
                return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1) * 1_000
        except (InvalidOperation, ValueError, TypeError, OverflowError):
            pass
        hint = {"start_ns": " or a time such as 2026-01-31T12:00:00Z"}.get(field.key, "")
        units = f", which may have a unit ({' '.join(UNITS_NS)})" if field.key.endswith("_ns") else ""
        raise self._error(f"a number for {field.name}{units}{hint}", word)

    def _quoted(self, word: Word) -> str:
        text = word.text
        if text[0] == "'":
            inner = re.sub(r"\\.|\"", lambda found: {"\\'": "'", '"': '\\"'}.get(found[0], found[0]), text[1:-1])
            text = f'"{inner}"'
        try:
            return str(json.loads(text, strict=False))
        except ValueError:
            raise self._error("a quotation with the escapes of JSON", word, r"write \\ for a backslash") from None
