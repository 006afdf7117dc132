"""Log segments: the compiled format and the one written with `struct` agree on every byte; what is written is read."""

from __future__ import annotations

import os
import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_obs_core.errors import StoreError
from llm_obs_core.model import LogRecord, RecordKind
from llm_obs_core_ext.segment import MIN_RECORD_BYTES, Damage, Frames, headers, read_header, run, scan
from segment_oracle import LEAST_BYTES, framed

U32 = st.integers(0, 2**32 - 1)
RECORDS = st.builds(
    LogRecord,
    kind=st.sampled_from(RecordKind),
    tenant=st.text(max_size=60),
    received_ns=st.integers(0, 2**64 - 1),
    digest=st.binary(min_size=16, max_size=16),
    accepted=U32,
    rejected=U32,
    payload=st.one_of(st.binary(max_size=200), st.just(b"LOR1" * 30)),
    index=st.binary(max_size=40),
    normalizer_version=U32,
    prices_version=U32,
    scrub_version=U32,
    partition=U32,
)


def simple(**fields: object) -> LogRecord:
    given = {"kind": RecordKind.SPANS, "tenant": "t", "received_ns": 1, "digest": bytes(16)}
    return LogRecord(**(given | {"accepted": 1, "rejected": 0, "payload": b"p"} | fields))  # type: ignore[arg-type]


def several(records: list[LogRecord], first: int = 1) -> Frames:
    frames = Frames()
    for offset, record in enumerate(records):
        frames.add(record, first + offset, 0, record.payload)
    return frames


def test_the_smallest_record() -> None:
    assert len(several([simple(tenant="", payload=b"")]).tobytes()) == 100
    assert MIN_RECORD_BYTES == LEAST_BYTES == len(framed(simple(tenant="", payload=b""), 1, 0, b"", version=1))


@given(st.lists(st.tuples(RECORDS, st.binary(max_size=40)), max_size=6), st.integers(0, 2**63))
def test_bytes_are_those_of_struct(items: list[tuple[LogRecord, bytes]], first: int) -> None:
    frames = Frames()
    wanted = b""
    for index, (record, extra) in enumerate(items):
        group = {"extra": extra, "group_index": index, "group_size": len(items)}
        frames.add(record, first + index, 0, record.payload, **group)  # type: ignore[arg-type]
        wanted += framed(record, first + index, 0, record.payload, **group)  # type: ignore[arg-type]
    records = items
    assert frames.tobytes() == wanted
    assert (len(frames), frames.nbytes) == (len(records), len(wanted))
    with tempfile.TemporaryFile() as file:
        frames.write(file.fileno())
        assert os.pread(file.fileno(), len(wanted) + 1, 0) == wanted


@given(st.lists(RECORDS, max_size=4))
def test_what_was_framed_is_read_back(records: list[LogRecord]) -> None:
    data = several(records).tobytes()
    found = headers(data)
    assert found is not None
    for header, record in zip(found, records, strict=True):
        body = data[header.body : header.end - 4]
        assert body == record.index + record.payload
        assert (header.index_bytes, header.payload_bytes, header.raw_bytes) == (
            len(record.index),
            len(record.payload),
            len(record.payload),
        )
        for name in ("kind", "tenant", "received_ns", "digest", "accepted", "rejected", "partition"):
            assert getattr(header, name) == getattr(record, name)
        for name in ("normalizer_version", "prices_version", "scrub_version"):
            assert getattr(header, name) == getattr(record, name)
    assert [(item.offset, item.end, item.sequence) for item in found] == [
        (item.offset, item.end, item.sequence)  # type: ignore[union-attr]
        for item in scan(data)
    ]


@given(st.lists(RECORDS, min_size=1, max_size=5), st.integers(0, 6), st.integers(0, 10**6))
def test_a_run_ends_where_a_record_is_cut_off(records: list[LogRecord], after: int, cut: int) -> None:
    data = several(records).tobytes()
    ends = [item.end for item in headers(data) or ()]
    size = cut % (len(data) + 1)
    found = run(data[:size], after, 0)
    complete = sum(end <= size for end in ends)
    assert [item.sequence for item in found.headers] == list(range(after + 1, complete + 1))
    assert (found.end, found.last, found.damaged) == (ends[complete - 1] if complete else 0, complete, 0)


