"""What a span says about a call: request, answer, usage, failure."""

import contextlib
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

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
        max_tokens=500,
        seed=7,
        stop="END",
        n=2,
        response_format={"type": "json_object"},
        user="ann",
        extra_body={"reasoning_effort": "low", "service_tier": "priority"},  # clients before 1.58 know no such names
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
    with pytest.raises(openai.LengthFinishReasonError) as caught:
        client.beta.chat.completions.parse(model="gpt-4o", messages=ASK)
    span = recording.one()
    if "error.type" in span.at:  # clients before 1.50 parse when the call is over
        assert span.at["error.type"] == "LengthFinishReasonError"
        assert caught.value.completion.usage.completion_tokens == 300
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


@pytest.mark.parametrize("cast_to", [object, str, dict])
def test_answers_in_another_shape_are_calls_too(recording, client, cast_to):
    def ask():
        return client.post("/chat/completions", cast_to=cast_to, body={"model": "gpt-4o", "messages": ASK})

    try:
        answer = ask()
    except ValueError:  # some clients cannot make a dict without types
        return
    assert isinstance(answer, cast_to)
    assert recording.one().at["llm_obs.usage.basis"] == ("reported" if isinstance(answer, dict) else "partial")


@pytest.mark.parametrize("body", [b"null", b"[1]", b"no json"])
def test_bodies_that_are_no_object(recording, client, imitation, body):
    imitation.queue(Answer(body=body))
    with contextlib.suppress(openai.APIError, ValueError):
        client.chat.completions.create(model="gpt-4o", messages=ASK)
    assert recording.one().at.get("llm_obs.usage.basis", "partial") == "partial"


async def test_azures_deployments(recording, imitation):
    given = {"azure_endpoint": imitation.url.removesuffix("/v1"), "api_key": "k", "api_version": "2024-06-01"}
    with openai.AzureOpenAI(**given) as client:
        client.chat.completions.create(model="gpt-4o", messages=ASK)
        client.embeddings.create(model="text-embedding-3-small", input="a")
    async with openai.AsyncAzureOpenAI(**given) as client:
        await client.chat.completions.create(model="gpt-4o", messages=ASK)
    spans = recording.spans()
    assert [span.attributes["gen_ai.provider.name"] for span in spans] == ["azure.ai.openai"] * 3
    assert [span.name for span in spans] == ["chat gpt-4o", "embeddings text-embedding-3-small", "chat gpt-4o"]


def test_a_time_out_is_an_error_of_the_call(recording, client, imitation):
    imitation.queue(Answer(delay_s=30))
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.1).chat.completions.create(model="gpt-4o", messages=ASK)
    assert recording.one().at["error.type"] == "APITimeoutError"


def test_a_client_that_is_subclassed_or_hostile_is_as_any_other(recording, imitation):
    class Hostile(openai.OpenAI):
        def request(self, *args, **kwargs):
            return super().request(*args, **kwargs)

        def __eq__(self, other):
            raise LookupError

        def __hash__(self):
            raise LookupError

        def __bool__(self):
            raise LookupError

    with Hostile(base_url=imitation.url, api_key="k") as client:
        assert client.chat.completions.create(model="gpt-4o", messages=ASK).choices
        assert copy.copy(client).chat.completions.create(model="gpt-4o", messages=ASK).choices
    assert len(recording.spans()) == 2


def test_an_answer_can_be_pickled_and_copied(recording, client):
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK)
    assert pickle.loads(pickle.dumps(answer)) == answer == copy.deepcopy(answer)
    assert len(recording.spans()) == 1


def test_one_client_in_many_threads(recording, client):
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(client.chat.completions.create, model="gpt-4o", messages=ASK) for _ in range(64)]
        found = {future.result().id for future in asked}
    assert {span.attributes["gen_ai.response.id"] for span in recording.spans()} == found


def test_other_endpoints_and_odd_answers_are_left_alone(recording, client, imitation):
    client.models.list()
    assert recording.spans() == []
    imitation.queue(Answer(body=b'{"choices": null, "usage": {"prompt_tokens": "many"}, "model": 7}'))
    answer = client.chat.completions.create(model="gpt-4o", messages=ASK)
    assert answer.choices is None
    span = recording.one()
    assert "gen_ai.usage.input_tokens" not in span.at
    assert "gen_ai.response.model" not in span.at
