"""Every signal of a collector: receivers, pipeline and workers take what they do for one from here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llm_obs_core.config import Receiver
from llm_obs_core.errors import PluginError
from llm_obs_core.model import RecordKind

from llm_obs_collector.scrub import Scanner
from llm_obs_collector.signals.annotations import AnnotationHandler
from llm_obs_collector.signals.handler import SignalHandler
from llm_obs_collector.signals.meaning import Meaning
from llm_obs_collector.signals.traces import TraceHandler

__all__ = ["Signals", "builtin"]


class Signals:
    """The registry.

    Args:
        handlers: One a signal.

    Raises:
        PluginError: Two signals have one name, kind, path or method.
    """

    def __init__(self, handlers: Iterable[SignalHandler]) -> None:
        self._handlers = tuple(handlers)
        signals = [handler.signal for handler in self._handlers]
        for field in ("name", "kind", "payload", "http_path", "grpc_method"):
            taken = [getattr(signal, field) for signal in signals if getattr(signal, field) is not None]
            if twice := [value for value in taken if taken.count(value) > 1]:
                raise PluginError(
                    f"signals with a {field} of their own",
                    got=f"{taken.count(twice[0])} with {twice[0]!s}",
                    fix="give each one of its own",
                )
        self._by_path = {handler.signal.http_path: handler for handler in self._handlers}
        self._by_kind = {handler.signal.kind: handler for handler in self._handlers}

    def __iter__(self) -> Iterator[SignalHandler]:
        return iter(self._handlers)

    def at_path(self, path: str) -> SignalHandler | None:
        """Whose requests are sent to this path, None when there are none."""
        return self._by_path.get(path)

    def of_kind(self, kind: RecordKind) -> SignalHandler | None:
        """Whose records these are; None for kinds that nobody sends, such as derived ones."""
        return self._by_kind.get(kind)


def builtin(scanner: Scanner | None = None, limits: Receiver | None = None, meaning: Meaning | None = None) -> Signals:
    """The signals that llm-obs itself takes: `llm_obs_core.signals.SIGNALS`.

    Args:
        scanner: What is written over; by default nothing.
        limits: `[receiver]`: items a request, attributes a span.
        meaning: Normalisers and pricers of spans; by default none, so that only facts are derived.
    """
    scanner, limits = scanner or Scanner(()), limits or Receiver()
    return Signals(
        (
            TraceHandler(scanner, limits, meaning or Meaning()),
            AnnotationHandler(scanner, limits.max_annotations_per_request),
        )
    )
