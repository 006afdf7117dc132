"""The Responses API: what a span says about a response, whole, parsed, raw and streamed."""

import json
from types import SimpleNamespace

import httpx
import llm_obs_sdk
import openai
import pytest
from llm_obs_openai.responses import outcome
from llm_obs_testing.imitation import Answer, ToolCall, Usage
from opentelemetry.trace import StatusCode
from pydantic import BaseModel

pytestmark = pytest.mark.skipif(not hasattr(openai.OpenAI, "responses"), reason="this client has no responses")

USAGE = Usage(prompt=2000, completion=300, cached=1024, reasoning=128)
MODEL = "gpt-5"


class Reply(BaseModel):
    order: int


def test_a_response(recording, client, imitation):
    imitation.queue(Answer(usage=USAGE, service_tier="priority"))
    client.responses.create(
        model=MODEL,
        input="Where is my order?",
        instructions="Be kind.",
        temperature=1,
        top_p=0.5,
        max_output_tokens=500,
        reasoning={"effort": "low"},
        text={"format": {"type": "json_object"}},
        previous_response_id="resp_before",
        service_tier="priority",
        extra_body={"conversation": {"id": "conv_1"}, "prompt": {"id": "pmpt_1", "version": "2"}},
        user="ann",
    )
    span = recording.one()
    port = int(imitation.url.split(":")[2].split("/")[0])
    assert span.at.pop("gen_ai.response.id").startswith("resp_")
    assert span.name == "chat gpt-5"
    assert span.status.status_code is StatusCode.UNSET
    assert span.at == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai-compatible",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.max_tokens": 500,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.previous_response.id": "resp_before",
        "gen_ai.output.type": "json",
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.prompt.name": "pmpt_1",
        "gen_ai.prompt.version": "2",
        "openai.api.type": "responses",
        "openai.request.service_tier": "priority",
        "openai.response.service_tier": "priority",
        "server.address": "127.0.0.1",
        "server.port": port,
        "user.id": "ann",
        "gen_ai.response.model": "gpt-5-2025-08-07",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 2000,
        "gen_ai.usage.output_tokens": 300,
        "gen_ai.usage.cache_read.input_tokens": 1024,
        "gen_ai.usage.reasoning.output_tokens": 128,
        "llm_obs.usage.basis": "reported",
        "http.response.status_code": 200,
    }


def test_the_contexts_session_goes_before_the_calls_conversation(recording, client):
    with llm_obs_sdk.context(session="from the context"):
        client.responses.create(model=MODEL, input="hi", extra_body={"conversation": "conv_2"})
    client.responses.create(model=MODEL, input="hi", extra_body={"conversation": "conv_2"})
    context, call = recording.spans()
    assert "gen_ai.conversation.id" not in context.attributes, "the SDK's own tracer sets it; this one is another"
    assert call.attributes["gen_ai.conversation.id"] == "conv_2"