def test_a_damaged_body_is_counted_and_passed() -> None:
    data = bytearray(several([simple(payload=b"one"), simple(payload=b"two"), simple(payload=b"three")]).tobytes())
    data[data.index(b"two")] ^= 1
    found = run(bytes(data), 0, 0)
    assert [item.sequence for item in found.headers] == [1, 3]
    assert (found.end, found.last, found.damaged) == (len(data), 3, 1)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"extra": bytes(65_001)}, StoreError),
        ({"extra": "text"}, TypeError),
        ({"extra": None}, TypeError),
        ({"group_size": 0}, ValueError),
        ({"group_index": 2, "group_size": 2}, ValueError),
        ({"group_size": 2**16}, OverflowError),
        ({"group_index": -1}, OverflowError),
    ],
)
def test_what_the_header_has_no_room_for_leaves_the_others(wrong: dict[str, object], error: type[Exception]) -> None:
    frames = several([simple()])
    before = frames.tobytes()
    with pytest.raises(error):
        frames.add(simple(), 2, 0, b"p", **wrong)  # type: ignore[arg-type]
    assert frames.tobytes() == before


def test_the_longest_header_is_read_back() -> None:
    frames = Frames()
    frames.add(simple(tenant="t" * 255), 1, 0, b"p", extra=b"e" * 65_000)
    (header,) = headers(frames.tobytes()) or ()
    assert (header.tenant, header.extra) == ("t" * 255, b"e" * 65_000)


@given(st.lists(RECORDS, max_size=3), st.lists(RECORDS, max_size=3))
def test_a_rollback_takes_away_what_came_after_the_mark(before: list[LogRecord], after: list[LogRecord]) -> None:
    frames = several(before)
    wanted = frames.tobytes()
    mark = frames.mark()
    for record in after:
        frames.add(record, 7, 0, record.payload)
    frames.rollback(mark)
    assert (frames.tobytes(), len(frames), frames.nbytes) == (wanted, len(before), len(wanted))
    frames.add(simple(), 9, 0, b"p")
    assert frames.tobytes() == wanted + framed(simple(), 9, 0, b"p")
    with pytest.raises(ValueError, match="a mark of these frames"):
        Frames().rollback(frames.mark())


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenant": "t" * 256},
        {"digest": bytes(15)},
        {"accepted": 2**32},
        {"rejected": -1},
        {"received_ns": 2**64},
        {"payload": None},
        {"index": "text"},
    ],
)
def test_a_record_that_does_not_fit_leaves_the_others(wrong: dict[str, object]) -> None:
    frames = several([simple()])
    before = frames.tobytes()
    with pytest.raises((StoreError, OverflowError, TypeError)):
        frames.add(simple(**wrong), 2, 0, b"p")
    assert frames.tobytes() == before
    frames.add(simple(), 2, 0, b"p")
    assert [item.sequence for item in headers(frames.tobytes()) or ()] == [1, 2]


def test_more_pieces_than_one_call_takes(tmp_path: Path) -> None:
    frames = several([simple(payload=b"x" * (n % 7), index=b"i" * (n % 3)) for n in range(3000)])
    path = tmp_path / "segment"
    with path.open("ab") as file:
        frames.write(file.fileno())
    assert path.read_bytes() == frames.tobytes()
    assert len(headers(path.read_bytes()) or ()) == 3000


def test_a_write_that_the_system_cuts_short_goes_on() -> None:
    frames = several([simple(payload=bytes(50_000)) for _ in range(20)])
    reading, writing = os.pipe()  # takes what there is room for
    got = bytearray()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            frames.write(writing)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb", buffering=0) as pipe:
        while part := pipe.read(1000):
            got += part
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert bytes(got) == frames.tobytes()


def test_a_refusal_is_an_error_and_leaves_a_part(tmp_path: Path) -> None:
    frames = several([simple(payload=bytes(3000)) for _ in range(400)])
    path = tmp_path / "segment"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with path.open("ab") as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                frames.write(file.fileno())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == frames.tobytes()[:1_000_000]
    with pytest.raises(OSError, match="Bad file descriptor"):
        frames.write(-1)


@pytest.mark.parametrize("version", [0, 3, 255])
def test_another_format_is_refused_where_a_record_has_to_be(version: int) -> None:
    from llm_obs_core_ext.checksum import crc32c

    data = bytearray(several([simple(), simple()]).tobytes())
    data[6] = version
    end = int.from_bytes(data[4:6], "little")
    data[end - 4 : end] = crc32c(bytes(data[: end - 4])).to_bytes(4, "little")
    for read in (lambda: read_header(bytes(data), 0), lambda: scan(bytes(data)), lambda: run(bytes(data), 0, 0)):
        with pytest.raises(StoreError, match=f"format {version}"):
            read()
    data[0] = 0  # inside damage it is passed over
    assert [isinstance(item, Damage) for item in scan(bytes(data))] == [True, False]


@pytest.mark.parametrize("data", [b"", b"L", b"LOR1", bytes(91), b"LOR1" * 100])
def test_what_is_no_record(data: bytes) -> None:
    assert read_header(data, 0) is None
    assert read_header(data, 10**9) is None
    assert scan(data) == ([Damage(0, len(data), True)] if data else [])
    assert run(data, 0, 7) == ([], 0, 7, 0)
