"""One scan for a whole batch: its texts are joined and searched once per pattern that occurs, never text by text.

Texts are joined by a newline, so that the end of one and the beginning of the next are borders of words. A match inside
one text counts; one that reaches over a border proves nothing, and each text it touches is searched alone. So the
number of Python calls depends on what is found, not on how many spans there are.
"""

from __future__ import annotations

import hashlib
import operator
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from llm_obs_core.errors import ConfigError
from llm_obs_core.interfaces import ScrubRules
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.emit import Edits

from llm_obs_collector.scrub.escapes import Decoded, hiding, neutral
from llm_obs_collector.scrub.patterns import BUILTIN, Pattern

__all__ = ["Scanner", "Scrubbed"]

MIN_KEY_BYTES = 16


class Scrubbed(NamedTuple):
    """What one batch's scan wrote over: pattern name to count."""

    counts: dict[str, int]


class Scanner:
    """Compiled scrub rules.

    Args:
        rules: Of all configured scrubbers, in order.

    Raises:
        ConfigError: An unknown pattern, a wrong expression, a short key.
    """

    def __init__(self, rules: Sequence[ScrubRules]) -> None:
        import re2

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        self.version = sum(item.version for item in rules)
        self._patterns: list[tuple[str, Any, Pattern, ScrubRules]] = []
        self._any = re2.Set.SearchSet(options)
        for rule in rules:
            if rule.style == "pseudonym" and len(rule.key) < MIN_KEY_BYTES:
                raise ConfigError(
                    f"a pseudonym key of at least {MIN_KEY_BYTES} bytes",
                    got=f"{len(rule.key)}",
                    where="scrub.options.pii.key",
                    fix="set a longer one",
                )
            for name, pattern in (*_builtin(rule), *((name, Pattern(text)) for name, text in rule.patterns)):
                try:
                    compiled = re2.compile(pattern.expression.encode(), options)
                    self._any.Add(pattern.expression.encode())
                except re2.error as error:
                    raise ConfigError(
                        "an RE2 expression",
                        got=f"{pattern.expression!r}: {error}",
                        where=f"scrub.options.pii.patterns.{name}",
                        fix="correct it; RE2 has no look-around and no back-references",
                    ) from None
                self._patterns.append((name, compiled, pattern, rule))
        if self._patterns:
            self._any.Compile()

    def scrub(self, batch: SpanBatch, edits: Edits) -> Scrubbed:
        """Adds to `edits` what must be written over, in the batch's texts and in the values that `edits` sets."""
        counts: dict[str, int] = {}
        if not self._patterns:
            return Scrubbed(counts)
        starts, ends, buffer = batch.texts()
        ranges, words = self._hits(_Joined(bytes(buffer), starts, ends), counts)
        if ranges:
            edits.replace(ranges, words)
        starts, ends, buffer = edits.texts()
        ranges, words = self._hits(_Joined(bytes(buffer), starts, ends), counts)
        buffer.release()  # the edits need their buffer back to grow it
        if ranges:
            edits.replace_set(ranges, words)
        return Scrubbed(counts)

    def _hits(self, texts: _Joined, counts: dict[str, int]) -> tuple[list[tuple[int, int]], list[bytes]]:
        found: list[tuple[int, int, bytes]] = []
        for number in sorted(self._any.Match(texts.joined) or ()):
            for start, end, value in texts.matches(self._patterns[number][1]):
                self._take(number, start, end, value, found, counts)
        for begin, decoded in texts.decoded():
            for number in sorted(self._any.Match(decoded.text) or ()):
                for match in self._patterns[number][1].finditer(decoded.text):
                    start, end = _part(match)
                    first, last = decoded.source(start, end)
                    self._take(number, begin + first, begin + last, decoded.text[start:end], found, counts)
        found.sort()
        return [(start, end) for start, end, _ in found], [word for _, _, word in found]

    def _take(
        self,
        number: int,
        start: int,
        end: int,
        value: bytes,
        found: list[tuple[int, int, bytes]],
        counts: dict[str, int],
    ) -> None:
        name, _, pattern, rule = self._patterns[number]
        sound = len(value) if pattern.check is None else pattern.check(value)
        if sound:
            found.append((start, end - (len(value) - sound), _word(name, value[:sound], rule)))
            counts[name] = counts.get(name, 0) + 1


class _Joined:
    """The texts of one buffer in one string, and the way back. Joining runs in C: no Python statement for a text."""

    def __init__(self, data: bytes, starts: memoryview, ends: memoryview) -> None:
        self._data = data
        self._starts = starts
        self._ends = ends
        self.joined = neutral(b"\n".join(map(data.__getitem__, map(slice, starts, ends))))
        lengths = map(operator.sub, ends, starts)
        self._places = list(accumulate(map((1).__add__, lengths), initial=0))

    def matches(self, compiled: Any) -> Iterator[tuple[int, int, bytes]]:
        """Matches that lie in one text: their range in the buffer, and their bytes."""
        alone: set[int] = set()
        whole: list[tuple[int, int, int]] = []
        for match in compiled.finditer(self.joined):
            first = bisect_right(self._places, match.start()) - 1
            last = bisect_left(self._places, match.end()) - 1
            if first == last and match.end() < self._places[first + 1]:
                start, end = _part(match)
                whole.append((first, start - self._places[first], end - self._places[first]))
            else:
                alone.update(range(first, min(last + 2, len(self._starts))))
        for text, start, end in whole:
            if text not in alone:
                yield self._found(text, start, end)
        for text in sorted(alone):
            for match in compiled.finditer(neutral(self._data[self._starts[text] : self._ends[text]])):
                yield self._found(text, *_part(match))

    def decoded(self) -> Iterator[tuple[int, Decoded]]:
        """Texts in which escapes hide characters, decoded, with their place in the buffer."""
        for text in sorted({bisect_right(self._places, at) - 1 for at in hiding(self.joined)}):
            begin = self._starts[text]
            yield begin, Decoded(self._data[begin : self._ends[text]])

    def _found(self, text: int, start: int, end: int) -> tuple[int, int, bytes]:
        begin = self._starts[text]
        return begin + start, begin + end, self._data[begin + start : begin + end]


def _part(match: Any) -> tuple[int, int]:
    start, end = match.span(1) if match.re.groups else match.span()
    return int(start), int(end)


def _word(name: str, value: bytes, rule: ScrubRules) -> bytes:
    if rule.style == "redact":
        return f"[REDACTED:{name}]".encode()
    digest = hashlib.blake2b(value, key=rule.key[:64], digest_size=8).hexdigest()
    return f"[{name}:{digest}]".encode()


def _builtin(rule: ScrubRules) -> Iterator[tuple[str, Pattern]]:
    for name in rule.builtin:
        if name not in BUILTIN:
            raise ConfigError(
                f"patterns out of: {', '.join(BUILTIN)}",
                got=repr(name),
                where="scrub.options.pii.builtin",
                fix="correct the name",
            )
        yield name, BUILTIN[name]
