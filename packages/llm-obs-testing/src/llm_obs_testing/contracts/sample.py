"""What the readers are asked about: traces as they come, and everything that is odd."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
from llm_obs_core import semconv
from llm_obs_core.interfaces import Scope, SinkPart
from llm_obs_core.model import Span, StatusCode

from llm_obs_testing.parts import Annotation, make_annotations, make_parts
from llm_obs_testing.spans import START_NS, make_span, make_traces

__all__ = ["ALL", "ONE", "writes"]

ALL = Scope(("default", "acmé 日本"), content=True)
ONE = Scope(("default",), content=True)


def writes() -> Iterator[list[SinkPart]]:
    """Four writes of two tenants: traces cut over writes, roots that come last, and all that is odd."""
    spans = [*make_traces(60), *_odd()]
    half = len(spans) // 2
    spans = [span for pair in zip(spans[:half], spans[half:], strict=False) for span in pair] + spans[2 * half :]
    cuts = [0, len(spans) // 5, len(spans) // 2, len(spans) - 30, len(spans)]
    for number, (start, end) in enumerate(itertools.pairwise(cuts)):
        sequence = number * 10 + 1
        yield [
            *make_parts(spans[start:end], sequence, sequence + 3, received_ns=(number + 1) * 1_000),
            make_annotations(_said(number), sequence, sequence + 3, received_ns=(number + 1) * 1_000),
            *make_parts(
                make_traces(4, seed=7, first=1 + number * 4) + [make_span(1002, name=f"other {number}")][: number == 0],
                sequence + 4,
                tenant=ALL.tenants[1],
                received_ns=(number + 1) * 1_000,
            ),
            make_annotations(
                _said(number)[::2],
                sequence + 4,
                tenant=ALL.tenants[1],
                received_ns=(number + 1) * 1_000,
            ),
        ]


def _said(write: int) -> list[Annotation]:
    """What is said in each write: about traces and spans, in any order of revisions, taken back, and of any type."""
    found: list[Annotation] = []
    for number in range(1, 60, 3):
        trace_id, span_id = make_span(number).trace_id, make_span(number * 16 + 1).span_id
        revision = (1, 3, 2, 3)[write]  # the third write brings an older one, the fourth an equal one
        score = None if (number, write) == (4, 3) else number % 7 + write
        found.append(Annotation(trace_id, None, "score", json.dumps(score), revision, write + 1))
        label = (["good", "short"], "good", True, 2.5, {"text": "good"}, None)[(number + write) % 6]
        found.append(Annotation(trace_id, span_id, "label", json.dumps(label), write + 1, write + 1))
    found.append(Annotation(make_span(2).trace_id, b"\xfe" * 8, "score", "9", 1, write + 1))  # of no stored span
    found.append(Annotation(b"\xfd" * 16, None, "score", "9", 1, write + 1))  # of no stored trace
    return found


_MIXED: tuple[Any, ...] = (
    "text", "3", 3, 3.0, 2.5, -1, 2**53 + 1, float(2**53), True, False, None, b"3", ["text", 3, None, True], [],
    [["text"]], {"text": 3}, float("inf"), "",
)  # fmt: skip


def _odd() -> list[Span]:
    call = {semconv.OPERATION_NAME: "chat", semconv.REQUEST_MODEL: "gpt-4o"}
    together = START_NS + 3_000_000_000
    return [
        make_span(1001, service=None),
        make_span(1002, name="shared", attributes=dict(call)),
        *(make_span(number, start_ns=together, duration_ns=0, name=f"n{number}") for number in range(1010, 1030)),
        # One trace: no root, two spans that start together, the earliest without a user.
        make_span(1040, trace=1040, parent=1, name="b", start_ns=together, attributes={semconv.USER_ID: "z"}),
        make_span(1041, trace=1040, parent=1, name="a", start_ns=together, attributes={semconv.USER_ID: "y"}),
        make_span(1042, trace=1040, parent=1, name="c", start_ns=together - 1, service="ALPHA"),
        # A root that starts after its children, and a second root.
        make_span(1050, trace=1050, name="late root", start_ns=together + 5),
        make_span(1051, trace=1050, parent=1050, name="child", start_ns=together, attributes=dict(call)),
        make_span(1052, trace=1050, name="later root", start_ns=together + 9),
        make_span(1060, name="NAÏVE 日本 🙂", attributes={**call, semconv.APPLICATION: "naïve 🙂"}),
        make_span(1061, status_code=StatusCode.ERROR, status_message="broken"),
        make_span(1062, attributes={semconv.ERROR_TYPE: "TimeoutError"}),
        make_span(1063, attributes={**call, semconv.USAGE_ROLE: "rollup", semconv.USAGE_INPUT_TOKENS: 10_000}),
        make_span(1064, attributes={**call, semconv.USAGE_INPUT_TOKENS: 7, semconv.COST_TOTAL_NANO_USD: 0}),
        make_span(1065, attributes={**call, semconv.USAGE_INPUT_TOKENS: 0}),
        make_span(1066, start_ns=0, duration_ns=0),
        make_span(1067, start_ns=2**63 - 1, duration_ns=0),
        make_span(1068, attributes={semconv.INPUT_MESSAGES: "text", semconv.SYSTEM_INSTRUCTIONS: '["same","same"]'}),
        make_span(1069, attributes={semconv.TOOL_DEFINITIONS: '["same", {"a": 1}]', "any": [1, None, {"b": b"\0"}]}),
        msgspec.structs.replace(make_span(1070), resource={}, scope_name="", scope_version=""),
        # Values of every type under one name.
        *(
            make_span(1080 + number, attributes={"llm_obs.metadata.mixed": value, "llm_obs.metadata.team": "search"})
            for number, value in enumerate(_MIXED)
        ),
        make_span(1100, attributes={"llm_obs.tags": ["vip", "new"], semconv.CONVERSATION_ID: "talk 日本"}),
        make_span(1101, attributes={"llm_obs.tags": "vip", semconv.CONVERSATION_ID: "talk 日本", semconv.USER_ID: "z"}),
        # Texts of more than one line, longer than a page of a column, and in capitals that have no small letter alone.
        make_span(1102, attributes={semconv.INPUT_MESSAGES: "the İstanbul\nand the STRASSE ẞ", **call}),
        make_span(1103, attributes={semconv.TOOL_CALL_RESULT: "word " * 20_000 + "needle", **call}),
    ]
