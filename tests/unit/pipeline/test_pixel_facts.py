"""Percentiles of pixel statistics, of all images and of a sample."""

from __future__ import annotations

import numpy as np
import pytest

from curate.numerics.tails import binomial_lower
from curate.pipeline.pixel_facts import median_interval, pixel_facts
from made_catalog import images, pixels


def test_all_images_measured_need_no_interval() -> None:
    table = images(label=["a", "a", "b", None])
    known = pixels(table, brightness=[0.1, 0.3, 0.5, 0.9], saturation=[0.0, 0.3, 0.01, 0.4])
    facts = pixel_facts(table, known)
    assert (facts["measured"], facts["of"], facts["sampled"]) == (4, 4, False)
    assert facts["statistics"]["brightness"]["p50"] == pytest.approx(0.4)
    assert facts["statistics"]["brightness"]["median_interval"] is None
    assert facts["grey"] == {"images": 2, "share": 0.5, "interval": None}
    assert facts["by_class"]["a"]["brightness"] == 0.2
    assert facts["by_class"]["a"]["images"] == 2
    assert set(facts["by_class"]) == {"a", "b"}


def test_a_sample_carries_intervals_and_says_what_it_is_of() -> None:
    table = images(label=["a"] * 40)
    known = pixels(table, brightness=np.arange(40) / 100).iloc[::2]
    facts = pixel_facts(table, known, failed=1)
    assert (facts["measured"], facts["of"], facts["sampled"]) == (20, 40, True)
    low, high = facts["statistics"]["brightness"]["median_interval"]
    assert low < facts["statistics"]["brightness"]["p50"] < high
    assert facts["undecodable"]["tried"] == 21
    assert facts["undecodable"]["interval"][0] < 1 / 21 < facts["undecodable"]["interval"][1]


def test_nothing_measured() -> None:
    table = images(label=["a", "b"])
    facts = pixel_facts(table, pixels(table).iloc[:0])
    assert facts["statistics"] == {}
    assert facts["grey"] == {"images": 0, "share": None, "interval": None}


def test_the_median_interval_by_hand() -> None:
    # n = 100: ranks floor(50 - 1.96 * 5) = 40 and 61, as in Conover's tables.
    assert median_interval(np.arange(1, 101)) == [40, 61]
    assert median_interval([1, 2, 3, 4, 5]) is None
    assert median_interval([3, 1, 2, 6, 5, 4]) == [1, 6]


def test_the_median_interval_holds_its_promise() -> None:
    for n in range(6, 500):
        interval = median_interval(np.arange(1, n + 1))
        assert interval is not None
        rank = int(interval[0] or 0)
        assert interval[1] == n + 1 - rank
        assert 1 - 2 * binomial_lower(rank - 1, n, 0.5) >= 0.95, n
        # and is not much wider than it must be: two ranks further in would break it
        assert n < 9 or 1 - 2 * binomial_lower(rank + 1, n, 0.5) < 0.95, n
