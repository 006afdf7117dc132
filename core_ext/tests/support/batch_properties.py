"""What must hold of every batch: this suite makes batches of all kinds, a test class says what holds."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_obs_core_ext.batch import SpanBatch
from llm_obs_core_ext.scan import scan
from random_requests import call_request, message_of, odd

__all__ = ["LIMIT", "SEEDS", "BatchProperties"]

LIMIT = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**64)


class BatchProperties:
    """Calls `check` with batches of model calls, of odd encodings, of any message, and of several buffers."""

    def check(self, batch: SpanBatch) -> None:
        raise NotImplementedError

    @LIMIT
    @given(SEEDS)
    def test_model_calls(self, seed: int) -> None:
        self.check(scan(call_request(seed)[0].SerializeToString()))

    @LIMIT
    @given(SEEDS)
    def test_odd_encodings(self, seed: int) -> None:
        message, random_ = call_request(seed, odd_values=0.6)
        self.check(scan(odd(message, random_)))

    @LIMIT
    @given(SEEDS)
    def test_any_message(self, seed: int) -> None:
        message, random_ = message_of(seed)
        self.check(scan(message.SerializeToString()))
        self.check(scan(odd(message, random_)))

    @LIMIT
    @given(SEEDS, SEEDS)
    def test_batches_of_several_buffers(self, one: int, two: int) -> None:
        first, second = (scan(call_request(seed)[0].SerializeToString()) for seed in (one, two))
        mask = bytes(n % 3 > 0 for n in range(len(first)))
        self.check(SpanBatch.concat([first.select(mask), second, first]))
