"""Documents that would be dear are refused before they cost anything."""

from __future__ import annotations

import pytest
from graphql import get_introspection_query
from llm_obs_query import documents
from llm_obs_query.documents import Documents, InvalidDocument
from llm_obs_query.schema import build

DOUBLING = " ".join(f"fragment a{n} on Query {{ ...a{n + 1} ...a{n + 1} }}" for n in range(60))
REFUSED: list[tuple[str, str, str]] = [
    ("{ info { " + "version " * 5_000 + "} }", "GRAPHQL_PARSE_FAILED", "4000 tokens"),
    ("{a" * 1_500 + "}" * 1_500, "GRAPHQL_PARSE_FAILED", "nested too deeply"),
    (
        "{ traces(filter: {name: " + "[" * 1_500 + "]" * 1_500 + "}) { nodes { id } } }",
        "GRAPHQL_PARSE_FAILED",
        "nested",
    ),
    ("{ info " + "{ ... on Info " * 400 + "{ version }" + "}" * 401, "GRAPHQL_PARSE_FAILED", "Syntax Error"),
    ("{ __schema { types { " + "fields { type { " * 8 + "name" + " } }" * 8 + " } } }", "LIMIT_EXCEEDED", "at most 16"),
    ("{ info { " + "version " * 501 + "} }", "LIMIT_EXCEEDED", "at most 500 fields, fragments written out, got 502"),
    (f"{{ ...a0 }} {DOUBLING} fragment a60 on Query {{ info {{ version }} }}", "LIMIT_EXCEEDED", "got many more"),
    ("{ " + " ".join(f"a{n}: info {{ version }}" for n in range(33)) + " }", "LIMIT_EXCEEDED", "32 questions"),
    ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "GRAPHQL_VALIDATION_FAILED", "itself"),
    ("{ ...nowhere }", "GRAPHQL_VALIDATION_FAILED", "nowhere"),
    ("", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
    ("subscription { info { version } }", "GRAPHQL_VALIDATION_FAILED", "subscription"),
]


@pytest.mark.parametrize(("text", "code", "message"), REFUSED)
def test_refused(text: str, code: str, message: str) -> None:
    with pytest.raises(InvalidDocument) as refused:
        Documents(build()._schema).get(text)
    assert refused.value.code == code
    assert message in refused.value.errors[0].message


def test_editors_can_read_the_schema() -> None:
    text = get_introspection_query(specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True)
    Documents(build()._schema).get(text)


def test_the_largest_that_is_allowed() -> None:
    kept = Documents(build()._schema)
    kept.get("{ " + " ".join(f"a{n}: info {{ {'version ' * 14} }}" for n in range(32)) + " }")


def test_a_document_is_read_once_and_the_longest_unused_is_forgotten() -> None:
    kept = Documents(build()._schema)
    texts = [f"{{ a{n}: info {{ version }} }}" for n in range(documents.KEPT)]
    read = [kept.get(text) for text in texts]
    assert kept.get(texts[0]) is read[0]
    kept.get("{ info { version } }")
    assert kept.get(texts[0]) is read[0]
    assert kept.get(texts[1]) is not read[1]
