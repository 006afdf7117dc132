"""A cassette of the usual form is read and served to the real client."""

from pathlib import Path

import openai
import pytest
from llm_obs_testing.recordings import Playback, load

CASSETTE = """
interactions:
- request:
    body: '{"input": "one", "model": "text-embedding-3-small"}'
    headers: {content-type: [application/json]}
    method: POST
    uri: https://api.example.com/v1/embeddings
  response:
    body: {string: '{"object": "list", "model": "text-embedding-3-small", "data": [{"object": "embedding", "index": 0,
        "embedding": [0.5, 0.25]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}'}
    headers: {Content-Type: [application/json]}
    status: {code: 200, message: OK}
- request:
    body: '{"messages": [{"role": "user", "content": "hi"}], "model": "gpt-4o", "stream": true}'
    headers: {}
    method: POST
    uri: https://api.example.com/v1/chat/completions
  response:
    body:
      string: |
        data: {"id": "a", "choices": []}

        data: {"id": "b", "choices": []}

        data: [DONE]

    headers: {Content-Type: [text/event-stream]}
    status: {code: 200, message: OK}
version: 1
"""


def test_a_cassette_answers_what_it_was_asked(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(CASSETTE)
    recording = load(tmp_path / "one.yaml")
    assert [exchange.streamed for exchange in recording.exchanges] == [False, True]
    with Playback([recording]).running() as playback:
        url = playback.url("one")
        with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as client:
            found = client.embeddings.create(model="text-embedding-3-small", input="one")
            assert found.data[0].embedding == [0.5, 0.25]
            messages = [{"role": "user", "content": "hi"}]
            assert [
                chunk.id for chunk in client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)
            ] == [
                "a",
                "b",
            ]
            with pytest.raises(openai.InternalServerError):
                client.embeddings.create(model="text-embedding-3-small", input="two")
    assert len(playback.unknown) == 1


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: 1")
    with pytest.raises(ValueError, match="expected a VCR cassette"):
        load(tmp_path / "x.yaml")
