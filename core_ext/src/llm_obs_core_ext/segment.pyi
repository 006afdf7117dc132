"""A log segment read back: its records, and what damage has left of them.

Records of one group are neighbours with sequences one after the other. A reader is given all of them or none.
"""

from typing import Final, NamedTuple, final

from typing_extensions import Buffer

from llm_obs_core_ext.frames import Frames as Frames

FORMAT_VERSION: Final[int]
MAGIC: Final[bytes]
MIN_RECORD_BYTES: Final[int]

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
    def version(self) -> int: ...
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
    def group_index(self) -> int: ...
    @property
    def group_size(self) -> int: ...
    @property
    def extra(self) -> bytes: ...
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
    """Headers of records that follow one another."""

    headers: list[Header]
    end: int
    last: int
    damaged: int

def read_header(data: Buffer, offset: int) -> Header | None:
    """The header at `offset`, None when there is no whole and sound one."""

def headers(data: Buffer) -> list[Header] | None:
    """All headers, hopping over bodies; None when one is not sound or a group not complete, and a `scan` is needed."""

def run(data: Buffer, after: int, last: int) -> Run:
    """The records of whole groups at the start of `data`, up to the first that is not all there.

    A damaged header ends it too. `end` and `last` are those of the last group; `damaged` counts groups with a damaged
    body.
    """

def scan(data: Buffer, *, after: int = 0, below: int | None = None) -> list[Header | Damage]:
    """Everything in a segment, in order; nothing sound is given up, but the rest of a damaged record's group."""
