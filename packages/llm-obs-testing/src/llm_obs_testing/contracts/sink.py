"""What every sink has to pass."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec
import pytest
from llm_obs_core.errors import LlmObsError
from llm_obs_core.interfaces import Sink, SinkPart, SpanBatch
from llm_obs_core.model import Span

from llm_obs_testing.parts import make_part, position
from llm_obs_testing.spans import make_span, make_traces

__all__ = ["SinkContract"]

Identity = tuple[str, bytes, bytes, str]
"""Tenant, trace id, span id and name of a stored span."""


class SinkContract:
    """Subclass it, write `make` and `stored`, and run pytest.

    Attributes:
        transactional: Whether the Position is stored with the data, so that `start` tells it. Any other sink is only
            asked to hold a span that is written again once.
    """

    transactional = True

    def make(self, folder: Path) -> Sink:
        """A sink over the store in this folder; called again for the same store, as after a restart."""
        raise NotImplementedError

    async def stored(self, folder: Path) -> Iterable[Identity]:
        """Every span that the store in this folder holds; nothing has it open."""
        raise NotImplementedError

    # --- How the tests work ---

    def during(self, folder: Path, work: Callable[[Sink], Coroutine[Any, Any, None]]) -> None:
        """Runs `work` with a sink that is started, and stops it."""

        async def whole() -> None:
            sink = self.make(folder)
            await sink.start()
            try:
                await work(sink)
            finally:
                await sink.stop()

        asyncio.run(whole())

    def write(self, folder: Path, *parts: SinkPart) -> None:
        """One write."""

        async def work(sink: Sink) -> None:
            await sink.write(parts, parts[0].first, parts[-1].last)

        self.during(folder, work)

    def assert_stored(self, folder: Path, spans: Iterable[Span], tenant: str = "default") -> None:
        """These and no others of the tenant, each once."""
        found = Counter(item for item in asyncio.run(_list(self.stored(folder))) if item[0] == tenant)
        assert found == Counter((tenant, span.trace_id, span.span_id, span.name) for span in spans)

    # --- The contract ---

    def test_what_is_written_is_stored(self, tmp_path: Path) -> None:
        """Every span of every part, in one write or in many."""
        spans = make_traces(20)

        async def work(sink: Sink) -> None:
            await sink.write([make_part(spans[:10], 1, 2), make_part(spans[10:15], 3)], position(1), position(3))
            await sink.write([make_part(spans[15:], 4)], position(4), position(4))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_it_is_stored_when_write_returns(self, tmp_path: Path) -> None:
        """Also when nothing is stopped or flushed afterwards."""
        spans = make_traces(3)
        sink = self.make(tmp_path)

        async def work() -> None:
            await sink.start()
            await sink.write([make_part(spans, 1)], position(1), position(1))

        asyncio.run(work())
        self.crash(sink)
        self.assert_stored(tmp_path, spans)

    def crash(self, sink: Sink) -> None:
        """Lets go of a sink as its process's end would. Stopping is the nearest when it holds a lock."""
        asyncio.run(sink.stop())

    def test_it_knows_where_it_is(self, tmp_path: Path) -> None:
        """`start` returns the last Position, or None when the sink cannot say."""

        async def starts(expected: object) -> None:
            sink = self.make(tmp_path)
            assert await sink.start() == expected
            await sink.stop()

        asyncio.run(starts(None))
        self.write(tmp_path, make_part(make_traces(2), 1, 7))
        self.write(tmp_path, make_part(make_traces(2, first=9), 8, 9))
        asyncio.run(starts(position(9) if self.transactional else None))

    def test_a_write_that_comes_again_stores_nothing_twice(self, tmp_path: Path) -> None:
        """In the same run, and after a restart."""
        spans = make_traces(6)
        part, later = make_part(spans[:9], 1, 3), make_part(spans[9:], 4)

        async def twice(sink: Sink) -> None:
            await sink.write([part], part.first, part.last)
            await sink.write([part], part.first, part.last)

        self.during(tmp_path, twice)
        self.write(tmp_path, part)
        self.write(tmp_path, later)
        self.write(tmp_path, part)
        self.assert_stored(tmp_path, spans)

    def test_a_write_across_the_position_is_refused(self, tmp_path: Path) -> None:
        """A part of it is stored already: nothing is stored, and the next right write is."""
        if not self.transactional:
            pytest.skip("a sink without Positions cannot tell")
        spans = make_traces(6)
        self.write(tmp_path, make_part(spans[:5], 1, 3))

        async def work(sink: Sink) -> None:
            with pytest.raises(LlmObsError):
                await sink.write([make_part(spans[3:8], 3, 5)], position(3), position(5))
            await sink.write([make_part(spans[5:], 4, 5)], position(4), position(5))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_the_later_of_two_equal_spans_wins(self, tmp_path: Path) -> None:
        """Within a write the later row, else the one at the higher Position."""
        old = [make_span(number, trace=1, name="old") for number in (1, 2, 3)]
        new = [msgspec.structs.replace(span, name="new") for span in old]
        self.write(tmp_path, make_part([old[0], old[1], new[0]], 1))
        self.write(tmp_path, make_part([new[1], old[2]], 2))
        self.assert_stored(tmp_path, [new[0], new[1], old[2]])

    def test_empty_parts_are_no_error(self, tmp_path: Path) -> None:
        """No part, a part without spans, and a part beside one."""
        spans = make_traces(2)

        async def work(sink: Sink) -> None:
            await sink.write([], position(1), position(2))
            await sink.write([make_part([], 3)], position(3), position(3))
            await sink.write([make_part([], 4), make_part(spans, 5)], position(4), position(5))

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_all_or_nothing(self, tmp_path: Path) -> None:
        """A write that fails half way leaves nothing of it behind, and can be tried again."""
        if not self.transactional:
            pytest.skip("a sink without Positions stores what it can")
        spans = make_traces(4)
        good = [make_part(spans[:5], 1), make_part(spans[5:], 2, tenant="other")]
        bad = msgspec.structs.replace(good[1], spans=cast("SpanBatch", _Broken(len(good[1].spans))))

        async def fails(sink: Sink) -> None:
            with pytest.raises(_BrokenError):
                await sink.write([good[0], bad], position(1), position(2))

        self.during(tmp_path, fails)
        self.assert_stored(tmp_path, [])
        self.write(tmp_path, *good)
        self.assert_stored(tmp_path, spans[:5])
        self.assert_stored(tmp_path, spans[5:], tenant="other")

    def test_a_write_that_is_cut_off_has_ended(self, tmp_path: Path) -> None:
        """Nothing of it goes on when its CancelledError is out: the same write comes again at once."""
        spans = make_traces(4)
        part = make_part(spans, 1)
        slow = _Slow(part.spans)

        async def work(sink: Sink) -> None:
            cut = msgspec.structs.replace(part, spans=cast("SpanBatch", slow))
            writing = asyncio.ensure_future(sink.write([cut], part.first, part.last))
            while not (slow.entered.is_set() or writing.done()):  # noqa: ASYNC110 - a thread sets it
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.wait([writing])
            assert not slow.inside, "a thread is still writing"
            await sink.write([part], part.first, part.last)

        self.during(tmp_path, work)
        self.assert_stored(tmp_path, spans)

    def test_tenants_are_apart(self, tmp_path: Path) -> None:
        """Also when their spans have the same ids, and whatever their names are."""
        names = ["default", "acmé ../ 'x'", "日本"]
        spans = make_traces(2)
        self.write(tmp_path, *(make_part(spans, number, tenant=name) for number, name in enumerate(names, 1)))
        for name in names:
            self.assert_stored(tmp_path, spans, tenant=name)

    def test_any_text_is_stored(self, tmp_path: Path) -> None:
        """Empty, long, and outside the basic plane."""
        names = ["", "a\0b", "naïve 日本 🙂", "x" * 100_000, "\"'\\\n"]
        spans = [make_span(number, name=name, service=name) for number, name in enumerate(names, 1)]
        self.write(tmp_path, make_part(spans, 1))
        self.assert_stored(tmp_path, spans)

    def test_extreme_times_are_stored(self, tmp_path: Path) -> None:
        """Clocks of senders can be anywhere: 1970, the end of 64 bits, an end before the start."""
        spans = [
            make_span(1, start_ns=0, duration_ns=0),
            make_span(2, start_ns=2**63 - 1, duration_ns=0),
            make_span(3, start_ns=2**62, duration_ns=2**62),
            make_span(4, start_ns=1000, duration_ns=-900),
        ]
        self.write(tmp_path, make_part(spans, 1))
        self.assert_stored(tmp_path, spans)

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
        assert sink.limits.max_spans > 0
        assert sink.limits.max_bytes > 0


class _BrokenError(Exception):
    """What a broken batch raises."""


class _Broken:
    """A batch that has spans until somebody wants to see them."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __len__(self) -> int:
        return self._length

    def _fail(self, *args: object) -> NoReturn:
        raise _BrokenError

    otlp = spans = columns = payloads = measures = contents = select = split = _fail


class _Slow:
    """A batch whose first look takes a while."""

    def __init__(self, batch: SpanBatch) -> None:
        self._batch = batch
        self.entered = threading.Event()
        self.inside = False

    def __len__(self) -> int:
        return len(self._batch)

    def __getattr__(self, name: str) -> Any:
        if not self.entered.is_set():
            self.inside = True
            self.entered.set()
            time.sleep(0.1)
            self.inside = False
        return getattr(self._batch, name)


async def _list(found: Coroutine[Any, Any, Iterable[Identity]]) -> list[Identity]:
    return list(await found)
