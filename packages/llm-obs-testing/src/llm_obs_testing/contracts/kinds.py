"""What every sink has to pass that declares a kind of payload."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from llm_obs_core import semconv
from llm_obs_core.columnar import ColumnBatch
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import Sink, SinkPart
from llm_obs_core.model import CONTENT_SLOTS, PayloadKind, Span

from llm_obs_testing.contracts.harness import SinkHarness, listed
from llm_obs_testing.contracts.stored import added_up, notes_of
from llm_obs_testing.measures import measure_rows
from llm_obs_testing.parts import (
    Annotation,
    Correction,
    batch_of,
    make_annotations,
    make_corrections,
    make_measures,
    make_write,
    position,
)
from llm_obs_testing.rows import rows_of
from llm_obs_testing.spans import make_span, make_traces

__all__ = ["KindContract"]


class KindContract(SinkHarness):
    """The part of `SinkContract` that is about single kinds; a kind that the sink does not declare is skipped."""

    def test_other_kinds_are_refused(self, tmp_path: Path) -> None:
        """A sink that is given what it does not declare says so; it never drops it without a word."""
        spans = make_traces(2)

        async def work(sink: Sink) -> None:
            for kind in sorted(set(PayloadKind) - sink.limits.kinds - {PayloadKind.CONTENTS}):
                rows = batch_of(spans) if kind is PayloadKind.SPANS else ColumnBatch(1, {})
                part = SinkPart(kind, "default", position(1), position(1), rows)
                with pytest.raises(LlmObsError):
                    await sink.write(make_write([part]))
            await sink.write(make_write(self.given(spans, 1)))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_measures_are_those_that_came(self, tmp_path: Path) -> None:
        """A sink computes none: spans without them add nothing, and they come also without spans."""
        self.need(PayloadKind.MEASURES)
        shown, counted = make_traces(4), make_traces(5, first=20)
        if self.takes(PayloadKind.SPANS):
            self.write(tmp_path, *(part for part in self.given(shown, 1) if part.kind is PayloadKind.SPANS))
        self.write(tmp_path, make_measures(counted, 3))
        self.write(tmp_path, make_measures(counted, 4))
        rows = measure_rows(batch_of(counted).measures())
        assert self.sums(tmp_path) == added_up([*rows, *rows])

    def test_the_greatest_revision_of_an_annotation_counts(self, tmp_path: Path) -> None:
        """Of equal ones the later Position, in a write the later row; also one that takes it back."""
        self.need(PayloadKind.ANNOTATIONS)
        one, two = make_span(1), make_span(2)
        whole = Annotation(one.trace_id, None, "score", "0.5", 1)
        writes = [
            [Annotation.of(one, "score", 1, 2), Annotation.of(two, "score", 1, 2), whole],
            [Annotation.of(one, "score", 2, 1), Annotation.of(two, "score", 2, 2), Annotation.of(one, "label", "ok")],
            [Annotation.of(one, "label", "no"), Annotation.of(one, "label", None), Annotation.of(two, "score", 0, -1)],
            [Annotation.of(one, "score", "naïve 🙂", 2**63 - 1), msgspec.structs.replace(whole, received_ns=7)],
        ]
        for number, said in enumerate(writes, 1):
            self.write(tmp_path, make_annotations(said, number))
        self.write(tmp_path, make_annotations(writes[0], 5, tenant="other"))
        expected = [writes[3][0], writes[1][1], writes[2][1], writes[3][1]]
        assert self.notes(tmp_path) == notes_of("default", expected)
        assert self.notes(tmp_path, "other") == notes_of("other", writes[0])

    def test_contents_stay_apart_from_spans(self, tmp_path: Path) -> None:
        """Every slot, messages in their order, equal ones as often as they were said."""
        self.need(PayloadKind.CONTENTS)
        said = {attribute: f'["one","{slot}","one"]' for slot, attribute in CONTENT_SLOTS}
        spans = [make_span(1, attributes=said), make_span(2, attributes=said), make_span(3)]
        self.write(tmp_path, *self.given(spans, 1))
        self.assert_stored(tmp_path, spans)

    def test_corrections_change_what_they_name(self, tmp_path: Path) -> None:
        """One column of one span and of its call, once however often they come; later ones of the same field win."""
        self.need(PayloadKind.CORRECTIONS)
        spans = make_traces(4)
        calls = [span for span in spans if span.attributes.get(semconv.OPERATION_NAME) == "chat"]
        one, two = calls[0], calls[1]
        changes = [
            _correction(one, "usage_role", "duplicate", 1),
            _correction(one, "cost_nano_usd", 17, 2),
            _correction(two, "cost_nano_usd", None, 3),
            _correction(one, "cost_nano_usd", 18, 4),
            _correction(make_span(9_999), "cost_nano_usd", 5, 5),  # a span that was not kept is no error
        ]
        self.write(tmp_path, make_corrections(changes[:1], 1), *self.given(spans, 1))  # in no promised order
        self.write(tmp_path, make_corrections(changes[1:2], 2), *self.given([], 2, tenant="other"))
        self.write(tmp_path, make_corrections(changes[2:], 3), make_corrections(changes, 3, tenant="other"))
        self.write(tmp_path, make_corrections(changes[2:], 3))
        expected = {(row["trace_id"], row["span_id"]): row for row in rows_of(batch_of(spans))}
        expected[one.trace_id, one.span_id] |= {"usage_role": "duplicate", "cost_nano_usd": 18}
        expected[two.trace_id, two.span_id] |= {"cost_nano_usd": None}
        ways = [(PayloadKind.SPANS, self.stored_columns), (PayloadKind.CALLS, self.stored_calls)]
        for kind, hook in ways:
            if self.takes(kind):
                found = [row for tenant, row in listed(hook(tmp_path)) if tenant == "default"]
                assert found
                for row in found:
                    right = expected[row["trace_id"], row["span_id"]]
                    assert row == {name: right[name] for name in row}


def _correction(span: Span, field: str, new: object, number: int) -> Correction:
    text = None if new is None else json.dumps(new)
    return Correction(span.trace_id, span.span_id, field, None, text, "repriced", number.to_bytes(16, "big"))
