"""What the rows of a batch measure, added up by key (`MEASURE_KEYS`, `MEASURE_VALUES`).

Counted are model calls: rows whose `operation` is one of `semconv.MODEL_CALLS`, whose `usage_role` is null or `leaf`,
and whose resource does not say `llm_obs.measured` = true (its sender measures by itself). Keys and values are read as
the columns of the same names are (`columns.pyi`); a null key is a key of its own.

- `errors`: `status_code` is 2 or `error_type` is not null.
- Token sums take a null as 0; `unpriced` counts calls with a token count but no cost.
- `generation_tokens` and `generation_ns` take the calls from which a rate of tokens can be told: with output tokens,
  with a time to first token or not streamed (it is 0 then), and with a duration longer than it.
- `ttft_count`, `ttft_sum_ns` and `ttft_hist` take the calls with a time to first token.

Rows are in the order in which their keys first came. Measures are additive: rows of any batches with equal keys are
one row whose values are added, the histograms' counts by their index. (A sum stays at the end of 64 bits, which only
made-up durations and costs reach.)
"""

from llm_obs_core_ext.arrow import Arrow
from llm_obs_core_ext.batch import SpanBatch

class MeasureBatch:
    """Rows of measures; implements `llm_obs_core.interfaces.MeasureBatch`."""

    def __len__(self) -> int: ...
    def columns(self) -> dict[str, Arrow]:
        """Every key and value column; a histogram as `<name>_index` (`list<uint16>`) and `<name>_count` lists."""

def read_measures(batch: SpanBatch) -> MeasureBatch:
    """As `SpanBatch.measures`."""
