"""A user's own expressions: a batch's texts are joined and searched once per expression that occurs.

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
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.emit import Edits

from llm_obs_collector.scrub.escapes import Decoded, Found, hiding, neutral, settled

__all__ = ["OwnPattern", "OwnPatterns"]


class OwnPattern(NamedTuple):
    """One expression: RE2, over bytes. A group, if there is one, is what is written over; else the whole match."""

    name: str
    expression: str
    key: bytes
    """Of its pseudonyms; empty: it is redacted."""


class OwnPatterns:
    """Compiled expressions.

    Args:
        patterns: The expressions.

    Raises:
        ConfigError: A wrong expression.
    """

    def __init__(self, patterns: Sequence[OwnPattern]) -> None:
        import re2

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        self._patterns: list[tuple[OwnPattern, Any]] = []
        self._any = re2.Set.SearchSet(options)
        for pattern in patterns:
            expression = pattern.expression.encode()
            try:
                compiled = re2.compile(expression, options)
                self._any.Add(expression)
            except re2.error as error:
                raise ConfigError(
                    "an RE2 expression",
                    got=f"{pattern.expression!r}: {error}",
                    where=f"scrub.options.pii.patterns.{pattern.name}",
                    fix="correct it; RE2 has no look-around and no back-references",
                ) from None
            self._patterns.append((pattern, compiled))
        self._any.Compile()

    def scrub(self, batch: SpanBatch, edits: Edits) -> dict[str, int]:
        """Adds to `edits` what must be written over; pattern name to how often."""
        counts: dict[str, int] = {}
        for number in range(batch.buffer_count):
            starts, ends, buffer = batch.texts(number, edits)
            ranges, words = self._hits(_Joined(bytes(buffer), starts, ends), counts)
            if ranges:
                edits.replace(ranges, words, buffer=number)
        starts, ends, buffer = edits.texts()
        ranges, words = self._hits(_Joined(bytes(buffer), starts, ends), counts)
        buffer.release()  # the edits need their buffer back to grow it
        if ranges:
            edits.replace_set(ranges, words)
        return counts

    def _hits(self, texts: _Joined, counts: dict[str, int]) -> tuple[list[tuple[int, int]], list[bytes]]:
        found: dict[tuple[int, int], list[Found]] = {}
        views = texts.decoded()
        for number in self._any.Match(texts.joined) or ():
            for text, hit in texts.matches(self._patterns[number][1]):
                found.setdefault((number, text), []).append(views[text].widened(hit) if text in views else hit)
        for text, view in views.items():
            for number in self._any.Match(view.text) or ():
                for match in self._patterns[number][1].finditer(view.text):
                    found.setdefault((number, text), []).append(view.found(*_part(match)))
        ranges: list[tuple[int, int]] = []
        words: list[bytes] = []
        for (number, text), hits in sorted(found.items()):
            pattern, begin = self._patterns[number][0], texts.starts[text]
            for hit in settled(hits):
                counts[pattern.name] = counts.get(pattern.name, 0) + 1
                ranges.append((begin + hit.start, begin + hit.end))
                words.append(_word(pattern, hit.value))
        return ranges, words


class _Joined:
    """The texts of one buffer in one string, and the way back. Joining runs in C: no Python statement for a text."""

    def __init__(self, data: bytes, starts: memoryview, ends: memoryview) -> None:
        self._data = data
        self.starts = starts
        self._ends = ends
        self.joined = neutral(b"\n".join(map(data.__getitem__, map(slice, starts, ends))))
        lengths = map(operator.sub, ends, starts)
        self._places = list(accumulate(map((1).__add__, lengths), initial=0))

    def matches(self, compiled: Any) -> Iterator[tuple[int, Found]]:
        """Matches that lie in one text: the text's number, and the hit in it."""
        alone: set[int] = set()
        whole: list[tuple[int, int, int]] = []
        for match in compiled.finditer(self.joined):
            first = bisect_right(self._places, match.start()) - 1
            last = bisect_left(self._places, match.end()) - 1
            if first == last and match.end() < self._places[first + 1]:
                whole.append((first, *_part(match)))
            else:
                alone.update(range(first, min(last + 2, len(self.starts))))
        for text, start, end in whole:
            if text not in alone:
                place = self._places[text]
                yield text, Found(start - place, end - place, self.joined[start:end])
        for text in sorted(alone):
            single = neutral(self._data[self.starts[text] : self._ends[text]])
            for match in compiled.finditer(single):
                start, end = _part(match)
                yield text, Found(start, end, single[start:end])

    def decoded(self) -> dict[int, Decoded]:
        """Texts in which escapes hide characters, decoded, by number."""
        texts = sorted({bisect_right(self._places, at) - 1 for at in hiding(self.joined)})
        return {text: Decoded(self._data[self.starts[text] : self._ends[text]]) for text in texts}


def _part(match: Any) -> tuple[int, int]:
    start, end = match.span(1) if match.re.groups else match.span()
    return int(start), int(end)


def _word(pattern: OwnPattern, value: bytes) -> bytes:
    if not pattern.key:
        return f"[REDACTED:{pattern.name}]".encode()
    digest = hashlib.blake2b(value, key=pattern.key, digest_size=8).hexdigest()
    return f"[{pattern.name}:{digest}]".encode()
