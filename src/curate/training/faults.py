"""A loss that is no number: which batch, which images, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from curate.errors import InputError, TrainingError, listed
from curate.training.checkpoints import LAST
from curate.training.processes import gathered, rank


@dataclass(frozen=True)
class Fault:
    """A loss that is no number.

    Attributes:
        batch: of the epoch, from 0.
        value: of the first such image.
        rows: of the images whose loss is none.
        size: images of the batch.
    """

    batch: int
    value: float
    rows: list[int]
    size: int


def fault_error(fault: Fault, epoch: int, paths: Sequence[str], to: Path) -> TrainingError:
    """What a training ends with, in words.

    Args:
        fault: that was found.
        epoch: in which, from 0.
        paths: of the training images.
        to: the directory of the training.
    """
    kept = "No epoch was finished."
    if epoch:
        kept = (
            f"The model of epoch {epoch} is kept in {to / LAST}, to begin another training with: "
            "--checkpoint."
        )
    return TrainingError(
        f"Expected losses that are finite numbers, found {fault.value} in batch {fault.batch + 1} "
        f"of epoch {epoch + 1}, for {len(fault.rows)} of its {fault.size} images: "
        f"{listed(paths[row] for row in fault.rows)}. {kept} Lower --lr, give --clip-grad 1 or "
        "--no-amp, or look at the images."
    )


def the_earliest(fault: Fault | None) -> Fault | None:
    """The fault of the process that met one in the earliest batch; None where nobody did.

    The others end silently: what they met is what the earliest one led to.
    """
    none = 2**62
    met = torch.tensor([none if fault is None else fault.batch])
    every = [int(one) for one in gathered(met)]
    if min(every) == none:
        return None
    if every.index(min(every)) != rank():
        raise SystemExit(InputError.exit_code)
    return fault


def find_fault(rows: list[torch.Tensor], losses: list[torch.Tensor], begin: int) -> Fault | None:
    """The first batch with a loss that is no number.

    Args:
        rows: of the images of each batch.
        losses: of the same images.
        begin: number of the first of these batches.
    """
    if bool(torch.isfinite(torch.cat(losses)).all()):
        return None
    for number, (own, values) in enumerate(zip(rows, losses, strict=True)):
        wrong = ~torch.isfinite(values.cpu())
        if bool(wrong.any()):
            return Fault(
                begin + number, float(values.cpu()[wrong][0]), own[wrong].tolist(), len(own)
            )
    raise AssertionError("unreachable: one of the batches is the wrong one")
