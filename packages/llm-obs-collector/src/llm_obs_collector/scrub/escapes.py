"""JSON inside text: its escapes must neither glue words together nor hide characters.

Prompts are stored as JSON strings, often JSON in JSON. `neutral` turns escapes that stand for white space or quotes
into blanks of the same length, so that places stay as they are. `Decoded` undoes those that stand for other characters,
and knows the way back. `llm_obs_core_ext`'s `textscan_escapes.h` does the same for the built-in patterns.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

__all__ = ["Decoded", "Found", "hiding", "neutral", "settled"]


class Found(NamedTuple):
    """A hit in a text, and the bytes it was found as.

    Attributes:
        start: First byte.
        end: Byte after the last.
        value: The bytes, with escapes undone when `decoded`.
        decoded: Found with escapes undone.
        splits: It began within an escape, and was widened to take it in.
    """

    start: int
    end: int
    value: bytes
    decoded: bool = False
    splits: bool = False


@cache
def _expressions() -> tuple[Any, Any]:
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    gluing = re2.compile(rb"\\+[nrtbf\"]", options)
    hidden = re2.compile(rb"\\+(?:u[0-9A-Fa-f]{4}|/)", options)
    return gluing, hidden


def neutral(data: bytes) -> bytes:
    """The text with escaped white space and quotes as blanks; every byte stays at its place."""
    if b"\\" not in data:
        return data
    out = bytearray(data)
    for match in _expressions()[0].finditer(data):
        start, end = match.span()
        out[start:end] = b" " * (end - start)
    return bytes(out)


def hiding(data: bytes) -> list[int]:
    """Where escapes stand that hide characters: a backslash before `u0040` or before a slash."""
    if b"\\u" not in data and b"\\/" not in data:
        return []
    return [match.start() for match in _expressions()[1].finditer(data)]


class Decoded:
    """A text with its hiding escapes undone; control characters become blanks.

    Args:
        text: The text as it stands in the buffer.
    """

    def __init__(self, text: bytes) -> None:
        parts: list[bytes] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._here: list[int] = []
        self._here_ends: list[int] = []
        done = length = 0
        for match in _expressions()[1].finditer(text):
            start, end = match.span()
            escape = text[start:end].lstrip(b"\\")
            code = 0x2F if escape == b"/" else int(escape[1:], 16)
            char = b" " if code < 0x20 else chr(code).encode("utf-8", "surrogatepass")
            parts += [text[done:start], char]
            length += start - done
            self._starts.append(start)
            self._ends.append(end)
            self._here.append(length)
            length += len(char)
            self._here_ends.append(length)
            done = end
        parts.append(text[done:])
        self.text = neutral(b"".join(parts))

    def found(self, start: int, end: int) -> Found:
        """The hit at a range of the decoded text, with its range in the original."""
        return Found(self._back(start), self._back(end - 1, after=True), self.text[start:end], decoded=True)

    def widened(self, hit: Found) -> Found:
        """A hit of the original, with the whole of an escape that it would cut in two: what is left must stay JSON."""
        place = bisect_left(self._starts, hit.start) - 1
        if place < 0 or self._ends[place] <= hit.start:
            return hit
        return hit._replace(start=self._starts[place], splits=True)

    def _back(self, at: int, *, after: bool = False) -> int:
        place = bisect_right(self._here, at) - 1
        if place < 0:
            return at + after
        if at < self._here_ends[place]:
            return self._ends[place] if after else self._starts[place]
        return self._ends[place] + at - self._here_ends[place] + after


def settled(hits: Iterable[Found]) -> list[Found]:
    """One pattern's hits of both readings of the texts as one list: those that overlap are one thing seen twice."""
    out: list[Found] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, hit.end, not hit.decoded)):
        if not out or hit.start >= out[-1].end:
            out.append(hit)
            continue
        last = out.pop()
        if hit.decoded and last.splits and hit.end == last.end:
            out.append(hit)  # the escape before it was no part of it
        else:
            best = hit if hit.decoded and not last.decoded else last
            out.append(best._replace(start=last.start, end=max(last.end, hit.end)))
    return out
