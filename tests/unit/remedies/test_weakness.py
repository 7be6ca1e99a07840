from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulated

from curate.remedies.augmented import Augmented
from curate.remedies.probing import Probes
from curate.remedies.weakness import weakness


def graded(strengths: tuple[float, ...], group: int = 1, n_val: int = 80):
    """Copies that go over to the next class's place by some share."""
    evidence, _, _ = simulated(group=group, n_val=n_val)
    X = evidence.embeddings
    assert X is not None
    means = np.stack([X[evidence.labels == c].mean(axis=0) for c in range(4)])
    step = means[(evidence.labels + 1) % 4] - means[evidence.labels]
    rows = np.arange(len(X))
    copies = [
        Augmented("rotate", 10.0 * i, rows, (X + s * step).astype(np.float32))
        for i, s in enumerate(strengths, 1)
    ]
    return evidence, Probes.of(evidence), copies


def test_the_curve_falls_and_breaks_where_it_does() -> None:
    evidence, probes, copies = graded((0.0, 0.02, 1.0))
    found = weakness(evidence, probes, copies[::-1])
    assert found.on == "val" and found.accuracy.n == 80
    assert [point.level for point in found.curve] == [10, 20, 30]
    same, little, much = found.curve
    assert same.drop.estimate == 0 and same.p_true_drop.estimate == pytest.approx(0, abs=1e-6)
    assert little.p_true_drop.estimate > 0
    assert much.drop.estimate > 0.5 and much.p_true_drop.estimate > 0.4
    assert much.accuracy.estimate == pytest.approx(found.accuracy.estimate - much.drop.estimate)
    assert much.drop.interval[0] < much.drop.estimate < much.drop.interval[1]
    assert found.breaks_at == 30


def test_what_does_no_harm_breaks_nowhere() -> None:
    evidence, probes, copies = graded((0.0, 0.01))
    assert weakness(evidence, probes, copies).breaks_at is None


def test_each_level_is_compared_with_its_own_images() -> None:
    evidence, probes, copies = graded((0.0, 0.0))
    half = copies[1].rows[::2]
    copies[1] = replace(copies[1], rows=half, embeddings=copies[1].embeddings[::2])
    _, fewer = weakness(evidence, probes, copies).curve
    assert fewer.drop.n == 40 and fewer.drop.estimate == 0


def test_where_val_shows_it_train_is_judged() -> None:
    evidence, probes, copies = graded((1.0,))
    found = weakness(evidence, probes, copies, shown_by_val=True)
    assert found.on == "train, out-of-fold" and found.accuracy.n == 160
    assert found.curve[0].drop.estimate > 0.5


def test_images_of_a_group_count_as_one_draw() -> None:
    evidence, probes, copies = graded((1.0,), group=8)
    grouped = weakness(evidence, probes, copies)
    alone = weakness(replace(evidence, groups=np.full(len(evidence), "")), probes, copies)

    def width(found):
        low, high = found.curve[0].drop.interval
        return high - low

    assert width(grouped) > 1.5 * width(alone)


def test_nothing_to_judge_is_not_a_number_and_no_break() -> None:
    evidence, probes, copies = graded((1.0,))
    nothing = [replace(copies[0], rows=copies[0].rows[:0], embeddings=copies[0].embeddings[:0])]
    found = weakness(evidence, probes, nothing)
    assert found.accuracy.n == 0 and np.isnan(found.accuracy.estimate)
    assert found.breaks_at is None
