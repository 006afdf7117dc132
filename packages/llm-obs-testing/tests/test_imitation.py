"""The imitation, driven by the real client: every shape it has, its faults, and its ledger."""

import asyncio
from collections.abc import Iterator

import httpx
import openai
import pytest
from llm_obs_core.interfaces.process import PriceKey
from llm_obs_core.pricing.cost import TokenBuckets, cost_nano_usd
from llm_obs_enrich.pricing import BundledPricer
from llm_obs_testing.imitation import APIS, Answer, Imitation, ToolCall, Usage

ASK = [{"role": "user", "content": "Where is my order?"}]


@pytest.fixture
def imitation() -> Iterator[Imitation]:
    with Imitation().running() as made:
        yield made
    assert made.failures == []


@pytest.fixture
def client(imitation: Imitation) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=imitation.url, api_key="k", max_retries=2) as made:
        yield made


def test_a_completion_is_the_same_for_the_same_seed_and_request(client, imitation):
    first = client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    again = client.chat.completions.create(model="gpt-4o-mini", messages=ASK)
    other = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "?"}])
    assert first.model == "gpt-4o-mini-2024-07-18"
    assert first.choices[0].message.content == again.choices[0].message.content != other.choices[0].message.content
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens > 10
    assert imitation.ledger.total().calls == 3


def test_a_stream_says_what_the_completion_says(client, imitation):
    whole = client.chat.completions.create(model="gpt-5-mini", messages=ASK, user="ann")
    stream = client.chat.completions.create(
        model="gpt-5-mini", messages=ASK, user="ann", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert chunks[-1].usage.completion_tokens == 64 * (chunks[-1].usage.completion_tokens // 64) + len(text) // 4 + (
        len(text) % 4 > 0
    )
    assert len(chunks) > 8
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert text
    assert whole.choices[0].message.content
    entry = imitation.ledger.by_user()["ann"]
    assert (entry.calls, entry.unreported) == (2, 0)
    assert entry.reasoning_tokens == sum(
        usage.completion_tokens_details.reasoning_tokens for usage in (whole.usage, chunks[-1].usage)
    )


def test_without_include_usage_nothing_is_reported(client, imitation):
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True, n=2))
    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1}
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)
    total = imitation.ledger.total()
    assert (total.calls, total.unreported, total.output_tokens, total.errors) == (1, 1, 0, 0)


def test_tools_come_whole_and_in_parts(client, imitation):
    answer = Answer(tools=(ToolCall("lookup", '{"order": 17, "fields": ["status"]}'), ToolCall("now")))
    imitation.queue(answer, answer)
    whole = client.chat.completions.create(model="gpt-4o", messages=ASK)
    assert whole.choices[0].finish_reason == "tool_calls"
    names = [call.function.name for call in whole.choices[0].message.tool_calls]
    parts: dict[int, str] = {}
    for chunk in client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True):
        for call in chunk.choices[0].delta.tool_calls or ():
            parts[call.index] = parts.get(call.index, "") + (call.function.arguments or "")
    assert names == ["lookup", "now"]
    assert parts == {0: answer.tools[0].arguments, 1: "{}"}


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_embeddings(client, imitation, encoding):
    given = {} if encoding is None else {"encoding_format": encoding}
    found = client.embeddings.create(model="text-embedding-3-small", input=["a b c d e", "f"], dimensions=8, **given)
    assert len(found.data) == 2
    assert found.usage.prompt_tokens == found.usage.total_tokens == 4
    if encoding != "base64":
        assert sum(value * value for value in found.data[0].embedding) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, openai.BadRequestError), (401, openai.AuthenticationError), (404, openai.NotFoundError)],
)
def test_errors_by_header(client, imitation, status, error):
    with pytest.raises(error):
        client.chat.completions.create(model="gpt-4o", messages=ASK, extra_headers={"x-imitation": f"status={status}"})
    total = imitation.ledger.total()
    assert (total.calls, total.attempts, total.errors) == (1, 1, 1)


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.chat.completions.create(model="gpt-99", messages=ASK)
    with pytest.raises(openai.NotFoundError, match="Unknown request URL"):
        client.moderations.create(input="x")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4o", messages=[])


def test_a_retried_call_is_one_call(client, imitation):
    header = {"x-imitation": "status=429; times=1; retry-after-ms=1"}
    found = client.chat.completions.create(model="gpt-4o", messages=ASK, extra_headers=header, user="bob")
    assert found.choices
    entry = imitation.ledger.by_user()["bob"]
    assert (entry.calls, entry.attempts, entry.errors) == (1, 2, 0)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(
            model="gpt-4o", messages=ASK, user="eve", extra_headers={"x-imitation": "status=500; retry-after-ms=1"}
        )
    entry = imitation.ledger.by_user()["eve"]
    assert (entry.calls, entry.attempts, entry.errors) == (1, 3, 1)
    assert imitation.ledger.statuses == {429: 1, 200: 1, 500: 3}


