"""File names that look as if they held a group: copies of a photo, shots of a person, frames."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curate.data.name_shapes import DATE, SHAPES, Names, Shape
from curate.data.straddling import Straddling, straddling

MIN_GROUPS = 5
MIN_COVERAGE = 0.1
"""Share of the images that must be in a group of two or more: datasets have several sources."""

MAX_MEDIAN_SIZE = 50
MIN_KEYS_PER_CLASS = 3
LARGE_CELL = 10
LARGE_SHARE, LARGE_SHARE_OF_WORDS = 0.25, 0.6
"""A group of `LARGE_CELL` images and of a larger share of its class is a name of the class. Names
that say "person" or "video" may be larger."""

FEW = 0.1
MOST = 0.8
MAX_VOCABULARY = 12
MAX_EXAMPLES = 3
SAMPLE = 2000

_BREAKS = re.compile(r"[\W_]+")

_WORDS = re.compile(
    r"(?:^|[^a-z])(?:person|people|subject|subj|patient|participant|volunteer|user|actor|speaker|"
    r"student|individual|video|vid|movie|clip|scene|sequence|seq|track|session|slide|specimen|"
    r"burst)s?[-_ ]?\d",
    re.IGNORECASE,
)
"""Words that name a group rather than an image, followed by its number."""


@dataclass(frozen=True)
class Suspicion:
    """Groups that file names seem to hold. A guess: reported, and never acted upon.

    Attributes:
        pattern: a regular expression with a group ``group``, usable as ``--group-pattern``.
        n_groups: groups of two images or more that it finds.
        n_images: images in them.
        share: `n_images` as a share of all.
        straddling: how they lie across the splits.
        examples: up to three groups with two of their files: "'person_07': a.jpg, b.jpg".
    """

    pattern: str
    n_groups: int
    n_images: int
    share: float
    straddling: Straddling
    examples: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What a person should look at, and what to do if it is so."""
        said = (
            f"File names look as if they held {self.n_groups:,} groups of {self.n_images:,} images "
            f"({'; '.join(self.examples)}). If so, name them: --group-pattern '{self.pattern}'."
        )
        if self.straddling.n_straddling:
            said += f" Then {self.straddling.sentence}"
        elif len(self.straddling.images) > 1:
            said += " None of them has images in two splits."
        return said


def suspect(
    paths: Sequence[str], labels: Sequence[str | None], splits: Sequence[str]
) -> Suspicion | None:
    """Look for groups in the names of files and folders.

    Idea: each of `SHAPES` cuts names into a key (what a group would share) and a rest (what tells
    its images apart): ``person_07`` and ``_front``. Keys are taken for groups if enough images
    share them, if there are several to a class, if none of them makes up much of a class (then it
    is the class's own prefix), and if the rests are what tells images of one group apart: small
    counters that start again in each group, or words and letters that come back in others. Where
    numbers start again in each class, the class's folder becomes part of the key; where they start
    again in each split, nothing can be said. Of several shapes the one that covers the most images
    is taken, then the one with the fewest groups. Source: none, these are rules of thumb.

    Not knowledge: subfolders of breeds can look like persons, and of a patient with several slides
    only the slides may be seen. Not seen are groups of more than `MAX_MEDIAN_SIZE` images without a
    word such as "video", groups numbered in one running counter, random ends after a name without
    such a word, bursts named by the time, and names of any other shape. Names that are plain
    counters, dates, hashes or a class's name with a counter give none.

    Args:
        paths: n paths with slashes; their last folders count, the root does not matter.
        labels: n classes; None for an unlabelled image.
        splits: n of "train", "val", "test" or "".

    Returns:
        The best guess, or None.
    """
    if len(paths) == 0:
        return None
    normal = [unicodedata.normalize("NFC", path) for path in paths]
    classes = ["" if label is None or label != label else label for label in labels]
    names = Names.of(normal, classes)
    about = pd.DataFrame({"label": classes, "split": list(splits)}, dtype=object)
    restarts = _has_class_folders(normal, classes)
    best: tuple[tuple[float, int], Shape, pd.DataFrame] | None = None
    step = 1 + len(paths) // SAMPLE
    sample = Names.of(normal[::step], classes[::step])
    for shape in SHAPES:
        # A shape that few names have is not worth a look at all of them.
        if len(sample.cut(shape)[0]) < MIN_COVERAGE / 2 * len(sample.paths):
            continue
        table = _cut(names, shape, about)
        if restarts and _crosses_classes(table):
            shape = shape.qualified()
            table = _cut(names, shape, about)
        if not _plausible(shape, table, about):
            continue
        shared = _shared(table)
        rank = (round(len(shared) / len(paths), 1), -int(shared["key"].nunique()))
        if best is None or rank > best[0]:
            best = (rank, shape, table)
    return None if best is None else _suspicion(best[1], best[2], normal, splits)


def _cut(names: Names, shape: Shape, about: pd.DataFrame) -> pd.DataFrame:
    """`key`, `rest`, `label`, `split` and the key's number of images, of the rows that have one."""
    rows, keys, rests = names.cut(shape)
    table = about.iloc[rows].assign(
        key=pd.Series(keys, rows, object), rest=pd.Series(rests, rows, object)
    )
    return table.assign(size=table["key"].map(table["key"].value_counts()).astype(int))


