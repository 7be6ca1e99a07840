from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.progress import log
from curate.store.shards import Shards


def rows(*values: float) -> np.ndarray:
    return np.array([[value, value + 0.5] for value in values], dtype=np.float32)


def test_rows_come_back_by_content_in_any_order_and_as_often_as_asked(tmp_path: Path) -> None:
    shards = Shards(tmp_path)
    shards.add({"embeddings": (["a", "b"], rows(1, 2)), "view_vflip": (["b"], rows(20))})
    shards.add({"embeddings": (["c"], rows(3))})
    for opened in (shards, Shards(tmp_path)):
        out = np.zeros((4, 2), dtype=np.float32)
        opened.gather("embeddings", ["c", "a", "b", "a"], out)
        np.testing.assert_array_equal(out, rows(3, 1, 2, 1))
        assert opened.has("view_vflip", "b")
        assert not opened.has("view_vflip", "a")
        assert opened.shape("embeddings") == (2,)


def test_what_is_not_there_is_a_key_error(tmp_path: Path) -> None:
    shards = Shards(tmp_path / "absent")
    assert not shards.has("embeddings", "a")
    with pytest.raises(KeyError):
        shards.shape("embeddings")
    with pytest.raises(KeyError):
        shards.gather("embeddings", ["a"], np.zeros((1, 2)))


def test_notes_stand_for_content_without_rows(tmp_path: Path) -> None:
    Shards(tmp_path).add({}, {"bad": ["truncated", "it ends early"]})
    assert Shards(tmp_path).note("bad") == ["truncated", "it ends early"]
    assert Shards(tmp_path).note("good") is None


def test_more_rows_than_digests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="embeddings: 1 digests for 2 rows"):
        Shards(tmp_path).add({"embeddings": (["a"], rows(1, 2))})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cut", [0, 7, 40, -1])
def test_a_damaged_shard_is_a_miss_with_a_warning(tmp_path: Path, cut: int, caplog) -> None:
    shards = Shards(tmp_path)
    shards.add({"embeddings": (["a"], rows(1))})
    (first,) = tmp_path.iterdir()
    shards.add({"embeddings": (["b"], rows(2))})
    first.write_bytes(first.read_bytes()[:cut])
    log.propagate = True
    with caplog.at_level(logging.WARNING, "curate"):
        opened = Shards(tmp_path)
    assert "is damaged and computed again" in caplog.text
    assert not opened.has("embeddings", "a")
    assert opened.has("embeddings", "b")


def test_a_shard_half_written_by_a_killed_process_is_not_seen(tmp_path: Path) -> None:
    shards = Shards(tmp_path)
    shards.add({"embeddings": (["a"], rows(1))})
    (whole,) = tmp_path.iterdir()
    (tmp_path / f".{whole.name}.abc.tmp").write_bytes(whole.read_bytes()[:50])
    assert Shards(tmp_path).has("embeddings", "a")


def test_shards_of_which_nothing_is_wanted_are_removed(tmp_path: Path) -> None:
    shards = Shards(tmp_path)
    shards.add({"embeddings": (["a", "b"], rows(1, 2))})
    shards.add({"embeddings": (["c"], rows(3))})
    shards.add({}, {"bad": "truncated"})
    shards.keep_only(["b", "bad"])
    assert len(list(tmp_path.iterdir())) == 2
    assert shards.has("embeddings", "a")
    assert shards.note("bad") == "truncated"
    assert not shards.has("embeddings", "c")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    digests=st.lists(st.text(min_size=1, max_size=8), unique=True, min_size=1, max_size=30),
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    seed=st.integers(0, 99),
)
def test_any_cutting_into_shards_gives_the_same_rows(tmp_path_factory, digests, cuts, seed) -> None:
    shards = Shards(tmp_path_factory.mktemp("shards"))
    values = np.random.default_rng(seed).random((len(digests), 3))
    start = 0
    while start < len(digests):
        end = start + cuts[start % len(cuts)]
        shards.add({"x": (digests[start:end], values[start:end])})
        start = end
    order = np.random.default_rng(seed).permutation(len(digests))
    out = np.zeros_like(values)
    Shards(shards.folder).gather("x", [digests[i] for i in order], out)
    np.testing.assert_array_equal(out, values[order])
