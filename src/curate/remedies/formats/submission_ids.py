"""Which test image each row of a competition's sample file speaks of."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from curate.data.listing import has_image_extension
from curate.errors import ExportError, listed

NONE, SEVERAL = -1, -2
"""In place of a row: no image has the id; more than one has."""


def find_rows(
    columns: Mapping[str, Sequence[str]],
    paths: Sequence[str],
    sample_ids: Sequence[str],
    unreadable: Sequence[str],
    where: str,
) -> tuple[str, list[int]]:
    """The column that names the images, and the image that each of its ids names.

    An id is a sample id, a path, the end of one (a file name alone included), with its extension
    or without. The column with most ids of test images is the one; of equals one with extensions,
    then the first.

    Args:
        columns: the sample file.
        paths: of the n test images.
        sample_ids: of the n test images.
        unreadable: paths of test images that no model could read.
        where: the sample file, for messages.

    Returns:
        The name of the column, and for each of its ids a number below n; all numbers are there.

    Raises:
        ExportError: no column names test images, or ids come twice, are missing, or are of no
            image; the first five are named.
    """
    index = _Index(paths, sample_ids)
    found = {name: [index.find(one) for one in ids] for name, ids in columns.items()}
    column = max(
        found,
        key=lambda name: (
            sum(row != NONE for row in found[name]),
            any(has_image_extension(one) for one in columns[name]),
        ),
    )
    ids, rows = columns[column], found[column]
    if sum(row != NONE for row in rows) * 2 <= len(rows):
        shown = {name: values[0] for name, values in columns.items() if values}
        raise ExportError(
            f"Expected a column with the names of the test images in {where}, such as "
            f"{paths[0].rpartition('/')[2] if paths else 'none'!r}, found {shown}. Give the sample "
            "file of this data's test images."
        )
    _refuse("ids that are there once", [one for one, n in Counter(ids).items() if n > 1],
            "more than once", "Keep one row of each.", column, where)  # fmt: skip
    several = [ids[i] for i, row in enumerate(rows) if row == SEVERAL]
    _refuse("ids that name one test image each", several, "that may mean several",
            "Give longer paths.", column, where)  # fmt: skip
    extra = [ids[i] for i, row in enumerate(rows) if row == NONE]
    known = _Index(unreadable, unreadable)
    if broken := [one for one in extra if known.find(one) != NONE]:
        _refuse("images that can be read", broken, "whose file cannot be read (problems.parquet)",
                "Mend the files and analyse again.", column, where)  # fmt: skip
    _refuse("ids of test images", extra, "of none", "Is it the sample file of this data?",
            column, where)  # fmt: skip
    twice = [row for row, n in Counter(rows).items() if n > 1]
    _refuse("each test image once", [ids[i] for i, row in enumerate(rows) if row in twice],
            "that mean one image", "Keep one row of each.", column, where)  # fmt: skip
    missing = sorted(set(range(len(paths))) - set(rows))
    _refuse("an id of every test image", [paths[row].rpartition("/")[2] for row in missing],
            "left out", "Is it the sample file of this data?", column, where)  # fmt: skip
    return column, rows


class _Index:
    """Test images by all that an id may be."""

    def __init__(self, paths: Sequence[str], sample_ids: Sequence[str]) -> None:
        self._paths = [_plain(path) for path in paths]
        self._by_id = {one: row for row, one in enumerate(sample_ids)}
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for row, path in enumerate(self._paths):
            name = path.rpartition("/")[2]
            self._by_name[name].append(row)
            if has_image_extension(name):
                self._by_name[name.rpartition(".")[0]].append(row)

    def find(self, given: str) -> int:
        """The row of an id."""
        if given in self._by_id:
            return self._by_id[given]
        end = "/" + _plain(given).lstrip("/")
        rows = [
            row
            for row in self._by_name.get(end.rpartition("/")[2], [])
            if f"/{self._paths[row]}".endswith(end)
            or f"/{self._paths[row].rpartition('.')[0]}".endswith(end)
        ]
        return NONE if not rows else rows[0] if len(rows) == 1 else SEVERAL


def _plain(path: str) -> str:
    """A path with forward slashes, composed letters and no ``./`` in front."""
    text = unicodedata.normalize("NFC", path.strip()).replace("\\", "/")
    while text.startswith("./"):
        text = text[2:]
    return text


def _refuse(
    expected: str, ids: Sequence[str], found: str, cure: str, column: str, where: str
) -> None:
    if ids:
        raise ExportError(
            f"Expected {expected} in column {column!r} of {where}, found {len(ids)} {found}: "
            f"{listed(ids)}. {cure}"
        )
