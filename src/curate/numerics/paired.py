"""Two ways of predicting the same images: how large is the difference, and is it more than chance?

All of it is paired, since two models are right and wrong on much the same images, and the images on
which they agree say nothing of the difference. Images of one group (a person's photographs, the
frames of a film) count as one draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from curate.findings import Floats, Ints, Strings

RESAMPLES = 1000
LEVEL = 0.05
"""A difference is more than chance where chance alone would show as much less often than this."""

Interval = tuple[float, float]
Statistic = Callable[[Floats, Floats], float]
"""(values, weights) -> a number: how often each image was drawn is its weight."""


def clusters_of(groups: Strings | Ints | None, n: int) -> Ints:
    """(n,) cluster numbers from 0; an image of no group ("") is a cluster of its own.

    Groups may be numbers as well, all of which are groups.

    Raises:
        ValueError: there are not n groups.
    """
    if groups is None:
        return np.arange(n)
    if len(groups) != n:
        raise ValueError(f"Expected {n} groups, found {len(groups)}.")
    if np.issubdtype(np.asarray(groups).dtype, np.integer):
        return np.asarray(np.unique(groups, return_inverse=True)[1], dtype=np.int64).ravel()
    names = np.asarray(groups, dtype=str)
    alone = names == ""
    found, numbers = np.unique(names[~alone], return_inverse=True)
    clusters = np.empty(n, dtype=np.int64)
    clusters[~alone] = numbers
    clusters[alone] = len(found) + np.arange(int(alone.sum()))
    return clusters


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    groups: Strings | Ints | None = None,
    rng: np.random.Generator | None = None,
    statistic: Statistic | None = None,
) -> tuple[float, Interval]:
    """The difference ``statistic(b) - statistic(a)`` on the same images, with its 95 % interval.

    Idea: the standard error is that of a bootstrap which draws whole groups and takes both values
    of each image (in closed form for the mean); the interval is made of it by `standard_interval`.

    Args:
        a: (n,) values of the one, such as 1 where it is right, or the chance of the label.
        b: (n,) values of the other, on the same images.
        groups: (n,) images of one group share a value, "" for none; None: no image has one.
        rng: for the bootstrap of a statistic; the mean needs none.
        statistic: of values and weights; the weighted mean by default.

    Returns:
        The difference, positive where b is larger, and its interval. It reaches no further than
        the values do, 1 at least, and all of that way with a single cluster. Without an image
        the difference is NaN.

    Raises:
        ValueError: the lengths differ, or a statistic came without `rng`.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"Expected two rows of one length, found {first.shape}, {second.shape}.")
    n = len(first)
    if not n:
        return float("nan"), (-1.0, 1.0)
    clusters = clusters_of(groups, n)
    differing = np.unique(clusters[first != second])
    n_clusters = int(clusters.max()) + 1
    if statistic is None:
        change = second - first
        estimate = float(change.mean())
        net = np.bincount(clusters, change - estimate, minlength=n_clusters)
        variance = float((net**2).sum()) / n**2
    else:
        if rng is None:
            raise ValueError("Expected rng for the bootstrap of a statistic, found None.")
        ones = np.ones(n)
        estimate = statistic(second, ones) - statistic(first, ones)
        drawn = [
            statistic(second, weights) - statistic(first, weights)
            for weights in cluster_weights(clusters, rng)
        ]
        variance = float(np.var(drawn))
    low, high = standard_interval(estimate, variance, n_clusters, len(differing))
    reach = max(1.0, float(np.ptp(np.concatenate([first, second]))))
    return estimate, (max(low, -reach), min(high, reach))


def cluster_weights(
    clusters: Ints, rng: np.random.Generator, n_resamples: int = RESAMPLES
) -> Iterator[NDArray[np.float64]]:
    """Per resample the (n,) weights of the images, where whole clusters are drawn.

    A generator of rows rather than a matrix, so that memory does not grow with the resamples.
    """
    n_clusters = int(clusters.max()) + 1
    for _ in range(n_resamples):
        drawn = rng.integers(n_clusters, size=n_clusters)
        yield np.bincount(drawn, minlength=n_clusters)[clusters].astype(float)


