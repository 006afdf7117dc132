"""What the code offers is what the golden file says: a change of the contract is a decision."""

from pathlib import Path

from graphql import build_schema, lexicographic_sort_schema, print_schema
from llm_obs_query.schema import build


def test_the_schema_is_the_golden_file(schema_file: Path) -> None:
    golden, ours = (
        print_schema(lexicographic_sort_schema(build_schema(text)))
        for text in (schema_file.read_text(), build().as_str())
    )
    assert ours == golden
