"""Held-out images that have a copy in another split: they make a score look better than it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from curate.detectors.near_duplicate import ORDER, best_pairs, groups_of, keep_rank, likeness
from curate.detectors.registry import register
from curate.findings import Bools, Evidence, Findings, Ints
from curate.numerics.intervals import wilson
from curate.numerics.stated import of_copies


@register
@dataclass(frozen=True)
class SplitLeak:
    """Copies across splits, and the score without them.

    Idea: a picture (a group of `near_duplicate`) that lies in several splits leaks. Flagged are its
    images in the later of train, val, test: taking them out mends the score, and nothing has to be
    trained again. Scored like `near_duplicate`, by copies in an earlier split alone.

    Where there are probabilities, `info["scores"]` holds of val and test the accuracy on images
    with a copy in train, on the others (the corrected score), and the difference that the copies
    make: ``share leaked * (accuracy leaked - accuracy clean)``, with Wilson's intervals and
    Newcombe's for the difference (Newcombe 1998, method 10). Copies may be easier images for
    another reason than that they were seen.

    The precision it states is that of the confirmed pairs across splits
    (`curate.numerics.stated.of_copies`).

    Not a leak of groups (the same person in two pictures): that needs the groups' names.
    """

    kind: ClassVar[str] = "split_leak"
    needs: ClassVar[tuple[str, ...]] = ("copies",)
    views: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 4

    def detect(self, evidence: Evidence) -> Findings:
        """Score every image by its best candidate copy in an earlier split."""
        assert evidence.copies is not None
        copies, n = evidence.copies, len(evidence)
        place = np.array([ORDER[str(split)] for split in evidence.splits], dtype=np.int64)
        later = place[copies.a] > place[copies.b], place[copies.b] > place[copies.a]
        score, best = best_pairs(evidence, *later)
        group = groups_of(n, copies)
        first = np.full(int(group.max(initial=-1)) + 1, len(ORDER))
        np.minimum.at(first, group, place)
        flagged = place > first[group]
        order = np.argsort(keep_rank(evidence))[::-1]
        kept = np.empty(len(first), dtype=np.int64)
        kept[group[order]] = order
        partner, reason = [""] * n, [""] * n
        for row in np.flatnonzero(flagged).tolist():
            pair, keeper = int(best[row]), int(kept[group[row]])
            if pair >= 0 and copies.confirmed[pair]:
                other = int(copies.a[pair] + copies.b[pair] - row)
                why = likeness(evidence, pair, other)
            else:  # joined to the earlier split by a copy in its own
                other, score[row] = keeper, min(score[row], _worst(evidence))
                why = f"a copy of its copy is in {evidence.splits[keeper]}"
            partner[row] = str(evidence.sample_ids[other])
            reason[row] = f"{why}; take this one out of {evidence.splits[row]}"
        info: dict[str, Any] = {
            "pairs": int((copies.confirmed & (later[0] | later[1])).sum()),
            "residual_threshold": copies.threshold,
            "typical_residual": copies.typical,
            "leaked": {
                split: int((flagged & (evidence.splits == split)).sum())
                for split in ("val", "test")
            },
            "scores": _scores(evidence, group, first),
            **of_copies(copies, evidence.labels, later[0] | later[1]),
        }
        return Findings.build(
            self.kind, evidence, score, flagged, partner_id=partner, reason=reason, info=info
        )


def _worst(evidence: Evidence) -> float:
    """The score of a pair that is just confirmed."""
    assert evidence.copies is not None
    threshold, typical = evidence.copies.threshold, max(evidence.copies.typical, 1e-9)
    return threshold / (threshold + typical)


def _scores(evidence: Evidence, group: Ints, first: Ints) -> list[dict[str, Any]]:
    """Of each held-out split with a leak from train: accuracy with and without it."""
    if evidence.pred_probs is None or not len(evidence):
        return []
    right = evidence.pred_probs.argmax(axis=1) == evidence.labels
    leaked = first[group] == ORDER["train"]
    scores = []
    for split in ("val", "test"):
        mine = evidence.labelled & (evidence.splits == split)
        if (mine & leaked).any():
            scores.append({"split": split, **compared(right[mine], leaked[mine])})
    return scores


def compared(right: Bools, leaked: Bools) -> dict[str, Any]:
    """Accuracy on all, on leaked and on clean images, and what the leaked ones add.

    Args:
        right: (n,) whether each prediction is right.
        leaked: (n,) whether each image has a copy in train.
    """
    parts = {"all": right, "leaked": right[leaked], "clean": right[~leaked]}
    found: dict[str, Any] = {}
    for name, own in parts.items():
        low, high = wilson(int(own.sum()), len(own))
        accuracy = float(own.mean()) if len(own) else None
        found[name] = {"images": len(own), "accuracy": accuracy, "interval": [low, high]}
    one, other = found["leaked"], found["clean"]
    if not one["images"] or not other["images"]:
        return {**found, "corrected": other["accuracy"], "added": None, "added_interval": None}
    p, q = one["accuracy"], other["accuracy"]
    (a, b), (c, d) = one["interval"], other["interval"]
    share = one["images"] / len(right)
    down, up = np.hypot(p - a, d - q), np.hypot(b - p, q - c)
    return {
        **found,
        "corrected": q,
        "added": float(share * (p - q)),
        "added_interval": [float(share * (p - q - down)), float(share * (p - q + up))],
    }
