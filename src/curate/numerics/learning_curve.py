"""What a class's recall was with fewer of its images, and hence what more of them may bring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints

SHARES = (1.0, 0.5, 0.25, 0.125)
REPEATS = 8
RESAMPLES = 400
LEAST = 0.005
"""A gain that would be shown as nothing is not called a gain."""

PENALTY = 1.0
"""Equal parts of scatter and identity, which needs no choosing."""


@dataclass(frozen=True)
class Curve:
    """Recall of one class by the number of its training images.

    Attributes:
        sizes: (s,) mean training images of the class, descending.
        recall: (s,) mean recall on held-out images.
        gain: what twice the images are expected to add to the recall; NaN where unknown.
        interval: 95 % interval of `gain`.
    """

    sizes: NDArray[np.float64]
    recall: NDArray[np.float64]
    gain: float
    interval: tuple[float, float]

    @property
    def known(self) -> bool:
        """Whether the curve rises beyond its noise."""
        return self.interval[0] > LEAST


def reduced(X: Floats, rows: Ints, most: int = 256) -> NDArray[np.float64]:
    """(n, r) the embeddings in the first principal components of some rows, centred on them.

    The scatter of at most 10,000 rows, evenly chosen, is enough for the directions.
    """
    from scipy.linalg import eigh

    some = np.asarray(
        X[rows[np.linspace(0, len(rows) - 1, min(len(rows), 10_000)).astype(int)]], dtype=np.float64
    )
    center = some.mean(axis=0)
    scatter = (some - center).T @ (some - center)
    d = len(scatter)
    _, axes = eigh(scatter, subset_by_index=[max(0, d - most), d - 1])
    found = np.empty((len(X), axes.shape[1]))
    for start in range(0, len(X), 4096):
        found[start : start + 4096] = (X[start : start + 4096] - center) @ axes
    return found


@dataclass(frozen=True)
class Bench:
    """Rows to train on and to test on, with the sums over each fold's training rows.

    Attributes:
        X: (n, r) reduced embeddings.
        labels: (n,) classes, negative where unknown.
        folds: (n,) a training row is tested by the other folds' rows; -1 outside train.
        n_classes: how many classes there are.
        counts: (n_folds, n_classes) training images outside each fold.
        sums: (n_folds, n_classes, r) their sums.
        second: (n_folds, r, r) their second moments.
    """

    X: NDArray[np.float64]
    labels: Ints
    folds: Ints
    n_classes: int
    counts: NDArray[np.float64]
    sums: NDArray[np.float64]
    second: NDArray[np.float64]

    @classmethod
    def of(cls, X: NDArray[np.float64], labels: Ints, folds: Ints, n_classes: int) -> Bench:
        """Sum once over all training rows."""
        n_folds, r = int(folds.max(initial=-1)) + 1, X.shape[1]
        counts = np.zeros((n_folds, n_classes))
        sums, second = np.zeros((n_folds, n_classes, r)), np.zeros((n_folds, r, r))
        for fold in range(n_folds):
            mine = np.flatnonzero((folds == fold) & (labels >= 0))
            mine = mine[np.argsort(labels[mine], kind="stable")]
            if not len(mine):
                continue
            present, first = np.unique(labels[mine], return_index=True)
            sums[fold, present] = np.add.reduceat(X[mine], first, axis=0)
            counts[fold] = np.bincount(labels[mine], minlength=n_classes)
            second[fold] = X[mine].T @ X[mine]
        return cls(
            X, labels, folds, n_classes,
            counts.sum(axis=0) - counts, sums.sum(axis=0) - sums, second.sum(axis=0) - second,
        )  # fmt: skip

    def hits(self, fold: int, label: int, chosen: Ints, left: Ints, test: Ints) -> Floats:
        """(m,) whether test rows are known with only `chosen` of the class's rows, `left` gone.

        Shrinkage LDA, as `curate.numerics.linear.ClosedForms` solves it.
        """
        from scipy.linalg import cho_factor, cho_solve

        counts, sums = self.counts[fold].copy(), self.sums[fold].copy()
        gone = self.X[left]
        counts[label], sums[label] = len(chosen), self.X[chosen].sum(axis=0)
        seen = np.flatnonzero(counts)
        total = counts.sum()
        means = sums[seen] / counts[seen, None]
        within = (self.second[fold] - gone.T @ gone) / total
        within -= (means * (counts[seen, None] / total)).T @ means
        level = max(float(np.trace(within)) / len(within), 1e-12)
        within[np.diag_indices(len(within))] += PENALTY * level
        A = cho_solve(cho_factor(within / (1 + PENALTY), lower=True), means.T).T
        offset = np.log(counts[seen] / total) - 0.5 * np.einsum("ij,ij->i", A, means)
        guess = seen[(self.X[test] @ A.T + offset).argmax(axis=1)]
        result: Floats = (guess == label).astype(float)
        return result


def class_curve(bench: Bench, label: int, rng: np.random.Generator) -> Curve:
    """Recall of a class with an eighth, a quarter, half and all of its training images.

    Idea: out of fold, nested random subsets of the class's images beside all images of the other
    classes; the error falls as a power of the number of images, ``e(m) = c m^-b`` (Cortes et al.
    1993; Hestness et al. 2017), fitted by least squares in the logarithms, weighted by the
    images in doubt. Twice the images then add ``e(n) (1 - 2^-b)``. The interval is the bootstrap's
    over test images and subsets; with all images there is one subset only, and what another
    training set would change there is taken from what it changes at half the size, and at twice
    the size it is that divided by the root of two. How many of the smallest sizes the law is not
    fitted to is drawn as well, since curves bend.

    Not a promise: a power law has no floor, and images gathered elsewhere may be of another kind.
    Rows that were not in train are tested by one of the folds each.
    """
    train = np.flatnonzero((bench.labels == label) & (bench.folds >= 0))
    others = np.flatnonzero((bench.labels == label) & (bench.folds < 0))
    n_folds = len(bench.counts)
    sizes: list[float] = []
    found: list[list[Floats]] = []
    shares = [share for share in SHARES if share * len(train) * (1 - 1 / max(n_folds, 2)) >= 3]
    if len(shares) < 3 or len(train) + len(others) < 10 or bench.n_classes < 2:
        return Curve(np.zeros(0), np.zeros(0), float("nan"), (float("nan"), float("nan")))
    orders = [rng.permutation(len(train)) for _ in range(REPEATS)]
    for share in shares:
        repeats, size = [], 0.0
        for order in orders[: 1 if share == 1 else REPEATS]:
            hits = []
            for fold in range(n_folds):
                test = np.concatenate([train[bench.folds[train] == fold], others[fold::n_folds]])
                outside = train[order][bench.folds[train[order]] != fold]
                m = max(1, round(share * len(outside)))
                size += m / n_folds
                if len(test):
                    hits.append(bench.hits(fold, label, outside[:m], outside[m:], test))
            repeats.append(np.concatenate(hits))
        sizes.append(size / len(repeats))
        found.append(repeats)
    at = np.array(sizes)
    stacks = [np.array(one) for one in found]
    recall = np.array([one.mean() for one in stacks])
    n_test = stacks[0].shape[1]
    between_sets = float(stacks[1].mean(axis=1).std(ddof=1))
    gain = _gain(at, 1 - recall, n_test, len(train))
    draws = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        images = rng.integers(n_test, size=n_test)
        errors = np.array(
            [1 - one[rng.integers(len(one), size=len(one))][:, images].mean() for one in stacks]
        )
        errors[0] = np.clip(errors[0] + rng.normal(scale=between_sets), 0, 1)
        used = int(rng.integers(2, len(at) + 1))
        drawn = _gain(at[:used], errors[:used], n_test, len(train))
        draws[i] = drawn + rng.normal(scale=between_sets / np.sqrt(2))
    low, high = np.percentile(draws, [2.5, 97.5])
    return Curve(at, recall, float(gain), (float(low), float(high)))


def _gain(sizes: Floats, errors: Floats, n_test: int, now: int) -> float:
    """``e(now) - e(2 now)`` of the power law through the errors."""
    smooth = (errors * n_test + 0.5) / (n_test + 1)
    weight = np.sqrt(smooth * n_test / np.maximum(1 - smooth, 0.5 / n_test))
    slope, height = np.polyfit(np.log(sizes / now), np.log(smooth), 1, w=weight)
    error = min(float(np.exp(height)), 1.0)
    return error * (1 - 2.0**slope) if error * 2.0**slope <= 1 else error - 1
