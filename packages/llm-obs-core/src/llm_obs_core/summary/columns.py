"""The tables of summaries: which fields, over which rows, how they are folded. Stores and GraphQL follow them.

A trace's summary is folded from its spans' columns, a session's from its traces' summaries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from llm_obs_core import semconv
from llm_obs_core.model import StatusCode

__all__ = [
    "ROWS",
    "SESSION_COLUMNS",
    "SUMMARY_COLUMNS",
    "SUMMED_COLUMNS",
    "Fold",
    "Row",
    "SummaryColumn",
    "is_call",
    "is_error",
    "is_unpriced",
    "model_of",
]

Row = Mapping[str, object]
"""Column name to value."""

Fold = Literal["naming", "min", "max_end", "extent", "count", "any", "sum", "sum_known", "first", "of_first", "set"]
"""How values become one:

- `naming`: the value of the row that names the trace: a root before others, then the earliest, then the smallest name,
  then the smallest service, without one last;
- `min`: the least; `max_end`: the greatest of start plus duration; `extent`: `max_end` minus the earliest start;
- `count`: how many rows; `any`: whether there is one;
- `sum`: nulls add nothing; `sum_known`: the same, null when every value is;
- `first`: of the rows that have a value, that of the earliest; `of_first`: the value of the earliest row, also null;
  of rows that start together the smallest value, null last;
- `set`: the distinct values, sorted, without null.
"""


class SummaryColumn(NamedTuple):
    """One field of a summary.

    Attributes:
        name: Its name everywhere.
        type: As in `model.Column`; `strings` for several.
        nullable: Whether it may be null.
        fold: How it is folded.
        rows: A name of `ROWS`: over which rows.
        value: The column that is folded; `model` is `model_of`.
        doc: Meaning and unit.
        filtered: Whether it is a field `trace.<name>` of the filter language.
    """

    name: str
    type: str
    nullable: bool
    fold: Fold
    rows: str
    value: str
    doc: str
    filtered: bool = True


def model_of(row: Row) -> object:
    """The model that answered, else the one asked for."""
    return row["request_model"] if row["response_model"] is None else row["response_model"]


def is_call(row: Row) -> bool:
    """Whether the span is a model call whose usage is added up."""
    return row["operation"] in semconv.MODEL_CALLS and row["usage_role"] in (None, "leaf")


def is_error(row: Row) -> bool:
    """Whether the span failed: OTLP status error, or an error type."""
    return row["status_code"] == StatusCode.ERROR or row["error_type"] is not None


def is_unpriced(row: Row) -> bool:
    """Whether the span is a call with usage and without a cost."""
    used = row["input_tokens"] is not None or row["output_tokens"] is not None
    return is_call(row) and used and row["cost_nano_usd"] is None


ROWS: Final[dict[str, Callable[[Row], bool]]] = {
    "all": lambda row: True,
    "roots": lambda row: row["parent_span_id"] is None,
    "calls": is_call,
    "errors": is_error,
    "unpriced": is_unpriced,
}
"""Which rows a field is folded over."""

SUMMARY_COLUMNS: Final[tuple[SummaryColumn, ...]] = (
    SummaryColumn("trace_id", "fixed16", False, "min", "all", "trace_id", "16 bytes."),
    SummaryColumn("start_ns", "int64", False, "min", "all", "start_ns", "Earliest start of its spans."),
    SummaryColumn("duration_ns", "int64", False, "extent", "all", "", "Latest end minus earliest start."),
    SummaryColumn("name", "string", False, "naming", "all", "name", "The root's; the earliest span's without a root."),
    SummaryColumn("service", "string", True, "naming", "all", "service", "The root's service."),
    SummaryColumn("has_root", "bool", False, "any", "roots", "", "Whether the root was received."),
    SummaryColumn("span_count", "int64", False, "count", "all", "", "Spans stored."),
    SummaryColumn("error_count", "int64", False, "count", "errors", "", "Spans with an error."),
    SummaryColumn("call_count", "int64", False, "count", "calls", "", "Model calls."),
    SummaryColumn("input_tokens", "int64", False, "sum", "calls", "input_tokens", "Of the model calls."),
    SummaryColumn("output_tokens", "int64", False, "sum", "calls", "output_tokens", "Of the model calls."),
    SummaryColumn("total_tokens", "int64", False, "sum", "calls", "total_tokens", "Input and output tokens."),
    SummaryColumn(
        "cost_nano_usd", "int64", True, "sum_known", "calls", "cost_nano_usd", "Of priced calls; null when none was."
    ),
    SummaryColumn("unpriced_calls", "int64", False, "count", "unpriced", "", "Calls with usage and no price."),
    SummaryColumn("ttft_ns", "int64", True, "of_first", "calls", "ttft_ns", "The first call's time to first token."),
    SummaryColumn("models", "strings", False, "set", "all", "model", "Models that answered, or were asked for.", False),
    SummaryColumn("providers", "strings", False, "set", "all", "provider", "Providers.", False),
    SummaryColumn("user_id", "string", True, "first", "all", "user_id", "The first user found.", False),
    SummaryColumn("session_id", "string", True, "first", "all", "session_id", "The first session found.", False),
    SummaryColumn("application", "string", True, "first", "all", "application", "The first application.", False),
)
"""The summary of a trace; `total_tokens` is not stored, it is the sum of the two before it."""

SUMMED_COLUMNS: Final[tuple[str, ...]] = (
    "trace_id", "parent_span_id", "name", "start_ns", "duration_ns", "status_code", "service", "operation", "provider",
    "request_model", "response_model", "user_id", "session_id", "application", "input_tokens", "output_tokens",
    "usage_role", "cost_nano_usd", "ttft_ns", "error_type",
)  # fmt: skip
"""The columns of spans that a trace's summary is folded from."""

SESSION_COLUMNS: Final[tuple[SummaryColumn, ...]] = (
    SummaryColumn("session_id", "string", False, "min", "all", "session_id", "The session."),
    SummaryColumn("start_ns", "int64", False, "min", "all", "start_ns", "Earliest start of its traces."),
    SummaryColumn("end_ns", "int64", False, "max_end", "all", "", "Latest end of its traces."),
    SummaryColumn("trace_count", "int64", False, "count", "all", "", "Traces."),
    SummaryColumn("span_count", "int64", False, "sum", "all", "span_count", "Spans."),
    SummaryColumn("error_count", "int64", False, "sum", "all", "error_count", "Spans with an error."),
    SummaryColumn("call_count", "int64", False, "sum", "all", "call_count", "Model calls."),
    SummaryColumn("input_tokens", "int64", False, "sum", "all", "input_tokens", "Of the model calls."),
    SummaryColumn("output_tokens", "int64", False, "sum", "all", "output_tokens", "Of the model calls."),
    SummaryColumn(
        "cost_nano_usd", "int64", True, "sum_known", "all", "cost_nano_usd", "Of priced calls; null when none was."
    ),
    SummaryColumn("unpriced_calls", "int64", False, "sum", "all", "unpriced_calls", "Calls with usage and no price."),
    SummaryColumn("models", "strings", False, "set", "all", "models", "Models of its traces."),
    SummaryColumn("users", "strings", False, "set", "all", "user_id", "Users of its traces."),
)
"""The summary of a session, folded from the summaries of its traces: those with its `session_id`."""