ENDS = [
    (Answer(), ("stop",), None),
    (Answer(tools=(ToolCall("lookup"),)), ("tool_call",), None),
    (Answer(finish_reason="length"), ("length",), None),
    (Answer(finish_reason="content_filter"), ("content_filter",), None),
    (Answer(finish_reason="error", error_code="rate_limit_exceeded"), ("error",), "rate_limit_exceeded"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("answer", "reasons", "error"), ENDS)
def test_how_it_ended(recording, client, imitation, stream, answer, reasons, error):
    imitation.queue(answer)
    found = client.responses.create(model=MODEL, input="hi", stream=stream)
    if stream:
        list(found)
    span = recording.one()
    assert span.at["gen_ai.response.finish_reasons"] == reasons
    assert span.at.get("error.type") == error
    assert span.status.status_code is (StatusCode.ERROR if error else StatusCode.UNSET)
    assert span.at["llm_obs.usage.basis"] == "reported"
    assert "llm_obs.completeness" not in span.at


def test_a_stream(recording, client, imitation):
    imitation.queue(
        Answer(
            text=("one ", "two"),
            reasoning=("hm", "so"),
            empty_first=True,
            usage=USAGE,
            chunk_delays_s=(0, 0, 0.03, 0.03, 0.03, 0.03, 0.03),
        )
    )
    stream = client.responses.create(model=MODEL, input="hi", stream=True)
    assert type(stream) is openai.Stream
    events = list(stream)
    at = recording.one().at
    assert at["llm_obs.stream.chunks"] == len(events)
    assert at["llm_obs.stream.outcome"] == "completed"
    assert at["gen_ai.usage.input_tokens"] == 2000
    assert at["gen_ai.usage.reasoning.output_tokens"] == 128
    assert at["gen_ai.response.model"] == "gpt-5-2025-08-07"
    first, content = at["gen_ai.response.time_to_first_chunk"], at["llm_obs.response.time_to_first_content"]
    assert 0.03 <= first < content
    assert vars(stream.response).keys() & {"close", "aclose"} == set()


def test_a_stream_that_is_left_after_its_last_event_is_complete(recording, client):
    with client.responses.create(model=MODEL, input="hi", stream=True) as stream:
        for event in stream:
            if event.type == "response.completed":
                break
    at = recording.one().at
    assert at["llm_obs.stream.outcome"] == "completed"
    assert at["llm_obs.usage.basis"] == "reported"


def test_a_stream_that_is_left_before_has_what_came(capturing, client, imitation):
    imitation.queue(Answer(text=("one ", "two ", "three")))
    with client.responses.create(model=MODEL, input="hi", stream=True) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                break
    at = capturing.one().at
    assert at["llm_obs.stream.outcome"] == "closed"
    assert at["llm_obs.completeness"] == "aborted"
    assert at["llm_obs.usage.basis"] == "partial"
    assert at["gen_ai.response.model"] == "gpt-5-2025-08-07"
    assert json.loads(at["gen_ai.output.messages"])[0]["parts"] == [{"type": "text", "content": "one "}]


def test_a_cut_stream_is_an_error(recording, client, imitation):
    imitation.queue(Answer(text="one two three", cut_after=4))
    with pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):
        list(client.responses.create(model=MODEL, input="hi", stream=True))
    span = recording.one()
    assert span.status.status_code is StatusCode.ERROR
    assert span.at["llm_obs.stream.outcome"] == "error"


def test_the_helper_and_parse(recording, client, imitation):
    if not hasattr(client.responses, "stream"):
        pytest.skip("this client has no such helper")
    imitation.queue(Answer(text='{"order": 17}', usage=USAGE), Answer(text='{"order": 17}', usage=USAGE))
    assert client.responses.parse(model=MODEL, input="hi", text_format=Reply).output_parsed == Reply(order=17)
    with client.responses.stream(model=MODEL, input="hi", text_format=Reply) as stream:
        assert stream.get_final_response().output_parsed == Reply(order=17)
    for span in recording.spans():
        assert span.attributes["gen_ai.usage.output_tokens"] == 300
        assert span.attributes["gen_ai.output.type"] == "json"


async def test_asynchronous(recording, imitation):
    imitation.queue(Answer(usage=USAGE), Answer(usage=USAGE))
    async with openai.AsyncOpenAI(base_url=imitation.url, api_key="k", max_retries=0) as client:
        await client.responses.create(model=MODEL, input="hi")
        async for _ in await client.responses.create(model=MODEL, input="hi", stream=True):
            pass
    for span in recording.spans():
        assert span.attributes["gen_ai.usage.output_tokens"] == 300


def test_raw_answers(recording, client, imitation):
    imitation.queue(Answer(usage=USAGE), Answer(usage=USAGE), Answer(usage=USAGE))
    client.responses.with_raw_response.create(model=MODEL, input="hi")
    list(client.responses.with_raw_response.create(model=MODEL, input="hi", stream=True).parse())
    with client.responses.with_streaming_response.create(model=MODEL, input="hi") as response:
        response.parse()
    for span in recording.spans():
        assert span.attributes["gen_ai.usage.output_tokens"] == 300
        assert span.attributes["gen_ai.response.finish_reasons"] == ("stop",)


def test_other_paths_of_it_are_left_alone(recording, client):
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_1")
    assert recording.spans() == []


