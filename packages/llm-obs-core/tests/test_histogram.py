"""The histogram: exact merging, bounded error."""

import math

from hypothesis import given
from hypothesis import strategies as st
from llm_obs_core import histogram

values = st.integers(0, 2**62)


@given(values)
def test_a_value_is_inside_its_bucket(value: int) -> None:
    low, high = histogram.bucket_range(histogram.bucket_index(value))
    assert low <= value < high


@given(values)
def test_a_bucket_is_narrow(value: int) -> None:
    low, high = histogram.bucket_range(histogram.bucket_index(value))
    assert (low + high - 1) / 2 - low <= max(low * histogram.MAX_RELATIVE_ERROR, 0)


@given(st.integers(0, 1951))
def test_buckets_adjoin(index: int) -> None:
    assert histogram.bucket_range(index)[1] == histogram.bucket_range(index + 1)[0]
    assert histogram.bucket_index(histogram.bucket_range(index)[0]) == index


@given(st.lists(st.lists(values, max_size=20), max_size=5), st.floats(0, 1))
def test_merged_quantiles_are_those_of_all_values(parts: list[list[int]], q: float) -> None:
    counted = []
    for part in parts:
        counts: dict[int, int] = {}
        for value in part:
            counts[histogram.bucket_index(value)] = counts.get(histogram.bucket_index(value), 0) + 1
        counted.append(counts)
    everything = sorted(value for part in parts for value in part)
    found = histogram.quantile(histogram.merge(counted), q)
    if not everything:
        assert found is None
        return
    exact = everything[max(1, math.ceil(round(q * len(everything), 6))) - 1]
    assert found is not None
    assert abs(found - exact) <= exact * histogram.MAX_RELATIVE_ERROR


def test_negative_values_count_as_zero() -> None:
    assert histogram.bucket_index(-5) == 0
