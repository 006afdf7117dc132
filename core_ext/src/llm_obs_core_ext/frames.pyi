"""Records of the log as bytes: framed one by one, written together; `segment` reads them back."""

from llm_obs_core.model import LogRecord

class Frames:
    """The records of one commit: framed one by one, written together."""

    @property
    def nbytes(self) -> int: ...
    def __len__(self) -> int: ...
    def add(
        self,
        record: LogRecord,
        sequence: int,
        codec: int,
        payload: bytes,
        *,
        extra: bytes = b"",
        group_index: int = 0,
        group_size: int = 1,
    ) -> None:
        """Frames one more record; one that raises leaves the others as they are."""
    def mark(self) -> tuple[int, int, int, int, int]:
        """Where `rollback` goes back to; it means something to these frames only."""
    def rollback(self, mark: tuple[int, int, int, int, int]) -> None:
        """Takes away what was added since `mark`: the members of a group of which another does not fit."""
    def write(self, fd: int) -> None:
        """Writes all of it at the end of a file that is opened for appending."""
    def tobytes(self) -> bytes:
        """What `write` writes."""
