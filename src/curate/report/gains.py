"""What the run itself can tell of the gain in accuracy that something would bring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from curate.board.opening import Board
from curate.board.overview import KindRow
from curate.board.weakest import held_out
from curate.recipe.policy import Policy
from curate.report.numbers import count, percent_with_interval, with_interval


@dataclass(frozen=True)
class Gain:
    """One thing to do.

    Attributes:
        accuracy: the expected gain in accuracy, over all images; what the order goes by.
        text: the sentence, with the gain and its interval.
        command: what to type.
        kind: of the findings that it is about.
    """

    accuracy: float
    text: str
    command: str
    kind: str | None = None


def relabelling(board: Board, row: KindRow, command: str) -> Iterator[Gain]:
    """What wrong labels in val and test cost the measured accuracy.

    A held-out image whose suggested label is the predicted one counts as a mistake now, and as
    right once it is relabelled; of those flagged, the share `precision` is. So the gain is
    ``precision * such images / held-out images``, with the interval of the precision. It is the
    score that becomes truer, not the model better: what a training gains from clean labels no
    single run can tell.
    """
    if row.precision is None or row.interval is None:
        return
    splits = [split for split in held_out(board) if split != "train"]
    mine = np.isin(board.splits, splits) & (board.labels >= 0) & (board.predicted >= 0)
    suggested = board.findings[row.kind]["suggestion"].to_numpy(dtype=object)
    named = board.samples["pred_label"].to_numpy(dtype=object)
    fixed = int((mine & board.flagged(row.kind) & (suggested == named)).sum())
    if not fixed:
        return
    per_right = fixed / int(mine.sum())
    low, high = (end * per_right for end in row.interval)
    gain = row.precision * per_right
    yield Gain(
        gain,
        f"{count(row.flagged - row.judged, 'label')} may be wrong, "
        f"{percent_with_interval(row.precision, row.interval)} of those flagged are expected to "
        f"be. {count(fixed, 'image')} of {' and '.join(splits)} count as mistakes for it: "
        f"with the right label, accuracy there is {with_interval(gain, (low, high))} "
        "higher. Judge them in the App.",
        command,
        row.kind,
    )


def twice_the_images(board: Board, command: str) -> Iterator[Gain]:
    """What twice the training images of a class would bring, by the learning curves of imbalance.

    The gain in the class's recall, times the class's share of the held-out images.
    """
    info = board.run.info.get("detectors", {}).get("imbalance", {})
    rows = np.isin(board.splits, held_out(board)) & (board.labels >= 0)
    sizes = np.bincount(board.labels[rows], minlength=len(board.classes))
    share = dict(zip(board.classes, (sizes / max(int(sizes.sum()), 1)).tolist(), strict=True))
    for one in info.get("classes", []):
        if one["gain_of_doubling"] is None:
            continue
        low, high = one["gain_interval"]
        recall = percent_with_interval(one["recall"], tuple(one["recall_interval"]))
        yield Gain(
            one["gain_of_doubling"] * share.get(one["class"], 0.0),
            f"Gather images of {one['class']}: it has {one['training_images']} in train, and "
            f"{recall} of its images are recognised; twice as many may bring "
            f"{with_interval(one['gain_of_doubling'], (low, high), sign=True)} to that share. "
            "Until then, draw them more often.",
            command,
            "imbalance",
        )


def policy_gain(policy: Policy, command: str) -> Iterator[Gain]:
    """The transform of a policy that is expected to bring most; a policy of none has none."""
    expected = [
        (step, told) for step in policy.stages[-1] if (told := _expected(step.evidence)) is not None
    ]
    if not expected:
        return
    step, told = max(expected, key=lambda pair: float(pair[1]["expected"]["estimate"]))
    gain = float(told["expected"]["estimate"])
    low, high = told["corrected_interval"]
    more = len(policy.stages[-1]) - 1
    others = f"; {count(more, 'other transform')} in the policy" if more else ""
    yield Gain(
        gain,
        f"Train with {step.transform.replace('_', ' ')}: it is expected to bring "
        f"{with_interval(gain, (low, high), sign=True)} in accuracy"
        f"{others}. The export has it, and curate verify tests it.",
        command,
    )


def _expected(evidence: Any) -> dict[str, Any] | None:
    found: dict[str, Any] | None = evidence.get("expected_gain")
    return found
