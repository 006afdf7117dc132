"""Messages in the conventions' form, when content is captured, and nothing of them when it is not."""

import json

import pytest
from llm_obs_openai import content
from llm_obs_testing.imitation import Answer, ToolCall
from openai.types.chat import ChatCompletionMessage

TOOLS = [{"type": "function", "function": {"name": "lookup", "description": "Finds an order.", "parameters": {}}}]
CONVERSATION = [
    {"role": "developer", "content": "Be kind."},
    {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Where is 訂單 17? 🙂"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": '{"order": 17}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "on its way"},
]
EXPECTED = [
    {"role": "system", "parts": [{"type": "text", "content": "Be kind."}]},
    {"role": "user", "name": "ann", "parts": [{"type": "text", "content": "Where is 訂單 17? 🙂"}]},
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c1", "name": "lookup", "arguments": {"order": 17}}],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "on its way"}]},
]


def test_a_conversation(capturing, client, imitation):
    imitation.queue(Answer(text="It is on its way."))
    client.chat.completions.create(model="gpt-4o", messages=CONVERSATION, tools=TOOLS)
    at = capturing.one().at
    assert json.loads(at["gen_ai.input.messages"]) == EXPECTED
    assert "訂單 17? 🙂" in at["gen_ai.input.messages"]
    assert json.loads(at["gen_ai.tool.definitions"]) == [{"type": "function", **TOOLS[0]["function"]}]
    assert json.loads(at["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "It is on its way."}], "finish_reason": "stop"}
    ]
    assert at["gen_ai.provider.name"] == "openai"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(text="two words", reasoning=("hm ", "so")),
        Answer(tools=(ToolCall("lookup", '{"order": 17}'), ToolCall("now", "{}"), ToolCall("bad", '{"half'))),
        Answer(refusal="I cannot say."),
    ],
)
def test_a_stream_says_what_the_whole_answer_says(capturing, client, imitation, answer):
    imitation.queue(answer, answer, answer)
    client.chat.completions.create(model="gpt-4o", messages=CONVERSATION, n=2)
    list(client.chat.completions.create(model="gpt-4o", messages=CONVERSATION, n=2, stream=True))
    client.chat.completions.with_raw_response.create(model="gpt-4o", messages=CONVERSATION, n=2)
    whole, streamed, raw = (json.loads(span.attributes["gen_ai.output.messages"]) for span in capturing.spans())
    assert [_without_ids(item) for item in streamed] == [_without_ids(item) for item in whole]
    assert [_without_ids(item) for item in raw] == [_without_ids(item) for item in whole]
    assert len(whole) == 2
    assert whole[0]["parts"]


def _without_ids(message):
    return {**message, "parts": [{**part, "id": None} for part in message["parts"]]}


def test_nothing_of_it_without_capture(recording, client, imitation):
    imitation.queue(Answer(text="a secret answer"))
    client.chat.completions.create(model="gpt-4o", messages=CONVERSATION, tools=TOOLS)
    imitation.queue(Answer(text="a secret answer"))
    list(client.chat.completions.create(model="gpt-4o", messages=CONVERSATION, tools=TOOLS, stream=True))
    for span in recording.spans():
        text = repr(span.attributes) + repr(span.events)
        assert "secret" not in text
        assert "kind" not in text
        assert "lookup" not in text


def test_an_iterator_of_messages_still_works(capturing, client):
    client.chat.completions.create(model="gpt-4o", messages=(message for message in CONVERSATION))
    assert json.loads(capturing.one().at["gen_ai.input.messages"]) == EXPECTED


def test_parts_of_every_kind():
    items = [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"format": "wav", "data": "BBBB"}},
        {"type": "file", "file": {"file_id": "f1"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64," + "C" * 300_000}},
        {"type": "new", "new": 1},
    ]
    (message,) = content.input_messages([{"role": "user", "content": items}])
    assert message["parts"] == [
        {"type": "uri", "modality": "image", "uri": "https://example.com/a.png"},
        {"type": "blob", "mime_type": "image/png", "modality": "image", "content": "AAAA"},
        {"type": "blob", "mime_type": "audio/wav", "modality": "audio", "content": "BBBB"},
        {"type": "file", "modality": "file", "file_id": "f1"},
        {
            "type": "generic",
            "generic_type": "blob_left_out",
            "mime_type": "application/pdf",
            "modality": "file",
            "base64_chars": 300_000,
        },
        {"type": "generic", "generic_type": "new"},
    ]


def test_models_and_old_forms_are_messages_too():
    answer = ChatCompletionMessage.model_validate(
        {"role": "assistant", "content": "hi", "function_call": {"name": "f", "arguments": "{}"}}
    )
    messages = content.input_messages([answer, {"role": "function", "name": "f", "content": "1"}])
    assert messages == [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "hi"},
                {"type": "tool_call", "id": None, "name": "f", "arguments": {}},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "f", "response": "1"}]},
    ]


def test_lone_surrogates_and_odd_values_become_text():
    assert json.loads(content.encode(["\ud800"])) == ["\ud800"]
    assert "object" in content.encode({"a": object()})
