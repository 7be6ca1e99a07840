"""What a probe learns from changed copies of the train images, beside a control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from curate.numerics.choice import LDA, PENALTIES
from curate.numerics.moments import Moments
from curate.remedies.augmented import Augmented
from curate.remedies.blending import blended
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

    Idea: shrinkage LDA in the coordinates of the run's probes, with each class as two clusters, its
    images as they are and its changed ones (mixture discriminant analysis, Hastie and Tibshirani
    1996, with the clusters known). A network has room for both. A single boundary for both would
    have to give way among the images as they are for each changed one that it wins, and a probe
    that must pay for what a network gets for nothing would advise against every augmentation.

    The control is LDA of the images as they are. Either arm has the penalty of least held-out log
    loss on train images as they are. At one penalty for both, the arm for which it was chosen would
    be ahead; copies are more data, which needs less of it. Where only some images were copied, the
    clusters of the copies rest on fewer, and what is taught is a little worse for it: copies that
    change nothing bring nothing, or cost a little.
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
        return Refit(self.control, self._best(shares) if seen else self.control, seen)

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
