"""What to do first with a run, each with the command to type."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from curate.board.opening import Board
from curate.board.overview import KindRow, overview
from curate.board.policy import policy_or_why
from curate.board.weakest import held_out
from curate.report.gains import Gain, policy_gain, relabelling, twice_the_images
from curate.report.numbers import count, percent_with_interval
from curate.report.statement import Statement

UNTRUE = {
    "split_leak": (
        "Copies of images of an earlier split",
        "Accept that finding in the App before anything else, which takes them out: with them the "
        "scores are not to be trusted",
    ),
    "label_conflict": (
        "The same bytes under different labels",
        "Decide in the App before anything else which is right: at least one of them is wrong",
    ),
}
"""Kinds that make the scores untrue: what their images are, and what to do."""

LOOK = {
    "orientation": ("Turned, it seems", "Accept that finding in the App for those that are"),
    "weak_slice": (
        "In groups that the model surely does worse on",
        "Look in the App at what they share",
    ),
    "shortcut": ("Wrong where a class may be known by a shortcut", "Gather images without it"),
    "near_duplicate": (
        "Copies of each other",
        "Accept that finding in the App to keep one of each",
    ),
}
"""Kinds whose worth cannot be told beforehand, in the order in which they are worth a look."""


def what_first(board: Board) -> tuple[Statement, ...]:
    """What to do, the most urgent first.

    What makes the scores untrue comes before all else, since no other number can be trusted until
    it is gone. Then whatever the run can say the gain of, the largest expected gain in accuracy
    first: they are of different kinds (see `curate.report.gains`) and do not add up. Then what is
    worth a look, and last the way on.
    """
    kinds = {row.kind: row for row in overview(board).kinds if row.flagged > row.judged}
    app = command("app", board.run.path)
    said = [
        Statement(f"{what}: {_left(kinds[kind])}. {do}.", app, kind)
        for kind, (what, do) in UNTRUE.items()
        if kind in kinds
    ]
    known = sorted(_gains(board, kinds), key=lambda gain: -gain.accuracy)
    said += [Statement(gain.text, gain.command, gain.kind) for gain in known]
    if "label_error" in kinds and all(gain.kind != "label_error" for gain in known):
        said.append(_labels(kinds["label_error"], app))
    said += [
        Statement(f"{what}: {_left(kinds[kind])}. {do}.", app, kind)
        for kind, (what, do) in LOOK.items()
        if kind in kinds
    ]
    return (*said, *_way_on(board))


def command(name: str, *arguments: str | Path) -> str:
    """``curate NAME ...`` as a shell takes it."""
    return shlex.join(["curate", name, *map(str, arguments)])


def _left(row: KindRow) -> str:
    words = count(row.flagged - row.judged, "image")
    return f"{words} not yet judged" if row.judged else words


def _labels(row: KindRow, app: str) -> Statement:
    chance = ""
    if row.precision is not None and row.interval is not None:
        chance = f", {percent_with_interval(row.precision, row.interval)} of those flagged rightly"
    return Statement(
        f"Under a wrong label, it seems: {_left(row)}{chance}. Judge them, worst first.",
        app, row.kind,
    )  # fmt: skip


def _gains(board: Board, kinds: dict[str, KindRow]) -> Iterator[Gain]:
    path = board.run.path
    if "label_error" in kinds:
        yield from relabelling(board, kinds["label_error"], command("app", path))
    balance = command("curriculum", path, "--balance", "effective", "--to", "balanced.json")
    yield from twice_the_images(board, balance)
    policy, _ = policy_or_why(board.run)
    if policy is not None:
        yield from policy_gain(policy, command("export", path, "--to", _exports(path)))


def _way_on(board: Board) -> Iterator[Statement]:
    path = board.run.path
    policy, wrong = policy_or_why(board.run)
    if wrong:
        yield Statement(f"The policy cannot be used. {wrong}", command("policy", path))
    elif policy is None and held_out(board) and np.any(board.labels >= 0):
        yield Statement(
            "Which augmentations would help has not been measured yet.", command("policy", path)
        )
    yield Statement(
        "Then write what a training takes, with all that was decided. After it come curate train, "
        "and curate compare to see what it brought.",
        command("export", path, "--to", _exports(path)),
    )


def _exports(path: Path) -> str:
    return f"exports/{path.name}"
