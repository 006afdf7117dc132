"""Annotations in the lake: what counts, over writes, parts and merges, against brute force."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import DAY_NS, live, look_after, notes, options
from llm_obs_lake.sink import LakeSink
from llm_obs_testing.parts import Annotation, make_annotations, make_write
from llm_obs_testing.spans import make_span

SAID = st.builds(
    Annotation,
    st.integers(1, 3).map(lambda number: number.to_bytes(16, "big")),
    st.none() | st.integers(0, 2).map(lambda number: number.to_bytes(8, "big")),
    st.sampled_from(["score", "label", ""]),
    st.sampled_from(['"a"', "1", "null", '"naïve 🙂"']),
    st.integers(-1, 2) | st.just(2**63 - 1),
)
WRITES = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.lists(SAID, max_size=8), st.booleans()), max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(WRITES, st.booleans())
def test_the_greatest_revision_counts_and_of_equal_ones_the_last(
    writes: list[tuple[str, list[Annotation], bool]], merged: bool
) -> None:
    expected: dict[tuple[str, bytes, bytes | None, str], Annotation] = {}
    for tenant, said, _ in writes:
        for item in said:
            key = (tenant, item.trace_id, item.span_id, item.key)
            if key not in expected or expected[key].revision <= item.revision:
                expected[key] = item

    async def work(folder: Path) -> None:
        sink = LakeSink(options(folder))
        await sink.start()
        first = 1
        for number, (tenant, said, final) in enumerate(writes, 1):
            parts = [make_annotations(said, number, tenant=tenant, received_ns=number)]
            ends = final or number == len(writes)
            await sink.write(make_write(parts, first, len(writes) + first, final=ends))
            first += (len(writes) + 1) * ends
        await sink.stop()
        if merged:
            look_after(folder, now_ns=DAY_NS, merge_segments=2)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(work(Path(folder)))
        assert sorted(notes(Path(folder)), key=repr) == sorted(
            ((*key, item.value, item.revision) for key, item in expected.items()), key=repr
        )


async def test_a_merge_keeps_what_counts_and_what_was_taken_back(tmp_path: Path) -> None:
    sink = LakeSink(options(tmp_path))
    await sink.start()
    span = make_span(1)
    for number, (value, revision) in enumerate([(1, 1), (2, 2), (None, 2), (9, 0)], 1):
        said = [Annotation.of(span, "score", value, revision)]
        await sink.write(make_write([make_annotations(said, number, received_ns=DAY_NS)]))
    await sink.stop()
    assert look_after(tmp_path, merge_segments=4).merged == 4
    (segment,) = live(tmp_path, "annotations")
    assert segment.rows == 1
    assert notes(tmp_path) == [("default", span.trace_id, span.span_id, "score", "null", 2)]
