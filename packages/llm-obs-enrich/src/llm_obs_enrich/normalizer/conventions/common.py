"""What the conventions' modules share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from llm_obs_core import semconv
from llm_obs_core.interfaces.operations import Extract, Operation, Place, Sum, When

__all__ = ["AGENTS", "CALLS", "SPEAKING", "content", "counts", "on", "parameters", "provider_usage"]


def on(*operations: str) -> When:
    """Only spans with one of these operations."""
    return When(Place(semconv.OPERATION_NAME), operations)


CALLS: Final = on(*semconv.MODEL_CALLS)
SPEAKING: Final = on(*(name for name in semconv.MODEL_CALLS if name != "embeddings"))
AGENTS: Final = on("invoke_agent", "invoke_workflow")


def content(target: str, *sources: Place) -> list[Operation]:
    """Messages of a call (a text of its own is the user's, or the answer) and of an agent (nobody says whose it is)."""
    answer = target == semconv.OUTPUT_MESSAGES  # vectors are no messages
    role, calls = ("assistant", SPEAKING) if answer else ("user", CALLS)
    return [
        Extract(target, sources, "messages", role, take=True, when=(calls,)),
        Extract(target, sources, "messages", take=True, when=(AGENTS,)),
    ]


def counts(target: str, *sources: Place, when: tuple[When, ...] = ()) -> list[Operation]:
    """The first of several places that is an int."""
    return [Sum(target, source, when=when) for source in sources]


def provider_usage(attribute: str, *keys: str) -> list[Operation]:
    """The usage object of a provider's API as it came: OpenAI's chat and Responses, Anthropic's.

    OpenAI's totals contain cached tokens; Anthropic's do not, and it is known by the names of its cache counts.
    """

    def at(*more: str) -> Place:
        return Place(attribute, (*keys, *more))

    read, written = at("cache_read_input_tokens"), at("cache_creation_input_tokens")
    return [
        *counts(semconv.USAGE_INPUT_TOKENS, at("prompt_tokens")),
        Sum(semconv.USAGE_INPUT_TOKENS, at("input_tokens"), (read, written)),
        *counts(semconv.USAGE_OUTPUT_TOKENS, at("completion_tokens"), at("output_tokens")),
        *counts(
            semconv.USAGE_CACHE_READ_INPUT_TOKENS,
            at("prompt_tokens_details", "cached_tokens"),
            at("input_tokens_details", "cached_tokens"),
            read,
        ),
        *counts(
            semconv.USAGE_CACHE_WRITE_INPUT_TOKENS,
            at("prompt_tokens_details", "cache_write_tokens"),
            at("input_tokens_details", "cache_write_tokens"),
            written,
        ),
        *counts(semconv.USAGE_CACHE_WRITE_1H_INPUT_TOKENS, at("cache_creation", "ephemeral_1h_input_tokens")),
        *counts(
            semconv.USAGE_REASONING_OUTPUT_TOKENS,
            at("completion_tokens_details", "reasoning_tokens"),
            at("output_tokens_details", "reasoning_tokens"),
        ),
        *counts(
            semconv.USAGE_AUDIO_INPUT_TOKENS,
            at("prompt_tokens_details", "audio_tokens"),
            at("input_tokens_details", "audio_tokens"),
        ),
        *counts(
            semconv.USAGE_AUDIO_OUTPUT_TOKENS,
            at("completion_tokens_details", "audio_tokens"),
            at("output_tokens_details", "audio_tokens"),
        ),
    ]


def parameters(attributes: Iterable[str]) -> list[Operation]:
    """A request's parameters out of JSON text, under the names that the OpenAI and Anthropic APIs give them."""
    found: list[Operation] = []
    for attribute in attributes:

        def at(*keys: str, attribute: str = attribute) -> Place:
            return Place(attribute, keys)

        found += [
            *counts(semconv.REQUEST_MAX_TOKENS, at("max_completion_tokens"), at("max_output_tokens"), at("max_tokens")),
            *counts(semconv.REQUEST_CHOICE_COUNT, at("n")),
            *counts(semconv.REQUEST_SEED, at("seed")),
            *counts(semconv.REQUEST_TOP_K, at("top_k")),
            Extract(semconv.REQUEST_TEMPERATURE, (at("temperature"),)),
            Extract(semconv.REQUEST_TOP_P, (at("top_p"),)),
            Extract(semconv.REQUEST_FREQUENCY_PENALTY, (at("frequency_penalty"),)),
            Extract(semconv.REQUEST_PRESENCE_PENALTY, (at("presence_penalty"),)),
            Extract(semconv.REQUEST_STOP_SEQUENCES, (at("stop"), at("stop_sequences")), "texts"),
            Extract(semconv.REQUEST_STREAM, (at("stream"),)),
            Extract(semconv.REQUEST_REASONING_LEVEL, (at("reasoning_effort"), at("reasoning", "effort"))),
            Extract(semconv.OPENAI_REQUEST_SERVICE_TIER, (at("service_tier"),)),
        ]
    return found
