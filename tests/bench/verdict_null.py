"""What `curate verify` says of real runs that differ in nothing, and of some that do: a table.

    python tests/bench/verdict_null.py [--experiments 40]

Digits of scikit-learn, split anew in each experiment into 300 for training and 600 to judge by. A
run is a small probe: logistic regression on a bootstrap sample of the training images, or a
perceptron with one hidden layer, whose weights and batches follow the seed. Null: every arm is the
same recipe with other seeds; a sound verdict says *helps* or *hurts* in at most 2 of 40. Flips: one
arm turns a half, or all, of its 2s and 5s upside-down and keeps their labels. Twice the images: one
arm has them. Every experiment is judged on all images, a slice (the 2s and 5s) and the worst class;
columns count the experiments by what is said of any of these.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from curate.comparison.arms import BASELINE, BOTH, CONTROL, CURRICULUM, POLICY, Arms
from curate.comparison.parts import Part
from curate.comparison.verdict import HELPS, HURTS, Verification, judge
from curate.comparison.verdict_text import said
from curate.numerics.intervals import wilson

Array = NDArray[np.float64]
ARMS = (BASELINE, POLICY, CURRICULUM, BOTH, CONTROL)
SEEDS = (2, 3, 5)
N_TRAIN, N_VAL = 300, 600


@dataclass(frozen=True)
class Split:
    """Images to train on, as many more, and those to judge by."""

    train: Array
    labels: NDArray[np.int64]
    more: Array
    more_labels: NDArray[np.int64]
    val: Array
    val_labels: NDArray[np.int64]


def split(seed: int) -> Split:
    X, y = load_digits(return_X_y=True)
    X = X / 16
    order = np.random.default_rng(seed).permutation(len(y))
    train, more, val = np.split(order[: 2 * N_TRAIN + N_VAL], [N_TRAIN, 2 * N_TRAIN])
    return Split(X[train], y[train], X[more], y[more], X[val], y[val])


def logistic(X: Array, y: NDArray[np.int64], val: Array, seed: int) -> NDArray[np.int64]:
    rows = np.random.default_rng(seed).integers(len(y), size=len(y))
    fitted = LogisticRegression(max_iter=300).fit(X[rows], y[rows])
    return np.asarray(fitted.predict(val))


def perceptron(X: Array, y: NDArray[np.int64], val: Array, seed: int) -> NDArray[np.int64]:
    model = MLPClassifier((32,), max_iter=40, batch_size=50, random_state=seed)
    with warnings.catch_warnings():
        # A fixed number of epochs is what a training run has; scikit-learn would go on.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(model.fit(X, y).predict(val))


Learner = Callable[[Array, NDArray[np.int64], Array, int], NDArray[np.int64]]
Recipe = Callable[[Split, np.random.Generator], tuple[Array, NDArray[np.int64]]]


def as_they_are(s: Split, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    return s.train, s.labels


def half_flipped(s: Split, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    return flipped(s, rng.random(len(s.labels)) < 0.5)


def all_flipped(s: Split, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    return flipped(s, np.ones(len(s.labels), dtype=bool))


def flipped(s: Split, drawn: NDArray[np.bool_]) -> tuple[Array, NDArray[np.int64]]:
    X = s.train.reshape(-1, 8, 8).copy()
    turned = np.isin(s.labels, [2, 5]) & drawn
    X[turned] = X[turned, ::-1]
    return X.reshape(-1, 64), s.labels


def doubled(s: Split, rng: np.random.Generator) -> tuple[Array, NDArray[np.int64]]:
    return np.concatenate([s.train, s.more]), np.concatenate([s.labels, s.more_labels])


def runs(s: Split, learner: Learner, recipe: Recipe, arm: int, number: int) -> Array:
    """(S, n) whether the runs of an arm are right; no two arms share what their seeds do."""
    found = []
    for seed in range(max(SEEDS)):
        own = int(np.random.SeedSequence([number, arm, seed]).generate_state(1)[0])
        X, y = recipe(s, np.random.default_rng(own))
        found.append(learner(X, y, s.val, own) == s.val_labels)
    return np.asarray(found, dtype=float)


def verdict(s: Split, values: dict[str, Array], n_seeds: int) -> Verification:
    first = {name: given[:n_seeds] for name, given in values.items()}
    arms = Arms.build(first, range(n_seeds), s.val_labels, [str(digit) for digit in range(10)])
    return judge(arms, [Part("slice", "2 and 5", np.flatnonzero(np.isin(s.val_labels, [2, 5])))])


def words(found: Verification) -> tuple[bool, bool]:
    said_of = {j.word for j in found.judgements}
    return HELPS in said_of, HURTS in said_of


def row(name: str, counts: NDArray[np.int64], n: int) -> str:
    low, high = wilson(int(counts[2]), n)
    share = f"{counts[2] / n:.3f} ({low:.3f} to {high:.3f})"
    return f"{name:42s} {counts[0]:5d} {counts[1]:5d}  {counts[2]:3d} of {n:3d}  {share}"


def tally(found: list[Verification]) -> NDArray[np.int64]:
    """Experiments that say helps, hurts, and either."""
    pairs = np.array([words(one) for one in found])
    return np.array([*pairs.sum(axis=0), pairs.any(axis=1).sum()], dtype=np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=40)
    args = parser.parse_args()
    print(f"{'':42s} {'helps':>5s} {'hurts':>5s}  either      share")
    learners: dict[str, Learner] = {"logistic": logistic, "perceptron": perceptron}
    changes: dict[str, Recipe] = {
        "half of 2 and 5 flipped": half_flipped,
        "all 2 and 5 flipped": all_flipped,
        "twice the images": doubled,
    }
    for learner_name, learner in learners.items():
        kept: dict[tuple[str, int], list[Verification]] = {}
        accuracies, spreads = [], []
        for number in range(args.experiments):
            s = split(number)
            values = {a: runs(s, learner, as_they_are, i, number) for i, a in enumerate(ARMS)}
            means = np.stack([given.mean(axis=1) for given in values.values()])
            accuracies.append(means.mean())
            spreads.append(means.std(axis=1, ddof=1).mean())
            cases = {
                "null, 2 arms": {name: values[name] for name in ARMS[:2]},
                "null, 5 arms": values,
            }
            for i, (name, recipe) in enumerate(changes.items()):
                changed = runs(s, learner, recipe, len(ARMS) + i, number)
                cases[f"{name}, 2 arms"] = {BASELINE: values[BASELINE], POLICY: changed}
                cases[f"{name}, 5 arms"] = {**values, POLICY: changed}
            for (name, given), n_seeds in ((c, k) for c in cases.items() for k in SEEDS):
                kept.setdefault((name, n_seeds), []).append(verdict(s, given, n_seeds))
        print(f"{learner_name}: accuracy {np.mean(accuracies):.3f}, by seed {np.mean(spreads):.4f}")
        for (name, n_seeds), found in kept.items():
            print(row(f"  {name}, {n_seeds} seeds", tally(found), len(found)), flush=True)
        for name in changes:
            for judgement in kept[(f"{name}, 5 arms", 5)][0].judgements:
                if judgement.arm == POLICY:
                    print(f"    {name}: {said(judgement)}")


if __name__ == "__main__":
    main()
