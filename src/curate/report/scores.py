"""How good the model is, in sentences: the held-out scores, without what makes them untrue."""

from __future__ import annotations

from typing import Any

from curate.board.opening import Board
from curate.board.overview import SplitRow, overview
from curate.report.numbers import count, with_interval
from curate.report.statement import Statement


def how_good(board: Board) -> tuple[Statement, ...]:
    """Accuracy and macro F1 of test and val; of train where neither has labels.

    Images of val and test that lie in train as well are taken out of the accuracy. Macro F1 is that
    of metrics.json, with them. What the files' own names say against the scores comes last.
    """
    rows = {row.split: row for row in overview(board).splits if row.accuracy is not None}
    said: list[Statement] = []
    inside = board.run.info.get("in_sample", {})
    shown: list[str] = [split for split in ("test", "val") if split in rows] or list(rows)
    leaks = {one["split"]: one for one in _scores(board)}
    for split in shown:
        said.append(_sentence(rows[split], leaks.get(split)))
        if split in inside.get("splits", []):
            said.append(Statement(f"The scores of {split} are of images that the model was trained "
                                  f"on, and too good: {inside['why']}."))  # fmt: skip
    if not shown:
        said.append(Statement("No image has a label, so how good the model is cannot be known."))
    return (*said, *(Statement(note) for note in overview(board).notes))


def _scores(board: Board) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        board.run.info.get("detectors", {}).get("split_leak", {}).get("scores", [])
    )
    return [one for one in found if one["leaked"]["images"] and one["clean"]["images"]]


def _sentence(row: SplitRow, leak: dict[str, Any] | None) -> Statement:
    assert row.accuracy is not None
    n = row.images - row.unlabelled
    f1 = "macro F1 not known"
    if row.macro_f1 is not None:
        f1 = f"macro F1 {with_interval(row.macro_f1, row.macro_f1_interval)}"
    if leak is None:
        accuracy = with_interval(row.accuracy, row.accuracy_interval)
        return Statement(f"{row.split}: accuracy {accuracy}, {f1}, on {count(n, 'image')}.")
    clean, copies = leak["clean"], leak["leaked"]["images"]
    low, high = clean["interval"]
    return Statement(
        f"{row.split}: accuracy {with_interval(clean['accuracy'], (low, high))} on "
        f"{count(clean['images'], 'image')}, without {count(copies, 'copy', 'copies')} of train "
        f"images; with them {leak['all']['accuracy']:.3f}, and {f1}.",
        kind="split_leak",
    )
