"""How the tests of a sink work: what they give it, and what they expect to find."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from llm_obs_core.interfaces import Sink, SinkPart
from llm_obs_core.model import PayloadKind, Span
from llm_obs_core.summary.columns import is_call

from llm_obs_testing.contracts.stored import Content, Identity, Note, added_up, contents_of, notes_of
from llm_obs_testing.measures import measure_rows
from llm_obs_testing.parts import (
    Annotation,
    batch_of,
    make_annotations,
    make_calls,
    make_measures,
    make_part,
    make_write,
)
from llm_obs_testing.rows import Row, rows_of

__all__ = ["SinkHarness", "listed"]

NOTE = "name"
"""Key of the annotation that every span of these tests gets: its name."""

Item = TypeVar("Item")


def listed(found: Coroutine[Any, Any, Iterable[Item]]) -> list[Item]:
    """What a `stored_…` finds."""

    async def whole() -> list[Item]:
        return list(await found)

    return asyncio.run(whole())


class SinkHarness:
    """How the tests of a sink work; `SinkContract` is what a plugin subclasses.

    Attributes:
        transactional: Whether the Position is stored with the data, so that `start` tells it. Any other sink is only
            asked to hold what is written again once.
    """

    transactional = True

    def make(self, folder: Path) -> Sink:
        """A sink over the store in this folder; called again for the same store, as after a restart."""
        raise NotImplementedError

    async def stored(self, folder: Path) -> Iterable[Identity]:
        """Every span that the store in this folder holds; nothing has it open. Needed for SPANS."""
        raise NotImplementedError

    async def stored_contents(self, folder: Path) -> Iterable[Content]:
        """Every message, with its span. Needed for CONTENTS."""
        raise NotImplementedError

    async def stored_measures(self, folder: Path) -> Iterable[tuple[str, Row]]:
        """Tenant and row of all measures, a histogram as bucket index to count. Needed for MEASURES.

        Rows of equal keys may be added up or not.
        """
        raise NotImplementedError

    async def stored_annotations(self, folder: Path) -> Iterable[Note]:
        """Every annotation that counts. Needed for ANNOTATIONS."""
        raise NotImplementedError

    async def stored_calls(self, folder: Path) -> Iterable[tuple[str, Row]]:
        """Tenant and row of every call, corrections applied. Needed for CALLS."""
        raise NotImplementedError

    async def stored_columns(self, folder: Path) -> Iterable[tuple[str, Row]]:
        """Tenant and row of every span, corrections applied. Needed for CORRECTIONS of SPANS."""
        raise NotImplementedError

    def crash(self, sink: Sink) -> None:
        """Lets go of a sink as its process's end would. Stopping is the nearest when it holds a lock."""
        asyncio.run(sink.stop())

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

    def takes(self, *kinds: PayloadKind) -> bool:
        """Whether the sink declares all of these."""
        return self.make(Path("nowhere")).limits.kinds.issuperset(kinds)

    def need(self, *kinds: PayloadKind) -> None:
        """Skips a test about kinds that the sink does not declare."""
        if not self.takes(*kinds):
            pytest.skip(f"the sink does not declare {' and '.join(kinds)}")

    def need_transactions(self) -> None:
        """Skips a test about what only a store with transactions can promise."""
        if not self.transactional:
            pytest.skip("the sink keeps no Position")

    def given(
        self, spans: Sequence[Span], first: int, last: int | None = None, *, tenant: str = "default"
    ) -> list[SinkPart]:
        """A part of each kind that the sink declares, all of the same spans."""
        made: list[SinkPart] = []
        if self.takes(PayloadKind.SPANS):
            part = make_part(spans, first, last, tenant=tenant)
            made.append(part if self.takes(PayloadKind.CONTENTS) else msgspec.structs.replace(part, contents=None))
        if self.takes(PayloadKind.MEASURES):
            made.append(make_measures(spans, first if last is None else last, tenant=tenant))
        if self.takes(PayloadKind.CALLS):
            made.append(make_calls(spans, first, last, tenant=tenant))
        if self.takes(PayloadKind.ANNOTATIONS):
            said = [Annotation.of(span, NOTE, span.name) for span in spans]
            made.append(make_annotations(said, first, last, tenant=tenant))
        return made

    def range(self, records: Sequence[Sequence[Span]], first: int) -> list[SinkPart]:
        """The parts of neighbouring records: measures of each by itself."""
        spans = [span for record in records for span in record]
        made = self.given(spans, first, first + len(records) - 1)
        if self.takes(PayloadKind.MEASURES):
            made = [part for part in made if part.kind is not PayloadKind.MEASURES]
            made += [make_measures(record, number) for number, record in enumerate(records, first)]
        return made

    def write(self, folder: Path, *parts: SinkPart) -> None:
        """One write."""

        async def work(sink: Sink) -> None:
            await sink.write(make_write(parts))

        self.during(folder, work)

    def assert_stored(self, folder: Path, spans: Sequence[Span], tenant: str = "default") -> None:
        """What comes of these and no other spans of the tenant, each once, in every kind that the sink declares."""
        batch = batch_of(spans)
        if self.takes(PayloadKind.SPANS):
            found = Counter(item for item in listed(self.stored(folder)) if item[0] == tenant)
            assert found == Counter((tenant, span.trace_id, span.span_id, span.name) for span in spans)
        if self.takes(PayloadKind.CONTENTS):
            messages = Counter(item for item in listed(self.stored_contents(folder)) if item[0] == tenant)
            assert messages == Counter(contents_of(tenant, spans))
        if self.takes(PayloadKind.MEASURES):
            assert self.sums(folder, tenant) == added_up(measure_rows(batch.measures()))
        if self.takes(PayloadKind.CALLS):
            calls = [row for name, row in listed(self.stored_calls(folder)) if name == tenant]
            expected = [row for row in rows_of(batch) if is_call(row)]
            assert _by_id(calls) == _by_id([{name: row[name] for name in calls[0]} for row in expected if calls])
            assert len(calls) == len(expected)
        if self.takes(PayloadKind.ANNOTATIONS):
            said = [Annotation.of(span, NOTE, span.name) for span in spans]
            assert self.notes(folder, tenant) == notes_of(tenant, said)

    def sums(self, folder: Path, tenant: str = "default") -> dict[tuple[Any, ...], Row]:
        """The tenant's measures, added up by their keys."""
        rows = listed(self.stored_measures(folder))
        return added_up(row for name, row in rows if name == tenant)

    def notes(self, folder: Path, tenant: str = "default") -> Counter[Note]:
        """The tenant's annotations."""
        return Counter(item for item in listed(self.stored_annotations(folder)) if item[0] == tenant)

    def pieces(self, spans: Sequence[Span], first: int, last: int, tenant: str = "default") -> list[list[SinkPart]]:
        """A range in three writes: rows with an identity in each, those that are known by their Position in the last.

        The last spans of each piece come again in the next, as after a write that failed half way.
        """
        third = len(spans) // 3
        cuts = [0, third, 2 * third, len(spans)]
        writes: list[list[SinkPart]] = []
        for start, end in pairwise(cuts):
            parts = self.given(spans[max(start - 1, 0) : end], first, last, tenant=tenant)
            writes.append([part for part in parts if part.kind is not PayloadKind.MEASURES])
        if self.takes(PayloadKind.MEASURES):
            writes[-1].append(make_measures(spans, last, tenant=tenant))
        return writes


def _by_id(rows: Iterable[Row]) -> dict[tuple[bytes, bytes], Row]:
    return {(row["trace_id"], row["span_id"]): row for row in rows}
