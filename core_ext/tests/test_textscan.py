"""What the text scan writes over; which texts it finds is compared with RE2 in the collector's tests."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.scan import scan
from llm_obs_core_ext.textscan import KERNELS, PATTERNS, TextScan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request

ALL = TextScan(dict.fromkeys(PATTERNS, b""))
KEY = b"sixteen bytes at least"


def body(*texts: str) -> bytes:
    message = Request()
    span = message.resource_spans.add().scope_spans.add().spans.add(trace_id=bytes([1] * 16), span_id=bytes([2] * 8))
    for number, text in enumerate(texts):
        span.attributes.add(key=f"k{number}").value.string_value = text
    return message.SerializeToString()


def scrubbed(patterns: TextScan, *texts: str) -> list[object]:
    batch = scan(body(*texts))
    edits = Edits(batch)
    patterns.scrub(batch, edits)
    return list(next(scan(emit(batch, edits)).spans()).attributes.values())


def test_hits_are_written_over_and_counted() -> None:
    batch = scan(body("to a@b.cc, c@d.org", "AKIAIOSFODNN7EXAMPLE", "nothing"))
    edits = Edits(batch)
    assert ALL.scrub(batch, edits) == {"email": 2, "aws_access_key": 1}
    span = next(scan(emit(batch, edits)).spans())
    assert list(span.attributes.values()) == [
        "to [REDACTED:email], [REDACTED:email]",
        "[REDACTED:aws_access_key]",
        "nothing",
    ]


def test_every_buffer_and_what_was_set_is_scrubbed() -> None:
    batch = SpanBatch.concat([scan(body("a@b.cc")), scan(body("x", "tel +49 30 901820-12"))])
    edits = Edits(batch)
    edits.set(0, b"mail", "mailto:c@d.org")
    edits.set(1, b"gen_ai.request.model", ["e@f.org", "m"])
    assert ALL.scrub(batch, edits) == {"email": 3, "phone": 1}
    payload = emit(batch, edits)
    assert not any(secret in payload for secret in (b"a@b.cc", b"c@d.org", b"e@f.org", b"901820"))
    assert [span.attributes for span in scan(payload).spans()] == [
        {"k0": "[REDACTED:email]", "mail": "mailto:[REDACTED:email]"},
        {"k0": "x", "k1": "tel [REDACTED:phone]", "gen_ai.request.model": ["[REDACTED:email]", "m"]},
    ]


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=64), st.integers(0, 400))
def test_pseudonyms_are_keyed_blake2b(key: bytes, more: int) -> None:
    value = "-----BEGIN PRIVATE KEY-----" + "A" * more
    digest = hashlib.blake2b(value.encode(), key=key, digest_size=8).hexdigest()
    assert scrubbed(TextScan({"private_key": key}), value) == [f"[private_key:{digest}]"]


def test_a_value_has_one_pseudonym_however_it_is_spelled() -> None:
    scan_ = TextScan({"email": KEY})
    plain = "jane@x.org"
    spelled = ["jane@x.org", r"jane\u0040x.org", r"\u006aane@x.org", r"jane\\u0040x\u002eorg", r"\u597djane@x.org"]
    words = scrubbed(scan_, plain, *spelled)
    assert {str(word).removeprefix(r"\u597d") for word in words} == {words[0]}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["jane@x.org", "4111 1111 1111 1111", "sk-" + "a" * 24, "+1 415 555 0132", "é", "日本", "\\", '"']
            ),
            st.characters(),
        ),
        max_size=12,
    ),
    st.booleans(),
)
def test_a_scrubbed_document_is_still_json(parts: list[str], ascii_only: bool) -> None:
    text = " ".join(parts).encode("utf-8", "replace").decode()
    document = json.dumps({"content": text}, ensure_ascii=ascii_only)
    (out,) = scrubbed(ALL, document)
    json.loads(str(out))
    if "jane@x.org" in parts:
        assert "jane@x.org" not in str(out)


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ValueError, match="e-mail"):
        TextScan({"e-mail": b""})
    with pytest.raises(ValueError, match="64"):
        TextScan({"email": bytes(65)})
    with pytest.raises(ValueError, match="portable"):
        TextScan({}, "mmx")
    batch = scan(body("x"))
    with pytest.raises(ValueError, match="another"):
        ALL.scrub(batch, Edits(scan(body("x"))))
    assert KERNELS[0] == "portable"
    assert TextScan({}).find([b"a@b.cc"]) == []
