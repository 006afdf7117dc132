"""Settings that cannot be used: a clear error at the start, and no secret in it."""

from __future__ import annotations

import pytest
from llm_obs_core.errors import ConfigError
from llm_obs_sdk.options import resolve
from llm_obs_sdk.provider import _limits
from llm_obs_sdk.transport import Connection


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://127.0.0.1:99999", "a URL such as"),
        ("http://127.0.0.1:abc", "a URL such as"),
        ("http://127.0.0.1:0", "a URL such as"),
        ("http://[::1", "a URL such as"),
        ("ftp://x", "a URL such as"),
        ("127.0.0.1:4318", "a URL such as"),
        ("http://user:hunter2@127.0.0.1:4318", "without user and password"),
        ("http://127.0.0.1:4318/a?b=c", "without . and #"),
        ("http://127.0.0.1:4318/#c", "without . and #"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_named(endpoint: str, expected: str) -> None:
    for given, environ, where in (
        ({"endpoint": endpoint}, {}, r"init\(endpoint=\)"),
        ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ):
        with pytest.raises(ConfigError, match=f"expected .*{expected}.*{where}") as caught:
            resolve(given, environ)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["a\nb: c", "a\r\nb: c", "a\0", "a\x7f"])
def test_a_header_with_a_line_end_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        Connection("http://127.0.0.1:1", {"x-api-key": value}, 1.0)


def test_a_limit_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1")
    with pytest.raises(
        ConfigError, match=r"at OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT.*correct OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"
    ):
        _limits()
