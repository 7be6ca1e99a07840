"""A competition's submission: its sample file, filled with the predictions of a run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from curate.data.roles import LABEL_NAMES
from curate.errors import ExportError, listed
from curate.findings import Floats
from curate.remedies.formats.submission_ids import find_rows

FILE = "submission.csv"
ANSWERS = (*LABEL_NAMES, "ans", "answer", "prediction", "pred", "predicted", "output", "y")
"""Usual names of the one column that is to be filled."""

_DELIMITERS = (",", ";", "\t", "|")
_WHOLE = re.compile(r"\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Submission:
    """A filled sample file.

    Attributes:
        text: of the file.
        about: `id_column`, `columns` that were filled, and `said`: what they hold, in words.
    """

    text: str
    about: dict[str, Any]


@dataclass(frozen=True)
class Numbering:
    """Numbers of classes that the data came with: a column that has one value a class."""

    column: str
    of_class: Mapping[str, str]


def own_numberings(
    samples: pd.DataFrame, columns: Sequence[str], class_names: Sequence[str]
) -> list[Numbering]:
    """The user's own columns that number the classes: a competition's targets, often.

    Args:
        samples: the run's images, with `split`, `label` and the user's columns.
        columns: names of those.
        class_names: all of them must have a number.
    """
    train = samples[(samples["split"] == "train") & samples["label"].notna()]
    found = []
    for column in columns:
        pairs = train.loc[train[column].notna(), ["label", column]].drop_duplicates()
        whole = [_whole(value) for value in pairs[column]]
        numbers = dict(zip(pairs["label"], whole, strict=True))
        one_to_one = len(pairs) == len(numbers) == len(set(whole)) == len(class_names)
        if one_to_one and None not in whole:
            found.append(Numbering(column, {str(k): str(v) for k, v in numbers.items()}))
    return found


def fill(
    sample: Path,
    paths: Sequence[str],
    sample_ids: Sequence[str],
    probs: Floats,
    class_names: Sequence[str],
    numberings: Sequence[Numbering] = (),
    unreadable: Sequence[str] = (),
) -> Submission:
    """Fill a competition's sample file; its columns, their order and that of its rows stay.

    What is filled is told by the sample: columns named after all classes (or their numbers, with
    anything before or after) take probabilities; else one column takes the predicted class, by
    its name if the sample's values are classes, by its number if they are numbers. Numbers are
    those of the data where it came with some (`numberings`), else places in the sorted classes.

    Args:
        sample: a CSV or TSV with one row a test image.
        paths: of the n test images.
        sample_ids: of the n test images.
        probs: (n, n_classes).
        class_names: of its columns.
        numberings: of `own_numberings`.
        unreadable: paths of test images that no model could read.

    Raises:
        ExportError: the sample cannot be read, does not name exactly the test images, or does not
            say what it wants.
    """
    header, rows, delimiter = _read(sample)
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    id_column, images = find_rows(columns, paths, sample_ids, unreadable, str(sample))
    ordered = probs[images]
    others = [name for name in header if name != id_column]
    wanted = _probability_columns(others, class_names, sample)
    if wanted:
        for c, name in enumerate(wanted):
            columns[name] = [f"{value:.8g}" for value in ordered[:, c].tolist()]
        said = f"probabilities of the {len(class_names)} classes"
    else:
        name = _answer_column(others, columns, sample)
        values, said = _answers(name, columns[name], ordered, class_names, numberings, sample)
        wanted, columns[name] = [name], values
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(zip(*columns.values(), strict=True))
    about = {"rows": len(rows), "id_column": id_column, "columns": wanted, "said": said}
    return Submission(file.getvalue(), about)


def _read(sample: Path) -> tuple[list[str], list[list[str]], str]:
    try:
        text = sample.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(
            f"Expected a sample submission in UTF-8 at {sample}, found {error}. Name the "
            "competition's own sample file."
        ) from error
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    lines = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    header, rows = lines[0] if lines else [], lines[1:]
    uneven = [str(i) for i, row in enumerate(rows, start=2) if len(row) != len(header)]
    if len(header) < 2 or len(set(header)) < len(header) or not rows or uneven:
        what = (
            f"lines of other lengths, such as line {uneven[0]}"
            if uneven
            else f"{len(header)} columns ({listed(header)}) and {len(rows)} rows"
        )
        raise ExportError(
            "Expected a table with different names of at least two columns and a row a test image "
            f"in {sample}, found {what}. Name the competition's own sample file."
        )
    return header, rows, delimiter


def _probability_columns(
    others: Sequence[str], class_names: Sequence[str], sample: Path
) -> list[str]:
    """The column of each class, where there is one of each; none otherwise."""
    numbers = [str(c) for c in range(len(class_names))]
    for words in (list(class_names), numbers):
        for column in others if len(words) > 1 else ():
            for place in re.finditer(re.escape(words[0]), column):
                before, after = column[: place.start()], column[place.end() :]
                wanted = [f"{before}{word}{after}" for word in words]
                if set(wanted) <= set(others):
                    return wanted
    named = [name for name in class_names if name in others]
    if len(named) > 1:
        raise ExportError(
            f"Expected a column for each of the {len(class_names)} classes in {sample}, found none "
            f"for {listed(name for name in class_names if name not in others)}. Is it the sample "
            "file of this data?"
        )
    return []


def _answer_column(
    others: Sequence[str], columns: Mapping[str, Sequence[str]], sample: Path
) -> str:
    """The one column that takes the predicted class."""
    usual = [name for name in others if name.strip().lower() in ANSWERS]
    constant = [name for name in others if len(set(columns[name])) == 1]
    for candidates in (others, usual, constant):
        if len(candidates) == 1:
            return candidates[0]
    raise ExportError(
        f"Expected one column to fill in {sample}, found {listed(others)}, and no way to tell "
        "which. Call it 'target', or leave the others out."
    )


def _answers(
    column: str, values: Sequence[str], probs: Floats, class_names: Sequence[str],
    numberings: Sequence[Numbering], sample: Path,
) -> tuple[list[str], str]:  # fmt: skip
    """What fills the column, and what it is."""
    best = [class_names[c] for c in probs.argmax(axis=1).tolist()]
    given = {value.strip() for value in values} - {""}
    same = [one for one in numberings if one.column.strip().lower() == column.strip().lower()]
    own = same[0] if same else numberings[0] if len(numberings) == 1 else None
    if own is not None and (given or same) and given <= set(own.of_class.values()):
        said = f"the number of the predicted class, by the data's own column {own.column!r}"
        return [own.of_class[name] for name in best], said
    if given and given <= set(class_names):
        return best, "the name of the predicted class"
    if given and all(_WHOLE.fullmatch(one) and int(one) < len(class_names) for one in given):
        number = {name: str(c) for c, name in enumerate(class_names)}
        said = f"the number of the predicted class, from 0 for {class_names[0]!r} in sorted order"
        return [number[name] for name in best], said
    if given and len(class_names) == 2 and all(_is_share(one) for one in given):
        said = f"the probability of {class_names[1]!r}"
        return [f"{value:.8g}" for value in probs[:, 1].tolist()], said
    strange = sorted(given - set(class_names))
    raise ExportError(
        f"Expected classes (such as {class_names[0]!r}) or their numbers (0 to "
        f"{len(class_names) - 1}) in column {column!r} of {sample}, found "
        f"{listed(strange) if strange else 'nothing'}. Write a class or a number there, as an "
        "example of what is wanted."
    )


def _is_share(value: str) -> bool:
    return bool(_DECIMAL.fullmatch(value)) and 0 <= float(value) <= 1


def _whole(value: Any) -> int | None:
    """A whole number, also one that is written as text or as 3.0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None
