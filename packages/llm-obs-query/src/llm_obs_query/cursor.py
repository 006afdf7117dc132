"""Places in a list as opaque text."""

from __future__ import annotations

import base64
import binascii
import struct

from llm_obs_core.interfaces import Cursor

from llm_obs_query.errors import UserError

__all__ = ["decode", "encode"]

_LAYOUT = struct.Struct(">Bq16s")
"""Version, start, trace id; the tenant's name follows."""
_VERSION = 1


def encode(cursor: Cursor) -> str:
    """The text of a place; equal places have equal texts."""
    packed = _LAYOUT.pack(_VERSION, cursor.start_ns, cursor.trace_id) + cursor.tenant.encode()
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def decode(text: str) -> Cursor:
    """The place of a text that `encode` made.

    Raises:
        UserError: It is no such text.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, start_ns, trace_id = _LAYOUT.unpack_from(packed)
        tenant = packed[_LAYOUT.size :].decode()
    except (ValueError, binascii.Error, struct.error):
        version = 0
    if version != _VERSION:
        raise UserError("an endCursor of an earlier page", got=repr(text[:60]), where="after")
    return Cursor(start_ns, trace_id, tenant)
