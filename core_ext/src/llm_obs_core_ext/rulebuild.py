"""Operations as rows of numbers, before `ruletable` puts them into C arrays; runs once at start-up."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from llm_obs_core.errors import PluginError
from llm_obs_core.interfaces.operations import (
    Collect,
    Drop,
    Elapsed,
    EnumMap,
    Extract,
    Member,
    Operation,
    Place,
    Rename,
    Scale,
    Sum,
    When,
)

from llm_obs_core_ext.ruleconst import (
    AS_INT,
    AS_LIST,
    FORMS,
    JSON_MODES,
    KINDS,
    MAX_PREFIXES,
    NO_LIST,
    NO_NAME,
    ONLY_IF_ABSENT,
    ONLY_ROOTS,
    REPLACE,
    TAKE,
    VALUE_BOOL,
    VALUE_STRING,
    WHOLE_ITEM,
    json_name_hash,
    key_hash,
)
from llm_obs_core_ext.value import encode_array

__all__ = ["Builder", "attributes"]

MAX_FACTOR = 2**53
MAX_COLUMNS = 200


def attributes(operation: Operation) -> set[str]:
    """Every attribute that an operation names."""
    found = {condition.place.attribute for condition in operation.when}
    if not isinstance(operation, Drop):
        found.add(operation.target)
    if isinstance(operation, Rename):
        found.update(operation.sources)
    elif isinstance(operation, EnumMap):
        found.add(operation.source)
    elif isinstance(operation, Elapsed):
        found.update([operation.instant] if operation.instant else [])
    elif isinstance(operation, Collect):
        found.update(member.path for member in operation.members if not operation.prefix)
    else:
        found.update(place.attribute for place in _places(operation))
    return found


def _places(operation: Scale | Sum | Extract | Drop) -> tuple[Place, ...]:
    if isinstance(operation, Scale):
        return (operation.source,)
    if isinstance(operation, Sum):
        return (operation.first, *operation.plus, *operation.minus)
    return operation.sources if isinstance(operation, Extract) else operation.places


class RuleRow(msgspec.Struct):
    """A `Rule` of ruletable.pxd; `reads`: key ids that mark it."""

    kind: int
    flags: int = 0
    form: int = 0
    prefix: int = MAX_PREFIXES
    target: int = 0
    source: int = 0
    first: int = 0
    count: int = 0
    minus: int = 0
    when: int = 0
    when_count: int = 0
    role: tuple[int, int] = (0, 0)
    numerator: int = 1
    denominator: int = 1
    reads: list[int] = []


class MemberRow(msgspec.Struct):
    """A `MemberRow` of ruletable.pxd."""

    key_id: int
    list: int
    column: int
    json: int
    before: tuple[int, int]
    after: tuple[int, int]
    name: tuple[int, int]
    list_name: tuple[int, int]


class Builder:
    """The tables as lists, while their sizes are not known."""

    def __init__(self, keys: Any) -> None:
        self.keys = keys
        self.rules: list[RuleRow] = []
        self.named: set[int] = set()
        self.sources: list[int] = []
        self.places: list[tuple[int, int, int]] = []
        self.steps: list[tuple[int, int]] = []
        self.whens: list[tuple[int, int, int, bool]] = []
        self.members: list[MemberRow] = []
        self.prefixes: dict[str, tuple[int, int]] = {}
        self.names: dict[str, tuple[int, int, int]] = {}
        self.conditions: list[int] = []
        self.words: list[tuple[int, ...]] = []
        self.slots: list[int] = []
        self.blob = bytearray(8)  # so that no text begins at 0 and eight bytes can be read before its end

    def add(self, operation: Operation) -> None:
        """One more operation.

        Raises:
            PluginError: It cannot be applied.
        """
        if type(operation) not in KINDS:
            raise PluginError(
                "an operation of llm_obs_core.interfaces.operations", got=type(operation).__name__, where="the rules"
            )
        row = RuleRow(KINDS[type(operation)])
        row.reads = []
        if not isinstance(operation, Drop):
            row.target = self._key(operation.target)
        row.when = len(self.whens)
        row.when_count = len(operation.when)
        self.whens += [self._when(condition) for condition in operation.when]
        if isinstance(operation, Rename):
            row.flags = AS_LIST if operation.as_list else 0
            row.reads = [self._key(name) for name in operation.sources]
            row.first, row.count = len(self.sources), len(operation.sources)
            self.sources += row.reads
        elif isinstance(operation, EnumMap):
            row.flags = (ONLY_IF_ABSENT if operation.only_if_absent else 0) | (
                ONLY_ROOTS if operation.only_roots else 0
            )
            row.source = self._key(operation.source)
            row.reads = [row.source]
            row.first, row.count = self.enum(operation.mapping)
        elif isinstance(operation, Collect):
            self._collect(row, operation)
        elif isinstance(operation, Elapsed):
            if bool(operation.event) == bool(operation.instant):
                raise PluginError(
                    "an event or an instant", got=f"{operation.event!r}, {operation.instant!r}", where=operation.target
                )
            row.role = self.text(operation.event)
            row.source = self._key(operation.instant) if operation.instant else 0
            row.reads = [row.source] if row.source else []
        else:
            self._read(row, operation)
        self.rules.append(row)

    def _read(self, row: RuleRow, operation: Scale | Sum | Extract | Drop) -> None:
        numbers = [self._place(place) for place in _places(operation)]
        row.first, row.count = (numbers[0] if numbers else 0), len(numbers)
        row.reads = [self.places[number][0] for number in numbers]
        if isinstance(operation, Scale):
            if not (1 <= operation.numerator <= MAX_FACTOR and 1 <= operation.denominator <= MAX_FACTOR):
                raise PluginError(
                    "a scale's numerator and denominator from 1 to 2**53",
                    got=f"{operation.numerator} / {operation.denominator}",
                    where=f"the rule for {operation.target!r}",
                )
            row.flags = AS_INT if operation.integer else 0
            row.numerator, row.denominator = operation.numerator, operation.denominator
        elif isinstance(operation, Sum):
            row.flags = REPLACE if operation.replace else 0
            row.minus = 1 + len(operation.plus)
            row.reads = row.reads[:1]
        elif isinstance(operation, Extract):
            row.flags = (REPLACE if operation.replace else 0) | (TAKE if operation.take else 0)
            row.form = FORMS[operation.form]
            row.role = self.text(operation.role)

    def _collect(self, row: RuleRow, operation: Collect) -> None:
        row.form = FORMS[operation.form]
        row.role = self.text(operation.role)
        row.first, row.count = len(self.members), len(operation.members)
        if operation.prefix:
            if operation.prefix not in self.prefixes:
                if len(self.prefixes) == MAX_PREFIXES:
                    raise PluginError(f"at most {MAX_PREFIXES} prefixes", got="more", where=f"{operation.prefix!r}")
                self.prefixes[operation.prefix] = self.text(operation.prefix)
            row.prefix = list(self.prefixes).index(operation.prefix)
        columns: dict[str, dict[str, None]] = {}
        for member in operation.members:
            self._check(member, operation)
            name, _, inner = member.name.partition(".") if "*" in member.path else (member.name, "", "")
            columns.setdefault(name, {}).setdefault(inner)
            top, place = list(columns).index(name), list(columns[name]).index(inner)
            before, star, after = member.path.partition("*")
            key_id = 0 if operation.prefix else self._key(member.path)
            if key_id:
                row.reads.append(key_id)
            self.members.append(
                MemberRow(
                    key_id,
                    top if star else NO_LIST,
                    place if star else WHOLE_ITEM if not name else top,
                    JSON_MODES[member.json],
                    self.text("." + before if member.path else ""),
                    self.text(after),
                    self.text(json.dumps(inner if star else name, ensure_ascii=False) + ":"),
                    self.text(json.dumps(name, ensure_ascii=False) + ":"),
                )
            )

    def _check(self, member: Member, operation: Collect) -> None:
        def wrong(expected: str) -> PluginError:
            return PluginError(expected, got=f"{member.path!r} as {member.name!r}", where=f"{operation.prefix!r}")

        stars = member.path.count("*")
        if stars > 1 or (stars and not operation.prefix):
            raise wrong("a path with at most one *, and none without a prefix")
        if stars and (member.name.count(".") != 1 or member.name.startswith(".") or member.name.endswith(".")):
            raise wrong("a name like list.member for a path with a *")
        if not member.name and len(operation.members) > 1:
            raise wrong("a name, but for the only member")
        lists = {other.name.partition(".")[0] for other in operation.members if "*" in other.path}
        if not stars and member.name in lists:
            raise wrong("names of lists and of members that differ")
        if len(operation.members) > MAX_COLUMNS:
            raise wrong(f"at most {MAX_COLUMNS} members")

    def _key(self, name: str) -> int:
        key_id: int = self.keys.id(name)
        self.named.add(key_id)
        return key_id

    def _place(self, place: Place) -> int:
        first = len(self.steps)
        for key in place.keys:
            if isinstance(key, str):
                if key not in self.names:
                    self.names[key] = (*self.text(key), json_name_hash(key))
                self.steps.append((list(self.names).index(key), 0))
            elif 0 <= key < 2**31:
                self.steps.append((NO_NAME, key))
            else:
                raise PluginError("an element's number from 0", got=str(key), where=f"a place in {place.attribute!r}")
        self.places.append((self._key(place.attribute), first, len(place.keys)))
        return len(self.places) - 1

    def _when(self, condition: When) -> tuple[int, int, int, bool]:
        first = len(self.conditions)
        self.conditions += [self.word(value, "") for value in condition.values]
        return self._place(condition.place), first, len(condition.values), condition.absent

    def text(self, text: str) -> tuple[int, int]:
        """Where the blob has a text: first byte, bytes."""
        raw = text.encode()
        at = len(self.blob)
        self.blob += raw
        return at, len(raw)

    def word(self, text: str, out: str | bool) -> int:
        """The number of a word and of what it becomes."""
        at, length = self.text(text)
        if isinstance(out, bool):
            kind, out_at, out_length = VALUE_BOOL, int(out), 0
        else:
            kind = VALUE_STRING
            out_at, out_length = self.text(out)
        item = encode_array([out])
        item_at = len(self.blob)
        self.blob += item
        self.words.append((at, length, key_hash(text), kind, out_at, out_length, item_at, len(item)))
        return len(self.words) - 1

    def enum(self, mapping: Any) -> tuple[int, int]:
        """Open addressing over words: first slot, mask."""
        first = len(self.slots)
        size = 4
        while size < 2 * len(mapping):
            size *= 2
        part = [0] * size
        for text, out in mapping.items():
            number = self.word(text, out)
            slot = self.words[number][2] & (size - 1)
            while part[slot]:
                slot = (slot + 1) & (size - 1)
            part[slot] = number + 1
        self.slots += part
        return first, size - 1