def standard_interval(
    estimate: float, variance: float, n_clusters: int, n_differing: int
) -> Interval:
    """95 % interval of a paired difference from its bootstrap variance, sound for few differences.

    Idea: the interval is ``estimate ± t sqrt(variance)`` with Student's t of g - 1 degrees of
    freedom for g clusters. Where two models differ on a handful of images this is too short: four
    images fixed and none broken would count as a gain, though a fair coin does that once in eight
    times. So two more clusters are imagined, of which one was fixed and one broken, each of the
    size that the differing ones have on average. For the share of right images without groups this
    is the interval of Bonett and Price (2012, "Adjusted Wald confidence interval for a difference
    of binomial proportions based on paired data"), whose verdict is that of McNemar's exact test
    but for single counts. In terms of the variance v of the mean effect, with q differing clusters,
    ``v + 2 (v + estimate^2 / g) / q``, about ``estimate g / (g + 2)``.

    Args:
        estimate: the difference.
        variance: its variance over bootstrap resamples of whole clusters.
        n_clusters: g.
        n_differing: q, the clusters in which anything differs. Where it is 0 the imagined ones
            differ by 1.

    Returns:
        The interval; infinite where there are fewer than two clusters.
    """
    from scipy.special import stdtrit  # scipy.stats takes seconds to import

    g, q = n_clusters, n_differing
    if g < 2:
        return -np.inf, np.inf
    spread = float(np.sqrt(with_imagined(estimate, variance * g / (g - 1), g, q)))
    centre, half = shrunk(estimate, g), float(stdtrit(g - 1, 1 - LEVEL / 2)) * spread
    return centre - half, centre + half


def with_imagined(estimate: float, variance: float, n_clusters: int, n_differing: int) -> float:
    """The variance of a mean difference with the imagined clusters of `standard_interval`."""
    g, q = n_clusters, n_differing
    return variance + 2 * ((variance + estimate**2 / g) / q if q else 1 / g**2)


def shrunk(estimate: float, n_clusters: int) -> float:
    """The centre of the interval: the mean with the two imagined clusters, which cancel."""
    return estimate * n_clusters / (n_clusters + 2)


def mcnemar(fixed: int, broken: int) -> float:
    """McNemar's exact test: how often a fair coin splits the differing images as unevenly.

    Two-sided binomial on the images that one model has right and the other wrong (McNemar 1947;
    exact as in Edwards 1948). It takes the images as independent; where they come in groups use
    `paired_p_value`.

    Args:
        fixed: images that the first has wrong and the second right.
        broken: the reverse.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(fixed, broken), fixed + broken, 0.5)))


def paired_p_value(a: ArrayLike, b: ArrayLike, groups: Strings | Ints | None = None) -> float:
    """The chance of as large a net change if neither were better: McNemar's test by groups.

    Idea: if the two were alike, each group's net change (images fixed less images broken) could as
    well have the other sign. The exact distribution of the sum over all signs is a product of
    binomials, one for each size of change; the p value is the share of it as far from 0. Without
    groups every change is 1 image and this is `mcnemar`. Source: Fisher's randomization test of
    paired differences (1935), with the group as the unit.

    Args:
        a: (n,) whether the one is right.
        b: (n,) whether the other is.
        groups: as in `paired_difference`.
    """
    first, second = np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)
    if not len(first):
        return 1.0
    net = np.bincount(clusters_of(groups, len(first)), second - first).round().astype(np.int64)
    return sign_flip_p_value(net)


def sign_flip_p_value(net: Ints) -> float:
    """The share of all signs of whole numbers whose sum is as far from 0 as theirs is."""
    from scipy.special import gammaln

    sizes, counts = np.unique(np.abs(net[net != 0]), return_counts=True)
    chances = np.ones(1)  # of the sum of those that keep their sign, 0 up to the sum of all
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        spaced = np.zeros(size * count + 1)
        k = np.arange(count + 1)
        ways = gammaln(count + 1) - gammaln(k + 1) - gammaln(count - k + 1)
        spaced[::size] = np.exp(ways - count * np.log(2))
        chances = np.convolve(chances, spaced)
    total = len(chances) - 1
    sums = 2 * np.arange(total + 1) - total
    return float(min(chances[np.abs(sums) >= abs(int(net.sum()))].sum(), 1.0))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """P values adjusted for being several (Holm 1979): the chance of any false alarm stays 5 %.

    The k-th smallest of m is multiplied by m - k + 1, and none is smaller than one before it. It
    asks nothing of how the tests depend on each other. A NaN is no test: it stays and does not
    count.
    """
    given = np.asarray(p_values, dtype=float)
    adjusted = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    scaled = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
