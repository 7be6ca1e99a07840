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
from curate.training.blank import BlankStep
from curate.training.checkpoints import BEST
from curate.training.criteria import Criterion
from curate.training.dataset import CurriculumDataset
from curate.training.device import train_device
from curate.training.epochs import Pass
from curate.training.evaluating import (
    Score,
    is_best,
    logits_of,
    of_all,
    part_of,
    score,
    waited,
)
from curate.training.faults import fault_error
from curate.training.history import tell_epoch
from curate.training.keeping import EVENTS, STATES, Keeper
from curate.training.memory import is_out_of_memory, too_large_error
from curate.training.networks import counted, make_network, train_mode
from curate.training.optimising import Optimising
from curate.training.options import Options
from curate.training.predicting import Pictures
from curate.training.processes import by_the_first, in_all, same_buffers, size
from curate.training.randomness import own_random_numbers
from curate.training.recording import Recorder
from curate.training.sampler import CurriculumSampler
from curate.training.tracking import Tracker, open_trackers
from curate.training.wrapped import pays_to_compile, shared

__all__ = ["STATES", "Fitted", "Fitting"]


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

    Where `curate.training.processes` are joined, each of them makes this object and calls `run`:
    each trains on its own part of every epoch and evaluates its own part of val, and all come to
    the same model and the same numbers.

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
        self._optimising = Optimising(options, self._model, self._device, self.schedule.epochs,
                                      self._train.lr_scale)  # fmt: skip
        self._criterion = Criterion(options, self._train.targets, len(self.classes))
        self._criterion.to(self._device)
        self._step = BlankStep(self._optimising, self._criterion, self.config["input_size"],
                               self._device, self._format)  # fmt: skip
        self._recorder = Recorder(len(self._train), self._device)
        self._keeper = Keeper(to, options, self._train, self.config)
        self._rows: list[dict[str, Any]] = []

    def run(self) -> Fitted:
        """Train.

        Raises:
            TrainingError: a loss is no number any more, or memory is too small.
            DataError: an image cannot be read.
        """
        state = in_all(self._keeper.state)
        if state is not None:
            self._load(state)
        begin = len(self._rows)
        self._tell(begin)
        compiled = bool(state.get("compiled")) if state else self._compiled(begin)
        network: Any = shared(self._model, self._device)
        network = torch.compile(network) if compiled else network
        options = self.options
        loader = train_loader(self._train, self._sampler, options.batch_size, options.workers,
                              self._device)  # fmt: skip
        trackers: list[Tracker] = []
        by_the_first(lambda: trackers.extend(open_trackers(
            self.to, self.to / EVENTS, options.to_json(), options.log_to, begin
        )))  # fmt: skip
        finished = False
        try:
            for epoch in range(begin, self.schedule.epochs):
                if self._is_over():
                    break
                self._sampler.set_epoch(epoch)
                done = self._trained(network, loader, epoch)
                self._end(epoch, done, trackers, compiled)
            finished = True
        finally:
            for tracker in trackers:
                tracker.close(finished)
        return self._finished()

    def probabilities(self, paths: Sequence[str]) -> Floats:
        """(n, n_classes) of the best model for any pictures, as they lie, in float32.

        Raises:
            DataError: one cannot be read.
        """
        path = self.to / BEST
        load_weights(self._model, read_checkpoint(path), self.options.model, path)
        loader = plain_loader(
            Pictures(paths, self.config), self.options.batch_size, self.options.workers,
            self._device,
        )  # fmt: skip
        with self._progress("predicting", len(paths), "image") as bar:
            logits = logits_of(self._model, loader, self._device, self._format, bar=bar)
        return np.asarray(logits.softmax(dim=1).numpy())

    def _trained(self, network: torch.nn.Module, loader: DataLoader[Any], epoch: int) -> Pass:
        """The pass over the images of an epoch; what can go wrong there is told."""
        done = Pass(network, self._optimising, self._criterion, self._train,
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
        del done, network
        height, width = self.config["input_size"][1:]
        what = f"images of {height} x {width} pixels with {self.options.model} on {self._device}"
        raise too_large_error(
            lambda n: self._step(self._model, n), min(self.options.batch_size, len(self._sampler)),
            self.options.grad_accum_steps, what,
        )  # fmt: skip

    def _compiled(self, begin: int) -> bool:
        """Whether the training runs compiled."""
        batch = self.options.batch_size
        lengths = [-(-n // size()) for n in self._sampler.epoch_lengths[begin:]]
        train_mode(self._model)
        return pays_to_compile(
            self.options.compile, self._model,
            lambda network: self._step(network, min(batch, max(lengths, default=1))),
            sum(-(-n // batch) for n in lengths), self._device,
        )  # fmt: skip

    def _end(self, epoch: int, done: Pass, trackers: Sequence[Tracker], compiled: bool) -> None:
        """Validate, note, and let the first process save."""
        found = self._validated()
        row = self._row(epoch, done, found)
        before = self._rows[-1] if self._rows else None
        self._rows.append(row)
        self._optimising.end_epoch(epoch, row["val_accuracy"])
        self._sampler.update_losses(torch.from_numpy(done.rows), torch.from_numpy(done.losses))
        self._sampler.exchange_losses()
        seen = self._recorder.take()
        for tracker in trackers:
            tracker.add(row)
        by_the_first(lambda: self._keeper.keep(self._rows, self._optimising.averaged, seen, {
            "model": self._model.state_dict(), "optimising": self._optimising.state_dict(),
            "sampler": self._sampler.state_dict(), "compiled": compiled,
        }))  # fmt: skip
        tell_epoch(row, self.schedule.epochs, before)

    def _row(self, epoch: int, done: Pass, found: Score | None) -> dict[str, Any]:
        low, high = (None, None) if found is None else found.interval
        return {
            "epoch": epoch, "stage": self.schedule.stage_number(epoch), "images": done.images,
            "lr": self._optimising.lr, "lr_scale": self._train.lr_scale(),
            "train_loss": done.loss, "train_accuracy": done.accuracy,
            "val_loss": None if found is None else found.loss,
            "val_accuracy": None if found is None else found.accuracy,
            "val_low": low, "val_high": high, "best": is_best(self._rows, found),
            "seconds": done.seconds, "waited": done.waited,
        }  # fmt: skip

    def _load(self, state: dict[str, Any]) -> None:
        """Take over what went before."""
        epoch, last = int(state["epoch"]), self.schedule.epochs - 1
        self._model.load_state_dict(state["model"])
        self._optimising.load_state_dict(state["optimising"], epoch)
        self._sampler.load_state_dict({**state["sampler"], "epoch": min(epoch, last)})
        self._rows = list(state["rows"])

    def _is_over(self) -> bool:
        """Whether val was no better for too long; the stages before the last one do not count."""
        patience, begin = self.options.patience, self.schedule.stages[-1].start_epoch
        if not patience or not len(self._val) or not self._rows:
            return False
        epochs = waited(self._rows, begin)
        if epochs >= patience:
            log.info("stopped: val was no better for %d epochs", epochs)
        return epochs >= patience

    @cached_property
    def _val_loader(self) -> DataLoader[Any]:
        own = part_of(self._val, len(self._val))
        return plain_loader(own, self.options.batch_size, self.options.workers, self._device)

    def _validated(self) -> Score | None:
        if not len(self._val):
            return None
        same_buffers(self._optimising.averaged)
        logits = logits_of(
            self._optimising.averaged, self._val_loader, self._device, self._format,
            self._optimising.forward,
        )  # fmt: skip
        return score(of_all(logits, len(self._val)), self._val.targets)

    def _finished(self) -> Fitted:
        best = [row for row in self._rows if row["best"]][-1]
        recorded: list[int] = []
        by_the_first(lambda: recorded.append(self._keeper.finish(self._rows, self.schedule)))
        n, val = len(self._val), None
        if n:
            val = Score(best["val_loss"], round(best["val_accuracy"] * n), n)
        return Fitted(self._rows, best["epoch"], val, sum(recorded))

    def _tell(self, begin: int) -> None:
        height, width = self.config["input_size"][1:]
        share = f", by {size()} processes of {self.options.batch_size} images a batch"
        log.info(
            "%s on %s in %s: %s are trained on %s images of %d x %d pixels%s%s",
            self.options.model, self._device, self._optimising.precision,
            counted(self._model), f"{len(self._train):,}", height, width,
            share if size() > 1 else "", f", from epoch {begin + 1} on" if begin else "",
        )  # fmt: skip
