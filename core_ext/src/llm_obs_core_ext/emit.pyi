"""Changes to a batch, and the one writer of canonical requests. The C-level twins are in `emit.pxd`."""

from collections.abc import Iterable, Sequence

from llm_obs_core_ext.batch import RowBatch

Value = str | bool | int | float | bytes | Sequence["Value | None"]

class Edits:
    """The changes of one batch, applied by `emit`. Later changes see earlier ones; the last one wins.

    Args:
        batch: The batch that is changed; it stays as it is.
    """

    batch: RowBatch
    def __init__(self, batch: RowBatch) -> None: ...
    def __len__(self) -> int:
        """Attributes that were set, renamed or removed."""
    def set(self, row: int, key: bytes, value: Value) -> None:
        """Give the row's attribute a value, whether it had one or not. Set attributes follow the others, in order."""
    def remove(self, row: int, key: bytes) -> None:
        """Take the attribute away; nothing happens when there is none."""
    def rename(self, row: int, old: bytes, new: bytes) -> None:
        """Give the value of `old`, if there is one, to `new`, in place of any value that `new` had."""
    def replace(self, hits: Iterable[tuple[int, int]], replacements: Iterable[bytes], *, buffer: int = 0) -> None:
        """Put other bytes in the place of byte ranges of a buffer: parts of the strings of `RowBatch.texts`.

        Ranges that overlap are replaced together, by the first one's replacement. UTF-8 must stay UTF-8.

        Args:
            hits: Half-open ranges (start, end) of the buffer.
            replacements: One for each range.
            buffer: Which of the batch's buffers.
        """
    def replace_set(self, hits: Iterable[tuple[int, int]], replacements: Iterable[bytes]) -> None:
        """As `replace`, in the values that were set: ranges of the buffer of `texts`."""
    def texts(self) -> tuple[memoryview, memoryview, memoryview]:
        """What was set, to be scanned like `RowBatch.texts`: (starts, ends, buffer).

        Release the buffer before the next change; a change that needs more room raises BufferError until then.
        """

def emit(batch: RowBatch, edits: Edits | None = None) -> bytes:
    """Write the rows, with the edits, as one canonical request of their signal, for spans an ExportTraceServiceRequest.

    Resources and scopes are grouped as they came, those without spans left out. Fields are in the order of their
    numbers, defaults left out, one key once (at its first place, with its last value); unknown and shadowed bytes are
    gone. `emit(scan(emit(batch)))` is `emit(batch)`.
    """
