"""Two runs on the same images, as far as a person who looks at their confusions asks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from curate.numerics.metrics import confusion_matrix
from curate.pipeline.comparing.labels import settle, task_of
from curate.pipeline.comparing.members import members_of, shared_images
from curate.store.run import Run


@dataclass(frozen=True)
class Beside:
    """What two runs predict of the labelled images of one split that both have.

    Attributes:
        other: the directory of the second run.
        split: "train", "val" or "test".
        names: the classes.
        ids: (n,) sample ids in the first run.
        labels, a, b: (n,) class numbers: what is right, and what each run predicts.
    """

    other: Path
    split: str
    names: tuple[str, ...]
    ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]

    def confusion(self, predicted: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n_classes, n_classes) counts, rows labels, columns what one of the two predicts."""
        return confusion_matrix(self.labels, predicted, len(self.names))

    def moved(self, label: str, predicted: str) -> list[str]:
        """Sample ids of the images of a class that one run takes for `predicted` and one not."""
        wanted = self.names.index(predicted)
        of_class = self.labels == self.names.index(label)
        found: list[str] = self.ids[of_class & ((self.a == wanted) != (self.b == wanted))].tolist()
        return found


def beside(run: Run | str | Path, other: Run | str | Path, split: str | None = None) -> Beside:
    """Lay a run beside another, on the images that both have, by the newest labels of people.

    It judges nothing: whether a change is more than chance is said by `curate.pipeline.compare`.

    Args:
        run: the one whose images are named.
        other: the one that it is compared with.
        split: None takes the first of test, val and train with labels in both.

    Raises:
        ComparisonError: they share no class list or no images.
        RunError: one is no finished run.
    """
    members = members_of([run, other])
    shared = shared_images(members, split, intersect=True)
    task, rows = task_of(members, shared, settle(members, shared.rows))
    first, second = (
        one.probs(own).argmax(axis=1).astype(np.int64)
        for one, own in zip(members, rows, strict=True)
    )
    ids = members[0].samples["sample_id"].iloc[rows[0]].to_numpy(dtype=str)
    labels = np.asarray(task.labels, dtype=np.int64)
    return Beside(members[1].run.path, shared.split, task.class_names, ids, labels, first, second)
