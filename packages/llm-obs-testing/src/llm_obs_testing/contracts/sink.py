"""What every sink has to pass, for each kind of payload that it declares."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec
import pytest
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import Rows, Sink
from llm_obs_core.model import PayloadKind

from llm_obs_testing.contracts.kinds import KindContract
from llm_obs_testing.parts import make_write, position
from llm_obs_testing.spans import make_span, make_traces

__all__ = ["SinkContract"]


class SinkContract(KindContract):
    """Subclass it, write `make` and a `stored_…` for each kind that the sink declares, and run pytest.

    `SinkHarness` has them, with what each must return.
    """

    def test_what_is_written_is_stored(self, tmp_path: Path) -> None:
        """Every row of every part, in one write or in many."""
        spans = make_traces(20)

        async def work(sink: Sink) -> None:
            await sink.write(make_write(self.given(spans[:15], 1, 3)))
            await sink.write(make_write(self.given(spans[15:], 4)))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_it_is_stored_when_write_returns(self, tmp_path: Path) -> None:
        """Also when nothing is stopped or flushed afterwards."""
        spans = make_traces(3)
        sink = self.make(tmp_path)

        async def work() -> None:
            await sink.start()
            await sink.write(make_write(self.given(spans, 1)))

        asyncio.run(work())
        self.crash(sink)
        self.assert_stored(tmp_path, spans)

    def test_it_knows_where_it_is(self, tmp_path: Path) -> None:
        """`start` returns the last Position, or None when the sink cannot say."""

        async def starts(expected: object) -> None:
            sink = self.make(tmp_path)
            assert await sink.start() == expected
            await sink.stop()

        asyncio.run(starts(None))
        self.write(tmp_path, *self.given(make_traces(2), 1, 7))
        self.write(tmp_path, *self.given(make_traces(2, first=9), 8, 9))
        asyncio.run(starts(position(9) if self.transactional else None))

    def test_a_write_that_comes_again_stores_nothing_twice(self, tmp_path: Path) -> None:
        """In the same run, and after a restart."""
        spans = make_traces(6)
        parts, later = self.given(spans[:9], 1, 3), self.given(spans[9:], 4)

        async def twice(sink: Sink) -> None:
            await sink.write(make_write(parts))
            await sink.write(make_write(parts))

        self.during(tmp_path, twice)
        self.write(tmp_path, *parts)
        self.write(tmp_path, *later)
        self.write(tmp_path, *parts)
        self.assert_stored(tmp_path, spans)

    def test_a_write_across_the_position_is_refused(self, tmp_path: Path) -> None:
        """A part of it is stored already: nothing is stored, and the next right write is."""
        self.need_transactions()
        spans = make_traces(6)
        self.write(tmp_path, *self.given(spans[:5], 1, 3))

        async def work(sink: Sink) -> None:
            for final in (False, True):
                with pytest.raises(LlmObsError):
                    await sink.write(make_write(self.given(spans[3:8], 3, 5), final=final))
            await sink.write(make_write(self.given(spans[5:], 4, 5)))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_a_range_may_come_again_in_other_pieces(self, tmp_path: Path) -> None:
        """After a crash the writes need not be cut as they were: rows are known by identity, or by their Position."""
        if self.transactional:
            pytest.skip("the sink knows its Position: what it has does not come again in other pieces")
        spans = make_traces(6)
        records = [spans[:3], spans[3:6], spans[6:9], spans[9:12], spans[12:]]
        self.write(tmp_path, *self.range(records[:3], 1))
        self.write(tmp_path, *self.range(records[:1], 1))
        self.write(tmp_path, *self.range(records[1:4], 2))
        self.write(tmp_path, *self.range(records[4:], 5))
        self.assert_stored(tmp_path, spans)

    def test_the_later_of_two_equal_spans_wins(self, tmp_path: Path) -> None:
        """Within a write the later row, else the one at the higher Position."""
        old = [make_span(number, trace=1, name="old") for number in (1, 2, 3)]
        new = [msgspec.structs.replace(span, name="new") for span in old]
        self.write(tmp_path, *self.given([old[0], old[1], new[0]], 1))
        self.write(tmp_path, *self.given([new[1], old[2]], 2))
        self.assert_stored(tmp_path, [new[0], new[1], old[2]])

    def test_empty_parts_are_no_error(self, tmp_path: Path) -> None:
        """No part, parts without rows, and those beside others; the Position moves all the same."""
        spans = make_traces(2)

        async def work(sink: Sink) -> None:
            await sink.write(make_write([], 1, 2))
            await sink.write(make_write(self.given([], 3)))
            await sink.write(make_write([*self.given([], 4, tenant="other"), *self.given(spans, 5)]))
            await sink.write(make_write([], 6, 6, final=False))
            await sink.write(make_write([], 6, 6))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)
        if self.transactional:

            async def start() -> None:
                sink = self.make(tmp_path)
                assert await sink.start() == position(6)
                await sink.stop()

            asyncio.run(start())

    def test_all_or_nothing(self, tmp_path: Path) -> None:
        """A write of which any part fails leaves nothing of any kind behind, and can be tried again."""
        self.need_transactions()
        spans = make_traces(4)
        good = [*self.given(spans[:5], 1), *self.given(spans[5:], 2, tenant="other")]

        async def fails(sink: Sink) -> None:
            for place, part in enumerate(good):
                bad = msgspec.structs.replace(part, rows=cast("Rows", _Broken(len(part.rows))))
                with pytest.raises(_BrokenError):
                    await sink.write(make_write([*good[:place], bad, *good[place + 1 :]]))

        self.during(tmp_path, fails)
        for tenant in ("default", "other"):
            self.assert_stored(tmp_path, [], tenant)
        self.write(tmp_path, *good)
        self.assert_stored(tmp_path, spans[:5])
        self.assert_stored(tmp_path, spans[5:], "other")

    def test_a_write_that_is_cut_off_has_ended(self, tmp_path: Path) -> None:
        """Nothing of it goes on when its CancelledError is out: the same write comes again at once."""
        spans = make_traces(4)
        parts = self.given(spans, 1)
        slow = _Slow(parts[0].rows)

        async def work(sink: Sink) -> None:
            cut = msgspec.structs.replace(parts[0], rows=cast("Rows", slow))
            writing = asyncio.ensure_future(sink.write(make_write([cut, *parts[1:]])))
            while not (slow.entered.is_set() or writing.done()):  # noqa: ASYNC110 - a thread sets it
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.wait([writing])
            assert not slow.inside, "a thread is still writing"
            await sink.write(make_write(parts))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_tenants_are_apart(self, tmp_path: Path) -> None:
        """Also when their spans have the same ids, and whatever their names are."""
        names = ["default", "acmé ../ 'x'", "日本"]
        spans = make_traces(2)
        parts = [part for number, name in enumerate(names, 1) for part in self.given(spans, number, tenant=name)]
        self.write(tmp_path, *parts)
        for name in names:
            self.assert_stored(tmp_path, spans, name)

    def test_any_text_is_stored(self, tmp_path: Path) -> None:
        """Empty, long, and outside the basic plane."""
        names = ["", "a\0b", "naïve 日本 🙂", "x" * 100_000, "\"'\\\n"]
        spans = [make_span(number, name=name, service=name) for number, name in enumerate(names, 1)]
        self.write(tmp_path, *self.given(spans, 1))
        self.assert_stored(tmp_path, spans)

    def test_extreme_times_are_stored(self, tmp_path: Path) -> None:
        """Clocks of senders can be anywhere: 1970, the end of 64 bits, an end before the start."""
        spans = [
            make_span(1, start_ns=0, duration_ns=0),
            make_span(2, start_ns=2**63 - 1, duration_ns=0),
            make_span(3, start_ns=2**62, duration_ns=2**62),
            make_span(4, start_ns=1000, duration_ns=-900),
        ]
        self.write(tmp_path, *self.given(spans, 1))
        self.assert_stored(tmp_path, spans)

    # --- Ranges of several writes ---

    def test_a_range_may_take_several_writes(self, tmp_path: Path) -> None:
        """All of it is there after the final one, and the sink's Position only then."""
        spans = make_traces(9)
        before, writes = self.given(spans[:9], 1, 3), self.pieces(spans[9:], 4, 8)

        async def work(sink: Sink) -> None:
            await sink.write(make_write(before))
            for place, parts in enumerate(writes):
                await sink.write(make_write(parts, 4, 8, final=place == 2))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)
        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_one_that_comes_again_before_the_final_one(self, tmp_path: Path) -> None:
        """What was written before the final write is not told apart from the next one by its range."""
        spans = make_traces(9)
        writes = self.pieces(spans, 1, 5)

        async def work(sink: Sink) -> None:
            for place, parts in enumerate([writes[0], writes[0], writes[1], writes[0], writes[2]]):
                await sink.write(make_write(parts, 1, 5, final=place == 4))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_a_range_without_its_end_is_not_there(self, tmp_path: Path) -> None:
        """After a stop or a crash before the final write its rows are dropped, whatever comes then."""
        self.need_transactions()
        spans = make_traces(9)
        before, rest = spans[:9], spans[9:]
        self.write(tmp_path, *self.given(before, 1, 3))
        writes = self.pieces(rest, 4, 8)

        async def begin(sink: Sink) -> None:
            for parts in writes[:2]:
                await sink.write(make_write(parts, 4, 8, final=False))

        self.during(tmp_path, begin)
        self.assert_stored(tmp_path, before)
        sink = self.make(tmp_path)

        async def crash() -> None:
            assert await sink.start() == position(3)
            await begin(sink)

            await sink.stop()
            assert await sink.start() == position(3)  # the same sink, as after a StoreError
            await begin(sink)

        asyncio.run(crash())
        self.crash(sink)
        self.assert_stored(tmp_path, before)

        async def other(sink: Sink) -> None:  # the first rows have become dead letters meanwhile
            for place, parts in enumerate(self.pieces(rest[4:], 4, 8)):
                await sink.write(make_write(parts, 4, 8, final=place == 2))

        async def again(sink: Sink) -> None:
            await begin(sink)
            await sink.stop()
            await sink.start()
            await other(sink)

        self.during(tmp_path, again)
        self.assert_stored(tmp_path, [*before, *rest[4:]])

    # --- The rest ---

    def test_stopping_is_always_possible(self, tmp_path: Path) -> None:
        """Before the start, twice, and again after the next start."""

        async def whole() -> None:
            sink = self.make(tmp_path)
            await sink.stop()
            for _ in range(2):
                await sink.start()
                await sink.stop()
                await sink.stop()

        asyncio.run(whole())

    def test_limits_are_constant(self, tmp_path: Path) -> None:
        """The worker reads them once."""
        sink = self.make(tmp_path)
        assert sink.limits == sink.limits
        assert sink.limits.kinds
        assert PayloadKind.SPANS in sink.limits.kinds or PayloadKind.CONTENTS not in sink.limits.kinds
        assert sink.limits.max_items > 0
        assert sink.limits.max_bytes > 0


class _BrokenError(Exception):
    """What broken rows raise."""


class _Broken:
    """Rows that are there until somebody wants to see them."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def _fail(self, *args: object) -> NoReturn:
        raise _BrokenError

    otlp = spans = columns = payloads = measures = contents = select = split = _fail


class _Slow:
    """Rows whose first look takes a while."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.entered = threading.Event()
        self.inside = False

    def __len__(self) -> int:
        return len(self._rows)

    def __getattr__(self, name: str) -> Any:
        if not self.entered.is_set():
            self.inside = True
            self.entered.set()
            time.sleep(0.1)
            self.inside = False
        return getattr(self._rows, name)
