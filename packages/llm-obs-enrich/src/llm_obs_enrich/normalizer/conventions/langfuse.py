"""Langfuse: usage, parameters and content as JSON text.

Usage is what a provider's API says, or counts under Langfuse's own names, of which no token is in two.
"""

from __future__ import annotations

from typing import Final

from llm_obs_core import semconv
from llm_obs_core.interfaces.operations import Elapsed, EnumMap, Extract, Operation, Place, Scale, Sum

from llm_obs_enrich.normalizer.conventions.common import content, counts, on, parameters, provider_usage

__all__ = ["CONTENT", "EARLY"]

_USAGE: Final = "langfuse.observation.usage_details"
_INPUT: Final = "langfuse.observation.input"
_OUTPUT: Final = "langfuse.observation.output"


def _at(*names: str) -> tuple[Place, ...]:
    return tuple(Place(_USAGE, (name,)) for name in names)


_READ: Final = _at("input_cached_tokens", "input_cache_read", "cache_read_input_tokens")
_WRITTEN: Final = _at("input_cache_creation", "cache_creation_input_tokens", "input_cache_creation_5m")
_WRITTEN_1H: Final = _at("input_cache_creation_1h")
_AUDIO_IN: Final = _at("input_audio_tokens", "input_audio")
_REASONING: Final = _at("output_reasoning_tokens", "output_reasoning")
_AUDIO_OUT: Final = _at("output_audio_tokens", "output_audio")

EARLY: Final[tuple[Operation, ...]] = (
    *provider_usage(_USAGE),
    Sum(semconv.USAGE_INPUT_TOKENS, Place(_USAGE, ("input",)), plus=(*_READ, *_WRITTEN, *_WRITTEN_1H, *_AUDIO_IN)),
    Sum(semconv.USAGE_OUTPUT_TOKENS, Place(_USAGE, ("output",)), plus=(*_REASONING, *_AUDIO_OUT)),
    *counts(semconv.USAGE_CACHE_READ_INPUT_TOKENS, *_READ),
    *(Sum(semconv.USAGE_CACHE_WRITE_INPUT_TOKENS, first, _WRITTEN_1H) for first in _WRITTEN),
    *counts(semconv.USAGE_CACHE_WRITE_INPUT_TOKENS, *_WRITTEN_1H),
    *counts(semconv.USAGE_CACHE_WRITE_1H_INPUT_TOKENS, *_WRITTEN_1H),
    *counts(semconv.USAGE_AUDIO_INPUT_TOKENS, *_AUDIO_IN),
    *counts(semconv.USAGE_REASONING_OUTPUT_TOKENS, *_REASONING),
    *counts(semconv.USAGE_AUDIO_OUTPUT_TOKENS, *_AUDIO_OUT),
    Elapsed(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, instant="langfuse.observation.completion_start_time"),
    *parameters(("langfuse.observation.model.parameters",)),
    Scale(semconv.COST_TOTAL_NANO_USD, Place("langfuse.observation.cost_details", ("total",)), 10**9, 1, integer=True),
    EnumMap(  # metadata is JSON text, so the word has quotes
        semconv.RESPONSE_FINISH_REASONS,
        "langfuse.observation.metadata.finish_reason",
        {f'"{word}"': meaning for word, meaning in semconv.FINISH_REASON_ALIASES.items()}
        | {f'"{word}"': word for word in semconv.FINISH_REASONS},
        only_if_absent=True,
    ),
)

CONTENT: Final[tuple[Operation, ...]] = (
    Extract(semconv.TOOL_DEFINITIONS, (Place(_INPUT, ("tools",)),), "tools", take=True),
    *content(
        semconv.INPUT_MESSAGES,
        Place(_INPUT, ("messages",)),
        Place(_INPUT),
        Place("langfuse.trace.input", ("messages",)),
        Place("langfuse.trace.input"),
    ),
    *content(semconv.OUTPUT_MESSAGES, Place(_OUTPUT), Place("langfuse.trace.output")),
    Extract(semconv.TOOL_CALL_ARGUMENTS, (Place(_INPUT),), take=True, when=(on("execute_tool"),)),
    Extract(semconv.TOOL_CALL_RESULT, (Place(_OUTPUT),), take=True, when=(on("execute_tool"),)),
    Extract(semconv.RETRIEVAL_QUERY_TEXT, (Place(_INPUT),), take=True, when=(on("retrieval"),)),
    Extract(semconv.RETRIEVAL_DOCUMENTS, (Place(_OUTPUT),), take=True, when=(on("retrieval"),)),
)
