"""How often the intervals of `curate verify` hold the truth, and how often a null says otherwise.

    python tests/bench/verdict_coverage.py [--draws 400] [--only coverage|family]

Simulated runs: an image is right where its ease, plus what the arm does to it, plus what the seed
does to all images, plus noise, is above 0 (a probit model with crossed random effects), so that
the true difference is known exactly. Coverage: the 95 % interval of one arm against the baseline
by several methods, each with its mean half-length. Family: five alike arms, all images, a slice
and the worst class; how often anything is said to help or hurt.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from curate.comparison.arms import BASELINE, BOTH, CONTROL, CURRICULUM, POLICY, Arms
from curate.comparison.parts import Part
from curate.comparison.verdict import HELPS, HURTS, judge
from curate.numerics.crossed import crossed_difference
from curate.numerics.intervals import wilson

Array = NDArray[np.float64]
SEEDS, IMAGES = (2, 3, 5, 10), (100, 1000, 5000)
EASE = 1.5
"""Deviation of the images' ease, in units of the noise of one run."""


@dataclass(frozen=True)
class World:
    """What the runs come from.

    Attributes:
        accuracy: of every arm.
        image: deviation of what an arm does to single images, in every run of it.
        seed: deviation of a run's accuracy by its seed.
    """

    accuracy: float
    image: float
    seed: float

    def arm(
        self, ease: Array, n_seeds: int, rng: np.random.Generator, unsteady: float = 1.0
    ) -> Array:
        """(S, n) whether each run of a new arm is right."""
        spread = np.sqrt(EASE**2 + self.image**2 + 1)
        slope = np.exp(-0.5 * ndtri(self.accuracy) ** 2) / np.sqrt(2 * np.pi) / spread
        seed = unsteady * self.seed / slope
        # The threshold keeps the arm's accuracy whatever its seeds do.
        centre = ndtri(self.accuracy) * np.sqrt(spread**2 + seed**2)
        of_image = ease + centre + rng.normal(0, self.image, len(ease))
        of_run = rng.normal(0, seed, (n_seeds, 1))
        return (of_image + of_run + rng.normal(0, 1, (n_seeds, len(ease))) > 0).astype(float)


def squares(change: Array) -> tuple[float, float, float]:
    """Mean squares of seeds, images and residuals of the two-way table."""
    s, n = change.shape
    mean, rows, columns = change.mean(), change.mean(axis=1), change.mean(axis=0)
    left = change - rows[:, None] - columns + mean
    return (
        n * float(((rows - mean) ** 2).sum()) / (s - 1),
        s * float(((columns - mean) ** 2).sum()) / (n - 1),
        float((left**2).sum()) / ((s - 1) * (n - 1)),
    )


def t(df: float) -> float:
    return -float(stdtrit(df, 0.025))


def by_images(change: Array, rng: np.random.Generator) -> tuple[float, float]:
    half = t(change.shape[1] - 1) * float(np.sqrt(squares(change)[1] / change.size))
    return change.mean() - half, change.mean() + half


def by_seeds(change: Array, rng: np.random.Generator) -> tuple[float, float]:
    half = t(len(change) - 1) * float(np.sqrt(squares(change)[0] / change.size))
    return change.mean() - half, change.mean() + half


def satterthwaite(change: Array, rng: np.random.Generator) -> tuple[float, float]:
    s, n = change.shape
    a, b, e = squares(change)
    v = max(a + b - e, 1e-12)
    df = v**2 / max(a**2 / (s - 1) + b**2 / (n - 1) + e**2 / ((s - 1) * (n - 1)), 1e-24)
    half = t(max(df, 1)) * float(np.sqrt(v / change.size))
    return change.mean() - half, change.mean() + half


