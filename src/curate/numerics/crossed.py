"""The difference between two ways of training, from several seeds on the same images.

Every run predicts every image, so runs and images are crossed, and both are samples: other seeds
would have given other models, and other images other mistakes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.findings import Floats, Ints
from curate.numerics.paired import LEVEL, Interval, clusters_of, shrunk, with_imagined

SMALLEST_P = 1e-12
"""No p value is worked out below it."""


@dataclass(frozen=True)
class Crossed:
    """A mean difference over seeds and images, and the chance in it.

    Attributes:
        estimate: the mean of the differences of all seeds and images.
        n_seeds: S, the pairs of runs.
        n_clusters: g; the images of one group count as one draw.
        by_images: variance of the estimate over other images, for these runs.
        by_seeds: variance of the estimate over other runs, for these images.
        by_flips: what is in both of them: single images that turn from run to run.
        df: degrees of freedom of `by_seeds`; 0 with one seed.
    """

    estimate: float
    n_seeds: int
    n_clusters: int
    by_images: float
    by_seeds: float
    by_flips: float
    df: int

    @property
    def known(self) -> bool:
        """Whether anything can be said of other seeds and other images."""
        return self.df > 0 and self.n_clusters > 1

    @property
    def centre(self) -> float:
        """Of the interval, see `curate.numerics.paired.standard_interval`."""
        return shrunk(self.estimate, self.n_clusters)

    def interval(self, level: float = LEVEL) -> Interval:
        """It misses the truth in at most a share `level` of all experiments; infinite if unknown.

        It reaches no further than shares of 0 to 1 can differ.
        """
        if not self.known:
            return -np.inf, np.inf
        half = float(np.sqrt(self._squared_half(level)))
        return max(self.centre - half, -1.0), min(self.centre + half, 1.0)

    @property
    def p_value(self) -> float:
        """The level at which the interval comes to hold 0; 1 if unknown."""
        if not self.known:
            return 1.0
        low, high = float(np.log(SMALLEST_P)), 0.0
        for _ in range(50):
            middle = (low + high) / 2
            if self._squared_half(float(np.exp(middle))) < self.centre**2:
                high = middle
            else:
                low = middle
        return float(np.exp(high))

    def _squared_half(self, level: float) -> float:
        from scipy.special import stdtrit  # scipy.stats takes seconds to import

        t_images = float(stdtrit(self.n_clusters - 1, level / 2))
        t_seeds = float(stdtrit(self.df, level / 2))
        images_alone = max(self.by_images - self.by_flips, 0.0)
        both = t_seeds**2 * self.by_seeds + t_images**2 * images_alone
        return max(both, t_images**2 * self.by_images)


def crossed_difference(
    a: Floats,
    b: Floats,
    groups: Ints | None = None,
    pooled: tuple[float, int] | None = None,
) -> Crossed:
    """The mean of ``b - a`` over seeds and images, with both sources of chance.

    Idea: the difference of seed s on image i is ``d_si = mu + A_s + B_i + E_si``: what that pair of
    runs does on all images, what the change does to that image in every run, and the flips of
    single images from run to run. The mean over S seeds and g images has the variance
    ``var A / S + var B / g + var E / (S g)``. The variance of the seeds' means over S estimates the
    first and third term (with S - 1 degrees of freedom), that of the images' means over g the
    second and third (with g - 1), and the residuals of the two-way table the third alone. The
    interval adds squares of half-lengths, each with the quantile of its own degrees of freedom::

        half^2 = t(S-1)^2 seeds + t(g-1)^2 (images - flips), and no less than t(g-1)^2 images

    Two seeds that happen to agree would show no variance of seeds at all; hence the last clause,
    with which it is never shorter than the interval of the images would be if seeds did not matter.
    For few differing images, `images` has the two imagined ones of
    `curate.numerics.paired.standard_interval`.

    Source: crossed random effects (Searle, Casella and McCulloch 1992, Variance Components, ch. 4);
    sums of squared half-lengths after Graybill and Wang (1980), "Confidence intervals on
    nonnegative linear combinations of variances", and Zou and Donner (2008). Beside it,
    Satterthwaite's (1946) degrees of freedom cover too rarely with 2 seeds, since they are made of
    the very variance that is too small by chance; so does the pigeonhole bootstrap (Owen 2007),
    which cannot draw more than 2 different seeds. `tests/bench/verdict_coverage.py` prints them.

    What it is not: exact. With two seeds and images that are most of the chance it is far longer
    than it had to be, as nothing then tells that the seeds matter little.

    Args:
        a: (S, n) values in 0 to 1 of the one way of training, such as 1 where a run is right.
        b: (S, n) of the other; row s of both has the same seed.
        groups: (n,) images of one number count as one draw; None: each for itself.
        pooled: `pooled_spread` of these and other arms. The variance of the seeds is then the
            larger of its own and theirs, with their degrees of freedom.

    Raises:
        ValueError: the shapes differ, or there is nothing.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise ValueError(f"Expected two equal (S, n), found {first.shape}, {second.shape}.")
    n_seeds, n = first.shape
    clusters = clusters_of(groups, n)
    g = int(clusters.max()) + 1
    change = _sums(second - first, clusters, g)
    differing = len(np.unique(clusters[(first != second).any(axis=0)]))
    estimate = float(change.sum()) / (n_seeds * n)
    # A group weighs as many times as it has images: its sum, less its size times the estimate.
    net = (change - estimate * np.bincount(clusters, minlength=g)) * (g / n)
    of_image, of_seed = net.mean(axis=0), net.mean(axis=1)
    images = float((of_image**2).sum()) / (g * max(g - 1, 1))
    images = with_imagined(estimate, images, g, differing)
    if n_seeds < 2 or g < 2:
        return Crossed(estimate, n_seeds, g, images, 0.0, 0.0, 0)
    left = net - of_image[None, :] - of_seed[:, None]
    flips = float((left**2).sum()) / ((n_seeds - 1) * (g - 1)) / (n_seeds * g)
    seeds, df = float(of_seed.var(ddof=1)) / n_seeds, n_seeds - 1
    if pooled is not None:
        seeds, df = max(seeds, 2 * pooled[0] / n_seeds), pooled[1]
    return Crossed(estimate, n_seeds, g, images, seeds, flips, df)


