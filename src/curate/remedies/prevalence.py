"""How often held-out images show what an augmentation would teach: upside-down, dark, ..."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy.special import ndtri

from curate.findings import Bools, Evidence, Floats, Ints
from curate.numerics.intervals import wilson_bounds
from curate.numerics.kin import design_effect
from curate.remedies.augmented import Measured
from curate.remedies.weakness import share_of, units_of

TAIL = 0.05
"""The share of train that counts as dark, bright, ... : what lies beyond is no rarity there, and in
held-out images one sees at once where it is more."""

SPLITS = ("val", "test")

UPSIDE_DOWN, ROTATED = ("rot180", "vflip"), ("rot90", "rot270")
"""Suggestions of the orientation detector for images that stand on their head, or lie."""

NOT_MEASURED = MappingProxyType(
    {
        "mirrored": "a mirrored image is as likely as the image itself, but for writing",
        "tilted": "no detector reads turns by less than a quarter",
        "shifted, seen from the side, bent or stretched": "no detector reads it",
        "compressed": "no detector reads it",
        "covered in part": "no detector reads it",
    }
)
"""What held-out images may show and nothing here can tell, with the reason."""


@dataclass(frozen=True)
class Prevalence:
    """How often one symptom is seen.

    Attributes:
        symptom: as in `shown_by` of `curate.recipe.transforms.Transform`.
        split: the held-out split that shows it most, "val" or "test".
        by: what it is read from, in words.
        train: share of train images.
        held_out: share of the images of `split`.
        excess: the second less the first. Its interval is simultaneous: those of all symptoms and
            splits of a run hold together 95 times of 100, so that where nothing differs, hardly
            one run in twenty shows an excess of anything.
    """

    symptom: str
    split: str
    by: str
    train: Measured
    held_out: Measured
    excess: Measured

    @property
    def shown(self) -> bool:
        """Whether held-out images surely show it more often than train does."""
        return self.excess.interval[0] > 0


@dataclass(frozen=True)
class _Tail:
    """A symptom of the pixels: a statistic on one side of what train's images have."""

    statistic: str
    high: bool
    value: Callable[[pd.DataFrame], Floats]


def _column(name: str) -> Callable[[pd.DataFrame], Floats]:
    return lambda table: table[name].to_numpy(dtype=float)


_TAILS: Mapping[str, _Tail] = MappingProxyType(
    {
        "dark": _Tail("brightness", False, _column("brightness")),
        "bright": _Tail("brightness", True, _column("brightness")),
        "low_contrast": _Tail("contrast", False, _column("contrast")),
        "blurred": _Tail("smoothness", True, _column("smoothness")),
        "noisy": _Tail("noise", True, _column("noise")),
        "cropped": _Tail("margin", False, _column("margin")),
    }
)

GREY_UP_TO = 0.002
"""Share of coloured pixels up to which an image is grey, as in `curate.detectors.qualities`."""


def prevalence(evidence: Evidence, findings: Mapping[str, pd.DataFrame]) -> dict[str, Prevalence]:
    """How often train and held-out images show each symptom.

    Idea: a detector's flags are partly false, and a limit for "dark" that held for all data does
    not exist. Train serves as the reference for both. Of flags, the share in train is subtracted:
    what the detector flags by mistake, it flags in train alike (what train truly holds of it goes
    with it: the model has seen that). Of a pixel statistic, the limit is train's own 5th or 95th
    percentile; train images are weighed so that each class counts as much as it does in the
    held-out split, since a split with more night scenes is darker without any shift of light.

    Each held-out split is compared by itself, labels are not asked for (but for the weights, where
    there are some), and the split with the surest excess is reported. Intervals are Wilson's for
    as many images as the groups are worth; that of the excess is Newcombe's (1998, method 10), at
    95 % for all symptoms and splits together (Bonferroni).

    What it is not: a diagnosis of an image. A symptom is one of the split. Flags of a detector
    that finds few of the true ones understate; see `NOT_MEASURED` for what is not read at all.

    Args:
        evidence: with splits; `image_stats` and `file_facts` as far as they are known.
        findings: kind -> its table in the order of the evidence, for "orientation"; a kind that
            was not looked for is left out.

    Returns:
        symptom -> prevalence, for what could be measured.
    """
    train = evidence.splits == "train"
    splits = [split for split in SPLITS if (evidence.splits == split).any()]
    if not train.any() or not splits:
        return {}
    marks = {**_flags(evidence, findings), **_grey_and_small(evidence)}
    tails = _tails(evidence)
    units = units_of(evidence)
    z = float(ndtri(1 - 0.05 / (2 * max(1, (len(marks) + len(tails)) * len(splits)))))
    found = {}
    for symptom in (*marks, *tails):
        told = []
        for split in splits:
            held = np.flatnonzero(evidence.splits == split)
            of = np.flatnonzero(train)
            if symptom in marks:
                by, shows = marks[symptom]
                share = float(shows[of].mean())
            else:
                by, values, high = tails[symptom]
                weights = _weights(evidence.labels[of], evidence.labels[held])
                limit = _percentile(values[of], weights, 1 - TAIL if high else TAIL)
                shows = values > limit if high else values < limit
                share = float(weights @ shows[of])
            reference = _share(share, units[of])
            own = share_of(shows[held].astype(float), units[held])
            excess = _excess(own, units[held], reference, units[of], z)
            told.append(Prevalence(symptom, split, by, reference, own, excess))
        found[symptom] = max(told, key=lambda one: one.excess.interval[0])
    return found


