"""What a span says about a call: request, answer, usage, failure."""

import llm_obs_sdk
import openai
import pytest
from llm_obs_testing.imitation import Answer, ToolCall, Usage
from opentelemetry.trace import StatusCode

OMIT = getattr(openai, "omit", openai.NOT_GIVEN)
ASK = [{"role": "user", "content": "Where is my order?"}]
USAGE = Usage(prompt=2000, completion=300, cached=1024, reasoning=128, audio_in=7, audio_out=5)


def test_a_completion(recording, client, imitation):
    imitation.queue(Answer(usage=USAGE, service_tier="priority"))
    client.chat.completions.create(
        model="gpt-5",
        messages=ASK,
        temperature=1,
        top_p=0.5,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        max_completion_tokens=500,
        seed=7,
        stop="END",
        n=2,
        reasoning_effort="low",
        service_tier="priority",
        response_format={"type": "json_object"},
        user="ann",
    )
    span = recording.one()
    port = int(imitation.url.split(":")[2].split("/")[0])
    ident = span.at.pop("gen_ai.response.id")
    assert ident.startswith("chatcmpl-")
    assert span.name == "chat gpt-5"
    assert span.status.status_code is StatusCode.UNSET
    assert span.at == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai-compatible",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.max_tokens": 500,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
        "openai.api.type": "chat_completions",
        "openai.request.service_tier": "priority",
        "openai.response.service_tier": "priority",
        "openai.response.system_fingerprint": "fp_imitation",
        "server.address": "127.0.0.1",
        "server.port": port,
        "user.id": "ann",
        "gen_ai.response.model": "gpt-5-2025-08-07",
        "gen_ai.response.finish_reasons": ("stop", "stop"),
        "gen_ai.usage.input_tokens": 2000,
        "gen_ai.usage.output_tokens": 300,
        "gen_ai.usage.cache_read.input_tokens": 1024,
        "gen_ai.usage.reasoning.output_tokens": 128,
        "gen_ai.usage.audio.input_tokens": 7,
        "gen_ai.usage.audio.output_tokens": 5,
        "llm_obs.usage.basis": "reported",
        "http.response.status_code": 200,
    }
    assert type(span.at["gen_ai.request.temperature"]) is float


def test_what_was_not_given_is_not_recorded(recording, client, caplog):
    client.chat.completions.create(
        model="gpt-4o",
        messages=ASK,
        temperature=OMIT,
        top_p=openai.NOT_GIVEN,
        max_tokens=None,
        stop=OMIT,
        stream=OMIT,
        n=1,
        tools=OMIT,
        service_tier="auto",
    )
    span = recording.one()
    requested = {key for key in span.at if ".request." in key}
    assert requested == {"gen_ai.request.model"}
    assert [record for record in caplog.records if record.name.startswith(("opentelemetry", "llm_obs"))] == []


def test_the_finish_reasons_are_the_conventions(recording, client, imitation):
    for answer, expected in (
        (Answer(tools=(ToolCall("lookup"),)), "tool_call"),
        (Answer(finish_reason="length"), "length"),
        (Answer(finish_reason="content_filter"), "content_filter"),
        (Answer(finish_reason="function_call"), "tool_call"),
    ):
        imitation.queue(answer)
        client.chat.completions.create(model="gpt-4o", messages=ASK)
        assert recording.one().at["gen_ai.response.finish_reasons"] == (expected,)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(recording, client, encoding):
    client.embeddings.create(
        model="text-embedding-3-small", input=["one", "two"], dimensions=64, encoding_format=encoding, user="bob"
    )
    span = recording.one()
    assert span.name == "embeddings text-embedding-3-small"
    assert span.at["gen_ai.operation.name"] == "embeddings"
    assert span.at["gen_ai.embeddings.dimension.count"] == 64
    assert span.at["gen_ai.request.encoding_formats"] == (encoding,)
    assert span.at["gen_ai.response.model"] == "text-embedding-3-small"
    assert span.at["gen_ai.usage.input_tokens"] == 2
    assert "gen_ai.usage.output_tokens" not in span.at


