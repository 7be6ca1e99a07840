"""Label errors: planted ones are found, and the chances given are the chances met."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import cross_val_predict

from curate.detectors.label_error import LabelError, percent
from curate.findings import Evidence
from curate.numerics.belief import Belief
from curate.numerics.neighbors import knn, neighbor_label_share
from curate.numerics.noise import Noise, fit_noise, scaled
from made_evidence import make_evidence

N, CLASSES = 1200, 4


@cache
def drawn(wrong: float, pair: bool, spread: float = 1.0) -> tuple[Evidence, np.ndarray]:
    """Clusters on the corners of a simplex, labels spoilt, then predicted by a held-out LDA."""
    rng = np.random.default_rng(3)
    truth = np.arange(N) % CLASSES
    embeddings = 4 * np.eye(CLASSES, 8)[truth] + rng.normal(scale=spread, size=(N, 8))
    step = np.ones(N, dtype=int) if pair else rng.integers(1, CLASSES, N)
    bad = rng.random(N) < wrong
    labels = np.where(bad, (truth + step) % CLASSES, truth)
    probs = cross_val_predict(
        LinearDiscriminantAnalysis(), embeddings, labels, cv=5, method="predict_proba"
    )
    return replace(
        make_evidence(N, CLASSES),
        labels=labels,
        pred_probs=probs.astype(np.float32),
        embeddings=embeddings.astype(np.float32),
        neighbors=knn(embeddings.astype(np.float32), 10),
    ), bad


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("wrong", [0.05, 0.2])
def test_estimates_the_share_of_wrong_labels_and_the_precision(wrong: float, pair: bool) -> None:
    evidence, bad = drawn(wrong, pair)
    found = LabelError().detect(evidence)
    flagged = found.table["flagged"].to_numpy()
    low, high = found.info["noise_rate_interval"]
    assert low <= bad.mean() <= high
    assert high - low < 0.1
    low, high = found.info["precision_interval"]
    assert low <= bad[flagged].mean() <= high
    assert bad[flagged].mean() > 0.9
    assert flagged[bad].mean() > 0.9


def test_the_chances_are_those_met() -> None:
    evidence, bad = drawn(0.1, pair=False, spread=1.6)
    chance = 1 - LabelError().detect(evidence).table["score"].to_numpy()
    for low, high in [(0.0, 0.1), (0.1, 0.9), (0.9, 1.0)]:
        some = (chance >= low) & (chance <= high)
        assert some.sum() > 20
        assert bad[some].mean() == pytest.approx(chance[some].mean(), abs=0.12)


def test_hard_images_with_right_labels_are_not_flagged() -> None:
    evidence, _ = drawn(0.0, pair=False, spread=2.5)
    missed = (evidence.pred_probs.argmax(axis=1) != evidence.labels).mean()
    found = LabelError().detect(evidence)
    assert missed > 0.1
    assert found.table["flagged"].mean() < 0.01
    assert found.info["noise_rate_interval"][0] < 0.01


def test_the_reason_names_the_witnesses_and_the_chance() -> None:
    evidence = make_evidence(60)
    probs = np.full((60, 3), 0.05)
    probs[np.arange(60), evidence.labels] = 0.9
    probs[7] = [0.01, 0.98, 0.01]
    labels = evidence.labels.copy()
    labels[7] = 2
    labels[evidence.neighbors.indices[7, 0]] = -1
    found = LabelError().detect(replace(evidence, labels=labels, pred_probs=probs))
    flagged = found.flagged
    assert flagged["sample_id"].tolist() == [evidence.sample_ids[7]]
    assert flagged["suggestion"].tolist() == ["class1"]
    chance = 1 - flagged["score"].iloc[0]
    assert flagged["reason"].iloc[0] == (
        "9 of 9 neighbours are class1; held-out p(class2)=0.01, p(class1)=0.98; "
        f"about {percent(chance)} likely to be wrong"
    )
    assert found.info["precision"] == pytest.approx(chance)


def test_nobody_is_certain() -> None:
    assert percent(0.9999) == "99 %"
    assert percent(0.934) == "93 %"


def test_the_posterior_is_bayes_rule_by_hand() -> None:
    noise = Noise(
        belief=Belief(
            plain=np.array([1.0, 0.0, 0.0]),
            hard=np.zeros(3),
            doubt=np.array([-50.0, 0.0]),
            classes=np.zeros((2, 2)),
        ),
        transition=np.array([[0.9, 0.1], [0.2, 0.8]]),
        prior=np.array([0.5, 0.5]),
        n=10**9,
        rate=0.15,
        rate_interval=(0.1, 0.2),
        odds_interval=(0.5, 2.0),
        covariance=np.diag([0.0] * 12 + [0.04]),
    )
    probs, votes = np.array([[0.25, 0.75]]), np.array([[0.5, 0.5]])
    found = noise.posterior(np.array([0]), probs, votes, np.zeros(1))
    np.testing.assert_allclose(found, [[0.6, 0.4]], atol=1e-6)  # .25 x .9 against .75 x .2
    spread = noise.spread(np.array([0]), probs, votes, np.zeros(1))
    assert spread == pytest.approx(0.6 * 0.4 * 0.2, abs=1e-6)  # only the odds are in doubt


def test_a_chance_is_scaled_by_its_odds() -> None:
    assert scaled(np.array([0.5]), 3.0)[0] == pytest.approx(0.75)
    assert scaled(np.array([0.5]), 0.0)[0] == 0


def test_the_transition_matrix_is_learnt() -> None:
    evidence, _ = drawn(0.2, pair=True)
    share = neighbor_label_share(evidence.neighbors, evidence.labels, CLASSES, 10)
    noise = fit_noise(evidence.labels, evidence.pred_probs, share, np.zeros(N), np.arange(N))
    expected = 0.8 * np.eye(CLASSES) + 0.2 * np.roll(np.eye(CLASSES), 1, axis=1)
    np.testing.assert_allclose(noise.transition, expected, atol=0.06)


@pytest.mark.parametrize("doubtful", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_probabilities_calibrated_to_wrong_labels_leave_it_open_how_many_are_wrong(
    seed: int, doubtful: bool
) -> None:
    """The labels are drawn from the probabilities given: so they hold no sign of a wrong one."""
    rng = np.random.default_rng(seed)
    n, wrong = 2000, 0.2
    transition = (1 - wrong) * np.eye(CLASSES) + wrong * np.roll(np.eye(CLASSES), 1, axis=1)
    honest = np.eye(CLASSES)[rng.integers(CLASSES, size=n)]
    if doubtful:
        honest = rng.dirichlet(np.full(CLASSES, 0.1), n)
    truth = (rng.random((n, 1)) > honest.cumsum(axis=1)).sum(axis=1)
    labels = (rng.random((n, 1)) > transition[truth].cumsum(axis=1)).sum(axis=1)
    probs = honest @ transition
    votes = rng.multinomial(10, probs) / 10
    noise = fit_noise(labels, probs, votes, rng.normal(size=n), np.arange(n))
    low, high = noise.rate_interval
    assert low <= (labels != truth).mean() <= high
    assert high - low > 0.15


def test_clean_labels_of_sure_probabilities_are_known_to_be_clean() -> None:
    evidence, _ = drawn(0.0, pair=False)
    low, high = LabelError().detect(evidence).info["noise_rate_interval"]
    assert low == 0
    # No label contradicts the surer half: Wilson's upper end of nought at 2.5 deviations.
    assert high <= 2.5**2 / (N / 2 + 2.5**2) + 1e-9
