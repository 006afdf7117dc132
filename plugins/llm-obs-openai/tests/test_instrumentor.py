"""Coming and going: late imports, missing symbols, other people's wrappers, providers."""

import logging
import subprocess
import sys

import openai
import pytest
import wrapt
from llm_obs_core import plugins
from llm_obs_core.errors import ConfigError
from llm_obs_openai.instrumentor import OpenAIInstrumentor
from llm_obs_openai.provider import Providers
from openai import _base_client

ASK = [{"role": "user", "content": "hi"}]


def test_the_plugin_is_found_and_imports_nothing():
    code = (
        "import sys; from llm_obs_core import plugins; found = plugins.load(only=['openai'])\n"
        "print(found.names('instrumentor'), {'openai', 'wrapt', 'opentelemetry'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "('openai',) set()\n"


def test_wrong_options_are_named():
    with pytest.raises(ConfigError, match="providers"):
        plugins.load(only=["openai"]).get("instrumentor", "openai").fit({"provider": {}})


def test_a_client_that_is_imported_later_is_instrumented_then():
    code = """
import sys, llm_obs_sdk
client = llm_obs_sdk.init("t", endpoint="http://127.0.0.1:9", instrument=["openai"], exit_timeout_s=0.1)
print("openai" in sys.modules, any(client.wrapped()["openai"].values()))
import openai
print(all(client.wrapped()["openai"].values()))
llm_obs_sdk.shutdown(0.1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False False\nTrue\n", "")


def test_a_missing_symbol_is_one_warning_and_the_rest_works(recording, client, caplog, monkeypatch):
    recording.instrumentor.uninstrument()
    caplog.set_level(logging.WARNING, "llm_obs")
    monkeypatch.delattr(_base_client, "AsyncAPIClient")
    other = OpenAIInstrumentor()
    other.instrument(recording.recorder())
    client.chat.completions.create(model="gpt-4o", messages=ASK)
    other.uninstrument()
    assert len(recording.spans()) == 1
    assert [record.message for record in caplog.records] == [
        "openai._base_client.AsyncAPIClient.request is not there: its calls are not recorded"
    ]


def test_a_wrapper_over_ours_stays(recording, client):
    seen = []
    original = vars(_base_client.SyncAPIClient)["request"]

    def theirs(wrapped, instance, args, kwargs):
        seen.append(1)
        return wrapped(*args, **kwargs)

    over = wrapt.FunctionWrapper(original, theirs)
    _base_client.SyncAPIClient.request = over
    recording.instrumentor.uninstrument()
    assert vars(_base_client.SyncAPIClient)["request"] is over
    client.chat.completions.create(model="gpt-4o", messages=ASK)
    assert (len(seen), recording.spans()) == (1, [])
    _base_client.SyncAPIClient.request = original.__wrapped__


def test_bound_methods_from_before_are_recorded(imitation, request):
    with openai.OpenAI(base_url=imitation.url, api_key="k") as client:
        create, raw = client.chat.completions.create, client.chat.completions.with_raw_response.create
        recording = request.getfixturevalue("recording")
        create(model="gpt-4o", messages=ASK)
        raw(model="gpt-4o", messages=ASK)
    assert len(recording.spans()) == 2


@pytest.mark.parametrize(
    ("url", "provider", "port"),
    [
        ("https://api.openai.com/v1", "openai", 443),
        ("https://eu.api.openai.com/v1", "openai", 443),
        ("https://api.groq.com/openai/v1", "groq", 443),
        ("https://api.x.ai/v1", "x_ai", 443),
        ("https://us-central1-aiplatform.googleapis.com/v1", "gcp.vertex_ai", 443),
        ("https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1", "aws.bedrock", 443),
        ("https://mine.amazonaws.com/v1", "openai-compatible", 443),
        ("http://localhost:8000/v1", "vllm", 8000),
        ("http://localhost:8001/v1", "openai-compatible", 8001),
        ("https://gateway.example:8443/v1", "openai", 8443),
    ],
)
def test_providers_by_host(url, provider, port):
    providers = Providers({"localhost:8000": "vllm", "Gateway.example": "openai"})
    with openai.OpenAI(base_url=url, api_key="k") as client:
        for _ in range(2):
            found = providers.of(client)
            assert (found.provider, found.attributes["server.port"]) == (provider, port)
        client.base_url = "https://api.deepseek.com"
        assert providers.of(client).provider == "deepseek"


def test_azure_is_known_by_its_class():
    with openai.AzureOpenAI(azure_endpoint="https://x.example", api_key="k", api_version="2025-01-01") as client:
        assert Providers({}).of(client).provider == "azure.ai.openai"
