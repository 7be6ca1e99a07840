from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import simulated

from curate.errors import RunError
from curate.numerics.moments import fold_moments
from curate.remedies.probing import TRAIN, Probes, evaluated


def test_each_image_is_judged_by_the_probe_that_did_not_see_it() -> None:
    evidence, _, _ = simulated()
    probes = Probes.of(evidence)
    assert evidence.embeddings is not None and evidence.folds is not None
    told = probes.predictions(evidence.embeddings, np.arange(len(evidence)))
    assert (told == evidence.labels).mean() > 0.7
    # Another label for the rows of fold 2 must not change what is said of them.
    other = np.where(evidence.folds == 2, (evidence.labels + 1) % 4, evidence.labels)
    changed = replace(
        probes, training=replace(probes.training, labels=other[probes.training.rows]), fits={},
        shares=fold_moments(evidence.embeddings, probes.training.rows,
                            other[probes.training.rows], probes.training.folds, 4, 5),
    )  # fmt: skip
    of_two = np.flatnonzero(evidence.folds == 2)
    others = np.flatnonzero(evidence.folds != 2)
    a, b = (p.logits(evidence.embeddings[of_two], of_two) for p in (probes, changed))
    np.testing.assert_allclose(a, b, atol=1e-3)
    a, b = (p.logits(evidence.embeddings[others], others) for p in (probes, changed))
    assert np.abs(a - b).max() > 0.1


def test_probabilities_are_some_and_calibrated_on_average() -> None:
    evidence, _, _ = simulated(n_train=400)
    probes = Probes.of(evidence)
    rows = np.arange(400)
    assert evidence.embeddings is not None
    probs = probes.pred_probs(evidence.embeddings[rows], rows)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
    right = (probs.argmax(axis=1) == evidence.labels[rows]).mean()
    assert abs(probs.max(axis=1).mean() - right) < 0.05


def test_val_is_judged_where_it_has_labels_and_test_never() -> None:
    evidence, _, _ = simulated()
    rows, on = evaluated(evidence)
    assert on == "val" and set(evidence.splits[rows]) == {"val"}
    without = replace(evidence, splits=np.where(evidence.splits == "val", "test", evidence.splits))
    rows, on = evaluated(without)
    assert on == TRAIN and set(without.splits[rows]) == {"train"}


def test_one_class_is_refused_with_what_to_do() -> None:
    evidence, _, _ = simulated()
    with pytest.raises(RunError, match=r"at least two classes.*found 1"):
        Probes.of(replace(evidence, labels=np.zeros(len(evidence), dtype=int)))