def pooled_spread(arms: Sequence[Floats]) -> tuple[float, int]:
    """How much a run's mean depends on its seed, from all arms together.

    Idea: two seeds of one arm say next to nothing of a variance, those of five arms something. In
    the table of means by arm and seed, the residual mean square about arms and seeds is the
    variance of one run's mean, with ``(arms - 1) (S - 1)`` degrees of freedom, and a paired
    difference has twice that. Source: the error term of a randomized block design (Fisher 1935),
    with the seeds as blocks.

    What it is not: right for an arm that is less steady than the others. `crossed_difference`
    takes no less than the arm's own, which is enough for one that depends three times as much on
    its seed, and not for one of twelve times by two or three seeds: then 5 % false alarms become
    as many as `tests/bench/verdict_coverage.py` prints.

    Args:
        arms: (S, n) each; row s of all has the same seed.

    Returns:
        The variance and its degrees of freedom; with two arms that of their differences.
    """
    means = np.stack([np.asarray(arm, dtype=float).mean(axis=1) for arm in arms])
    left = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    df = (means.shape[0] - 1) * (means.shape[1] - 1)
    return (float((left**2).sum()) / df if df else 0.0), df


def _sums(values: NDArray[np.float64], clusters: Ints, g: int) -> NDArray[np.float64]:
    """(S, g) sums over the images of each cluster."""
    if g == values.shape[1]:
        return values[:, np.argsort(clusters)]
    return np.stack([np.bincount(clusters, row, minlength=g) for row in values])
