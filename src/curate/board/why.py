"""One image among its own: why the model took it for what it did."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from curate.board.opening import Board
from curate.errors import RunError
from curate.findings import Evidence
from curate.numerics.triptych import triptych

NEAREST = 3
BARS = 8
NEIGHBOURS = 10


@dataclass(frozen=True)
class Shown:
    """One picture with what is known of it in a few words."""

    sample_id: str
    filepath: str
    label: str
    predicted: str
    split: str


@dataclass(frozen=True)
class Reason:
    """What one kind of finding says of the image."""

    kind: str
    reason: str
    suggestion: str = ""


@dataclass(frozen=True)
class Why:
    """Everything about one image.

    Attributes:
        image: the image.
        confidence: the probability of the predicted class, None without one.
        turn: the view that sets it upright, such as "rot180"; empty if it is.
        own: its nearest of its own class; empty without a label.
        other: its nearest of the class it is taken for, or of the likeliest other one.
        other_name: that class.
        chances: the likeliest classes and their probability, likeliest first; the label is always
            among them.
        neighbours: label and number of images of each among the nearest, most first.
        reasons: the findings that flag it.
    """

    image: Shown
    confidence: float | None
    turn: str
    own: tuple[Shown, ...]
    other: tuple[Shown, ...]
    other_name: str
    chances: tuple[tuple[str, float], ...]
    neighbours: tuple[tuple[str, int], ...]
    reasons: tuple[Reason, ...]


def why(board: Board, sample_id: str) -> Why:
    """Look one image up.

    Raises:
        RunError: the run has no such image.
    """
    row = board.row_of.get(sample_id)
    if row is None:
        raise RunError(
            f"Expected an image of {board.run.path}, found one that is not in it (any more). "
            "Select another."
        )
    evidence = board.once("evidence", lambda: _evidence(board))
    own, other, other_name = _triptych(board, evidence, row)
    confidence = board.samples["confidence"].iloc[row]
    reasons = tuple(_reasons(board, row))
    turned = (one.suggestion for one in reasons if one.kind == "orientation")
    return Why(
        image=_shown(board, row),
        confidence=float(confidence) if np.isfinite(confidence) else None,
        turn=next(turned, ""),
        own=own,
        other=other,
        other_name=other_name,
        chances=_chances(board, evidence, row),
        neighbours=_neighbours(board, row),
        reasons=reasons,
    )


def address(filepath: str) -> str:
    """Where the App's own server hands out a picture, whatever its port and through any tunnel."""
    return f"/media?filepath={quote(filepath, safe='')}"


def _evidence(board: Board) -> Evidence:
    """As much of the evidence as neighbours need; arrays stay on the disk until they are asked."""
    ids = board.ids.tolist()
    known = board.run.info["arrays"]
    return Evidence(
        sample_ids=board.ids,
        labels=board.labels,
        splits=board.splits,
        class_names=tuple(board.classes),
        pred_probs=board.run.array("probs", ids) if "probs" in known else None,
        embeddings=board.run.array("embeddings", ids) if "embeddings" in known else None,
        digests=board.samples["content_digest"].fillna("").to_numpy(dtype=str),
    )


def _triptych(
    board: Board, evidence: Evidence, row: int
) -> tuple[tuple[Shown, ...], tuple[Shown, ...], str]:
    if evidence.embeddings is None or evidence.pred_probs is None:
        return (), (), ""
    found = triptych(evidence, row, count=NEAREST)
    own, other = (
        tuple(_shown(board, board.row_of[one]) for one in found[side]) for side in ("true", "other")
    )
    return own, other, str(found["predicted"])


def _shown(board: Board, row: int) -> Shown:
    one = board.samples.iloc[row]
    text = {name: _text(one[name]) for name in ("label", "pred_label")}
    return Shown(
        str(one["sample_id"]), str(one["filepath"]), text["label"], text["pred_label"],
        str(one["split"]),
    )  # fmt: skip


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _chances(board: Board, evidence: Evidence, row: int) -> tuple[tuple[str, float], ...]:
    if evidence.pred_probs is None:
        return ()
    probs = np.asarray(evidence.pred_probs[row], dtype=float)
    best = np.argsort(-probs, kind="stable")[:BARS].tolist()
    label = int(board.labels[row])
    if label >= 0 and label not in best:
        best[-1] = label
    return tuple((board.classes[c], float(probs[c])) for c in best)


def _neighbours(board: Board, row: int) -> tuple[tuple[str, int], ...]:
    name = "cache/neighbor_indices"
    if name not in board.run.info["arrays"]:
        return ()
    near = board.run.array(name, board.ids.tolist())[row, :NEIGHBOURS]
    labels = [board.classes[c] if c >= 0 else "no label" for c in board.labels[near].tolist()]
    return tuple(Counter(labels).most_common())


def _reasons(board: Board, row: int) -> list[Reason]:
    found = []
    for kind, table in board.findings.items():
        one = table.iloc[row]
        if one["flagged"] is True or one["flagged"] == True:  # noqa: E712 - missing is no
            found.append(Reason(kind, _text(one["reason"]), _text(one["suggestion"])))
    return found
