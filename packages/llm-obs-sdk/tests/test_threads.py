"""The current span and context in other threads."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import llm_obs_sdk as sdk
import pytest
from llm_obs_core.errors import ConfigError
from opentelemetry import trace


def current():
    return trace.get_current_span().get_span_context().span_id


def in_thread(kind=threading.Thread):
    seen = []
    thread = kind(target=lambda: seen.append(current()))
    thread.start()
    thread.join()
    return seen[0]


@pytest.fixture
def carrying(collector):
    yield sdk.init("t", endpoint=collector.url, instrument=(), carry_context="pools,threads")
    sdk.shutdown(1)


def test_nothing_is_carried_and_nothing_patched_by_default(client):
    assert ThreadPoolExecutor.submit.__module__ == "concurrent.futures.thread"
    assert threading.Thread.start.__module__ == "threading"
    with sdk.span("x"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current).result() == in_thread() == 0


def test_one_function_is_carried(client):
    with sdk.span("x"), ThreadPoolExecutor(1) as pool:
        carried = sdk.carry(current)
        assert carried.__name__ == "current"
        assert pool.submit(carried).result() == current()
        assert pool.submit(current).result() == 0
    assert carried() != 0
    assert current() == 0


async def test_a_coroutine_function_carries_itself(client):
    async def which():
        return current()

    assert sdk.carry(which) is which


def test_pools_and_threads_carry(carrying, collector):
    class Mine(threading.Thread):
        def run(self):
            super().run()

    with sdk.context(user="ann"), sdk.span("x"), ThreadPoolExecutor(2) as pool:
        assert pool.submit(current).result() == current()
        assert list(pool.map(lambda _: current(), range(4))) == [current()] * 4
        assert in_thread() == in_thread(Mine) == current()
        timer = threading.Timer(0, lambda: carrying.tracer.start_span("timer").end())
        timer.start()
        timer.join()
    sdk.flush(5)
    spans = collector.by_name()
    assert spans["timer"].parent_span_id == spans["x"].span_id
    assert {a.key: a.value.string_value for a in spans["timer"].attributes} == {"user.id": "ann"}


async def test_executors_of_a_loop_and_threads_of_asyncio_carry(carrying):
    with sdk.span("x"):
        assert await asyncio.get_running_loop().run_in_executor(None, current) == current()
        assert await asyncio.to_thread(current) == current()


def test_a_worker_does_not_keep_the_context_that_it_was_started_in(carrying):
    with ThreadPoolExecutor(1) as pool:
        with sdk.span("first"):
            assert pool.submit(current).result() == current()
        assert pool.submit(current).result() == 0
        with sdk.span("second"):
            assert pool.submit(current).result() == current()


def test_what_a_function_raises_and_takes_is_its_own(carrying):
    error = LookupError("own")

    def fails(fn, *, key):
        assert (fn, key) == (1, 2)
        raise error

    with sdk.span("x"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(fails, 1, key=2).exception() is error
        with pytest.raises(TypeError):
            pool.submit()
        thread = threading.Thread(target=int)
        thread.start()
        with pytest.raises(RuntimeError):
            thread.start()
        thread.join()
        assert "run" not in vars(thread)


def test_shutdown_restores_and_a_wrapper_over_ours_stays(collector):
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit
    sdk.init("t", endpoint=collector.url, instrument=(), carry_context=["pools", "threads"])
    ours = ThreadPoolExecutor.submit
    assert ours is not submit
    over = lambda self, fn, *args: ours(self, fn, *args)  # noqa: E731
    ThreadPoolExecutor.submit = over
    try:
        sdk.shutdown(1)
        assert threading.Thread.start is start
        assert ThreadPoolExecutor.submit is over
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(current).result() == 0
    finally:
        ThreadPoolExecutor.submit = submit


def test_unknown_places_are_named():
    with pytest.raises(ConfigError, match="pools, threads"):
        sdk.init("t", carry_context=["processes"])