def _flags(
    evidence: Evidence, findings: Mapping[str, pd.DataFrame]
) -> dict[str, tuple[str, Bools]]:
    """Symptoms that a detector flags."""
    if "orientation" not in findings:
        return {}
    table = findings["orientation"].set_index("sample_id").reindex(evidence.sample_ids)
    flagged = table["flagged"].fillna(False).to_numpy(dtype=bool)
    suggested = table["suggestion"].fillna("").to_numpy(dtype=str)
    by = "flags of the orientation detector"
    return {
        "upside_down": (by, flagged & np.isin(suggested, UPSIDE_DOWN)),
        "rotated": (by, flagged & np.isin(suggested, ROTATED)),
    }


def _grey_and_small(evidence: Evidence) -> dict[str, tuple[str, Bools]]:
    """Symptoms that an image has or has not."""
    found: dict[str, tuple[str, Bools]] = {}
    train = evidence.splits == "train"
    if evidence.image_stats is not None:
        coloured = evidence.image_stats["coloured"].to_numpy(dtype=float)
        if np.median(coloured[train]) > GREY_UP_TO:  # among grey images grey is no symptom
            found["grey"] = ("images without colour", coloured <= GREY_UP_TO)
    if evidence.file_facts is not None:
        sides = evidence.file_facts[["width", "height"]].to_numpy(dtype=float).min(axis=1)
        limit = float(np.quantile(sides[train], TAIL))
        found["small"] = (f"shorter side below train's 5th percentile, {limit:g}", sides < limit)
    return found


def _tails(evidence: Evidence) -> dict[str, tuple[str, Floats, bool]]:
    """Symptoms of degree: in words, (n,) values, and whether it is high ones that show it."""
    if evidence.image_stats is None:
        return {}
    train = evidence.splits == "train"
    found = {}
    for symptom, tail in _TAILS.items():
        values = tail.value(evidence.image_stats)
        end, limit = (np.max, 1 - TAIL) if tail.high else (np.min, TAIL)
        # Where a twentieth of train lies at the very end, nothing lies beyond it.
        if end(values[train]) != np.quantile(values[train], limit):
            side = "above train's 95th" if tail.high else "below train's 5th"
            found[symptom] = (f"{tail.statistic} {side} percentile", values, tail.high)
    return found


def _weights(train: Ints, held_out: Ints) -> Floats:
    """(n_train,) weights that sum to 1, under which train has the held-out split's classes.

    Where most held-out images have no label, or a class that train lacks, train as it is.
    """
    known = held_out[np.isin(held_out, train) & (held_out >= 0)]
    if 2 * len(known) < len(held_out):
        return np.full(len(train), 1 / len(train))
    size = max(int(train.max()), int(known.max())) + 1
    have = np.bincount(train[train >= 0], minlength=size)
    want = np.bincount(known, minlength=size) / len(known)
    weights = np.where(train >= 0, want[train] / np.maximum(have[train], 1), 0.0)
    whole: Floats = weights / weights.sum()
    return whole


def _percentile(values: Floats, weights: Floats, share: float) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    at = min(int(np.searchsorted(reached, share)), len(values) - 1)
    return float(values[order[at]])


def _share(share: float, units: Ints) -> Measured:
    low, high = wilson_bounds(share, len(units) / design_effect(units), 1.959963984540054)
    return Measured(share, (float(low), float(high)), len(units))


def _excess(held: Measured, held_units: Ints, train: Measured, units: Ints, z: float) -> Measured:
    a, b = held.estimate, train.estimate
    a_low, a_high = wilson_bounds(a, held.n / design_effect(held_units), z)
    b_low, b_high = wilson_bounds(b, train.n / design_effect(units), z)
    low = a - b - float(np.hypot(a - a_low, b_high - b))
    high = a - b + float(np.hypot(a_high - a, b - b_low))
    return Measured(a - b, (low, high), held.n + train.n)
