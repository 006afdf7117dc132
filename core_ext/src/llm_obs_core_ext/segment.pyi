"""A log segment as bytes: records framed and written, read back, and found again after damage."""

from typing import Final, NamedTuple, final

from llm_obs_core.model import LogRecord
from typing_extensions import Buffer

FORMAT_VERSION: Final[int]
MAGIC: Final[bytes]
MIN_RECORD_BYTES: Final[int]

class Frames:
    """The records of one commit: framed one by one, written together."""

    @property
    def nbytes(self) -> int: ...
    def __len__(self) -> int: ...
    def add(self, record: LogRecord, sequence: int, codec: int, payload: bytes) -> None:
        """Frames one more record; one that raises leaves the others as they are."""
    def write(self, fd: int) -> None:
        """Writes all of it at the end of a file that is opened for appending."""
    def tobytes(self) -> bytes:
        """What `write` writes."""

@final
class Header:
    """A header that passed its checksum, and where its record lies."""

    @property
    def offset(self) -> int: ...
    @property
    def body(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def received_ns(self) -> int: ...
    @property
    def kind(self) -> int: ...
    @property
    def codec(self) -> int: ...
    @property
    def partition(self) -> int: ...
    @property
    def normalizer_version(self) -> int: ...
    @property
    def prices_version(self) -> int: ...
    @property
    def scrub_version(self) -> int: ...
    @property
    def accepted(self) -> int: ...
    @property
    def rejected(self) -> int: ...
    @property
    def payload_bytes(self) -> int: ...
    @property
    def raw_bytes(self) -> int: ...
    @property
    def index_bytes(self) -> int: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def tenant(self) -> str: ...

class Damage(NamedTuple):
    """Bytes that are no sound record: the range, and whether it reaches the end (a write that was cut off)."""

    start: int
    end: int
    tail: bool

class Run(NamedTuple):
    """Headers of records that stand one behind the other."""

    headers: list[Header]
    end: int
    last: int
    damaged: int

def read_header(data: Buffer, offset: int) -> Header | None:
    """The header at `offset`, None when there is no whole and sound one."""

def headers(data: Buffer) -> list[Header] | None:
    """All headers, hopping over bodies; None when one of them is not sound and a `scan` is needed."""

def run(data: Buffer, after: int, last: int) -> Run:
    """The records at the start of `data`, up to the first that is not all there or whose header is damaged."""

def scan(data: Buffer, *, after: int = 0, below: int | None = None) -> list[Header | Damage]:
    """Everything in a segment, in order; nothing sound is given up."""
