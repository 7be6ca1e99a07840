"""Where the model fails, in sentences: classes, pairs, groups of images, and what was found."""

from __future__ import annotations

from curate.board.confusion import Pair, top_pairs
from curate.board.opening import Board
from curate.board.overview import overview
from curate.board.weakest import Weak, weakest
from curate.report.detector_words import found_words, words_of
from curate.report.numbers import count, number, percent_with_interval
from curate.report.statement import Statement

MOST = 3
"""Classes that are named."""

WHOLE = ("weak_slice", "shortcut", "split_shift")
"""Kinds that speak of groups of images, in the order in which they are told."""


BY_CHANCE = {
    "within chance": "no more than the errors of both alone would do",
    "not looked for": "whether that is more than chance was not looked for",
}
"""Verdicts of a pair that need more words where they stand alone."""


def where_it_fails(board: Board) -> tuple[Statement, ...]:
    """The weakest classes, the pair most mixed up, weak groups, then each kind with its count."""
    detectors = board.run.info.get("detectors", {})
    groups = [
        Statement(f"{kind.replace('_', ' ')}: {line}.", kind=kind)
        for kind in WHOLE
        for line in words_of(detectors, kind)
    ]
    return (*_classes(weakest(board)), *_pair(board), *groups, *_found(board))


def _classes(found: list[Weak]) -> list[Statement]:
    if not found:
        return [Statement("No class is surely recognised less often than the others.")]
    said = [Statement(_class(one)) for one in found[:MOST]]
    if len(found) > MOST:
        more = count(len(found) - MOST, "more class", "more classes")
        said.append(Statement(f"{more} surely recognised less often than the others."))
    return said


def _class(one: Weak) -> str:
    taken, images = one.taken_for
    return (
        f"Class {one.name} is recognised in {_share(one.recall)} of its "
        f"{count(one.images, 'image')}, the others in {_share(one.others)}; most often it is taken "
        f"for {taken} ({count(images, 'image')})."
    )


def _share(value: tuple[float, float, float]) -> str:
    return percent_with_interval(value[0], value[1:])


def _pair(board: Board) -> list[Statement]:
    pairs = top_pairs(board)
    if not pairs:
        return []
    told = words_of(board.run.info.get("detectors", {}), "confusable")
    if told:
        return [Statement(f"{told[0]}.", kind="confusable")]
    return [Statement(_mixed(pairs[0]), kind="confusable")]


def _mixed(pair: Pair) -> str:
    return (
        f"{pair.a} and {pair.b} are mixed up most: {pair.a_as_b} and {pair.b_as_a} images, "
        f"{percent_with_interval(pair.rate, pair.interval, 1)} of both; "
        f"{BY_CHANCE.get(pair.verdict, pair.verdict)}."
    )


def _found(board: Board) -> list[Statement]:
    return [
        Statement(
            f"{row.kind.replace('_', ' ')}: {number(row.flagged)} flagged; {found_words(row)}.",
            kind=row.kind,
        )
        for row in overview(board).kinds
        if row.flagged
    ]
