"""What the columns of a batch do not hold, as canonical messages."""

from llm_obs_core_ext.arrow import Arrow
from llm_obs_core_ext.batch import SpanBatch

def read_payloads(batch: SpanBatch) -> dict[str, Arrow]:
    """As `SpanBatch.payloads`."""
