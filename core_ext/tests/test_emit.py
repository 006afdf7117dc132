"""Edits against a dict as the model, and replacements against the strings protobuf reads."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.scan import scan
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request

KEYS = st.sampled_from([b"a", b"b", b"gen_ai.request.model", b"gen_ai.usage.input_tokens", b"llm_obs.price.id"])
VALUES = st.one_of(
    st.text(max_size=5), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False),
    st.binary(max_size=5), st.lists(st.one_of(st.text(max_size=3), st.none(), st.integers(0, 300)), max_size=3),
)  # fmt: skip
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 1), KEYS, VALUES),
        st.tuples(st.just("remove"), st.integers(0, 1), KEYS),
        st.tuples(st.just("rename"), st.integers(0, 1), KEYS, KEYS),
    ),
    max_size=12,
)


def request(attributes: list[dict[str, str]], secret: str = "") -> Request:
    message = Request()
    resource = message.resource_spans.add(schema_url=secret + "u")
    resource.resource.attributes.add(key="service.name").value.string_value = secret + "s"
    scope = resource.scope_spans.add(schema_url="v" + secret)
    scope.scope.name = "scope" + secret
    for i, values in enumerate(attributes):
        span = scope.spans.add(trace_id=bytes([1]) * 16, span_id=bytes([i + 1]) * 8, name="n" + secret)
        span.trace_state = secret
        span.status.message = secret + "m"
        span.dropped_attributes_count = 3
        span.events.add(name=secret).attributes.add(key=secret + "e").value.bytes_value = secret.encode()
        span.links.add(trace_state=secret)
        for key, value in values.items():
            span.attributes.add(key=key).value.string_value = value + secret
        span.attributes.add(key="list").value.array_value.values.add().kvlist_value.values.add(key="k" + secret)
    return message


@settings(max_examples=120, deadline=None)
@given(st.lists(st.dictionaries(KEYS.map(bytes.decode), st.text(max_size=3)), min_size=2, max_size=2), CHANGES)
def test_edits_do_what_they_do_to_a_dict(attributes: list[dict[str, str]], changes: list[tuple]) -> None:
    batch = scan(request(attributes).SerializeToString())
    edits = Edits(batch)
    model = [span.attributes for span in batch.spans()]
    for name, row, key, *rest in changes:
        getattr(edits, name)(row, key, *rest)
        if name == "set":
            model[row][key.decode()] = rest[0]
        elif name == "remove":
            model[row].pop(key.decode(), None)
        elif key.decode() in model[row]:
            model[row][rest[0].decode()] = model[row].pop(key.decode())
    body = emit(batch, edits)
    after = scan(body)
    assert [span.attributes for span in after.spans()] == model
    assert repr([{k: s.attributes[k] for k in sorted(s.attributes)} for s in after.spans()]) == repr(
        [{k: m[k] for k in sorted(m)} for m in model]
    )
    assert emit(after) == body == Request.FromString(body).SerializeToString()
    assert [span.name for span in batch.spans()] == ["n", "n"]


@pytest.mark.parametrize("replacement", [b"", b"[x]", b"y" * 300])
def test_a_replacement_reaches_every_string(replacement: bytes) -> None:
    secret = "s3cret"
    body = request([{"a": "x", "gen_ai.request.model": "m"}, {}], secret).SerializeToString()
    batch = scan(body)
    starts, ends, buffer = batch.texts()
    hits = []
    for start, end in zip(starts, ends, strict=True):
        at = bytes(buffer[start:end]).find(secret.encode())
        if at >= 0:
            hits.append((start + at, start + at + len(secret)))
    assert len(hits) == body.count(secret.encode())
    edits = Edits(batch)
    edits.replace(hits, [replacement] * len(hits))
    clean = emit(batch, edits)
    assert secret.encode() not in clean
    expected = request([{"a": "x", "gen_ai.request.model": "m"}, {}], replacement.decode())
    assert clean == expected.SerializeToString()


def test_set_values_are_texts_too() -> None:
    batch = scan(request([{}]).SerializeToString())
    edits = Edits(batch)
    edits.set(0, b"mine", ["a", "secret"])
    starts, ends, buffer = edits.texts()
    words = [bytes(buffer[start:end]) for start, end in zip(starts, ends, strict=True)]
    assert words == [b"mine", b"a", b"secret"]
    edits.replace_set([(starts[2], ends[2])], [b"[gone]"])
    assert next(scan(emit(batch, edits)).spans()).attributes["mine"] == ["a", "[gone]"]


def test_edits_of_another_batch_and_wrong_rows_are_refused() -> None:
    batch = scan(request([{}]).SerializeToString())
    with pytest.raises(ValueError, match="of this batch"):
        emit(scan(request([{}]).SerializeToString()), Edits(batch))
    with pytest.raises(IndexError):
        Edits(batch).set(1, b"a", 1)
    with pytest.raises(TypeError):
        Edits(batch).set(0, b"a", {1})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="within"):
        Edits(batch).replace([(0, 10**6)], [b""])


def test_select_split_and_concat_keep_the_rows() -> None:
    batch = scan(request([{"a": str(i)} for i in range(20)]).SerializeToString())
    spans = list(batch.spans())
    odd = batch.select(bytes(i & 1 for i in range(20)))
    assert list(odd.spans()) == spans[1::2]
    parts = batch.split(600)
    assert len(parts) > 2
    assert all(len(part.otlp()) < 600 for part in parts)
    joined = SpanBatch.concat([*parts, odd])
    assert list(joined.spans()) == spans + spans[1::2]
    assert list(scan(joined.otlp()).spans()) == spans + spans[1::2]
    assert len(batch.split(1)) == 20
    assert batch.select(bytes(20)).otlp() == b""
    with pytest.raises(ValueError, match="20 bytes"):
        batch.select(b"1")
