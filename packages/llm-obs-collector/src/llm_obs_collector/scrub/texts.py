"""Texts that are no spans, scrubbed by the rules for spans: each is the name of one span for as long as it takes.

So there is one scan and one set of rules. Python runs per text: for texts that come at a human's rate.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise

from llm_obs_core.protowire import delimited
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.scan import scan

__all__ = ["batch_of", "texts_of"]

_TRACE_ID = delimited(1, bytes([1] * 16))


def batch_of(texts: Sequence[str]) -> SpanBatch:
    """A batch with one span a text."""
    spans = (
        delimited(2, _TRACE_ID + delimited(2, number.to_bytes(8, "big")) + delimited(5, text.encode()))
        for number, text in enumerate(texts, start=1)
    )
    body = delimited(1, delimited(2, b"".join(spans)))
    return scan(body, max_spans=max(1, len(texts)))


def texts_of(request: bytes, count: int) -> list[str]:
    """The texts of such a batch, once it was emitted."""
    names = scan(request, max_spans=max(1, count)).columns()["name"]
    assert names.offsets is not None
    assert names.length == count, "a text was lost on the way"
    data = bytes(names.data)
    return [data[start:end].decode() for start, end in pairwise(struct.unpack_from(f"<{count + 1}i", names.offsets))]