def pigeonhole(change: Array, rng: np.random.Generator) -> tuple[float, float]:
    """Owen 2007: seeds and images drawn apart, percentiles of 200 draws."""
    s, n = change.shape
    rows = rng.multinomial(s, np.full(s, 1 / s), size=200) / s
    columns = rng.multinomial(n, np.full(n, 1 / n), size=200) / n
    drawn = ((rows @ change) * columns).sum(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def of_curate(change: Array, rng: np.random.Generator) -> tuple[float, float]:
    return crossed_difference(np.maximum(-change, 0), np.maximum(change, 0)).interval()


METHODS: dict[str, Callable[[Array, np.random.Generator], tuple[float, float]]] = {
    "images only": by_images,
    "seeds only": by_seeds,
    "Satterthwaite": satterthwaite,
    "pigeonhole": pigeonhole,
    "curate": of_curate,
}


def worlds() -> Iterator[World]:
    for accuracy, image, seed in itertools.product((0.7, 0.97), (0.0, 0.7), (0.0, 0.01)):
        yield World(accuracy, image, seed)


def coverage(draws: int) -> None:
    print("share of intervals that hold the truth (mean half-length)")
    print("accuracy image  seed  S     n  " + "  ".join(f"{name:>13s}" for name in METHODS))
    least = dict.fromkeys(METHODS, 1.0)
    for number, (w, s, n) in enumerate(itertools.product(worlds(), SEEDS, IMAGES)):
        rng = np.random.default_rng([number, 0])
        held, half = dict.fromkeys(METHODS, 0), dict.fromkeys(METHODS, 0.0)
        for _ in range(draws):
            ease = rng.normal(0, EASE, n)
            change = w.arm(ease, s, rng) - w.arm(ease, s, rng)
            for name, method in METHODS.items():
                low, high = method(change, rng)
                held[name] += low <= 0 <= high
                half[name] += (high - low) / 2
        cells = [f"{held[m] / draws:6.3f} {half[m] / draws:6.4f}" for m in METHODS]
        print(
            f"{w.accuracy:8.2f} {w.image:5.1f} {w.seed:5.3f} {s:2d} {n:5d}  " + "  ".join(cells),
            flush=True,
        )
        least = {m: min(least[m], held[m] / draws) for m in METHODS}
    print("the least of all lines:", {m: round(float(share), 3) for m, share in least.items()})


def family(draws: int) -> None:
    """Five arms of equal accuracy; `unsteady`: how much more one of them depends on its seed."""
    print("share of null experiments that say helps or hurts anywhere (5 arms, 3 parts)")
    print("unsteady accuracy image  seed  S     n  share  95 % interval")
    said_all: dict[float, list[int]] = {}
    for number, (unsteady, w, s, n) in enumerate(
        itertools.product((1.0, 3.0, 12.0), worlds(), (2, 3, 5), (100, 1000))
    ):
        if unsteady > 1 and not w.seed:
            continue
        rng = np.random.default_rng([number, 1])
        said = 0
        for _ in range(draws):
            labels = rng.integers(10, size=n)
            ease = rng.normal(0, EASE, n) - (labels == 0) * 0.5
            values = {
                name: w.arm(ease, s, rng, unsteady if name == POLICY else 1.0)
                for name in (BASELINE, POLICY, CURRICULUM, BOTH, CONTROL)
            }
            arms = Arms.build(values, range(s), labels, [str(c) for c in range(10)])
            parts = [Part("slice", "a fifth", np.arange(n // 5))]
            said += any(j.word in (HELPS, HURTS) for j in judge(arms, parts).judgements)
        low, high = wilson(said, draws)
        print(
            f"{unsteady:8.0f} {w.accuracy:8.2f} {w.image:5.1f} {w.seed:5.3f} {s:2d} {n:5d}  "
            f"{said / draws:.3f}  {low:.3f} to {high:.3f}",
            flush=True,
        )
        said_all.setdefault(unsteady, []).append(said)
    for unsteady, counts in said_all.items():
        share, worst = sum(counts) / (draws * len(counts)), max(counts) / draws
        print(f"unsteady {unsteady:.0f}: {share:.4f} of all, at most {worst:.3f} in a line")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--only", choices=["coverage", "family"])
    args = parser.parse_args()
    if args.only != "family":
        coverage(args.draws)
    if args.only != "coverage":
        family(args.draws)


if __name__ == "__main__":
    main()
