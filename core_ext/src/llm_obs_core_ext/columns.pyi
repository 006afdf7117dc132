"""Rows as Arrow columns, in one pass without Python.

How a value becomes a column's (`llm_obs_core.typed` has the rules of types; a value of a wrong type is null):

- `string` from a string, or an int as its digits. An empty attribute stays an empty string. `status_message` and
  `scope_name`, where the wire has no difference between empty and absent, are null when empty; `name` is empty.
- `int64`, `int32` from an int, a double without a fraction, or decimal digits; null when it does not fit.
- `bool` from a bool only.
- `ttft_ns` from seconds, a double or an int; null when negative, not finite or over 2⁶³ - 1 ns.
- `finish_reason` from the first item of a list when that is a string, or from a string.
- `resource:` from the row's resource; `environment` also from the older `deployment.environment`.
- Token columns are the settled counts of `llm_obs_core.pricing.usage`: the buckets are disjoint and add up to
  `input_tokens` and `output_tokens`, which may therefore differ from what was sent. A bucket is null when its own count
  was not sent; a total and the rest beside it (`input_uncached`, `output_text`) when no count of that side was.
- `start_ns` and `duration_ns` over 2⁶³ - 1 are taken as that; `kind` and `status_code` that do not fit 8 bits are 0.
"""

from llm_obs_core_ext.arrow import Arrow
from llm_obs_core_ext.batch import SpanBatch

def read_columns(batch: SpanBatch) -> dict[str, Arrow]:
    """As `SpanBatch.columns`."""