def test_a_cut_stream_ends_in_an_error(client, imitation):
    imitation.queue(Answer(cut_after=3))
    got = []
    with pytest.raises(openai.APIConnectionError):
        got.extend(
            chunk for chunk in _each(got, client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))
        )
    assert len(got) == 3
    total = imitation.ledger.total()
    assert (total.calls, total.unreported, total.errors) == (1, 1, 1)


def _each(got, stream):
    for chunk in stream:
        got.append(chunk)
        yield from ()


async def test_slow_answers_wait_and_a_client_that_leaves_is_counted():
    imitation = Imitation()
    await imitation.start()
    async with openai.AsyncOpenAI(base_url=imitation.url, api_key="k", max_retries=0) as client:
        imitation.queue(Answer(chunk_delay_s=0.05))
        stream = await client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
        async for _ in stream:
            break
        await stream.close()
        while not imitation.ledger.total().calls:  # noqa: ASYNC110 - the ledger is filled by the server's own task
            await asyncio.sleep(0.01)
        imitation.queue(Answer(delay_s=5))
        with pytest.raises(openai.APITimeoutError):
            await client.chat.completions.create(model="gpt-4o", messages=ASK, timeout=0.05)
    await imitation.stop()
    await imitation.stop()
    assert imitation.ledger.total().unreported == 1
    assert imitation.failures == []


def test_the_ledgers_money_is_the_price_tables(client, imitation):
    usage = Usage(prompt=3000, completion=700, cached=1024, reasoning=512, audio_in=10, audio_out=5)
    imitation.queue(Answer(usage=usage))
    client.chat.completions.create(model="gpt-5", messages=ASK)
    buckets = TokenBuckets(
        input_uncached=1966, cache_read=1024, audio_in=10, output_text=183, output_reasoning=512, audio_out=5
    )
    (price,) = BundledPricer().prices([PriceKey("openai", "gpt-5-2025-08-07", day=20_700)])
    assert price is not None
    assert imitation.ledger.by_model()["gpt-5-2025-08-07"].nano_usd == cost_nano_usd(price, buckets) > 0


def test_long_prompts_are_cached_the_second_time(client):
    long = [{"role": "system", "content": "policy " * 1000}, *ASK]
    first = client.chat.completions.create(model="gpt-4o", messages=long)
    second = client.chat.completions.create(model="gpt-4o", messages=long)
    assert first.usage.prompt_tokens_details.cached_tokens == 0
    assert second.usage.prompt_tokens_details.cached_tokens == 1664


def test_a_port_that_is_taken_is_an_error(imitation):
    with pytest.raises(OSError, match="in use"), Imitation().running(int(imitation.url.split(":")[2].split("/")[0])):
        pass


def test_a_streamed_response_says_what_the_whole_one_says(client, imitation):
    imitation.queue(*(Answer(text=("one ", "two"), reasoning=("hm",), usage=Usage(prompt=9, completion=5)),) * 2)
    whole = client.responses.create(model="gpt-5", input="hi", user="ann")
    events = list(client.responses.create(model="gpt-5", input="hi", user="ann", stream=True))
    last = events[-1].response
    assert events[-1].type == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert whole.output_text == last.output_text == "one two"
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "one two"
    assert whole.usage == last.usage
    entry = imitation.ledger.by_user()["ann"]
    assert (entry.calls, entry.input_tokens, entry.output_tokens, entry.unreported) == (2, 18, 10, 0)


def test_azures_paths_are_answered(imitation):
    given = {"azure_endpoint": imitation.url.removesuffix("/v1"), "api_key": "k", "api_version": "2024-06-01"}
    with openai.AzureOpenAI(**given) as client:
        assert client.chat.completions.create(model="gpt-4o", messages=ASK).model == "gpt-4o-2024-08-06"


def test_each_api_refuses_in_its_own_words():
    with Imitation(key="k", apis=(APIS["openai"], APIS["echo"])).running() as made, httpx.Client() as http:
        url = made.url_of("echo")
        said = {"prompt": "hi", "engine": "echo-1"}
        for path, body, headers, status, kind in (
            ("other", said, {}, 404, "path"),
            ("generate", {"prompt": "hi"}, {}, 400, "bad"),
            ("generate", said, {"x-echo-key": "other"}, 401, "invalid_api_key"),
            ("generate", said, {"x-echo-key": "k", "x-imitation": "status=429"}, 429, "busy"),
        ):
            reply = http.post(f"{url}/{path}", json=body, headers=headers)
            assert (reply.status_code, reply.json()["fault"]["kind"]) == (status, kind)
        assert http.post(made.url + "/nothing").json()["error"]["code"] == "unknown_url"
        assert http.post(url.removesuffix("echo") + "nobodys").json()["error"]["code"] == "unknown_url"
        assert made.ledger.by_api()["echo"].errors == made.ledger.total().attempts == 1
