"""The newest records in memory: always what a stream with a disk would give, and bounded."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as some
from llm_obs_collector.log.tail import OBJECT_BYTES, Tail
from logging_records import append, open_log, read_back, record


@given(
    some.lists(some.tuples(some.integers(1, 5), some.integers(0, 3), some.integers(0, 400)), max_size=30),
    some.integers(0, 9_000),
)
def test_it_has_all_after_a_sequence_or_says_that_it_has_not(
    commits: list[tuple[int, int, int]], most_bytes: int
) -> None:
    tail, every, last = Tail(most_bytes), [], 7
    for count, gap, size in commits:
        first = last + 1 + gap
        records = [record(number, payload=bytes(size)) for number in range(first, first + count)]
        tail.add(last, first, records)
        every += [(first + index, item) for index, item in enumerate(records)]
        last = first + count - 1
        kept = 0
        for sequence in range(6, last + 2):
            found = tail.after(sequence)
            if found is not None:
                assert found == [item for item in every if item[0] > sequence]
                kept = max(kept, sum(len(item.payload) + OBJECT_BYTES for _, item in found))
        assert kept <= most_bytes
        assert tail.after(last) == []
    assert tail.after(6) is None


async def test_who_is_at_the_end_reads_no_file(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    await log.start()
    await append(log, record(1))
    for path in (tmp_path / "test/0").glob("*.seg"):
        path.chmod(0)
        path.rename(path.with_suffix(".gone"))
    assert [item.accepted for item in await read_back(log, 1)] == [1]
    await log.stop()
