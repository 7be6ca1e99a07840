"""The use case of `curate predict`: pictures in, classes with their evidence out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from curate.data.images import MAX_PIXELS
from curate.findings import Floats
from curate.inference.looking import Looked, look
from curate.inference.weights import file_digest
from curate.pipeline.predict_far import RATE, Distances, TrainedOn
from curate.pipeline.predict_inputs import Picture, check_some
from curate.pipeline.predict_model import Known, Predictor, of_checkpoint, of_run
from curate.pipeline.predict_tta import Augmentation, safe_augmentation
from curate.progress import Progress, silent
from curate.store.run import Run

TOP = 5
"""Classes that are told of each picture."""

SHOWN_NEAR = 3
"""Train images that are named as evidence."""


@dataclass(frozen=True)
class Near:
    """One of the train images that are nearest to a picture."""

    filepath: str
    label: str
    distance: float


@dataclass(frozen=True)
class Predicted:
    """What is said of one picture.

    Attributes:
        image: its path or address, as given.
        path: of the file that was read; empty where there is none.
        classes: (class, probability), the likeliest first, at most `TOP`.
        distance: from all that was trained on; None where that is not known.
        p_value: the share of ordinary pictures that are as far; None where not known.
        far: a warning; None where it is not known.
        nearest: train images.
        in_run: the split of the run in which the same file is; "" for none.
        problem: why nothing is said, as (problem, detail).
    """

    image: str
    path: str = ""
    classes: tuple[tuple[str, float], ...] = ()
    distance: float | None = None
    p_value: float | None = None
    far: bool | None = None
    nearest: tuple[Near, ...] = ()
    in_run: str = ""
    problem: tuple[str, str] | None = None


@dataclass(frozen=True)
class Predictions:
    """What is said of all pictures.

    Attributes:
        pictures: in the order in which they were given.
        predictor: what predicted them.
        far_text: how far is told, in words.
        rate: of false alarms that is kept; None where nothing is warned about.
        augmentation: None where none was asked for.
        skipped: files in folders that are no images.
        notes: sentences that a person should know.
    """

    pictures: tuple[Predicted, ...]
    predictor: Predictor
    far_text: str
    rate: float | None
    augmentation: Augmentation | None
    skipped: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def read(self) -> list[Predicted]:
        """The pictures that could be read."""
        return [one for one in self.pictures if one.problem is None]


class Prediction:
    """All that must be known before a picture is looked at: a model, and what it was trained on."""

    def __init__(
        self,
        run: Run | str | Path | None = None,
        checkpoint: Path | None = None,
        *,
        model: str | None = None,
        img_size: int | None = None,
        device: str | None = None,
        batch_size: int | None = None,
        tta: bool = False,
        false_alarms: float = RATE,
    ) -> None:
        """Load the model and measure the run.

        Args:
            run: a finished run; or else
            checkpoint: a trained classifier.
            model: the checkpoint's architecture.
            img_size: the checkpoint's, in pixels.
            device: as of an analysis.
            batch_size: the same.
            tta: predict the copies that `safe_augmentation` allows, too.
            false_alarms: the share of ordinary pictures that may be called far.

        Raises:
            ModelError: the model cannot be had.
            RunError: the run is not finished, or has no labelled train images.
            ValueError: a run and a checkpoint, or neither, or a rate that is none.
        """
        if (run is None) == (checkpoint is None):
            raise ValueError("Expected a run or a checkpoint, and not both")
        if not 0 < false_alarms < 1:
            raise ValueError(f"Expected a rate above 0 and below 1, found {false_alarms}")
        self.trained_on: TrainedOn | None = None
        opened: Run | None = None
        if run is not None:
            opened = run if isinstance(run, Run) else Run(run)
            known = Known.of(opened)
            self.predictor = of_run(known, device=device, batch_size=batch_size)
            self.trained_on = TrainedOn.of(known, false_alarms)
        else:
            assert checkpoint is not None
            self.predictor = of_checkpoint(
                checkpoint, model, device or "auto", batch_size, img_size
            )
        self.augmentation = safe_augmentation(opened) if tta else None

    def of(
        self, pictures: Sequence[Picture], workers: int | None = None, progress: Progress = silent
    ) -> Predictions:
        """Predict pictures.

        Args:
            pictures: of `curate.pipeline.predict_inputs.pictures`.
            workers: decoding threads; None chooses.
            progress: shows a bar.

        Raises:
            DataError: none of them can be read.
        """
        there = [i for i, one in enumerate(pictures) if one.problem is None]
        said: dict[int, Predicted | None] = {
            i: Predicted(one.given, problem=one.problem)
            for i, one in enumerate(pictures)
            if one.problem is not None
        }
        paths = [pictures[i].path for i in there]
        steps = self.augmentation
        changes = [] if steps is None else steps.changes()
        for part in look(
            paths, self.predictor.embedder, changes, workers or min(16, os.cpu_count() or 1),
            progress, self.predictor.max_pixels or MAX_PIXELS,
        ):  # fmt: skip
            if isinstance(part, Looked):
                rows = [there[row] for row in part.rows.tolist()]
                said.update(zip(rows, self._tell(part, [pictures[i] for i in rows]), strict=True))
                continue
            one = pictures[there[part.row]]
            passed_over = part.problem in ("not_an_image", "empty") and not one.asked
            found = (part.problem, part.detail)
            said[there[part.row]] = (
                None if passed_over else Predicted(one.given, one.path, problem=found)
            )
        every = tuple(told for i in sorted(said) if (told := said[i]) is not None)
        check_some([(one.image, one.problem) for one in every])
        skipped = sum(one is None for one in said.values())
        return self._together(every, skipped)

    def _tell(self, part: Looked, pictures: Sequence[Picture]) -> list[Predicted]:
        probs = np.mean(
            [np.asarray(self.predictor.probs(out), dtype=np.float64) for out in part.outputs],
            axis=0,
        )
        if self.trained_on is None:
            return [
                Predicted(one.given, one.path, self._top(row))
                for one, row in zip(pictures, probs, strict=True)
            ]
        found = self.trained_on.distances(part.outputs[0].embeddings)
        known = self.trained_on.known
        judged = self.trained_on.ordinary is not None
        return [
            Predicted(
                one.given, one.path, self._top(probs[i]), float(found.distance[i]),
                float(found.p_value[i]) if judged else None,
                bool(found.far[i]) if judged else None, self._near(found, i),
                known.split_of.get(file_digest(Path(one.path)), ""),
            )
            for i, one in enumerate(pictures)
        ]  # fmt: skip

    def _top(self, probs: Floats) -> tuple[tuple[str, float], ...]:
        order = np.argsort(-probs, kind="stable")[:TOP]
        return tuple((self.predictor.class_names[c], float(probs[c])) for c in order.tolist())

    def _near(self, found: Distances, i: int) -> tuple[Near, ...]:
        assert self.trained_on is not None
        known = self.trained_on.known
        pairs = zip(found.rows[i].tolist(), found.each[i].tolist(), strict=True)
        near = [Near(known.filepaths[row], known.labels_text[row], gap) for row, gap in pairs]
        return tuple(near[:SHOWN_NEAR])

    def _together(self, every: tuple[Predicted, ...], skipped: int) -> Predictions:
        notes = list(self.predictor.notes)
        rate, text = None, (
            "not checked whether pictures are far from training: what a checkpoint was trained on "
            "is known of runs only: --run"
        )  # fmt: skip
        if self.trained_on is not None:
            text = self.trained_on.text
            if self.trained_on.ordinary is not None:
                rate = self.trained_on.ordinary.kept
        inside = sum(one.in_run == "train" for one in every)
        if inside:
            notes.append(
                f"{inside} of these pictures {'is' if inside == 1 else 'are'} in the run's train "
                "split: what predicts them was trained on them"
            )
        return Predictions(
            every, self.predictor, text, rate, self.augmentation, skipped, tuple(notes)
        )
