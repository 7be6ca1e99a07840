"""How many mistakes chance would put into groups of images, and how rarely as many as there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints

Matrix = Any
"""A scipy CSR matrix, (groups, rows), 1 where the row is in the group."""


@dataclass(frozen=True)
class Null:
    """What is so of m groups wherever in their classes the mistakes fall; arrays are (m,).

    Attributes:
        size: images.
        expected: mistakes that the classes' rates would put there.
        most: mistakes that there could be.
        rest_size: images of the same classes outside.
        design: how many images count as one, since images of one unit err together.
        fixed: mistakes that lie there however they fall: of classes that are wholly inside.
        drawn, drawn_rest, faults: images inside, images outside, and mistakes on either side, of
            classes where something is left to chance: neither all nor none inside or wrong.
        exact: whether that is one class, of which the tail is known.
    """

    size: NDArray[np.float64]
    expected: NDArray[np.float64]
    most: NDArray[np.float64]
    rest_size: NDArray[np.float64]
    design: NDArray[np.float64]
    fixed: NDArray[np.float64]
    drawn: NDArray[np.float64]
    drawn_rest: NDArray[np.float64]
    faults: NDArray[np.float64]
    exact: Bools

    def p(self, which: Ints, x: Floats) -> NDArray[np.float64]:
        """(k,) upper bounds of the chance of x mistakes or more in the groups `which`, each alone.

        Idea: if, within a class, mistakes fall on images whatever they look like, then the mistakes
        in a group are a sum of hypergeometric numbers, one a class. Each of these is a sum of
        independent Bernoulli numbers (Vatutin & Mikhailov 1982), hence so is the whole, and its
        tail is at most that of the binomial with the same mean, beyond one from the mean
        (Hoeffding, "On the distribution of the number of successes in independent trials", 1956).
        The same holds for the mistakes left outside; the lower of the two bounds is p. Inside one
        class the tail is that of Fisher's exact test, which is far lower where the group is a good
        part of the class. No mixture of classes makes a group weak, and no sampling is needed for a
        p of 1e-9. Where images count for less than one, all counts are divided by `design`.
        """
        x = x - self.fixed[which]
        found = np.ones(len(which))
        exact = self.exact[which]
        one, several = which[exact], which[~exact]
        if len(one):
            found[exact] = _fisher(
                x[exact], self.drawn[one], self.faults[one],
                self.drawn[one] + self.drawn_rest[one],
            )  # fmt: skip
        if len(several):
            mean = self.expected - self.fixed
            counts = (x[~exact], *(values[several] for values in (
                self.drawn, mean, self.drawn_rest, self.faults,
            )))  # fmt: skip
            found[~exact] = _bound(*(values / self.design[several] for values in counts))
        return found


def null_of(members: Matrix, wrong: Bools, classes: Ints, units: Ints) -> Null:
    """The null of groups, see `compare_groups` for the arguments."""
    here, of = per_class(members, np.ones(len(wrong)), classes)
    total = np.bincount(classes).astype(np.float64)
    faults = np.bincount(classes, wrong.astype(np.float64))
    rate = faults / np.maximum(total, 1)
    left = total[of] - here.data
    free = (left > 0) & (faults[of] > 0) & (faults[of] < total[of])
    size = over_classes(here, here.data)
    design = _design(members, wrong - rate[classes], units, size)
    return Null(
        size=size,
        expected=over_classes(here, here.data * rate[of]),
        most=over_classes(here, np.minimum(here.data, faults[of])),
        rest_size=over_classes(here, left),
        design=design,
        fixed=over_classes(here, here.data * rate[of] * ~free),
        drawn=over_classes(here, here.data * free),
        drawn_rest=over_classes(here, left * free),
        faults=over_classes(here, faults[of] * free),
        exact=(over_classes(here, 1.0 * free) == 1) & (design == 1),
    )


def per_class(members: Matrix, weights: Floats, classes: Ints) -> tuple[Matrix, Ints]:
    """The (groups, classes) sums of the members' weights, and the class of each that is stored.

    What is stored is where members are, also where their weights sum to 0, classes ascending.
    """
    from scipy.sparse import csr_matrix

    n_classes = int(classes.max(initial=-1)) + 1
    # Images in the real part, weights in the imaginary one: two sums of one pattern.
    told = csr_matrix((1 + 1j * weights, (np.arange(len(classes)), classes)),
                      (len(classes), n_classes))  # fmt: skip
    both = (members @ told).tocsr()
    both.sort_indices()
    return csr_matrix((both.data.imag, both.indices, both.indptr), both.shape), both.indices


def over_classes(pattern: Matrix, values: Floats) -> NDArray[np.float64]:
    """(groups,) sums of values that lie in the places of a (groups, classes) matrix."""
    from scipy.sparse import csr_matrix

    summed = csr_matrix((values, pattern.indices, pattern.indptr), pattern.shape).sum(axis=1)
    return np.asarray(summed, dtype=np.float64).ravel()


def _bound(x: Floats, n: Floats, mean: Floats, rest: Floats, faults: Floats) -> Any:
    from scipy.special import betainc

    p = np.ones(len(x))
    sure = (x >= mean + 1) & (mean > 0) & (rest > 0)
    x, n, mean, rest, faults = (values[sure] for values in (x, n, mean, rest, faults))
    y = np.maximum(faults - x, 0)
    inside = betainc(x, np.maximum(n - x, 0) + 1, mean / n)
    clear = np.clip(1 - (faults - mean) / rest, 0, 1)
    outside = betainc(np.maximum(rest - y, 1e-9), y + 1, clear)
    p[sure] = np.minimum(inside, outside)
    return p


def _fisher(x: Floats, n: Floats, faults: Floats, total: Floats) -> Any:
    """P(X >= x) of the mistakes among n images drawn from `total` of which `faults` are wrong.

    The first term by logarithms, the others by their ratios: thousands of tails at once, where
    scipy's are taken one by one.
    """
    from scipy.special import gammaln

    def log_choose(a: Floats, b: Floats) -> Any:
        return gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1)

    least, most = np.maximum(n + faults - total, 0), np.minimum(n, faults)
    found = np.where(x <= least, 1.0, 0.0)
    rows = np.flatnonzero((x > least) & (x <= most))
    x, n, faults, total = x[rows], n[rows], faults[rows], total[rows]
    term = log_choose(faults, x) + log_choose(total - faults, n - x) - log_choose(total, n)
    term = np.exp(term)
    while len(rows):
        found[rows] += term
        term *= (n - x) * (faults - x) / ((x + 1) * (total - n - faults + x + 1))
        x = x + 1
        going = term > 1e-15 * found[rows]
        if not going.all():
            rows, term = rows[going], term[going]
            x, n, faults, total = x[going], n[going], faults[going], total[going]
    return np.minimum(found, 1.0)


def _design(members: Matrix, residual: Floats, units: Ints, size: Floats) -> Any:
    """(m,) effects ``1 + (m - 1) rho`` (Rao & Scott 1992), 1 where units are of one image.

    m is the number of members in the unit of a mean member, rho the correlation of mistakes over
    pairs of one unit, at least 0.
    """
    from scipy.sparse import csr_matrix

    count = np.bincount(units)
    several = np.flatnonzero(count[units] > 1)
    spread = float(np.square(residual).mean())
    if not len(several) or spread == 0:
        return np.ones(len(size))
    sums = np.bincount(units[several], residual[several], len(count))
    squares = float(np.square(sums).sum() - np.square(residual[several]).sum())
    pairs = float((count * (count - 1.0)).sum())
    rho = float(np.clip(squares / pairs / spread, 0, 1))
    spots = csr_matrix(
        (np.ones(len(several)), (several, units[several])), (len(residual), len(count))
    )
    crowds = (members @ spots).tocsr()
    crowds.data = crowds.data * (crowds.data - 1)
    pairs_here = np.asarray(crowds.sum(axis=1)).ravel()
    return 1 + rho * pairs_here / np.maximum(size, 1)
