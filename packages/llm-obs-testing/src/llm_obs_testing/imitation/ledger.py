"""The imitation's own account: calls, attempts, errors, tokens and money, by API, model and user.

It is kept by code of its own, so that what a store says can be checked against it. A call that is retried is one call:
an attempt that the client counts as a retry takes its call's earlier failure back.
"""

from __future__ import annotations

import datetime
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import msgspec
from llm_obs_core.interfaces.process import PriceKey
from llm_obs_enrich.pricing import BundledPricer

from llm_obs_testing.imitation.answer import Usage

__all__ = ["Entry", "Ledger"]

EPOCH = datetime.date(1970, 1, 1)


class Entry(msgspec.Struct, kw_only=True):
    """What one user had of one model.

    Attributes:
        calls: Calls, each counted once however often it was tried.
        attempts: HTTP requests.
        errors: Calls whose last attempt failed.
        input_tokens: As reported, cached ones included.
        cached_tokens: Part of them.
        audio_in_tokens: Part of them.
        output_tokens: As reported, reasoning included.
        reasoning_tokens: Part of them.
        audio_out_tokens: Part of them.
        nano_usd: Cost of what was reported, nano-dollars, each call rounded once.
        unpriced: Calls with usage that the price table does not know.
        unreported: Answers that were begun but whose usage was never told: cut, left by the client, or streams whose
            request did not ask for it. Their tokens are in no sum.
    """

    calls: int = 0
    attempts: int = 0
    errors: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    audio_in_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    audio_out_tokens: int = 0
    nano_usd: int = 0
    unpriced: int = 0
    unreported: int = 0


FIELDS = Entry.__struct_fields__


class Ledger:
    """Entries by (API, model, user); the model is the one that answered, else the one asked for. Safe between threads.

    Args:
        providers: API to the provider under which the price table is asked.
    """

    def __init__(self, providers: Mapping[str, str]) -> None:
        self._providers = providers
        self._pricer = BundledPricer()
        self._lock = threading.Lock()
        self._failed: defaultdict[tuple[str, bytes, str], list[Entry]] = defaultdict(list)
        self.entries: dict[tuple[str, str, str], Entry] = {}
        self.statuses: Counter[int] = Counter()

    def attempt(self, api: str, user: str, digest: bytes, model: str, retry: int) -> None:
        """A request has come; `retry` is the client's count of its retries."""
        with self._lock:
            self._entry(api, model, user).attempts += 1
            if retry and self._failed[api, digest, user]:
                earlier = self._failed[api, digest, user].pop()
                earlier.calls -= 1
                earlier.errors -= 1

    def failed(self, api: str, user: str, digest: bytes, model: str, status: int) -> None:
        """An attempt ended with an error status, or 0 when its connection was cut before an answer."""
        with self._lock:
            self.statuses[status] += 1
            entry = self._entry(api, model, user)
            entry.calls += 1
            entry.errors += 1
            self._failed[api, digest, user].append(entry)

    def answered(self, api: str, user: str, model: str, tier: str, usage: Usage) -> None:
        """An answer was given whole, and its usage reported."""
        cost = self._nano_usd(self._providers[api], model, tier, usage)
        with self._lock:
            self.statuses[200] += 1
            entry = self._entry(api, model, user)
            entry.calls += 1
            entry.input_tokens += usage.prompt
            entry.cached_tokens += usage.cached
            entry.audio_in_tokens += usage.audio_in
            entry.output_tokens += usage.completion
            entry.reasoning_tokens += usage.reasoning
            entry.audio_out_tokens += usage.audio_out
            if cost is None:
                entry.unpriced += 1
            else:
                entry.nano_usd += cost

    def unreported(self, api: str, user: str, model: str, *, error: bool) -> None:
        """An answer was begun without its usage being told; `error`: the client saw it fail."""
        with self._lock:
            self.statuses[200] += 1
            entry = self._entry(api, model, user)
            entry.calls += 1
            entry.unreported += 1
            entry.errors += error

    def of(self, api: str) -> dict[tuple[str, str], Entry]:
        """The entries of one API by (model, user)."""
        with self._lock:
            return {(model, user): entry for (name, model, user), entry in self.entries.items() if name == api}

    def total(self) -> Entry:
        """The sum of all entries."""
        with self._lock:
            return _sum(list(self.entries.values()))

    def by_api(self) -> dict[str, Entry]:
        """Sums by API."""
        return self._by(0)

    def by_model(self) -> dict[str, Entry]:
        """Sums by model."""
        return self._by(1)

    def by_user(self) -> dict[str, Entry]:
        """Sums by user."""
        return self._by(2)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "total": msgspec.to_builtins(self.total()),
            "by_api": msgspec.to_builtins(self.by_api()),
            "by_model": msgspec.to_builtins(self.by_model()),
            "by_user": msgspec.to_builtins(self.by_user()),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
        }

    def _by(self, part: int) -> dict[str, Entry]:
        with self._lock:
            names = sorted({key[part] for key in self.entries})
            return {name: _sum([e for key, e in self.entries.items() if key[part] == name]) for name in names}

    def _entry(self, api: str, model: str, user: str) -> Entry:
        return self.entries.setdefault((api, model, user), Entry())

    def _nano_usd(self, provider: str, model: str, tier: str, usage: Usage) -> int | None:
        today = (datetime.datetime.now(datetime.UTC).date() - EPOCH).days
        (price,) = self._pricer.prices([PriceKey(provider, model, tier, day=today)])
        if price is None:
            return None
        band = price.bands[0]
        for further in price.bands:
            if usage.prompt > further.above_input_tokens:
                band = further
        pico = band.request
        pico += (usage.prompt - usage.cached - usage.audio_in) * band.input_uncached
        pico += usage.cached * band.cache_read + usage.audio_in * band.audio_in
        pico += (usage.completion - usage.reasoning - usage.audio_out) * band.output_text
        pico += usage.reasoning * band.output_reasoning + usage.audio_out * band.audio_out
        return (pico + 500) // 1000


def _sum(entries: list[Entry]) -> Entry:
    return Entry(**{name: sum(getattr(entry, name) for entry in entries) for name in FIELDS})