INPUT = [
    {"role": "developer", "content": "Be kind."},
    {"role": "user", "content": [{"type": "input_text", "text": "訂單 17?"}, {"type": "input_image", "file_id": "f"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
    {"type": "function_call", "call_id": "c1", "name": "lookup", "arguments": '{"order": 17}'},
    {"type": "function_call_output", "call_id": "c1", "output": "on its way"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    {"type": "item_reference", "id": "msg_1"},
]
EXPECTED = [
    {"role": "system", "parts": [{"type": "text", "content": "Be kind."}]},
    {
        "role": "user",
        "parts": [{"type": "text", "content": "訂單 17?"}, {"type": "file", "modality": "image", "file_id": "f"}],
    },
    {"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}]},
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c1", "name": "lookup", "arguments": {"order": 17}}],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "on its way"}]},
    {"role": "assistant", "parts": [{"type": "server_tool_call", "id": "ws_1", "name": "web_search"}]},
    {"role": "assistant", "parts": [{"type": "generic", "generic_type": "item_reference", "id": "msg_1"}]},
]


def test_a_conversation(capturing, client, imitation):
    imitation.queue(Answer(text="On its way."), Answer(text="Hi."))
    tools = [{"type": "function", "name": "lookup", "parameters": {}, "strict": False}]
    client.responses.create(model=MODEL, input=INPUT, instructions="Short.", tools=tools)
    client.responses.create(model=MODEL, input="hi")
    long, short = (span.attributes for span in capturing.spans())
    assert json.loads(long["gen_ai.input.messages"]) == EXPECTED
    assert json.loads(long["gen_ai.system_instructions"]) == [{"type": "text", "content": "Short."}]
    assert json.loads(long["gen_ai.tool.definitions"]) == tools
    assert json.loads(long["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "On its way."}], "finish_reason": "stop"}
    ]
    assert json.loads(short["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
    ]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(text="two words", reasoning=("hm ", "so")),
        Answer(tools=(ToolCall("lookup", '{"order": 17}'), ToolCall("bad", '{"half'))),
        Answer(refusal="I cannot say."),
        Answer(text="cut", finish_reason="length"),
    ],
)
def test_a_stream_says_what_the_whole_answer_says(capturing, client, imitation, answer):
    imitation.queue(answer, answer, answer)
    client.responses.create(model=MODEL, input="hi")
    list(client.responses.create(model=MODEL, input="hi", stream=True))
    client.responses.with_raw_response.create(model=MODEL, input="hi")
    whole, streamed, raw = (json.loads(span.attributes["gen_ai.output.messages"]) for span in capturing.spans())
    for said in (whole, streamed, raw):
        for part in said[0]["parts"]:
            part["id"] = None
    assert streamed == raw == whole
    assert whole[0]["parts"]


def test_nothing_of_it_without_capture(recording, client, imitation):
    imitation.queue(Answer(text="a secret"), Answer(text="a secret"))
    client.responses.create(model=MODEL, input="a secret", instructions="a secret")
    list(client.responses.create(model=MODEL, input="a secret", stream=True))
    assert "secret" not in "".join(repr(span.attributes) for span in recording.spans())


def test_an_error_event_is_an_error(recording, client, imitation):
    event = {"type": "error", "code": "server_error", "message": "sorry", "param": None, "sequence_number": 0}
    body = f"event: error\ndata: {json.dumps(event)}\n\n"
    imitation.queue(Answer(body=body.encode()))
    try:
        list(client.responses.create(model=MODEL, input="hi", stream=True))
    except openai.APIError:  # some clients raise it, others hand it on
        assert recording.one().at["error.type"] == "APIError"
        return
    span = recording.one()
    assert span.at["error.type"] == "server_error"
    assert span.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (None, (None, None)),
        ({}, (None, None)),
        ({"status": "queued"}, (None, None)),
        ({"status": "cancelled"}, (None, None)),
        ({"status": "failed"}, ("error", "failed")),
        ({"status": "failed", "error": {"code": 7}}, ("error", "failed")),
        ({"status": "incomplete"}, (None, None)),
        ({"status": "completed", "output": [{"type": "web_search_call"}, {"type": "message"}]}, ("stop", None)),
        (SimpleNamespace(status="completed", output=[SimpleNamespace(type="function_call")]), ("tool_call", None)),
        ({"status": "completed", "output": "odd"}, ("stop", None)),
    ],
)
def test_outcomes(response, expected):
    assert outcome(response) == expected