def _shared(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["size"] > 1]


def _plausible(shape: Shape, table: pd.DataFrame, about: pd.DataFrame) -> bool:
    """Whether the keys look like groups."""
    shared = _shared(table)
    sizes = shared.drop_duplicates("key")["size"]
    if len(sizes) < MIN_GROUPS or len(shared) < MIN_COVERAGE * len(about):
        return False
    worded = _worded(shared)
    if sizes.median() > MAX_MEDIAN_SIZE and not worded:
        return False
    cells = table.groupby(["label", "key"]).size()
    if cells.groupby("label").size().mean() < MIN_KEYS_PER_CLASS:
        return False
    images = about["label"].value_counts()
    share = cells / cells.index.get_level_values("label").map(images.to_dict()).to_numpy()
    large = (cells >= LARGE_CELL) & (share > (LARGE_SHARE_OF_WORDS if worded else LARGE_SHARE))
    if cells[large].sum() > FEW * len(shared) or _restarts_in_splits(shared):
        return False
    if shape.check == "counter":
        return worded or _small_counters(shared)
    if shape.check == "words":
        return worded or _recurring_words(shared)
    if shape.check == "vocabulary":
        few = shared["rest"].str.casefold().nunique() <= MAX_VOCABULARY
        return few and len(shared) >= 0.5 * len(about)
    if shape.check == "folder":
        return len(table) >= (1 - FEW) * len(about) and not _shards(table["key"])
    return True


def _worded(shared: pd.DataFrame) -> bool:
    """Whether most keys say in words that they name a group."""
    keys = shared["key"].drop_duplicates()
    return (
        float(np.mean([_WORDS.search(key) is not None for key in keys])) >= MOST
        if len(keys)
        else False
    )


def _has_class_folders(paths: Sequence[str], classes: Sequence[str]) -> bool:
    """Whether some folder above the files stands for the class, under whatever name."""
    n_classes = len(set(classes))
    if n_classes < 2:
        return False
    parts = [path.split("/") for path in paths]
    for level in (-2, -3, -4):
        pairs = {
            (p[level] if len(p) >= -level else "", c) for p, c in zip(parts, classes, strict=True)
        }
        if len(pairs) == n_classes == len({folder for folder, _ in pairs}):
            return True
    return False


def _crosses_classes(table: pd.DataFrame) -> bool:
    """Whether most keys are in two classes, as when each class has its own counter."""
    shared = _shared(table)
    if len(shared) == 0 or _worded(shared):
        return False
    return bool((shared.groupby("key")["label"].nunique() > 1).mean() >= 0.5)


def _restarts_in_splits(shared: pd.DataFrame) -> bool:
    """Whether names come back in other splits: then one key is not one group."""
    splits = shared.groupby(["label", "key", "rest"])["split"].nunique()
    return bool((splits > 1).mean() > FEW)


def _small_counters(shared: pd.DataFrame) -> bool:
    """Whether numbers start low in each group, rather than being slices of one running counter."""
    numbers = shared["rest"].str.extract(r"(\d+)\D*$")[0].map(int)
    if numbers.nunique() > 0.5 * len(numbers):
        return False
    highest = numbers.groupby(shared["key"]).transform("max")
    return bool((highest <= 5 * shared["size"] + 10).mean() >= MOST)


def _recurring_words(shared: pd.DataFrame) -> bool:
    """Whether more than half of the parts of most rests come back in two other groups or more."""
    words = shared["rest"].str.replace(DATE, "D", regex=True).str.casefold().str.split(_BREAKS)
    table = pd.DataFrame({"key": shared["key"], "word": words}).explode("word")
    table = table[table["word"] != ""]
    keys = table.drop_duplicates().groupby("word").size()
    recurs = table["word"].map(keys) >= 3
    return bool((recurs.groupby(level=0).mean() > 0.5).mean() >= MOST)


def _shards(keys: pd.Series[str]) -> bool:
    """Whether folders are the first digits of hexadecimal hashes."""
    names = keys.drop_duplicates().str.rpartition("/")[2]
    short = names.str.fullmatch(r"[0-9a-fA-F]{1,3}")
    return bool(short.mean() >= MOST and names.str.contains("[a-fA-F]").mean() > FEW)


def _suspicion(
    shape: Shape, table: pd.DataFrame, paths: Sequence[str], splits: Sequence[str]
) -> Suspicion:
    shared = _shared(table)
    groups = np.full(len(paths), "", dtype=object)
    groups[shared.index] = shared["key"]
    order = shared.sort_values(["size", "key"], ascending=[False, True], kind="stable")
    examples = []
    for key in order["key"].drop_duplicates()[:MAX_EXAMPLES]:
        files = sorted(paths[row] for row in shared.index[shared["key"] == key])
        names = ", ".join(file.rpartition("/")[2] for file in files[:2])
        examples.append(f"'{key}': {names}{', ...' if len(files) > 2 else ''}")
    return Suspicion(
        pattern=shape.pattern,
        n_groups=int(shared["key"].nunique()),
        n_images=len(shared),
        share=len(shared) / len(paths),
        straddling=straddling(groups.tolist(), splits),
        examples=tuple(examples),
    )
