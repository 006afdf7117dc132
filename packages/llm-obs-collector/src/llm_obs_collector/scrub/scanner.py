"""Scrub rules, compiled: built-in patterns for the native text scan, own expressions for RE2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from llm_obs_core.errors import ConfigError
from llm_obs_core.interfaces import ScrubRules
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.textscan import TextScan

from llm_obs_collector.scrub.own import OwnPattern, OwnPatterns
from llm_obs_collector.scrub.patterns import BUILTIN
from llm_obs_collector.scrub.texts import batch_of, texts_of

__all__ = ["Scanner", "Scrubbed"]

MIN_KEY_BYTES = 16
MAX_KEY_BYTES = 64
"""BLAKE2b's own limit; longer keys are cut."""


class Scrubbed(NamedTuple):
    """What one batch's scan wrote over: pattern name to count."""

    counts: dict[str, int]


class Scanner:
    """Compiled scrub rules. A built-in pattern that several rules name is written over as the first of them says.

    Args:
        rules: Of all configured scrubbers, in order.

    Raises:
        ConfigError: An unknown pattern, a wrong expression, a short key.
    """

    def __init__(self, rules: Sequence[ScrubRules]) -> None:
        self.version = sum(item.version for item in rules)
        builtin: dict[str, bytes] = {}
        own: list[OwnPattern] = []
        for rule in rules:
            key = _key(rule)
            for name in rule.builtin:
                if name not in BUILTIN:
                    raise ConfigError(
                        f"patterns out of: {', '.join(BUILTIN)}",
                        got=repr(name),
                        where="scrub.options.pii.builtin",
                        fix="correct the name",
                    )
                builtin.setdefault(name, key)
            own += [OwnPattern(name, expression, key) for name, expression in rule.patterns]
        self._builtin = TextScan(builtin) if builtin else None
        self._own = OwnPatterns(own) if own else None

    def scrub(self, batch: SpanBatch, edits: Edits) -> Scrubbed:
        """Adds to `edits` what must be written over, in the batch's texts and in the values that `edits` sets.

        When it raises, the edits are incomplete: the batch must not be stored.
        """
        counts = self._builtin.scrub(batch, edits) if self._builtin is not None else {}
        if self._own is not None:
            for name, count in self._own.scrub(batch, edits).items():
                counts[name] = counts.get(name, 0) + count
        return Scrubbed(counts)

    def texts(self, texts: Sequence[str]) -> tuple[list[str], Scrubbed]:
        """Texts that are no spans, by the same rules. Python runs per text: not for what machines send in masses."""
        batch = batch_of(texts)
        edits = Edits(batch)
        scrubbed = self.scrub(batch, edits)
        return texts_of(emit(batch, edits), len(texts)), scrubbed


def _key(rule: ScrubRules) -> bytes:
    """The key of a rule's pseudonyms, empty when it redacts."""
    if rule.style == "redact":
        return b""
    if len(rule.key) < MIN_KEY_BYTES:
        raise ConfigError(
            f"a pseudonym key of at least {MIN_KEY_BYTES} bytes",
            got=f"{len(rule.key)}",
            where="scrub.options.pii.key",
            fix="set a longer one",
        )
    return rule.key[:MAX_KEY_BYTES]
