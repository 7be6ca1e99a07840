"""The groups that `weak_slice` looks at, each made without a look at the mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.detectors.properties import Property
from curate.findings import Bools, Floats, Ints, Strings
from curate.numerics.clusters import k_means

Condition = dict[str, Any]
"""{"column", "op", "value"}; op is "==", "<=", ">" or "cluster".

A cut ("<=", ">") has a "share" besides: how much of the images that it was made of it leaves.
"""

TAILS = (1 / 20, 1 / 10, 1 / 5, 1 / 3, 1 / 2)
"""Shares of the images that the cuts of a number leave on either side."""

OWN_TAILS = (1 / 20, 1 / 10, 1 / 5, 3 / 10, 2 / 5, 1 / 2)
"""The same of the user's own columns, of which there are few."""

COARSE = (1 / 5, 1 / 3)
"""The tails of which pairs are made."""

MOST_PAIRS = 3000
SMALLEST = 5
"""Images that make a group."""


@dataclass(frozen=True)
class Slice:
    """Some images, and what puts them together; members are ascending row numbers."""

    conditions: tuple[Condition, ...]
    members: Ints


@dataclass(frozen=True)
class Column:
    """A property as it is cut: known says where it has a value."""

    name: str
    values: NDArray[np.float64]
    known: Bools
    source: str
    mark: Condition | None = None

    @classmethod
    def of(cls, one: Property) -> Column:
        """The column of a property; a mark of the user's own columns names column and value."""
        mark = None
        if one.mark:
            name, equals, value = one.name.partition(" = ")
            mark = {"column": name, "op": "==", "value": value if equals else True}
        return cls(one.name, one.values, np.ones(len(one.values), dtype=bool), one.source, mark)


def candidates(
    columns: Sequence[Column],
    axes: Floats,
    classes: Ints,
    names: Sequence[str],
    splits: Strings,
    rng: np.random.Generator,
) -> list[Slice]:
    """All groups, first those of few conditions; of two with the same images the first.

    Cuts and marks over all classes and inside each, of all splits and of those held out apart,
    which is where a model's score is taken; splits; pairs of coarse cuts; clusters inside each
    class, and clusters over all classes of what is left without the class means.
    """  # fmt: skip
    seen: dict[bytes, Slice] = {}
    every = np.arange(len(classes))
    own = [column for column in columns if column.source == "metadata"]

    def keep(found: Iterator[Slice]) -> None:
        for one in found:
            if SMALLEST <= len(one.members) < len(classes):
                seen.setdefault(one.members.astype(np.int32).tobytes(), one)

    inside: list[tuple[tuple[Condition, ...], Ints]] = [
        (({"column": "class", "op": "==", "value": name},), np.flatnonzero(classes == c))
        for c, name in enumerate(names)
    ]
    scopes = [((), every), *inside]
    for given, rows in scopes:
        keep(_singles(columns, rows, given))
    for given, rows in scopes:
        keep(_splits(splits, rows, given))
    held_out = _held_out(splits)
    for given, rows in scopes:
        apart = rows[splits[rows] != "train"]
        if len(apart) < len(rows):
            keep(_singles(columns, apart, (*given, held_out)))
    keep(_pairs(columns, every, ()))
    for given, rows in inside:
        keep(_pairs(own, rows, given))
    centred = np.array(axes)
    for given, rows in inside:
        if len(rows):
            centred[rows] -= axes[rows].mean(axis=0)
            keep(_clusters(centred[rows], rows, (5, 10, 20), given, rng))
    keep(_clusters(centred, every, (10, 30, 100), (), rng))
    return list(seen.values())


def by_own_columns(groups: Sequence[Slice], columns: Sequence[Column]) -> Bools:
    """(m,) whether a group is made by the user's own columns alone, apart from class and split."""
    own = {
        column.mark["column"] if column.mark else column.name
        for column in columns
        if column.source == "metadata"
    }
    return np.array(
        [{one["column"] for one in group.conditions} - {"class", "split"} <= own
         and any(one["column"] in own for one in group.conditions)
         for group in groups], dtype=bool,
    )  # fmt: skip


def matrix_of(groups: Sequence[Slice], n: int) -> Any:
    """The CSR matrix (groups, n) that is 1 where an image is a member."""
    from scipy.sparse import csr_matrix

    indices = np.concatenate([group.members for group in groups])
    starts = np.cumsum([0, *(len(group.members) for group in groups)])
    return csr_matrix((np.ones(len(indices)), indices, starts), (len(groups), n))


def _held_out(splits: Strings) -> Condition:
    held = sorted({str(one) for one in splits if one != "train"}, reverse=True)
    return {"column": "split", "op": "==", "value": " or ".join(held)}


def _splits(splits: Strings, rows: Ints, given: tuple[Condition, ...]) -> Iterator[Slice]:
    """Each split, and val and test together."""
    held_out = rows[splits[rows] != "train"]
    if 0 < len(held_out) < len(rows):
        yield Slice((*given, _held_out(splits)), held_out)
    for split in np.unique(splits[rows]):
        condition = {"column": "split", "op": "==", "value": str(split)}
        if (splits[rows] != split).any():
            yield Slice((*given, condition), rows[splits[rows] == split])


def _singles(
    columns: Sequence[Column], rows: Ints, given: tuple[Condition, ...]
) -> Iterator[Slice]:
    for column in columns:
        tails = OWN_TAILS if column.source == "metadata" else TAILS
        for condition, members in _cuts(column, rows, tails):
            if len(members) < len(rows):
                yield Slice((*given, condition), members)


def _cuts(column: Column, rows: Ints, tails: Sequence[float]) -> Iterator[tuple[Condition, Ints]]:
    rows = rows[column.known[rows]]
    values = column.values[rows]
    if column.mark is not None:
        yield column.mark, rows[values > 0]
        return
    ascending = np.sort(values)
    for tail in tails:
        count = int(np.ceil(tail * len(values)))
        if count < SMALLEST:
            continue
        low, high = float(ascending[count - 1]), float(ascending[len(values) - count - 1])
        for op, value, met in (("<=", low, values <= low), (">", high, values > high)):
            share = float(met.mean())
            yield {"column": column.name, "op": op, "value": value, "share": share}, rows[met]


def _pairs(columns: Sequence[Column], rows: Ints, given: tuple[Condition, ...]) -> Iterator[Slice]:
    """Pairs of cuts of two columns, those with the user's own first; `MOST_PAIRS` at most."""
    order = sorted(columns, key=lambda column: column.source != "metadata")
    cuts = [
        (i, condition, members)
        for i, column in enumerate(order)
        for condition, members in _cuts(column, rows, COARSE)
        if SMALLEST <= len(members) < len(rows)
    ]
    made = 0
    place = np.full(int(rows.max(initial=-1)) + 1, False)
    for a, (i, first, these) in enumerate(cuts):
        place[:] = False
        place[these] = True
        for j, second, those in cuts[a + 1 :]:
            if i == j or first["column"] == second["column"]:
                continue
            yield Slice((*given, first, second), those[place[those]])
            made += 1
            if made == MOST_PAIRS:
                return


def _clusters(
    X: Floats,
    rows: Ints,
    sizes: Sequence[int],
    given: tuple[Condition, ...],
    rng: np.random.Generator,
) -> Iterator[Slice]:
    for k in sizes:
        if len(rows) < 2 * SMALLEST * k:
            return
        place = k_means(X, k, rng)
        for one in range(k):
            condition = {"column": "embedding", "op": "cluster", "value": f"{one + 1} of {k}"}
            yield Slice((*given, condition), rows[place == one])
