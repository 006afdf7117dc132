"""Columns in Arrow's memory layout."""

class Arrow:
    """One column, ready for `pyarrow.Array.from_buffers`; implements `llm_obs_core.interfaces.Arrow`.

    The views keep the memory they show alive. Columns made together may share it.
    """

    type: str
    length: int
    null_count: int
    validity: memoryview | bytes | None
    offsets: memoryview | bytes | None
    data: memoryview | bytes
