"""The text scan: every secret of a batch in one call, with what is written over it.

What the patterns are is written in `textscan_verify.h`, each as an expression above the code that recognises it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from llm_obs_core_ext.batch import RowBatch
from llm_obs_core_ext.emit import Edits

PATTERNS: Final[tuple[str, ...]]
"""The names of what can be looked for; users write them, and read them in `[REDACTED:<name>]`."""

KERNELS: Final[tuple[str, ...]]
"""The prefilters that this processor can run, slowest first."""

class TextScan:
    """Compiled patterns and the words written over what they find. Immutable; any thread may use it.

    Texts are plain or JSON: escapes of white space and quotes count as blanks, other escapes are undone. Hits of one
    pattern in one text do not overlap, and never cut an escape in two.

    Args:
        patterns: Name out of `PATTERNS` to the key of its pseudonyms, at most 64 bytes. A hit becomes `[name:digest]`,
            the digest a keyed BLAKE2b of 8 bytes in hexadecimal, or `[REDACTED:name]` when the key is empty.
        kernel: One of `KERNELS`; the fastest by default.

    Raises:
        ValueError: An unknown name or kernel, a key that is too long.
    """

    def __init__(self, patterns: Mapping[str, bytes], kernel: str | None = None) -> None: ...
    def find(self, texts: Iterable[bytes]) -> list[tuple[int, int, int, str]]:
        """What is found in texts: (text number, start, end, pattern name), in order."""
    def scrub(self, batch: RowBatch, edits: Edits) -> dict[str, int]:
        """Puts words over all that is found in the texts of a batch and of its edits.

        Returns:
            Pattern name to how often; names that were not found are absent.

        Raises:
            MemoryError: The edits are incomplete then, and must not be used.
        """
