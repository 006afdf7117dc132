"""From foreign names and values to the canonical ones: the rules of all normalisers, compiled."""

from collections.abc import Sequence

from llm_obs_core.interfaces import NormalizerRules

from llm_obs_core_ext.batch import KeyTable, RowBatch
from llm_obs_core_ext.emit import Edits

class CompiledRules:
    """Rules as a table by key number; `llm_obs_core.normalizer.reference` says in Python what they do.

    Args:
        rules: Of each normaliser, in order.

    Raises:
        PluginError: A rule that cannot be applied.
    """

    version: int
    """The sum of the normalisers' versions: another one whenever a normaliser raises its own."""
    def __init__(self, rules: Sequence[NormalizerRules]) -> None: ...
    @property
    def keys(self) -> KeyTable:
        """The keys to scan with: the collector's, and those that only these rules know."""
    def apply(self, batch: RowBatch, edits: Edits) -> None:
        """Adds to `edits` what the rules and the derived facts set, without the GIL.

        Rows without a key that some rule names cost next to nothing. May be called from several threads at once.

        Args:
            batch: Scanned with `keys`.
            edits: Of that batch; changes already in it are seen.
        """
