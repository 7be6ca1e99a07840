from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import MIRROR, simulated

from curate.numerics.linear import ClosedForms
from curate.numerics.moments import fold_moments, total
from curate.remedies.augmented import Augmented
from curate.remedies.blending import blended, copies_weight, merged
from curate.remedies.probing import Probes
from curate.remedies.refitting import Refitting


def test_a_refit_is_a_fit_to_images_and_copies() -> None:
    evidence, copies, _ = simulated()
    probes = Probes.of(evidence)
    refit = Refitting(probes).refit(copies[MIRROR], 0.5).taught
    t, X = probes.training, evidence.embeddings
    assert X is not None
    both = np.concatenate([X, copies[MIRROR][0].embeddings])
    rows = np.concatenate([t.rows, t.rows + len(X)])
    clusters = np.concatenate([t.labels, t.labels + 4])
    plain = fold_moments(both, rows, clusters, np.tile(t.folds, 2), 8, 5)
    slow, _ = ClosedForms.of(total(plain) - plain[1], probes.scale).solve(refit.penalty)
    mine = np.flatnonzero(evidence.folds == 1)
    of_clusters = slow.logits(X, mine)
    np.testing.assert_allclose(
        refit.logits(X[mine], mine),
        np.logaddexp(of_clusters[:, :4], of_clusters[:, 4:]),
        rtol=1e-3,
        atol=1e-3,
    )


def test_copies_of_a_fold_do_not_teach_the_probe_that_judges_it() -> None:
    evidence, copies, _ = simulated()
    probes = Probes.of(evidence)
    [given] = copies[MIRROR]
    inside = (evidence.folds == 3)[given.rows]
    spoiled = replace(given, embeddings=given.embeddings + 9 * inside[:, None].astype(np.float32))
    t = probes.training
    a, b = (blended(t, probes.shares, [one], 0.5, [])[0] for one in (given, spoiled))
    for merge in (list, lambda shares: [merged(share) for share in shares]):
        one, other = (total(merge(shares)) - merge(shares)[3] for shares in (a, b))
        np.testing.assert_allclose(one.sums, other.sums, atol=1e-6)
        np.testing.assert_allclose(one.second, other.second, atol=1e-5)
        assert not np.allclose(total(merge(a)).sums, total(merge(b)).sums)


def test_the_form_is_the_one_that_held_out_images_and_copies_like_best() -> None:
    evidence, _, _ = simulated()
    t = Probes.of(evidence).training
    assert evidence.embeddings is not None
    X = evidence.embeddings
    refitting = Refitting(Probes.of(evidence))
    # A little noise makes the same pictures; the mean of a cluster of few copies is worth less.
    some = t.rows[::8]
    near = X[some] + 0.3 * np.random.default_rng(0).normal(size=X[some].shape)
    little = refitting.refit([Augmented("noise", 1.0, some, near.astype(np.float32))], 0.5).taught
    assert len(little.shares[0].counts) == 4
    # What is said by the sign of a feature becomes another picture.
    turned = refitting.refit([Augmented("rotate", 1.0, np.arange(len(X)), -X)], 0.5).taught
    assert len(turned.shares[0].counts) == 8


def test_excluded_classes_stay_as_they_are() -> None:
    evidence, copies, _ = simulated()
    probes = Probes.of(evidence)
    found = Refitting(probes).refit(copies[MIRROR], 0.25, [1, 2])
    before, after = total(probes.shares), total(found.taught.shares)
    assert found.probability == pytest.approx(0.25)
    np.testing.assert_allclose(before.counts, after.counts[:4])
    np.testing.assert_allclose(before.sums, after.sums[:4], atol=1e-8)
    np.testing.assert_allclose(after.counts[4:], before.counts / 3 * [1, 0, 0, 1])
    [given] = copies[MIRROR]
    of_0 = np.flatnonzero((evidence.labels == 0) & (evidence.splits == "train"))
    mean = given.embeddings[of_0].mean(axis=0) - before.origin
    np.testing.assert_allclose(after.sums[4] / after.counts[4], mean, atol=1e-5)


def test_copies_of_few_images_count_for_more_but_not_for_all() -> None:
    weight, seen = copies_weight(1.0, 0.5)
    assert (weight, seen) == (1.0, 0.5)
    assert copies_weight(1.0, 1.0)[1] == pytest.approx(0.9)
    weight, seen = copies_weight(0.5, 0.25)
    assert weight == pytest.approx(2 / 3) and seen == pytest.approx(0.25)
    weight, seen = copies_weight(0.1, 0.5)
    counted = np.r_[np.full(10, 1 + weight), np.ones(90)]
    assert 100 * (counted**2).sum() / counted.sum() ** 2 == pytest.approx(1.25)
    assert seen == pytest.approx(10 * weight / (100 + 10 * weight)) and seen < 0.2


def test_levels_of_one_image_share_its_weight() -> None:
    evidence, copies, _ = simulated()
    refitting = Refitting(Probes.of(evidence))
    [given] = copies[MIRROR]
    once = refitting.refit([given], 0.5)
    twice = refitting.refit([given, replace(given, level=2.0)], 0.5)
    for a, b in zip(once.taught.shares, twice.taught.shares, strict=True):
        np.testing.assert_allclose(a.second, b.second, atol=1e-6)


def test_copies_that_change_nothing_bring_nothing() -> None:
    evidence, _, _ = simulated()
    X, every = evidence.embeddings, np.arange(len(evidence))
    assert X is not None
    found = Refitting(Probes.of(evidence)).refit([Augmented("grey", 1.0, every, X)], 0.5)
    a, b = (p.predictions(X, every) for p in (found.control, found.taught))
    assert (a == b).all()


def test_no_copies_teach_nothing() -> None:
    evidence, _, _ = simulated()
    probes = Probes.of(evidence)
    found = Refitting(probes).refit([], 0.5)
    assert found.probability == 0 and found.taught is found.control


@pytest.mark.parametrize("n_train", [10, 20])
def test_fewer_images_than_features_are_enough(n_train: int) -> None:
    evidence, copies, _ = simulated(n_train=n_train)
    refit = Refitting(Probes.of(evidence)).refit(copies[MIRROR], 0.5).taught
    assert evidence.embeddings is not None
    logits = refit.logits(evidence.embeddings, np.arange(len(evidence)))
    assert np.isfinite(logits).all()
