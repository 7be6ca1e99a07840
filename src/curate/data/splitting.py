"""Making train, val and test of images that come without splits: stratified, groups kept whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.errors import listed
from curate.findings import Floats, Ints

MIN_UNITS = 3
"""A class of fewer groups (or single images) is not held out from unless its share asks for it."""

NOTED_DEVIATION = 0.005
"""A share that misses what was asked by more is said."""


@dataclass(frozen=True)
class Made:
    """A split that was made.

    Attributes:
        split: (n,) "train", "val" or "test".
        notes: sentences about what could not be done as asked; empty if all could.
    """

    split: NDArray[np.str_]
    notes: list[str]


def make_split(
    labels: Sequence[str],
    units: Ints,
    keys: Sequence[str],
    val_fraction: float,
    test_fraction: float,
    rng: np.random.Generator,
) -> Made:
    """Hold out a share of every class, moving only whole units.

    Idea: each unit gets a place in a line by a hash of its smallest key and of the seed. Every
    class gets a quota of images for test (largest remainders, so that quotas add up to the share of
    all images, and at least one image for a class of `MIN_UNITS` units). Then the line is walked
    once: a unit joins test if that brings the counts of its classes nearer to their quotas, in
    chi-squared distance: if ``sum over its classes of c (2 need - c) / size > 0``, for its c images
    and the need that is left; and if test is not full by the sum of the quotas. Val is taken in the
    same way from the other end of the line, and the rest is train. A class of two units or more
    keeps one in train, and a class of one unit stays there.

    Because places come from hashes and not from the order or number of the rows, the same images
    get the same splits in any order, and images that are added later take their own places. Old
    images move only where a quota grows past one of them, or where a unit gets a new smallest key.
    Source: quotas for each class as in iterative stratification (Sechidis, Tsoumakas, Vlahavas
    2011), here with units in place of images and a hashed order in place of a random one.

    Not the best split there is: the best one is a knapsack problem. Units that are large for their
    class leave shares that miss the asked ones, which the notes then say. O(n log n).

    Args:
        labels: n classes.
        units: (n,) numbers; rows of one number (a group, copies of one file) stay together.
        keys: n names that tell images apart and stay the same in later versions of the dataset,
            such as paths below the root.
        val_fraction: share of the images for val, in [0, 1).
        test_fraction: the same for test; both together stay below 1.
        rng: its next bytes are the seed of the hashes.

    Raises:
        ValueError: lengths differ, or two units share their smallest key.
    """
    if not len(labels) == len(units) == len(keys):
        raise ValueError(
            f"Expected as many labels, units and keys, found {len(labels)}, {len(units)} and "
            f"{len(keys)}."
        )
    salt = rng.bytes(16)
    table = _Table.count(labels, units, keys, salt)
    placed = np.full(table.n_units, "train", dtype="<U5")
    # Units of each class that are still in train.
    left = table.units_of_class()
    wanted = [(s, f) for s, f in (("test", test_fraction), ("val", val_fraction)) if f > 0]
    for turn, (split, fraction) in enumerate(wanted):
        later = len(wanted) - turn - 1
        # One unit for train, and where there are enough of them one for each split to come.
        reserve = 1 + np.where(table.units_of_class() >= MIN_UNITS, later, 0)
        # From either end, so that each split borders on train alone and none pushes the other.
        line = np.arange(table.n_units)[:: 1 if split == "test" else -1]
        _hold_out(table, split, line, _quotas(table, fraction, salt), left, reserve, placed)
    return Made(
        split=placed[table.unit_of_row],
        notes=_notes(table, placed, {"val": val_fraction, "test": test_fraction}),
    )


@dataclass(frozen=True)
class _Table:
    """Images counted by unit and class; units stand in the order of their hashes.

    Attributes:
        names: (K,) classes, sorted.
        unit_of_row: (n,) numbers of units.
        starts: (U + 1,); the entries of unit u are ``starts[u]:starts[u + 1]``.
        classes: (E,) the class of each entry.
        counts: (E,) the unit's images of that class.
        sizes: (K,) images of each class.
    """

    names: list[str]
    unit_of_row: Ints
    starts: Ints
    classes: Ints
    counts: Ints
    sizes: Ints = field(repr=False)

    @property
    def n_units(self) -> int:
        return len(self.starts) - 1

    def units_of_class(self) -> Ints:
        """(K,) how many units have an image of each class."""
        return np.bincount(self.classes, minlength=len(self.names))

    @classmethod
    def count(cls, labels: Sequence[str], units: Ints, keys: Sequence[str], salt: bytes) -> _Table:
        names, label = np.unique(np.asarray(labels, dtype=object), return_inverse=True)
        _, unit = np.unique(units, return_inverse=True)
        order = _order(unit, keys, salt)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        unit = place[unit]
        K = max(1, len(names))
        cells, counts = np.unique(unit * K + label, return_counts=True)
        return cls(
            names=[str(name) for name in names],
            unit_of_row=unit,
            starts=np.searchsorted(cells // K, np.arange(len(order) + 1)),
            classes=cells % K,
            counts=counts,
            sizes=np.bincount(label, minlength=len(names)),
        )


def _order(unit: Ints, keys: Sequence[str], salt: bytes) -> Ints:
    """Units in the order of the hashes of their smallest keys."""
    smallest: dict[int, str] = {}
    for one, key in zip(unit.tolist(), keys, strict=True):
        if one not in smallest or key < smallest[one]:
            smallest[one] = key
    hashes = [_hash(smallest[one], salt) for one in range(len(smallest))]
    if len(set(hashes)) < len(hashes):
        raise ValueError("Expected keys that tell units apart, found one key in two units.")
    return np.asarray(sorted(range(len(hashes)), key=hashes.__getitem__), dtype=np.int64)


def _hash(text: str, salt: bytes) -> bytes:
    # A file name that is no UTF-8 is held with lone surrogates.
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16, key=salt).digest()


def _quotas(table: _Table, fraction: float, salt: bytes) -> Floats:
    """(K,) images of each class to hold out; whole numbers that add up to the asked share."""
    exact = fraction * table.sizes
    quotas: Floats = np.floor(exact + 1e-9)
    remainders = exact - quotas
    raised = (quotas == 0) & (table.units_of_class() >= MIN_UNITS)
    quotas[raised] = 1
    free = max(0, round(float(exact.sum())) - int(quotas.sum()))
    ranks = sorted(
        np.flatnonzero(~raised).tolist(),
        key=lambda k: (-round(float(remainders[k]), 9), _hash(table.names[k], salt)),
    )
    quotas[[k for k in ranks if remainders[k] > 1e-9][:free]] += 1
    return quotas


def _hold_out(
    table: _Table,
    split: str,
    line: Ints,
    quotas: Floats,
    left: Ints,
    reserve: Ints,
    placed: NDArray[Any],
) -> None:
    """Walk the units along `line` and place those that bring `split` nearer to its quotas.

    Changes `placed` and `left`.
    """
    sizes, need, spare = table.sizes.tolist(), quotas.tolist(), (left - reserve).tolist()
    starts, classes, counts = table.starts.tolist(), table.classes.tolist(), table.counts.tolist()
    held = [0] * len(sizes)

    def gain(unit: int) -> float:
        """How much nearer to the quotas; no gain is worth a class that train would lack."""
        total = 0.0
        for at in range(starts[unit], starts[unit + 1]):
            k, c = classes[at], counts[at]
            if spare[k] < 1:
                return -np.inf
            total += c * (2 * need[k] - c) / sizes[k]
        return total

    def take(unit: int) -> None:
        placed[unit] = split
        for at in range(starts[unit], starts[unit + 1]):
            k, c = classes[at], counts[at]
            need[k] -= c
            held[k] += c
            spare[k] -= 1
            left[k] -= 1

    room = sum(need)
    images = np.add.reduceat(table.counts, table.starts[:-1]).tolist() if starts[1:] else []
    for unit in line[placed[line] == "train"].tolist():
        # Where units are coarse, many classes round up alike: the sum of the quotas ends that.
        # Less than half of a rounding error is no gain.
        if 2 * room > images[unit] and gain(unit) > 1e-12:
            take(unit)
            room -= images[unit]
    # Every quota of a large enough class is at least 1, but its units may all be too large.
    total = table.units_of_class()
    by_class = np.argsort(table.classes, kind="stable")
    entry_units = np.repeat(np.arange(table.n_units), np.diff(table.starts))[by_class]
    ends = np.cumsum(total)
    for k in sorted(np.flatnonzero(total >= MIN_UNITS).tolist(), key=lambda k: (total[k], k)):
        if held[k]:
            continue
        of_class = entry_units[ends[k] - total[k] : ends[k]].tolist()
        gains = [(gain(unit), -unit) for unit in of_class if placed[unit] == "train"]
        best, minus_unit = max(gains, default=(-np.inf, 0))
        if best > -np.inf:
            take(-minus_unit)


def _notes(table: _Table, placed: NDArray[Any], asked: dict[str, float]) -> list[str]:
    """What could not be done as asked."""
    notes = []
    asked = {split: fraction for split, fraction in asked.items() if fraction > 0}
    unit_of_entry = np.repeat(np.arange(table.n_units), np.diff(table.starts))
    shares = {}
    for split in asked:
        entries = (placed == split)[unit_of_entry]
        images = np.bincount(
            table.classes[entries], weights=table.counts[entries], minlength=len(table.names)
        )
        shares[split] = float(images.sum()) / max(1, int(table.sizes.sum()))
        if lacking := [table.names[k] for k in np.flatnonzero(images == 0)]:
            have = "1 class has" if len(lacking) == 1 else f"{len(lacking)} classes have"
            notes.append(f"{have} too few images or groups to be in {split}: {listed(lacking)}.")
    off = [abs(shares[split] - asked[split]) for split in asked if table.n_units > 0]
    if max(off, default=0) > NOTED_DEVIATION:
        notes.append(
            "Whole groups and small classes did not allow the shares that were asked for: achieved "
            + " / ".join(
                f"{100 * shares[split]:.1f} % {split} (asked {100 * asked[split]:.1f} %)"
                for split in asked
            )
            + "."
        )
    return notes
