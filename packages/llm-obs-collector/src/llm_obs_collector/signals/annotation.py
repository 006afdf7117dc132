"""One annotation as JSON: what it must be, and what is said when it is not."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

__all__ = ["MAX_KEY_CHARS", "MAX_VALUE_BYTES", "Annotation", "Wrong", "read"]

MAX_KEY_CHARS: Final = 256
MAX_VALUE_BYTES: Final = 64 * 1024
MAX_REVISION: Final = 2**63 - 1
MAX_SHOWN_CHARS: Final = 60

_HEX: Final = re.compile(r"[0-9a-fA-F]*")
_FIELDS: Final = frozenset({"target", "key", "value", "revision"})
_TARGET_FIELDS: Final = frozenset({"trace_id", "span_id"})

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


class Wrong(ValueError):
    """An annotation that is left out.

    Args:
        reason: A word, see `Rejection`.
        expected: What would have been right.
        got: What came.
        where: A path a person can follow.
    """

    def __init__(self, reason: str, expected: str, got: str, where: str) -> None:
        self.reason = reason
        super().__init__(f"expected {expected}, got {got} (at {where}); correct it and send it again")


class Annotation(NamedTuple):
    """One that is sound.

    Attributes:
        trace_id: 16 bytes.
        span_id: 8 bytes, None when the whole trace is meant.
        key: What is said.
        value: A string, a number, a boolean or None.
        revision: Of two with one target and key the greater one counts.
    """

    trace_id: bytes
    span_id: bytes | None
    key: str
    value: str | int | float | bool | None
    revision: int

    @property
    def texts(self) -> tuple[str, str]:
        """What may hold a secret: the key, and the value where it is a string or a whole number.

        The decimals of a score are no secret, though one score in some dozens would look like the number of a card.
        """
        match self.value:
            case str(text):
                return self.key, text
            case bool() | None:
                return self.key, ""
            case number:
                return self.key, str(int(number)) if number == int(number) else ""

    def stored(self, value: str) -> str:
        """The JSON text that is stored, given what scrubbing made of the second of `texts`."""
        if isinstance(self.value, str) or value != self.texts[1]:
            return msgspec.json.encode(value).decode()
        return msgspec.json.encode(self.value).decode()


def read(raw: msgspec.Raw, where: str) -> Annotation:
    """One annotation.

    Args:
        raw: Its JSON.
        where: Its path in the request.

    Raises:
        Wrong: It is left out.
    """
    try:
        item: Json = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Wrong("invalid_json", "JSON in UTF-8", str(error), where) from None
    fields = _object(item, _FIELDS, ("target", "key", "value"), where)
    target = _object(fields["target"], _TARGET_FIELDS, ("trace_id",), f"{where}.target")
    trace_id = _id("trace_id", target["trace_id"], 16, f"{where}.target.trace_id")
    span_id = None
    if target.get("span_id") is not None:
        span_id = _id("span_id", target["span_id"], 8, f"{where}.target.span_id")
    key = fields["key"]
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY_CHARS:
        raise Wrong("key", f"a text of 1 to {MAX_KEY_CHARS} characters", _shown(key), f"{where}.key")
    revision = fields.get("revision", 0)
    if type(revision) is not int or not 0 <= revision <= MAX_REVISION:
        raise Wrong("revision", f"an integer from 0 to {MAX_REVISION}", _shown(revision), f"{where}.revision")
    return Annotation(trace_id, span_id, key, _value(fields["value"], f"{where}.value"), revision)


def _object(item: Json, known: frozenset[str], needed: tuple[str, ...], where: str) -> dict[str, Json]:
    if not isinstance(item, dict):
        raise Wrong("fields", f"an object with {', '.join(needed)}", _shown(item), where)
    if missing := [name for name in needed if name not in item]:
        raise Wrong("fields", f"the field {missing[0]}", "none", where)
    if unknown := [name for name in item if name not in known]:
        raise Wrong("fields", f"only {', '.join(sorted(known))}", _shown(unknown[0]), where)
    return item


def _id(reason: str, text: Json, nbytes: int, where: str) -> bytes:
    if isinstance(text, str) and len(text) == 2 * nbytes and _HEX.fullmatch(text) and text.strip("0"):
        return bytes.fromhex(text)
    raise Wrong(reason, f"{2 * nbytes} hexadecimal digits, not all zero", _shown(text), where)


def _value(value: Json, where: str) -> str | int | float | bool | None:
    if isinstance(value, list | dict):
        raise Wrong("value", "a string, a number, a boolean or null", _shown(value), where)
    if isinstance(value, str) and len(value.encode()) > MAX_VALUE_BYTES:
        raise Wrong("value", f"at most {MAX_VALUE_BYTES} bytes", f"{len(value.encode())}", where)
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise Wrong("value", "an integer of 64 bits", f"one of {value.bit_length()}", where)
    return value


def _shown(item: Json) -> str:
    """What came, short enough for an answer."""
    if isinstance(item, dict):
        return "an object"
    if isinstance(item, list):
        return "a list"
    text = msgspec.json.encode(item).decode()
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}… ({len(text)} characters)"
