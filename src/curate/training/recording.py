"""Training dynamics from the forward passes of the training itself, for ``--dynamics``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import one_hot

from curate.store.files import atomic
from curate.store.training import write_dynamics
from curate.training.processes import gathered, running

NAMES = ("logit_true", "logit_other", "p_true", "error_length", "correct")


class Seen(NamedTuple):
    """What one epoch recorded.

    Attributes:
        rows: (m,) row numbers of the images, rising.
        values: (m, 5) float32, columns as in `NAMES`.
    """

    rows: NDArray[np.int64]
    values: NDArray[np.float32]


class Recorder:
    """Notes of every image and epoch what the model made of it as it was trained on.

    Idea: the logits are there already, so a record costs no forward pass. They are those of the
    augmented image, in training mode, before the step that learns from it; Pleiss et al. (2020) and
    Toneva et al. (2019) record so too. Not the same as a pass over the upright images after each
    epoch: a strong augmentation lowers all margins, those of an image beside others less so.

    An image that is drawn several times in an epoch is recorded the first time, as one that is
    drawn once; of several processes that draw it, the one that does so in the earliest batch. An
    image that is mixed with another is not recorded, since its logits are of both.

    Nothing is fetched from the device before the end of an epoch.

    Args:
        n: training images.
        device: of the logits.
    """

    def __init__(self, n: int, device: torch.device) -> None:
        # The last column is the batch.
        self._values = torch.full((n, len(NAMES) + 1), torch.nan, device=device)
        self._batch = 0

    def note(self, logits: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor,
             targets: torch.Tensor) -> None:  # fmt: skip
        """Note one batch.

        Args:
            logits: (b, n_classes).
            labels: (b,) class numbers of the images.
            rows: (b,) row numbers, on the CPU.
            targets: what the loss was given: class numbers, or probabilities.
        """
        first = np.unique(rows.numpy(), return_index=True)[1]
        if len(first) < len(rows):  # drawn twice within the batch
            one_each = torch.from_numpy(first)
            rows = rows[one_each]
            logits, labels, targets = (
                part[one_each.to(part.device)] for part in (logits, labels, targets)
            )
        rows = rows.to(self._values.device, non_blocking=True)
        z = logits.detach().float()
        own = z.gather(1, labels[:, None])[:, 0]
        hot = one_hot(labels, z.shape[1]).bool()
        other = z.masked_fill(hot, -torch.inf).amax(dim=1)
        p = z.softmax(dim=1)
        length = torch.linalg.vector_norm(p - hot.float(), dim=1)
        found = torch.stack(
            [own, other, p.gather(1, labels[:, None])[:, 0], length, (own > other).float(),
             torch.full_like(own, self._batch)], dim=1,
        )  # fmt: skip
        self._batch += 1
        keep = torch.isnan(self._values[rows, 0])
        if targets.dim() == 2:
            keep &= targets.gather(1, labels[:, None])[:, 0] == 1
        self._values[rows] = torch.where(keep[:, None], found, self._values[rows])

    def take(self) -> Seen:
        """What was noted since the last time, by all processes together."""
        values = self._values.cpu().numpy()
        rows = np.flatnonzero(np.isfinite(values).all(axis=1)).astype(np.int64)
        own = values[rows]  # a copy: on a CPU, `values` is the tensor itself
        self._values.fill_(torch.nan)
        self._batch = 0
        if running():
            rows = np.concatenate([part.numpy() for part in gathered(torch.from_numpy(rows))])
            own = np.concatenate([part.numpy() for part in gathered(torch.from_numpy(own))])
            order = np.lexsort((own[:, -1], rows))
            rows, first = np.unique(rows[order], return_index=True)
            own = own[order][first]
        return Seen(rows, own[:, : len(NAMES)])


def save_epoch(seen: Seen, path: Path) -> None:
    """Keep what an epoch recorded until the training is over."""
    with atomic(path) as file:
        np.savez(file, rows=seen.rows, values=seen.values)


def load_epoch(path: Path) -> Seen:
    """Read what `save_epoch` wrote."""
    with np.load(path, allow_pickle=False) as found:
        return Seen(found["rows"], found["values"])


def write_recorded(
    path: Path, epochs: Sequence[Seen], images: Sequence[str], labels: Sequence[str],
    id_name: str = "filepath",
) -> int:  # fmt: skip
    """Write ``dynamics.parquet`` as `curate.inference.dynamics_files.read_dynamics` reads it.

    Images are named by their path, so that an analysis of the same files finds them whatever it
    was told of their labels. The epochs of an image are counted by itself from the first one that
    it was trained in: where a schedule leaves it out for a while, or mixes it, the next one that
    it was recorded in follows.

    Args:
        path: of the file.
        epochs: what each epoch recorded.
        images: (n,) names of the images, each different.
        labels: (n,) their classes.
        id_name: what the names are.

    Returns:
        How many images it has; no file is written where that is none.
    """
    n = len(images)
    times, first = np.zeros(n, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    for epoch, seen in enumerate(epochs):
        new = seen.rows[times[seen.rows] == 0]
        first[new] = epoch
        times[seen.rows] += 1
    there = np.flatnonzero(times).tolist()
    if not len(there):
        return 0
    length = int((first + times)[there].max())
    place = np.full(n, -1)
    place[there] = np.arange(len(there))
    grid = np.full((len(NAMES), length, len(there)), np.nan, dtype=np.float32)
    following = first.copy()
    for seen in epochs:
        grid[:, following[seen.rows], place[seen.rows]] = seen.values.T
        following[seen.rows] += 1
    own, other, p, lengths, correct = grid
    trained = np.isfinite(own)
    write_dynamics(
        path, [images[i] for i in there], own, other, p, trained & (correct == 1),
        error_length=lengths, labels=[labels[i] for i in there], trained=trained, id_name=id_name,
    )  # fmt: skip
    return len(there)
