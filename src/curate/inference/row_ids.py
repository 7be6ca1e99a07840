"""Which images of the catalog the rows of somebody else's file speak of."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.data.listing import SPLIT_NAMES, has_image_extension
from curate.errors import ModelError, listed

NONE, SEVERAL = -1, -2
"""In place of a row: no image has the id; more than one has."""


class Matched(NamedTuple):
    """Ids and the images they name.

    Attributes:
        rows: (m,) rows of the catalog, -1 for an id of none.
        by: what the ids were found to be.
    """

    rows: NDArray[np.int64]
    by: str


def match_ids(ids: Sequence[str], table: pd.DataFrame, where: str) -> Matched:
    """Find the catalog's row of every id.

    Ids are, in this order of preference, the catalog's sample ids; its paths; ends of its paths, a
    file name alone included; paths below another root that end as the catalog's do from their
    common folder on; or ends of paths without the extension. One reading is chosen for all: the
    first that finds the most. Slashes of either kind are the same, and so are Unicode's forms.

    Args:
        ids: m of them.
        table: the catalog, of which `sample_id` and `filepath` are read.
        where: the file, for messages.

    Returns:
        What was found; more than half of the ids name an image.

    Raises:
        ModelError: an id comes twice or may mean several images, or two ids one image, or more than
            half of the ids mean none.
    """
    twice = [one for one, times in Counter(ids).items() if times > 1]
    if twice:
        raise ModelError(
            f"Expected one row an image in {where}, found {len(twice)} ids more than once: "
            f"{listed(twice)}. Keep one row of each."
        )
    best, by = np.full(len(ids), NONE), "nothing"
    for name, find in _READINGS.items():
        rows = find(ids, table)
        if (rows >= 0).sum() > (best >= 0).sum() or (by == "nothing" and (rows == SEVERAL).any()):
            best, by = rows, name
        if (best >= 0).all():
            break
    _check(ids, best, by, table, where)
    return Matched(np.maximum(best, NONE), by)


def _check(
    ids: Sequence[str], rows: NDArray[np.int64], by: str, table: pd.DataFrame, where: str
) -> None:
    several = [ids[i] for i in np.flatnonzero(rows == SEVERAL).tolist()]
    if several:
        raise ModelError(
            f"Expected ids in {where} that name one image each, found {len(several)} that may mean "
            f"several: {listed(several)}. Give longer paths, or the run's sample_id."
        )
    found = rows[rows >= 0]
    if len(np.unique(found)) < len(found):
        row = next(row for row, times in Counter(found.tolist()).items() if times > 1)
        names = [ids[i] for i in np.flatnonzero(rows == row).tolist()]
        raise ModelError(
            f"Expected one row an image in {where}, found {listed(names)} for "
            f"{table['filepath'].iloc[row]}. Keep one row of each."
        )
    if len(found) * 2 < len(ids) or not len(found):
        unknown = [ids[i] for i in np.flatnonzero(rows < 0).tolist()]
        known = table["filepath"].iloc[0] if len(table) else "nothing"
        raise ModelError(
            f"Expected ids of this run's images in {where}, found {len(unknown)} of {len(ids)} "
            f"that name none: {listed(unknown)}. They must be sample ids, paths, or ends of paths "
            f"such as {known!r}."
        )


def _by_sample_id(ids: Sequence[str], table: pd.DataFrame) -> NDArray[np.int64]:
    return _looked_up(ids, table["sample_id"].tolist())


def _by_path(ids: Sequence[str], table: pd.DataFrame) -> NDArray[np.int64]:
    return _looked_up(map(_plain, ids), map(_plain, table["filepath"]))


def _by_end(ids: Sequence[str], table: pd.DataFrame) -> NDArray[np.int64]:
    return _ends(ids, [_plain(path) for path in table["filepath"]])


def _by_end_without_extension(ids: Sequence[str], table: pd.DataFrame) -> NDArray[np.int64]:
    if any(has_image_extension(one) for one in ids):
        return np.full(len(ids), NONE)
    return _ends(
        ids, [str(PurePosixPath(_plain(one)).with_suffix("")) for one in table["filepath"]]
    )


def _by_end_below_another_root(ids: Sequence[str], table: pd.DataFrame) -> NDArray[np.int64]:
    """Ids that end with what follows the folder that all images of the catalog are in."""
    paths = [_plain(path) for path in table["filepath"]]
    try:
        root = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    except ValueError:  # no images, or on several drives
        return np.full(len(ids), NONE)
    if os.path.basename(root).lower() in SPLIT_NAMES:  # noqa: PTH119 - of a string, in bulk
        # The images of train must not be taken for those of val.
        root = os.path.dirname(root)  # noqa: PTH120
    numbers = _numbered(path[len(root) :].lstrip("/") for path in paths)
    rows = np.full(len(ids), NONE)
    for i, one in enumerate(ids):
        rest = _plain(one)
        while "/" in rest:  # a file name alone would fit too easily
            if (row := numbers.get(rest)) is not None:
                rows[i] = row
                break
            rest = rest.partition("/")[2]
    return rows


_READINGS: dict[str, Callable[[Sequence[str], pd.DataFrame], NDArray[np.int64]]] = {
    "sample_id": _by_sample_id,
    "path": _by_path,
    "end of the path": _by_end,
    "path below another root": _by_end_below_another_root,
    "end of the path without extension": _by_end_without_extension,
}


def _plain(path: str) -> str:
    """A path with forward slashes, composed letters and no ``./`` in front."""
    return re.sub(r"^(\./)+", "", unicodedata.normalize("NFC", path.strip()).replace("\\", "/"))


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """Name -> row, or `SEVERAL`."""
    numbers: dict[str, int] = {}
    for row, name in enumerate(names):
        numbers[name] = SEVERAL if name in numbers else row
    return numbers


def _looked_up(ids: Iterable[str], names: Iterable[str]) -> NDArray[np.int64]:
    numbers = _numbered(names)
    return np.array([numbers.get(one, NONE) for one in ids], dtype=np.int64)


def _ends(ids: Sequence[str], paths: Sequence[str]) -> NDArray[np.int64]:
    """The row of the one path that ends with each id, from a slash on."""
    by_name: dict[str, list[int]] = defaultdict(list)
    for row, path in enumerate(paths):
        by_name[path.rpartition("/")[2]].append(row)
    rows = np.full(len(ids), NONE)
    for i, one in enumerate(ids):
        end = "/" + _plain(one).lstrip("/")
        candidates = by_name.get(end.rpartition("/")[2], [])
        fitting = [row for row in candidates if ("/" + paths[row]).endswith(end)]
        if fitting:
            rows[i] = fitting[0] if len(fitting) == 1 else SEVERAL
    return rows
