"""A training from its first epoch, or the one after the last finished one, to its last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from curate.errors import TrainingError
from curate.findings import Floats
from curate.inference.weights import load_state as load_weights
from curate.inference.weights import read_checkpoint
from curate.progress import Progress, log
from curate.training.batches import plain_loader, train_loader
from curate.training.checkpoints import BEST, LAST, STATE, load_state, save_model, save_state
from curate.training.criteria import Criterion
from curate.training.curves import draw_curves
from curate.training.dataset import CurriculumDataset
from curate.training.device import train_device
from curate.training.epochs import Pass
from curate.training.evaluating import Score, logits_of, score
from curate.training.faults import fault_error
from curate.training.history import Board, tell_epoch, write_history
from curate.training.memory import is_out_of_memory, too_large_error
from curate.training.networks import make_network, train_mode
from curate.training.optimising import Optimising
from curate.training.options import Options
from curate.training.predicting import Pictures
from curate.training.randomness import own_random_numbers
from curate.training.recording import Recorder, load_epoch, save_epoch, write_recorded
from curate.training.sampler import CurriculumSampler

HISTORY, CURVES, DYNAMICS, EVENTS = "history.parquet", "curves", "dynamics.parquet", "tensorboard"
STATES = "state"
"""Folder of what is needed to go on; of no use once the training is over."""


@dataclass(frozen=True)
class Fitted:
    """A finished training.

    Attributes:
        rows: what each epoch came to, see `curate.training.history`.
        best: the epoch of the best model, from 0.
        val: how good that is on val; None without images of val.
        recorded: images in the file of dynamics.
    """

    rows: list[dict[str, Any]]
    best: int
    val: Score | None
    recorded: int


class Fitting:
    """One training in one directory.

    After each epoch the directory holds the best and the last model, the history, and a state from
    which another process goes on to the same result. Best is what has most images of val right, at
    equal numbers what has the lower loss; without images of val the last one is. With an average
    of the weights, that is the model which is validated and saved.

    Args:
        curriculum: folder of an export, or one like it, of which every image exists and has a
            label.
        to: the directory; where it holds a state, the training goes on from it.
        options: what to do; the schedule says how many epochs.
        progress: for the bars.

    Raises:
        TrainingError: the options do not fit the curriculum.
        ModelError: the model cannot be had.
    """

    def __init__(self, curriculum: Path, to: Path, options: Options, progress: Progress) -> None:
        self.to, self.options, self._progress = to, options, progress
        self._device = train_device(options.device)
        plain = CurriculumDataset(curriculum)
        self.classes, self.schedule = plain.classes, plain.curriculum.schedule
        self.seed = plain.seed if options.seed is None else options.seed
        with own_random_numbers(self.seed, self._device):
            network = make_network(options, self.classes)
        self.config = network.config
        self._format = torch.channels_last if options.channels_last else torch.contiguous_format
        self._model = network.model.to(self._device, memory_format=self._format)  # type: ignore[call-overload] # torch's stub lacks it
        self._train = CurriculumDataset(
            curriculum, data_config=self.config, return_index=True, seed=self.seed
        )
        self._val = CurriculumDataset(curriculum, "val", data_config=self.config)
        if options.sched == "plateau" and not len(self._val):
            raise TrainingError(
                "Expected labelled images of val for --sched plateau, which goes by them, found "
                "none. Choose another --sched, or analyse again with --val-fraction."
            )
        self._sampler = CurriculumSampler(self._train)
        self._optimising = Optimising(
            options, self._model, self._device, self.schedule.epochs, self._train.lr_scale
        )
        self._criterion = Criterion(options, self._train.targets, len(self.classes))
        self._criterion.to(self._device)
        self._recorder = Recorder(len(self._train), self._device)
        self._rows: list[dict[str, Any]] = []

    def run(self) -> Fitted:
        """Train.

        Raises:
            TrainingError: a loss is no number any more, or memory is too small.
            DataError: an image cannot be read.
        """
        begin = self._resumed()
        self._tell(begin)
        options = self.options
        loader = train_loader(
            self._train, self._sampler, options.batch_size, options.workers, self._device
        )
        board = Board(self.to / EVENTS, begin)
        try:
            for epoch in range(begin, self.schedule.epochs):
                if self._is_over():
                    break
                self._sampler.set_epoch(epoch)
                done = self._trained(loader, epoch)
                self._end(epoch, done, board)
        finally:
            board.close()
        return self._finished()

    def probabilities(self, paths: Sequence[str]) -> Floats:
        """(n, n_classes) of the best model for any pictures, as they lie, in float32.

        Raises:
            DataError: one cannot be read.
        """
        best = read_checkpoint(self.to / BEST)
        load_weights(self._model, best, self.options.model, self.to / BEST)
        loader = plain_loader(
            Pictures(paths, self.config), self.options.batch_size, self.options.workers,
            self._device,
        )  # fmt: skip
        with self._progress("predicting", len(paths), "image") as bar:
            logits = logits_of(self._model, loader, self._device, self._format, bar=bar)
        return np.asarray(logits.softmax(dim=1).numpy())

    def _trained(self, loader: DataLoader[Any], epoch: int) -> Pass:
        """The pass over the images of an epoch; what can go wrong there is told."""
        done = Pass(self._model, self._optimising, self._criterion, self._train,
                    self.options.grad_accum_steps, self._device, self._format)  # fmt: skip
        name = f"epoch {epoch + 1}/{self.schedule.epochs}"
        train_mode(self._model)
        try:
            with (
                own_random_numbers(self.seed, self._device, epoch),
                self._progress(name, len(self._sampler), "image") as bar,
            ):
                fault = done.run(loader, self._recorder, bar)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            if fault is not None:
                raise fault_error(fault, epoch, self._train.paths, self.to)
            return done
        # Outside of the handler, whose exception holds on to the memory.
        del done
        height, width = self.config["input_size"][1:]
        raise too_large_error(
            self._trial, min(self.options.batch_size, len(self._sampler)),
            self.options.grad_accum_steps,
            f"images of {height} x {width} pixels with {self.options.model} on {self._device}",
        )  # fmt: skip

    def _trial(self, n: int) -> None:
        """A step with n black images."""
        images = torch.zeros(n, *self.config["input_size"], device=self._device)
        targets = torch.zeros(n, dtype=torch.long, device=self._device)
        with self._optimising.forward():
            logits = self._model(images.contiguous(memory_format=self._format))
        self._optimising.backward(self._criterion(logits, targets).mean(), True)

    def _end(self, epoch: int, done: Pass, board: Board) -> None:
        """Validate, note, and save; the state comes last, since it says that the rest is there."""
        found = self._validated()
        row = self._row(epoch, done, found)
        self._rows.append(row)
        self._optimising.end_epoch(epoch, row["val_accuracy"])
        self._sampler.update_losses(torch.from_numpy(done.rows), torch.from_numpy(done.losses))
        save_epoch(self._recorder.take(), self._recorded_at(epoch))
        about = {"epoch": str(epoch + 1), "head": self.options.head}
        for name in (*((BEST,) if row["best"] else ()), LAST):
            save_model(self.to / name, self._optimising.averaged, self.options.model,
                       self.classes, self.config, about)  # fmt: skip
        write_history(self._rows, self.to / HISTORY)
        board.add(row)
        state = {
            "epoch": epoch + 1, "rows": self._rows, "model": self._model.state_dict(),
            "optimising": self._optimising.state_dict(), "sampler": self._sampler.state_dict(),
            "classes": list(self.classes),
        }  # fmt: skip
        save_state(self.to / STATES / STATE, state)
        tell_epoch(row, self.schedule.epochs)

    def _row(self, epoch: int, done: Pass, found: Score | None) -> dict[str, Any]:
        low, high = (None, None) if found is None else found.interval
        return {
            "epoch": epoch, "stage": self.schedule.stage_number(epoch), "images": done.images,
            "lr": self._optimising.lr, "lr_scale": self._train.lr_scale(),
            "train_loss": done.loss, "train_accuracy": done.accuracy,
            "val_loss": None if found is None else found.loss,
            "val_accuracy": None if found is None else found.accuracy,
            "val_low": low, "val_high": high, "best": self._is_best(found),
            "seconds": done.seconds, "waited": done.waited,
        }  # fmt: skip

    def _is_best(self, found: Score | None) -> bool:
        before = [row for row in self._rows if row["best"]]
        if found is None or not before:
            return True
        last = before[-1]
        return bool((found.accuracy, -found.loss) > (last["val_accuracy"], -last["val_loss"]))

    def _resumed(self) -> int:
        """The epoch to begin with; what went before is taken from the state."""
        path = self.to / STATES / STATE
        if not path.is_file():
            return 0
        state = load_state(path)
        if state["classes"] != list(self.classes):
            raise TrainingError(
                f"Expected the classes of the training in {self.to}, found others in its "
                "curriculum. Start it again in another directory."
            )
        epoch = int(state["epoch"])
        self._model.load_state_dict(state["model"])
        self._optimising.load_state_dict(state["optimising"], epoch)
        last = self.schedule.epochs - 1
        self._sampler.load_state_dict({**state["sampler"], "epoch": min(epoch, last)})
        self._rows = list(state["rows"])
        return epoch

    def _is_over(self) -> bool:
        """Whether val was no better for too long; the stages before the last one do not count."""
        patience, begin = self.options.patience, self.schedule.stages[-1].start_epoch
        if not patience or not len(self._val) or not self._rows:
            return False
        best = int(max(row["epoch"] for row in self._rows if row["best"]))
        waited = int(self._rows[-1]["epoch"]) - max(best, begin - 1)
        if waited >= patience:
            log.info("stopped: val was no better for %d epochs", waited)
        return waited >= patience

    @cached_property
    def _val_loader(self) -> DataLoader[Any]:
        return plain_loader(self._val, self.options.batch_size, self.options.workers, self._device)

    def _validated(self) -> Score | None:
        if not len(self._val):
            return None
        logits = logits_of(
            self._optimising.averaged, self._val_loader, self._device, self._format,
            self._optimising.forward,
        )  # fmt: skip
        return score(logits, self._val.targets)

    def _finished(self) -> Fitted:
        best = [row for row in self._rows if row["best"]][-1]
        draw_curves(self._rows, self.schedule, self.options.model, self.to / CURVES)
        recorded = self._write_dynamics()
        val = None
        if best["val_accuracy"] is not None:
            n = len(self._val)
            val = Score(best["val_loss"], round(best["val_accuracy"] * n), n)
        return Fitted(self._rows, best["epoch"], val, recorded)

    def _write_dynamics(self) -> int:
        paths, id_name = self._train.paths, "filepath"
        if len(set(paths)) < len(paths):  # a file that is listed twice is told by its sample_id
            id_name = "sample_id"
            paths = self._train.curriculum.table["sample_id"].tolist()
        epochs = [load_epoch(self._recorded_at(row["epoch"])) for row in self._rows]
        labels = [self.classes[target] for target in self._train.targets]
        recorded = write_recorded(self.to / DYNAMICS, epochs, paths, labels, id_name)
        if not recorded:
            log.warning("no dynamics: every image was mixed with another in every epoch")
        return recorded

    def _recorded_at(self, epoch: int) -> Path:
        return self.to / STATES / f"epoch_{epoch:05d}.npz"

    def _tell(self, begin: int) -> None:
        parameters = list(self._model.parameters())
        trained = sum(one.numel() for one in parameters if one.requires_grad)
        log.info(
            "%s on %s in %s: %s of %s parameters are trained on %s images of %d x %d pixels%s",
            self.options.model, self._device, self._optimising.precision, f"{trained:,}",
            f"{sum(one.numel() for one in parameters):,}", f"{len(self._train):,}",
            *self.config["input_size"][1:], f", from epoch {begin + 1} on" if begin else "",
        )  # fmt: skip