@pytest.mark.parametrize(
    ("asked", "kind", "status"),
    [
        ("status=400", "BadRequestError", 400),
        ("status=404", "NotFoundError", 404),
        ("status=429", "RateLimitError", 429),
        ("status=500", "InternalServerError", 500),
        ("cut-after=-1", "APIConnectionError", None),
    ],
)
def test_failures(recording, client, asked, kind, status):
    with pytest.raises(openai.APIError):
        client.chat.completions.create(model="gpt-4o", messages=ASK, extra_headers={"x-imitation": asked})
    span = recording.one()
    assert span.status.status_code is StatusCode.ERROR
    assert span.at["error.type"] == kind
    assert span.at.get("http.response.status_code") == status
    assert "llm_obs.usage.basis" not in span.at
    assert [event.name for event in span.events] == ["exception"]
    assert "message" not in "".join(span.events[0].attributes)


def test_retries_are_one_span(recording, client, imitation):
    header = {"x-imitation": "status=429; times=2; retry-after-ms=1"}
    client.with_options(max_retries=2).chat.completions.create(model="gpt-4o", messages=ASK, extra_headers=header)
    span = recording.one()
    assert span.status.status_code is StatusCode.UNSET
    assert imitation.ledger.total().attempts == 3


def test_what_parse_paid_for_is_recorded_although_it_raises(recording, client, imitation):
    imitation.queue(Answer(text='{"a', finish_reason="length", usage=USAGE))
    with pytest.raises(openai.LengthFinishReasonError):
        client.beta.chat.completions.parse(model="gpt-4o", messages=ASK)
    span = recording.one()
    assert span.at["error.type"] == "LengthFinishReasonError"
    assert span.at["gen_ai.usage.output_tokens"] == 300
    assert span.at["gen_ai.response.finish_reasons"] == ("length",)


def test_the_contexts_user_goes_before_the_calls(recording, client):
    with llm_obs_sdk.context(user="from the context"):
        client.chat.completions.create(model="gpt-4o", messages=ASK, user="from the call")
    assert "user.id" not in recording.one().at, "the SDK's own tracer sets it; this one is another"


def test_raw_answers_are_read_without_being_parsed(recording, client, imitation):
    imitation.queue(Answer(usage=USAGE), Answer(usage=USAGE), Answer(usage=USAGE), Answer(usage=USAGE))
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK)
    assert raw._parsed_by_type == {}
    found = [recording.one().at]
    for read in ("parse", "json", "read"):
        with client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=ASK) as response:
            getattr(response, read)()
        found.append(recording.one().at)
        assert "close" not in vars(response.http_response)
    for at in found:
        assert at["gen_ai.usage.output_tokens"] == 300
        assert at["gen_ai.usage.cache_read.input_tokens"] == 1024
        assert at["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_raw_answer_read_by_pieces_has_no_usage(recording, client):
    with client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=ASK) as response:
        b"".join(response.iter_bytes())
    with client.chat.completions.with_streaming_response.create(model="gpt-4o", messages=ASK):
        pass
    client.embeddings.with_raw_response.create(model="text-embedding-3-small", input="x")
    pieces, nothing, vectors = recording.spans()
    assert pieces.attributes["llm_obs.usage.basis"] == nothing.attributes["llm_obs.usage.basis"] == "partial"
    assert vectors.attributes["gen_ai.usage.input_tokens"] == 1


def test_other_endpoints_and_odd_answers_are_left_alone(recording, client, imitation):
    client.models.list()
    assert recording.spans() == []
    imitation.queue(Answer(body=b'{"choices": null, "usage": {"prompt_tokens": "many"}, "model": 7}'))
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK)
    assert answer.choices is None
    span = recording.one()
    assert "gen_ai.usage.input_tokens" not in span.at
    assert "gen_ai.response.model" not in span.at
