"""The index of spans already seen: what it says is what a dict says, as long as there is room."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.dedup import MIN_BYTES, DedupIndex, Marks, siphash128
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request

Ids = tuple[bytes, bytes, str]


def batch_of(spans: list[Ids]) -> SpanBatch:
    request = Request()
    scope = request.resource_spans.add().scope_spans.add()
    for trace_id, span_id, name in spans:
        scope.spans.add(trace_id=trace_id, span_id=span_id, name=name)
    return scan(request.SerializeToString(), max_spans=max(1, len(spans)))


def numbered(numbers: range, name: str = "n") -> SpanBatch:
    return batch_of([(b"t" * 16, number.to_bytes(8, "big"), name) for number in numbers])


def marks_of(marks: Marks, rows: int) -> list[int]:
    return [1] * rows if marks.mask is None else list(marks.mask)


# Few ids, so that they meet; names up to some hundreds of bytes, so that facts of every length are compared.
SPANS = st.tuples(
    st.sampled_from([b"a" * 16, b"b" * 16]),
    st.integers(1, 6).map(lambda number: number.to_bytes(8, "little")),
    st.one_of(st.sampled_from(["", "x", "y"]), st.integers(0, 200).map(lambda length: "z" * length)),
)
CALLS = st.lists(st.tuples(st.sampled_from([b"", b"one", b"two"]), st.lists(SPANS, max_size=70)), max_size=6)


@settings(max_examples=200)
@given(CALLS)
def test_marks_are_those_of_a_dict(calls: list[tuple[bytes, list[Ids]]]) -> None:
    index = DedupIndex(1 << 20)
    known: dict[tuple[bytes, bytes, bytes], str] = {}
    for tenant, spans in calls:
        wanted = []
        for trace_id, span_id, name in spans:
            before = known.get((tenant, trace_id, span_id))
            wanted.append(1 if before is None else 0 if before == name else 2)
            known[tenant, trace_id, span_id] = name
        found = index.mark(batch_of(spans), tenant)
        assert marks_of(found, len(spans)) == wanted
        assert (found.duplicates, found.replaced) == (wanted.count(0), wanted.count(2))
        assert (found.mask is None) == all(mark == 1 for mark in wanted)
    assert (index.entries, index.evicted) == (len(known), 0)


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from([MIN_BYTES, 10_000, 70_000]))
def test_a_full_index_forgets_the_oldest_half_and_nothing_else(seed: int, max_bytes: int) -> None:
    pick = random.Random(seed)
    index = DedupIndex(max_bytes)
    generations: list[dict[int, int]] = [{}, {}]  # the older, the current
    evicted, made = 0, 0
    for _ in range(60):
        numbers = []
        for _ in range(pick.randrange(200)):
            made += 1
            numbers.append(made if pick.random() < 0.7 else pick.randrange(1, made + 1))
        names = [pick.randrange(2) for _ in numbers]
        found = index.mark(
            batch_of([(b"t" * 16, n.to_bytes(8, "big"), f"{name}") for n, name in zip(numbers, names, strict=True)]),
            b"",
        )
        wanted = []
        for number, name in zip(numbers, names, strict=True):
            home = next((held for held in generations if number in held), None)
            if home is None:
                room = max_bytes // 2 // 16 // 3 * 2
                if len(generations[1]) >= room:
                    evicted += len(generations[0])
                    generations = [generations[1], {}]
                home = generations[1]
                wanted.append(1)
            else:
                wanted.append(0 if home[number] == name else 2)
            home[number] = name
        assert marks_of(found, len(numbers)) == wanted
        assert (index.entries, index.evicted) == (sum(map(len, generations)), evicted)
        assert index.nbytes <= max_bytes


def test_it_takes_memory_as_it_fills_and_never_more_than_it_may() -> None:
    index = DedupIndex(1 << 20)
    assert (index.nbytes, index.max_bytes) == (0, 1 << 20)
    sizes = []
    for start in range(1, 120_000, 1000):
        index.mark(numbered(range(start, start + 1000)), b"t")
        sizes.append(index.nbytes)
    assert sizes[0] < 1 << 16
    assert max(sizes) <= 1 << 20
    assert sizes == sorted(sizes)
    assert index.entries + index.evicted == 120_000
    assert index.entries >= (1 << 20) // 48  # one of the two halves is always full
    assert index.evicted > 0


def test_a_full_index_takes_24_bytes_a_span() -> None:
    index = DedupIndex(1 << 20)
    best = 100.0
    for start in range(1, 60_000, 100):
        index.mark(numbered(range(start, start + 100)), b"t")
        best = min(best, index.nbytes / index.entries)
    assert best < 24.2


def test_the_newest_are_known_and_the_oldest_are_not() -> None:
    index = DedupIndex(MIN_BYTES)
    for start in range(1, 1000, 10):
        index.mark(numbered(range(start, start + 10)), b"t")
    assert index.mark(numbered(range(950, 1000)), b"t").duplicates == 50
    assert index.mark(numbered(range(1, 50)), b"t") == Marks(None, 0, 0)


def test_tenants_know_nothing_of_one_another() -> None:
    index = DedupIndex(1 << 16)
    batch = numbered(range(1, 20))
    tenants = [b"", b"a", b"ab", b"a\0", b"\0", b"a" * 8, b"a" * 9, b"a" * 255]
    for tenant in tenants:
        assert index.mark(batch, tenant) == Marks(None, 0, 0)
    for tenant in tenants:
        assert index.mark(batch, tenant) == Marks(bytes(19), 19, 0)


def test_facts_that_were_replaced_are_the_ones_that_are_known() -> None:
    index = DedupIndex(1 << 16)
    one, other = numbered(range(1, 3), "one"), numbered(range(1, 3), "other")
    assert index.mark(one, b"") == Marks(None, 0, 0)
    assert index.mark(other, b"") == Marks(b"\2\2", 0, 2)
    assert index.mark(other, b"") == Marks(b"\0\0", 2, 0)
    assert index.mark(one, b"") == Marks(b"\2\2", 0, 2)


@pytest.mark.parametrize("length", [*range(1, 40), 63, 64, 65, 127, 128, 129, 200, 1000])
def test_each_byte_of_the_message_is_a_fact(length: int) -> None:
    index = DedupIndex(1 << 16)
    index.mark(numbered(range(1, 2), "a" * length), b"")
    for at in range(length):
        name = "a" * at + "b" + "a" * (length - at - 1)
        assert index.mark(numbered(range(1, 2), name), b"").replaced == 1


def test_a_mask_selects_what_is_no_exact_duplicate() -> None:
    index = DedupIndex(1 << 16)
    batch = batch_of([(b"t" * 16, b"s" * 8, name) for name in "aabb"])
    marks = index.mark(batch, b"")
    assert marks == Marks(b"\1\0\2\0", 2, 1)
    assert marks.mask is not None
    assert [span.name for span in batch.select(marks.mask).spans()] == ["a", "b"]


def test_an_empty_batch_marks_nothing() -> None:
    assert DedupIndex(MIN_BYTES).mark(batch_of([]), b"t") == Marks(None, 0, 0)


def test_rows_of_several_buffers() -> None:
    index = DedupIndex(1 << 16)
    whole = SpanBatch.concat([numbered(range(1, 50)), numbered(range(40, 60)), numbered(range(55, 60), "other")])
    assert index.mark(whole, b"") == Marks(bytes([1] * 49 + [0] * 10 + [1] * 10 + [2] * 5), 10, 5)


@pytest.mark.parametrize("max_bytes", [0, -1, MIN_BYTES - 1])
def test_too_little_memory_is_refused(max_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"expected at least {MIN_BYTES} bytes, got max_bytes={max_bytes}"):
        DedupIndex(max_bytes)


def test_wrong_types_are_refused() -> None:
    index = DedupIndex(MIN_BYTES)
    with pytest.raises(TypeError):
        index.mark(None, b"")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        index.mark(numbered(range(1, 2)), "t")  # type: ignore[arg-type]
    assert index.entries == 0


def test_siphash_is_that_of_its_authors() -> None:
    """Vectors of the reference implementation, `vectors_sip128`."""
    key = bytes(range(16))
    assert siphash128(key, b"").hex() == "a3817f04ba25a8e66df67214c7550293"
    assert siphash128(key, b"\0").hex() == "da87c1d86b99af44347659119b22fc45"
    assert len({siphash128(key, bytes(range(n))) for n in range(64)}) == 64
    with pytest.raises(ValueError, match="16 bytes"):
        siphash128(b"short", b"")
