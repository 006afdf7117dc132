"""JSON inside text: its escapes must neither glue words together nor hide characters.

Prompts are stored as JSON strings, often JSON in JSON. `neutral` turns escapes that stand for space or quotes into
spaces of the same length, so that places stay as they are. `Decoded` undoes those that stand for other characters, and
knows the way back.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import Any

__all__ = ["Decoded", "hiding", "neutral"]


@cache
def _expressions() -> tuple[Any, Any]:
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    gluing = re2.compile(rb"\\+[nrtbf\"]", options)
    hidden = re2.compile(rb"\\+(?:u00[2-7][0-9A-Fa-f]|/)", options)
    return gluing, hidden


def neutral(data: bytes) -> bytes:
    """The text with escaped white space and quotes as spaces; every byte stays at its place."""
    if b"\\" not in data:
        return data
    out = bytearray(data)
    for match in _expressions()[0].finditer(data):
        start, end = match.span()
        out[start:end] = b" " * (end - start)
    return bytes(out)


def hiding(data: bytes) -> list[int]:
    """Where escapes stand that hide ASCII characters: a backslash before `u0040` or before a slash."""
    if b"\\u00" not in data and b"\\/" not in data:
        return []
    return [match.start() for match in _expressions()[1].finditer(data)]


class Decoded:
    """A text with its hiding escapes undone.

    Args:
        text: The text as it stands in the buffer.
    """

    def __init__(self, text: bytes) -> None:
        parts: list[bytes] = []
        self._here: list[int] = [0]
        self._there: list[int] = [0]
        done = length = 0
        for match in _expressions()[1].finditer(text):
            start, end = match.span()
            escape = text[start:end].lstrip(b"\\")
            char = b"/" if escape == b"/" else bytes([int(escape[3:], 16)])
            parts += [text[done:start], char]
            length += start - done
            self._here += [length, length + 1]
            self._there += [start, end]
            length += 1
            done = end
        parts.append(text[done:])
        self.text = neutral(b"".join(parts))

    def source(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original text behind a range of the decoded one."""
        return self._back(start), self._back(end - 1, after=True)

    def _back(self, at: int, *, after: bool = False) -> int:
        place = bisect_right(self._here, at) - 1
        escaped = place % 2 == 1  # odd places begin the one character of an escape
        if escaped:
            return self._there[place + 1] if after else self._there[place]
        return self._there[place] + at - self._here[place] + after
