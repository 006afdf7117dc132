"""UTF-8 as Python's decoder sees it, character by character and with vectors, at every place of a block."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core_ext.wire import is_utf8

EDGES = (0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
         0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF)  # fmt: skip


def decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def agree(data: bytes) -> None:
    expected = decodes(data)
    assert is_utf8(data) == expected, data
    assert is_utf8(data, portable=True) == expected, data


@pytest.mark.parametrize("before", [0, 1, 5, 28, 29, 30, 31, 32, 63])
def test_every_pair_and_the_edges_of_longer_ones(before: int) -> None:
    start, end = b"a" * before, b"z" * 40
    for first in range(256):
        for second in range(256):
            agree(start + bytes((first, second)))
            agree(start + bytes((first, second)) + end)
    for parts in itertools.product(EDGES, repeat=3):
        agree(start + bytes(parts) + end)


@pytest.mark.parametrize("tail", [b"", b"z", b"z" * 40, "é".encode()])
def test_the_edges_of_four_bytes(tail: bytes) -> None:
    for parts in itertools.product((0xEF, 0xF0, 0xF1, 0xF4, 0xF5), EDGES, EDGES[3:12], EDGES[:12]):
        agree(b"a" * 30 + bytes(parts) + tail)


@settings(max_examples=1000, deadline=None)
@given(st.text(max_size=150), st.integers(0, 600), st.integers(0, 255))
def test_one_wrong_byte_is_found_in_any_text(text: str, at: int, byte: int) -> None:
    data = bytearray(text.encode())
    agree(bytes(data))
    if data:
        data[at % len(data)] = byte
        agree(bytes(data))
        agree(bytes(data[: at % len(data)]))
