"""The native text scan against RE2 with the same expressions: on texts dense with near misses, the same hits."""

from __future__ import annotations

import json
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_collector.scrub import Scanner
from llm_obs_core.interfaces import ScrubRules
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.scan import scan
from llm_obs_core_ext.textscan import KERNELS, PATTERNS, TextScan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from scrub_oracle import PATTERNS as EXPRESSIONS
from scrub_oracle import search

SCANS = {kernel: TextScan(dict.fromkeys(PATTERNS, b""), kernel) for kernel in KERNELS}
TRUE = (
    "jane.doe+x@mail.example.org", "a@b.cc", "x_1%@a-b.c.info",
    "4111111111111111", "4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "3056 930902 5904",
    "6011111111111117", "2223003122003222", "6500000000000002",
    "536-22-1234", "+49 30 901820-12", "+1 (415) 555-0132", "+442071838750", "+1.202.555.0188",
    "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "NO9386011117947", "MT84MALT011000012345MTLCAST001S",
    "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE",
    'aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"', "SecretKey:" + "aB3/" * 10,
    "secret-key'" + "Z" * 40, "ghp_" + "aB3" * 12, "github_pat_" + "aB3_" * 6, "sk-proj-" + "Ab1_" * 8,
    "AIza" + "b" * 35, "xoxb-123456789012-abcdefABCDEF",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIB+/=\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "Bearer abcdef0123456789", "bEARER  a.b_c~d+e/f=g-h1", "Basic dTpwYXNzd2Q=", "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    "postgres://u:pa55word@db", "https://user:p%40ss@host/x", "203.0.113.77", "255.255.255.255", "00:1B:44:11:3A:B7",
)  # fmt: skip
PIECES = (
    *TRUE, "@", ".", "-", "_", " ", "\n", ":", "/", "//", "+", "=", "\\", "\\n", "\\\\n", '\\"', "\\/", "\\u0040",
    "\\u00e9", "\\u597d", "\\u000a", "\\\\u0031", "\\u00", "\\ud83d\\ude00", "a", "Z", "0", "1", "4", "9", "e.com", "é",
    "日本", "😀", "-----BEGIN ", "-----END ", "PRIVATE KEY-----", "eyJ", "sk-", "gh", "bearer ", "basic ", "secret",
    "key", "access", "AKIA", "://", "+1", "123", "12-", "1.2.3.", "00:", "DE89", "xox", "AIza", "github_pat_", "(", ")",
)  # fmt: skip


def mutated(text: str, choose: random.Random) -> str:
    """A text with some of its characters changed, left out or doubled, or spelled as escapes."""
    out = list(text)
    for _ in range(choose.randrange(3)):
        at = choose.randrange(len(out))
        kind = choose.randrange(5)
        if kind == 0:
            out[at] = choose.choice(string.printable)
        elif kind == 1:
            out[at] = ""
        elif kind == 2:
            out[at] *= 2
        elif kind == 3 and len(out[at]) == 1:
            out[at] = "\\" * choose.choice((1, 1, 2, 4)) + f"u{ord(out[at]):04x}"
        else:
            out.insert(at, choose.choice(PIECES))
    return "".join(out)


def dense(seed: int, pieces: int) -> bytes:
    """A seeded text of true values, mutations of them, and what stands between."""
    choose = random.Random(seed)
    parts = [
        mutated(choose.choice(TRUE), choose) if choose.random() < 0.5 else choose.choice(PIECES) for _ in range(pieces)
    ]
    if choose.random() < 0.3:
        return json.dumps(["".join(parts)], ensure_ascii=choose.random() < 0.5).encode("utf-8", "surrogatepass")
    return "".join(parts).encode("utf-8", "surrogatepass")


def check(texts: list[bytes]) -> int:
    expected = [(number, *hit) for number, text in enumerate(texts) for hit in search(text)]
    for kernel, patterns in SCANS.items():
        assert patterns.find(texts) == sorted(expected), kernel
    return len(expected)


def test_the_names_are_those_of_the_expressions() -> None:
    assert tuple(EXPRESSIONS) == PATTERNS


@pytest.mark.parametrize("text", TRUE)
def test_true_values_are_found_at_every_place_of_a_block(text: str) -> None:
    raw = text.encode()
    for before in range(40):
        for after in (b"", b" ", b"." * 40):
            assert check([b"." * before + b" " + raw + after])


@pytest.mark.parametrize("text", TRUE)
def test_every_byte_beside_a_true_value_is_a_border_or_none(text: str) -> None:
    raw = text.encode()
    check([bytes([byte]) + raw for byte in range(256)])
    check([raw + bytes([byte]) for byte in range(256)])


@pytest.mark.parametrize("text", TRUE)
def test_true_values_cut_short_or_spoilt(text: str) -> None:
    raw = text.encode()
    check([raw[:end] for end in range(len(raw))] + [raw[start:] for start in range(len(raw))])
    for byte in b"0aZ -.@:\\":
        check([raw[:at] + bytes([byte]) + raw[at + 1 :] for at in range(len(raw))])


@settings(max_examples=600, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32), st.integers(1, 8)), min_size=1, max_size=5))
def test_dense_texts(recipes: list[tuple[int, int]]) -> None:
    check([dense(seed, pieces) for seed, pieces in recipes])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_pieces_in_any_order(text: str) -> None:
    check([text.encode("utf-8", "surrogatepass")])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.text(max_size=60))
def test_any_bytes(raw: bytes, text: str) -> None:
    check([raw, text.encode("utf-8", "surrogatepass")])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32), st.integers(1, 6)), min_size=1, max_size=6))
def test_a_users_expression_finds_what_the_built_in_pattern_of_it_finds(recipes: list[tuple[int, int]]) -> None:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add(trace_id=bytes([1] * 16), span_id=bytes([1] * 8))
    for seed, pieces in recipes:
        span.attributes.add(key=f"k{seed}").value.bytes_value = dense(seed, pieces)
    body = message.SerializeToString()
    for name in ("email", "phone", "jwt", "private_key", "url_password", "aws_secret_key", "github_token"):
        written = []
        for rules in (
            ScrubRules(1, builtin=(name,), style="pseudonym", key=b"k" * 16),
            ScrubRules(1, patterns=((name, EXPRESSIONS[name].expression),), style="pseudonym", key=b"k" * 16),
        ):
            batch = scan(body)
            edits = Edits(batch)
            counts = Scanner([rules]).scrub(batch, edits).counts
            written.append((counts, emit(batch, edits)))
        assert written[0] == written[1], name


def test_long_texts() -> None:
    assert check([dense(seed, 200) for seed in range(12)]) > 400


@pytest.mark.parametrize(
    "piece", ["-eyJ", "-----BEGIN PRIVATE KEY-----", "+1 ", "@a.b", "bearer  ", "secret key ", "1."]
)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    # A quadratic search of this text would take minutes, and the test run would be stopped.
    patterns = TextScan(dict.fromkeys(PATTERNS, b""))
    raw = piece.encode()
    assert len(patterns.find([raw * (8_000_000 // len(raw))])) < 8_000_000
