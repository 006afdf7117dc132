"""From folded rows to summaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
from llm_obs_core.interfaces import TraceSummary
from llm_obs_core.summary.columns import SUMMARY_COLUMNS

from llm_obs_lake.schema import SCHEMAS

__all__ = ["summaries_of"]

_SETS: Final = [column.name for column in SUMMARY_COLUMNS if column.fold == "set"]
_PLAIN: Final = [name for name in SCHEMAS["summaries"].names if name in TraceSummary.__struct_fields__]


def summaries_of(tenant: str, folded: pa.Table) -> Iterator[TraceSummary]:
    """One summary a row of `fold`."""
    for row in folded.to_pylist():
        fields: dict[str, Any] = {name: tuple(row[name]) if name in _SETS else row[name] for name in _PLAIN}
        yield TraceSummary(tenant=tenant, duration_ns=row["end_ns"] - row["start_ns"], **fields)
