"""The built-in normaliser: older GenAI names and other libraries' names onto the canonical ones of `semconv`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llm_obs_core import semconv
from llm_obs_core.interfaces import Host
from llm_obs_core.interfaces.operations import EnumMap, NormalizerRules, Operation, Place, Rename, Scale
from llm_obs_core.plugins import NoOptions

from llm_obs_enrich.normalizer.conventions import CONVENTIONS
from llm_obs_enrich.normalizer.conventions.common import on

__all__ = ["VERSION", "GenAiNormalizer", "make"]

VERSION: Final = 3
"""Raised whenever the operations change; stamped on log records."""

NANO_PER_USD: Final = 10**9


def make(options: NoOptions, host: Host) -> GenAiNormalizer:
    """The factory of the normaliser `genai`."""
    return GenAiNormalizer()


class GenAiNormalizer:
    """A `Normalizer` made from the tables of `semconv` and from `conventions`.

    Raw attributes stay as they came, but for those that canonical content was made of.
    """

    def rules(self) -> NormalizerRules:
        """What conventions say in their own ways, names, values (renamed ones too), what the operation decides."""
        return NormalizerRules(
            VERSION,
            (
                *(operation for convention in CONVENTIONS for operation in convention.EARLY),
                *_names(),
                *_operation(),
                *_values(),
                *_by_operation(),
                *(operation for convention in CONVENTIONS for operation in convention.CONTENT),
            ),
        )


def _names() -> list[Operation]:
    names: list[Operation] = [Rename(target, sources) for target, sources in semconv.ALIASES.items()]
    names += [Rename(target, sources, as_list=True) for target, sources in semconv.LIST_ALIASES.items()]
    return names


def _operation() -> list[Operation]:
    target = semconv.OPERATION_NAME
    kinds: list[Operation] = [
        EnumMap(target, source, words, only_if_absent=True) for source, words in semconv.OPERATION_SOURCES.items()
    ]
    kinds += [
        EnumMap(target, source, words, only_if_absent=True, only_roots=True)
        for source, words in semconv.ROOT_OPERATION_SOURCES.items()
    ]
    return [*kinds, EnumMap(target, target, semconv.OPERATION_ALIASES)]


def _values() -> list[Operation]:
    values: list[Operation] = [
        EnumMap(target, target, words)
        for target, words in (
            (semconv.PROVIDER_NAME, semconv.PROVIDER_ALIASES),
            (semconv.RESPONSE_FINISH_REASONS, semconv.FINISH_REASON_ALIASES),
        )
    ]
    sources: list[tuple[str, str, Mapping[str, str | bool]]] = [
        (semconv.COMPLETENESS, semconv.RESPONSE_FINISH_REASONS, semconv.COMPLETENESS_BY_FINISH_REASON),
        (semconv.OUTPUT_TYPE, "gen_ai.openai.request.response_format", semconv.OUTPUT_TYPES),
        *((semconv.REQUEST_STREAM, source, words) for source, words in semconv.STREAM_SOURCES.items()),
        *((semconv.USAGE_ROLE, source, words) for source, words in semconv.OUTER_CALLS.items()),
    ]
    values += [EnumMap(target, source, words, only_if_absent=True) for target, source, words in sources]
    values += [
        Scale(target, Place(source), 1, 1000)
        for target, sources in semconv.MILLISECOND_ALIASES.items()
        for source in sources
    ]
    values += [
        Scale(semconv.COST_TOTAL_NANO_USD, Place(source), NANO_PER_USD, 1, integer=True)
        for source in semconv.COST_ALIASES_USD
    ]
    return values


def _by_operation() -> list[Operation]:
    return [Rename(target, sources, when=(on(*operations),)) for operations, target, sources in semconv.ALIASES_WHEN]
