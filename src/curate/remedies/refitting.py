"""What a probe learns from changed copies of the train images, beside a control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from curate.numerics.choice import LDA, PENALTIES
from curate.numerics.moments import Moments
from curate.numerics.temperature import log_loss
from curate.remedies.augmented import Augmented
from curate.remedies.blending import blended, merged
from curate.remedies.probing import Probes, fitted, judges_of


@dataclass(frozen=True)
class Refit:
    """What changed images teach, and the same without them.

    Attributes:
        control: probes taught by the images as they are.
        taught: probes taught by changed copies too.
        probability: the share of images that `taught` saw changed; below what was asked for where
            only few images were copied.
    """

    control: Probes
    taught: Probes
    probability: float


class Refitting:
    """Refits of the probes of a run, with the control that all of them are compared with.

    Idea: shrinkage LDA in the coordinates of the run's probes, of the images as they are and their
    changed copies, in one of two forms. Together: a copy is one more image of its class, and what
    the change does to the images of a class becomes spread within it, which the classifier looks
    past. Apart: each class is two clusters, its images as they are and its changed ones (mixture
    discriminant analysis, Hastie and Tibshirani 1996, with the clusters known). Apart, nothing has
    to be shared, as is best for a flip, which makes another picture; but the mean of a cluster
    rests on its own copies alone, and where the change is small and the copies are few that costs
    more than it brings. The form is the one with the least held-out log loss on train images, as
    they are and changed, in the shares in which they are seen.

    The control is LDA of the images as they are. Either arm has the penalty of least held-out log
    loss on train images as they are. At one penalty for both, the arm for which it was chosen would
    be ahead; copies are more data, which needs less of it. Copies that change nothing bring
    nothing, or, where only some images were copied, cost a little.
    """

    def __init__(self, probes: Probes) -> None:
        self.probes = probes
        self.control = probes if probes.method == LDA else self._best(probes.shares)

    def refit(
        self, copies: Sequence[Augmented], probability: float, excluded: Sequence[int] = ()
    ) -> Refit:
        """Probes trained as if images were seen changed with some probability, and the control.

        Args:
            copies: of train images, any levels of one transform; other rows are passed over.
            probability: from 0 to below 1.
            excluded: class numbers that keep their images as they are.
        """
        own = self.probes
        shares, seen = blended(own.training, own.shares, copies, probability, excluded)
        if not seen:
            return Refit(self.control, self.control, seen)
        forms = (self._best([merged(share) for share in shares]), self._best(shares))
        taught = min(forms, key=lambda form: self._loss(form, copies, seen, excluded))
        return Refit(self.control, taught, seen)

    def _loss(
        self, taught: Probes, copies: Sequence[Augmented], seen: float, excluded: Sequence[int]
    ) -> float:
        """Held-out log loss on images as they are and on copies, by the folds that judge."""
        judges = judges_of(taught.training)
        rows = np.concatenate([of for _, of, _ in judges])
        order = np.argsort(rows)
        rows, labels = rows[order], np.concatenate([of for _, _, of in judges])[order]
        losses = []
        for copy in copies:
            at = np.minimum(np.searchsorted(rows, copy.rows), len(rows) - 1)
            own = (rows[at] == copy.rows) & ~np.isin(labels[at], np.asarray(excluded, dtype=int))
            if own.any():
                logits = taught.logits(copy.embeddings[own], copy.rows[own])
                losses.append(log_loss(logits, labels[at[own]], taught.temperature))
        as_is = taught.held_out_log_loss
        return as_is if not losses else (1 - seen) * as_is + seen * float(np.mean(losses))

    def _best(self, shares: list[Moments]) -> Probes:
        """LDA of some moments at its best penalty: downhill from the run's, step by step."""
        own = self.probes
        judges, tried = judges_of(own.training), dict[int, Probes]()

        def at(i: int) -> float:
            if not 0 <= i < len(PENALTIES):
                return float("inf")
            if i not in tried:
                [tried[i]] = fitted(
                    own.X, own.training, own.scale, shares, judges, PENALTIES[i : i + 1], (LDA,)
                )
            return tried[i].held_out_log_loss

        here = PENALTIES.index(own.penalty)
        while True:
            step = min((0, -1, 1), key=lambda s: at(here + s))
            if step == 0:
                return tried[here]
            here += step
