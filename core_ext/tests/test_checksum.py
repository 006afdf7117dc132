"""CRC32C: the published vectors, both implementations alike, chaining."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_obs_core_ext.checksum import crc32c, crc32c_portable


@pytest.mark.parametrize(
    ("data", "expected"),
    [  # RFC 3720, appendix B.4, and the check value of the catalogues
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(reversed(range(32))), 0x113FDB5C),
    ],
)
def test_published_vectors(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected
    assert crc32c_portable(data) == expected


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_sums_chain_and_agree(first: bytes, second: bytes) -> None:
    assert crc32c(second, crc32c(first)) == crc32c(first + second) == crc32c_portable(first + second)


def test_large_buffers() -> None:
    data = random.Random(1).randbytes(300_000)
    for size in (255, 256, 767, 768, 769, 1536, 6143, 6144, 6145, 6912, 12_288, 20_000, 32_768, 299_999):
        for start in (0, 1, 7):
            part = memoryview(data)[start : start + size]
            assert crc32c(part) == crc32c_portable(part), (start, size)
            assert crc32c(part, 12345) == crc32c_portable(part, 12345)
