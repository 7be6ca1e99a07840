"""How many seeds, or images, an experiment needs, and how many a time budget pays for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from curate.numerics.crossed import Crossed
from curate.numerics.paired import LEVEL

POWER = 0.8
"""A difference counts as one that would be seen if it were seen in so many experiments (Cohen)."""

MOST_SEEDS = 1000
MOST_CLUSTERS = 10**7
"""Beyond these it is said to need more, not how many."""

ENOUGH, DOUBTFUL, TOO_SMALL = "enough", "doubtful", "too small"

Range = tuple[float, float]


@dataclass(frozen=True)
class Components:
    """Where the chance in a paired difference comes from.

    Attributes:
        seed: variance between pairs of runs, on all images alike.
        image: variance between images (groups), in all runs alike.
        flip: variance of what one run does to one image, beyond these.
        df_a_seed: degrees of freedom that one more seed brings: the arms less one.
        df: degrees of freedom of `seed`.
    """

    seed: float
    image: float
    flip: float
    df_a_seed: int
    df: int

    @classmethod
    def of(cls, found: Crossed) -> Components:
        """Of a difference that was measured with two seeds or more.

        Raises:
            ValueError: there was one seed, or one group of images.
        """
        if not found.known:
            raise ValueError(
                f"Expected two seeds and groups, found {found.n_seeds}, {found.n_clusters}."
            )
        return cls(
            seed=max(found.by_seeds - found.by_flips, 0.0) * found.n_seeds,
            image=max(found.by_images - found.by_flips, 0.0) * found.n_clusters,
            flip=found.by_flips * found.n_seeds * found.n_clusters,
            df_a_seed=max(found.df // (found.n_seeds - 1), 1),
            df=found.df,
        )

    def between(self, n_clusters: int) -> tuple[Components, Components]:
        """The same with the least and the most variance of seeds that the runs leave possible.

        95 % interval of a variance by chi-squared with `df` degrees of freedom.

        Args:
            n_clusters: of the experiment that it was estimated in.
        """
        from scipy.special import chdtri

        total = self.seed + self.flip / n_clusters
        low, high = (total * self.df / float(chdtri(self.df, p)) for p in (0.025, 0.975))
        return tuple(  # type: ignore[return-value]
            replace(self, seed=max(ends - self.flip / n_clusters, 0.0)) for ends in (low, high)
        )

    def detectable(self, n_seeds: int, n_clusters: int, level: float = LEVEL) -> float:
        """The least difference that would be seen with `POWER`; infinite with one seed.

        Idea: the expected half-length of the interval (see `crossed_difference`) and the quantile
        of `POWER` of the estimate itself, ``half + z sqrt(variance)`` (the usual formula of sample
        sizes, such as Cohen 1988). Not more than 1: that is all that a share can change.
        """
        from scipy.special import ndtri, stdtrit

        if n_seeds < 2 or n_clusters < 2:
            return float("inf")
        df = self.df_a_seed * (n_seeds - 1)
        seeds = self.seed / n_seeds + self.flip / (n_seeds * n_clusters)
        images = self.image / n_clusters
        t_seeds, t_images = (float(stdtrit(k, level / 2)) for k in (df, n_clusters - 1))
        half = float(np.sqrt(t_seeds**2 * seeds + t_images**2 * images))
        return min(half + float(ndtri(POWER)) * float(np.sqrt(seeds + images)), 1.0)

    def seeds_for(self, target: float, n_clusters: int, level: float = LEVEL) -> int | None:
        """The fewest seeds that would show `target`; None if more than `MOST_SEEDS`."""
        return _fewest(lambda s: self.detectable(s, n_clusters, level) <= target, MOST_SEEDS)

    def clusters_for(self, target: float, n_seeds: int, level: float = LEVEL) -> int | None:
        """The fewest images (groups) that would; None if more than `MOST_CLUSTERS`."""
        return _fewest(lambda g: self.detectable(n_seeds, g, level) <= target, MOST_CLUSTERS)


def _fewest(enough: Callable[[int], bool], most: int) -> int | None:
    """The least whole number of 2 to `most` for which something that stays true is true."""
    if not enough(most):
        return None
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@dataclass(frozen=True)
class Plan:
    """How many seeds to run in the time there is, and what they could show.

    Attributes:
        seeds: to run in all, those included that are done.
        affordable: what the budget pays for, those included that are done.
        detectable: the least difference that `seeds` would show, None while nothing is known.
        detectable_range: the same for the least and the most variance of seeds that is possible.
        least: the least difference that matters, if one was stated.
        needed: seeds that would show `least`, None if not known or more than `MOST_SEEDS`.
        round_seconds: one run of every arm.
        word: what the budget is: `TOO_SMALL` where nothing could be shown, because it pays for
            fewer than two seeds, or `least` is out of reach of all that it pays for, even with the
            least variance; `DOUBTFUL` where it is by the estimate of the variance.
    """

    seeds: int
    affordable: int
    detectable: float | None
    detectable_range: Range | None
    least: float | None
    needed: int | None
    round_seconds: float
    word: str

    def text(self) -> str:
        """What to expect, in words."""
        time = f"{duration(self.round_seconds)} for one run of every arm"
        if self.affordable < 2:
            return (
                f"the budget is too small to tell anything: it pays for {_seeds(self.affordable)} "
                f"({time}), and less than two say nothing of other seeds; give "
                f"{duration(2 * self.round_seconds)} or more"
            )
        start = f"{_seeds(self.seeds)} of the {self.affordable} that the budget pays for ({time})"
        if self.detectable is None or self.detectable_range is None:
            return start
        low, high = self.detectable_range
        seen = (
            f"{start} would show a difference of {self.detectable:.4f} ({low:.4f} to {high:.4f}) "
            f"in {POWER:.0%} of experiments"
        )
        if self.least is None or self.detectable <= self.least:
            return seen
        if self.word == ENOUGH:
            return (
                f"{seen}; {self.least:g} was to be seen, which takes about {self.needed} seeds: "
                f"the budget pays for them, ask for as many"
            )
        what = (
            "the budget is too small to tell anything"
            if self.word == TOO_SMALL
            else "the budget may be too small"
        )
        more = (
            f"more than {MOST_SEEDS} seeds would be needed: more images are"
            if self.needed is None
            else f"about {self.needed} seeds would be needed, "
            f"{duration(self.needed * self.round_seconds)}"
        )
        return f"{what}: {seen}, and {self.least:g} was to be seen; {more}"


def plan(
    budget: float,
    rounds: Sequence[float],
    asked: int,
    found: Crossed | None = None,
    least: float | None = None,
    level: float = LEVEL,
) -> Plan:
    """Plan an experiment from its first runs.

    Idea: the budget pays for as many more rounds as fit at the time of the slowest so far, and no
    more than asked for are run. What they can show follows from the variance components of the
    first runs. The number of seeds follows from time alone: to stop early where the first seeds
    happen to agree would make chance look like an effect.

    Args:
        budget: seconds for the whole experiment.
        rounds: seconds that each round took so far, one run of every arm; at least one.
        asked: the most seeds to run.
        found: the difference of an arm by these rounds, if there are two of them.
        least: the least difference that matters.
        level: of one comparison, such as 0.05 divided by how many there are.

    Raises:
        ValueError: no round is done, or a time is not positive.
    """
    if not rounds or not all(seconds > 0 for seconds in rounds):
        raise ValueError(f"Expected the seconds of one round or more, found {list(rounds)}.")
    slowest, done = max(rounds), len(rounds)
    affordable = done + max(int((budget - sum(rounds)) / slowest), 0)
    seeds = max(min(affordable, asked), done)
    detectable, ends, needed, word = None, None, None, ENOUGH
    if found is not None and found.known:
        components, g = Components.of(found), found.n_clusters
        detectable = components.detectable(seeds, g, level)
        low, high = (c.detectable(seeds, g, level) for c in components.between(g))
        ends = (min(low, detectable), max(high, detectable))
        if least is not None:
            needed = components.seeds_for(least, g, level)
            steady = components.between(g)[0]
            if components.detectable(affordable, g, level) > least:
                out_of_reach = steady.detectable(affordable, g, level) > least
                word = TOO_SMALL if out_of_reach else DOUBTFUL
    if affordable < 2:
        word = TOO_SMALL
    return Plan(seeds, affordable, detectable, ends, least, needed, slowest, word)


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def duration(seconds: float) -> str:
    """A time in words, such as ``2.5 min``."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
