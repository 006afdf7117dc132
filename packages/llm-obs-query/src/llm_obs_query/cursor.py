"""Where a list goes on, as opaque text."""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

import msgspec
from llm_obs_core.interfaces import Cursor, SessionCursor, SpanCursor

from llm_obs_query.errors import UserError

__all__ = ["decode", "encode"]

C = TypeVar("C", Cursor, SpanCursor, SessionCursor)

_KINDS: dict[type[Any], int] = {Cursor: 2, SpanCursor: 3, SessionCursor: 4}
"""The first item of the text; 1 was the cursor of traces in another form."""


def encode(cursor: Cursor | SpanCursor | SessionCursor) -> str:
    """The text of a cursor; equal cursors have equal texts."""
    packed = msgspec.msgpack.encode([_KINDS[type(cursor)], *cursor])
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def decode(text: str, kind: type[C]) -> C:
    """The cursor of a text that `encode` made.

    Raises:
        UserError: It is no such text, or one of another list.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        number, *fields = msgspec.msgpack.decode(packed, type=list[Any])
        cursor = msgspec.convert(fields, kind)
    except (ValueError, TypeError, binascii.Error, msgspec.MsgspecError):
        number = 0
    if number != _KINDS[kind]:
        raise UserError("an endCursor of an earlier page of this list", got=repr(text[:60]), where="after")
    return cursor
