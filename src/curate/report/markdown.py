"""The report as a comment on a pull request: short, in GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from curate.board.classes import Estimate, classes
from curate.board.confusion import top_pairs
from curate.board.curriculum import tiers
from curate.board.opening import Board
from curate.board.overview import KindRow, overview
from curate.board.policy import policy_or_why
from curate.report.facts import worst
from curate.report.headline import headline
from curate.report.markdown_text import bullets, code, escaped, table
from curate.report.numbers import count, number, percent_with_interval, with_interval
from curate.report.sections.scores import main_split
from curate.report.statement import Statement

LIMIT = 65_000
"""Characters: GitHub refuses a comment of more than 65,536."""

CLASSES, PAIRS = 10, 5
"""Rows of these tables; the whole tables are in the other forms of the report."""

REST = "The rest is left out, since a comment has room for no more: see the report itself."


def markdown(board: Board) -> str:
    """The headline, then tables, as far as they fit; at most `LIMIT` characters."""
    parts = [part for part in _parts(board) if part]
    kept: list[str] = []
    room = LIMIT - len(REST) - 2
    for part in parts:
        room -= len(part) + 2
        if room < 0:
            return "\n\n".join([*kept, REST]) + "\n"
        kept.append(part)
    return "\n\n".join(kept) + "\n"


def _parts(board: Board) -> Iterable[str]:
    """Paragraphs and tables, the most important first."""
    said, found = headline(board), overview(board)
    name = Path(str(board.run.info.get("data") or board.run.path)).name
    model = f", model {escaped(found.model)}" if found.model else ""
    yield f"## curate: {escaped(name)}"
    yield (
        f"{count(found.images, 'image')}, "
        f"{count(found.classes, 'class', 'classes')}{model}"
    )  # fmt: skip
    yield "### How good"
    yield bullets(said.how_good)
    yield "### Where it fails"
    yield bullets(one for one in said.where_it_fails if not _is_count(one, found.kinds))
    yield "### What to do first"
    yield bullets(said.what_first, numbered=True)
    yield from _findings(board, found.kinds)
    yield from _classes(board)
    yield from _pairs(board)
    yield from _trained(board)
    yield from _made(board)


def _is_count(one: Statement, kinds: Sequence[KindRow]) -> bool:
    """Whether a statement only counts a kind, which the table of findings does as well."""
    return any(one.kind == row.kind and " flagged; " in one.text for row in kinds)


def _findings(board: Board, kinds: Sequence[KindRow]) -> Iterable[str]:
    rows = []
    for row in kinds:
        if not row.flagged:
            continue
        right = "not known"
        if row.precision is not None and row.interval is not None:
            right = percent_with_interval(row.precision, row.interval)
        first = worst(board, row.kind, 1)[0]
        seen = f"{_below(board, str(first['filepath']))}: {first['reason']}"
        rows.append(
            (row.kind.replace("_", " "), number(row.flagged), right, number(row.judged), seen)
        )
    if rows:
        yield "### What was found"
        yield table(("kind", "flagged", "of them right (95 %)", "judged", "worst"), rows)


def _classes(board: Board) -> Iterable[str]:
    split = main_split(board)
    known = [row for row in classes(board, split) if row.f1 is not None]
    known.sort(key=lambda row: (row.f1 or (0.0,))[0])
    if split is None:
        return
    which = f", the {CLASSES} of least F1 of {len(known)}" if len(known) > CLASSES else ""
    yield f"### Classes on {split}{which}"
    yield table(
        ("class", "images", "F1 (95 %)", "precision (95 %)", "recall (95 %)"),
        [
            (row.name, number(row.images), *map(_estimate, (row.f1, row.precision, row.recall)))
            for row in known[:CLASSES]
        ],
    )


def _estimate(value: Estimate) -> str:
    return "not known" if value is None else with_interval(value[0], value[1:])


def _pairs(board: Board) -> Iterable[str]:
    pairs = top_pairs(board)[:PAIRS]
    if pairs:
        yield "### Classes mixed up"
        yield table(
            ("pair", "images, either way", "share of both (95 %)", "verdict"),
            [
                (f"{pair.a} and {pair.b}", f"{pair.a_as_b} and {pair.b_as_a}",
                 percent_with_interval(pair.rate, pair.interval, 1), pair.verdict)
                for pair in pairs
            ],
        )  # fmt: skip


def _trained(board: Board) -> Iterable[str]:
    policy, _ = policy_or_why(board.run)
    lines = []
    if (board.splits == "train").any():
        totals = ", ".join(f"{tier} {number(n)}" for tier, n in tiers(board).totals.items())
        lines.append(f"Tiers of the training images: {totals}.")
    if policy is not None:
        steps = ", ".join(step.transform.replace("_", " ") for step in policy.stages[-1])
        lines.append(f"Augmentation policy: {escaped(steps) or 'nothing is recommended'}.")
    if lines:
        yield "### What to train on"
        yield "\n".join(f"- {line}" for line in lines)


def _made(board: Board) -> Iterable[str]:
    info = board.run.info
    problems = int(info.get("counts", {}).get("problems", 0))
    versions = info.get("versions", {})
    lines = [f"Run {code(str(board.run.path))}, seed {info.get('seed', 'not known')}"]
    if "curate" in versions:
        lines.append(f"curate {escaped(str(versions['curate']))}")
    if problems:
        lines.append(f"{count(problems, 'file')} could not be used")
    yield f"{', '.join(lines)}. Intervals are 95 % ones."


def _below(board: Board, path: str) -> str:
    """A path below the data: the rest is the same for all, and nobody's business."""
    return path.removeprefix(str(board.run.info.get("data") or "").rstrip("/") + "/")
