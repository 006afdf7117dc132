"""The built-in normaliser: older GenAI names and other libraries' names onto the canonical ones of `semconv`."""

from __future__ import annotations

from llm_obs_core import semconv
from llm_obs_core.interfaces.process import EnumMap, NormalizerRules, Operation, Rename, Scale
from llm_obs_core.plugins import NoOptions

__all__ = ["VERSION", "GenAiNormalizer", "make"]

VERSION = 1
"""Raised whenever the operations change; stamped on log records."""


def make(options: NoOptions) -> GenAiNormalizer:
    """The factory of the normaliser `genai`."""
    return GenAiNormalizer()


class GenAiNormalizer:
    """A `Normalizer` made from the tables of `semconv`; raw attributes stay as they came."""

    def rules(self) -> NormalizerRules:
        """Names first, then values: a renamed value is mapped too."""
        operations: list[Operation] = [Rename(target, sources) for target, sources in semconv.ALIASES.items()]
        operations += [
            EnumMap(
                semconv.OPERATION_NAME, "openinference.span.kind", semconv.OPENINFERENCE_KINDS, only_if_absent=True
            ),
            EnumMap(
                semconv.OPERATION_NAME,
                "llm.request.type",
                {"chat": "chat", "completion": "text_completion", "embedding": "embeddings"},
                only_if_absent=True,
            ),
            EnumMap(semconv.OPERATION_NAME, semconv.OPERATION_NAME, semconv.OPERATION_ALIASES),
            EnumMap(semconv.PROVIDER_NAME, semconv.PROVIDER_NAME, semconv.PROVIDER_ALIASES),
            EnumMap(semconv.RESPONSE_FINISH_REASONS, semconv.RESPONSE_FINISH_REASONS, semconv.FINISH_REASON_ALIASES),
            EnumMap(
                semconv.COMPLETENESS,
                semconv.RESPONSE_FINISH_REASONS,
                semconv.COMPLETENESS_BY_FINISH_REASON,
                only_if_absent=True,
            ),
            Scale(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, "ai.response.msToFirstChunk", 1, 1000),
        ]
        return NormalizerRules(VERSION, tuple(operations))
