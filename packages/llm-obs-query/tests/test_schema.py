"""What the code offers is what the golden file says: a change of the contract is a decision."""

from collections.abc import Callable
from pathlib import Path

from graphql import build_schema, lexicographic_sort_schema, print_schema
from llm_obs_query.schema import build


def in_order(text: str) -> str:
    return print_schema(lexicographic_sort_schema(build_schema(text)))


def test_the_schema_is_the_golden_file(schema_file: Path, golden: Callable[..., None]) -> None:
    golden(schema_file, build().as_str() + "\n", in_order)
