from __future__ import annotations

import numpy as np

from curate.findings import Evidence, Ints
from curate.pipeline.augmenting import ON_OFF_TIMES, TIMES, Sample


def images(n_train: int, n_val: int) -> Evidence:
    n = n_train + n_val
    return Evidence(
        sample_ids=np.array([f"{i:04d}" for i in range(n)]),
        labels=np.arange(n) % 3,
        splits=np.where(np.arange(n) < n_train, "train", "val"),
        class_names=("a", "b", "c"),
    )


def parts(rows: list[Ints], n_train: int) -> list[tuple[int, int]]:
    return [(int((of < n_train).sum()), int((of >= n_train).sum())) for of in rows]


def test_levels_take_turns_on_train_and_share_what_is_held_out() -> None:
    evidence, each = images(300, 120), 24
    sample = Sample.of(evidence, each)
    rows = sample.rows(evidence, 4)
    assert parts(rows, 300) == [(each * TIMES // 4, each)] * 4
    train = np.concatenate([of[of < 300] for of in rows])
    assert len(np.unique(train)) == each * TIMES
    assert all(np.ptp(np.bincount(evidence.labels[of])) <= 2 for of in rows)
    held_out = [of[of >= 300].tolist() for of in rows]
    assert held_out == [held_out[0]] * 4
    [on_off] = sample.rows(evidence, 1)
    assert parts([on_off], 300) == [(each * ON_OFF_TIMES, each * ON_OFF_TIMES)]


def test_of_few_images_all_are_changed_at_every_level() -> None:
    evidence = images(12, 5)
    assert parts(Sample.of(evidence, 24).rows(evidence, 4), 12) == [(12, 5)] * 4
