"""Errors with one grammar: what was expected, what came, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "ConfigError",
    "FencedError",
    "LimitError",
    "LlmObsError",
    "PermanentError",
    "PluginError",
    "RetryableError",
    "StoreError",
    "WireError",
]


class LlmObsError(Exception):
    """The base of every error that llm-obs raises on purpose.

    Args:
        expected: What would have been right, as a noun phrase.
        got: What came instead.
        where: A path a person can follow: a configuration key, a file, the index of a span.
        fix: What to do, as an imperative sentence.
    """

    def __init__(self, expected: str, *, got: str = "", where: str = "", fix: str = "") -> None:
        self.expected = expected
        self.got = got
        self.where = where
        self.fix = fix
        super().__init__(expected, got, where, fix)

    def __str__(self) -> str:
        text = f"expected {self.expected}"
        if self.got:
            text += f", got {self.got}"
        if self.where:
            text += f" (at {self.where})"
        if self.fix:
            text += f"; {self.fix}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(kind: type[LlmObsError], args: tuple[str, str, str, str], state: dict[str, object]) -> LlmObsError:
    error = kind.__new__(kind)
    Exception.__init__(error, *args)
    error.__dict__.update(state)
    return error


class ConfigError(LlmObsError):
    """A configuration file, environment variable or flag that cannot be used; `where` is its key."""


class PluginError(LlmObsError):
    """A plugin that is missing, cannot be loaded, or registers something impossible."""


class StoreError(LlmObsError):
    """A store or log directory that cannot be used: locked, read-only, full, of another format."""


class FencedError(StoreError):
    """Another process has appended to the log since: what is at hand was made from an older state of it."""


class WireError(LlmObsError):
    """Bytes that are not the protobuf message they should be.

    Args:
        expected: As in `LlmObsError`.
        got: As in `LlmObsError`.
        where: As in `LlmObsError`; the offset is added to it.
        fix: As in `LlmObsError`.
        offset: Index of the first byte that is wrong, from the start of the request.
    """

    def __init__(self, expected: str, *, got: str = "", where: str = "", fix: str = "", offset: int = 0) -> None:
        self.offset = offset
        place = f"byte {offset}"
        super().__init__(expected, got=got, where=f"{where}, {place}" if where else place, fix=fix)


class LimitError(LlmObsError):
    """A request that is well formed but larger than a configured limit allows."""


class RetryableError(LlmObsError):
    """Something that may succeed when it is tried again: a sink that is away, a disk that is full.

    Args:
        expected: As in `LlmObsError`.
        got: As in `LlmObsError`.
        where: As in `LlmObsError`.
        fix: As in `LlmObsError`.
        retry_after_s: Seconds to wait before the next try; None lets the caller choose.
    """

    def __init__(
        self, expected: str, *, got: str = "", where: str = "", fix: str = "", retry_after_s: float | None = None
    ) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(expected, got=got, where=where, fix=fix)


class PermanentError(LlmObsError):
    """Something that will never succeed as it is.

    Args:
        expected: As in `LlmObsError`.
        got: As in `LlmObsError`.
        where: As in `LlmObsError`.
        fix: As in `LlmObsError`.
        items: Rows of the batch that cannot be stored; None when the sink cannot tell which.
    """

    def __init__(
        self, expected: str, *, got: str = "", where: str = "", fix: str = "", items: Sequence[int] | None = None
    ) -> None:
        self.items = None if items is None else tuple(items)
        super().__init__(expected, got=got, where=where, fix=fix)
