"""Streamed answers: when the first token came, how many chunks, how it ended, what it used."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from llm_obs_testing.contracts.garbage import collect
from llm_obs_testing.imitation import Answer, ToolCall, Usage
from opentelemetry.trace import StatusCode

ASK = [{"role": "user", "content": "Where is my order?"}]
COUNTED = {"include_usage": True}


def test_a_stream_with_usage(recording, client, imitation):
    imitation.queue(Answer(text=("one ", "two ", "three"), usage=Usage(prompt=9, completion=3, cached=4, reasoning=1)))
    stream = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True, stream_options=COUNTED)
    assert type(stream) is openai.Stream
    chunks = list(stream)
    assert list(stream) == []
    span = recording.one()
    assert span.at["gen_ai.request.stream"] is True
    assert span.at["llm_obs.stream.chunks"] == len(chunks) == 6
    assert span.at["llm_obs.stream.outcome"] == "completed"
    assert span.at["gen_ai.usage.input_tokens"] == 9
    assert span.at["gen_ai.usage.cache_read.input_tokens"] == 4
    assert span.at["gen_ai.usage.reasoning.output_tokens"] == 1
    assert span.at["llm_obs.usage.basis"] == "reported"
    assert span.at["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert span.at["gen_ai.response.finish_reasons"] == ("stop",)
    assert span.at["http.response.status_code"] == 200
    assert span.at["openai.response.service_tier"] == "default"
    assert span.at["gen_ai.response.time_to_first_chunk"] > 0
    assert vars(stream.response).keys() & {"close", "aclose"} == set()


def test_the_request_is_not_changed_to_get_usage(recording, client, imitation):
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True, n=2))
    assert "stream_options" not in imitation.requests[-1]
    assert all(chunk.choices for chunk in chunks)
    span = recording.one()
    assert span.at["llm_obs.usage.basis"] == "partial"
    assert "gen_ai.usage.output_tokens" not in span.at
    assert span.at["gen_ai.response.finish_reasons"] == ("stop", "stop")


def test_the_first_token_is_the_first_that_says_something(recording, client, imitation):
    # role, empty, reasoning, reasoning, content …: the role and the empty piece are no tokens.
    imitation.queue(
        Answer(text="one two", reasoning=("hm", "so"), empty_first=True, chunk_delays_s=(0, 0.03, 0.03, 0.03, 0.03))
    )
    list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))
    at = recording.one().at
    first, content = at["gen_ai.response.time_to_first_chunk"], at["llm_obs.response.time_to_first_content"]
    assert first >= 0.06
    assert content - first >= 0.05


def test_tool_calls_are_tokens_too(recording, client, imitation):
    imitation.queue(Answer(tools=(ToolCall("lookup", '{"order": 17}'),)))
    list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))
    at = recording.one().at
    assert "gen_ai.response.time_to_first_chunk" in at
    assert "llm_obs.response.time_to_first_content" not in at
    assert at["gen_ai.response.finish_reasons"] == ("tool_call",)


def test_a_cut_stream_is_an_error_with_what_came(recording, client, imitation):
    imitation.queue(Answer(text="one two three", cut_after=3))
    with pytest.raises((openai.APIConnectionError, httpx.RemoteProtocolError)):
        list(client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True, stream_options=COUNTED))
    span = recording.one()
    assert span.status.status_code is StatusCode.ERROR
    assert span.at["error.type"] in ("APIConnectionError", "RemoteProtocolError")  # the latter before 3.0
    assert span.at["llm_obs.stream.outcome"] == "error"
    assert span.at["llm_obs.completeness"] == "aborted"
    assert span.at["llm_obs.stream.chunks"] == 3
    assert span.at["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert span.at["llm_obs.usage.basis"] == "partial"


def test_a_stream_that_is_closed_early_is_no_error(recording, client):
    stream = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
    next(stream)
    stream.close()
    span = recording.one()
    assert span.status.status_code is StatusCode.UNSET
    assert span.at["llm_obs.stream.outcome"] == "closed"
    assert span.at["llm_obs.completeness"] == "aborted"


async def test_a_cancelled_stream_is_no_error(recording, imitation):
    async with openai.AsyncOpenAI(base_url=imitation.url, api_key="k", max_retries=0) as client:
        imitation.queue(Answer(text="one two", chunk_delays_s=(0, 30)))

        async def read():
            async for _ in await client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True):
                begun.set()

        begun = asyncio.Event()
        task = asyncio.create_task(read())
        await begun.wait()
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        imitation.queue(Answer(delay_s=30))
        task = asyncio.create_task(client.chat.completions.create(model="gpt-4o", messages=ASK))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
    stream, plain = recording.spans()
    assert stream.status.status_code is plain.status.status_code is StatusCode.UNSET
    assert stream.attributes["llm_obs.stream.outcome"] == "cancelled"
    assert plain.attributes["llm_obs.completeness"] == "aborted"
    assert "error.type" not in plain.attributes


async def test_fifty_streams_at_once(recording, imitation):
    async with openai.AsyncOpenAI(base_url=imitation.url, api_key="k", max_retries=0) as client:

        async def one(number):
            stream = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": str(number)}], stream=True, stream_options=COUNTED
            )
            return sum([1 async for _ in stream])

        counts = await asyncio.gather(*(one(number) for number in range(50)))
    spans = recording.spans()
    assert sorted(span.attributes["llm_obs.stream.chunks"] for span in spans) == sorted(counts)
    total = imitation.ledger.total()
    assert sum(span.attributes["gen_ai.usage.output_tokens"] for span in spans) == total.output_tokens


def test_a_dropped_streams_response_is_closed_although_it_is_kept(recording, client):
    def drop():
        stream = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
        next(stream)
        response = stream.response
        del stream
        collect()
        closed = response.is_closed
        response.close()
        return closed

    found = drop()
    assert recording.one().at["llm_obs.stream.outcome"] == "abandoned"
    recording.instrumentor.uninstrument()
    assert found == drop(), "as without instrumentation"


def test_a_stream_that_is_read_in_another_thread(recording, client):
    stream = client.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
    with ThreadPoolExecutor(1) as pool:
        chunks = pool.submit(list, stream).result()
    assert recording.one().at["llm_obs.stream.chunks"] == len(chunks)


def test_a_stream_that_times_out_is_an_error(recording, client, imitation):
    imitation.queue(Answer(text="one two", chunk_delays_s=(0, 30)))
    impatient = client.with_options(timeout=0.2)
    with pytest.raises((openai.APITimeoutError, httpx.ReadTimeout)):
        list(impatient.chat.completions.create(model="gpt-4o", messages=ASK, stream=True))
    span = recording.one()
    assert span.at["error.type"] in ("APITimeoutError", "ReadTimeout")  # the latter before 3.0
    assert span.at["llm_obs.stream.outcome"] == "error"
