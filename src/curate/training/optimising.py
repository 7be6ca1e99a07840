"""Steps of the optimizer: rates, precision, accumulated and clipped gradients, and averages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from timm.optim import create_optimizer_v2, list_optimizers
from timm.scheduler import create_scheduler_v2
from timm.utils import ModelEmaV3, dispatch_clip_grad
from torch.optim.lr_scheduler import ReduceLROnPlateau

from curate.errors import TrainingError
from curate.progress import log
from curate.training.options import Options
from curate.training.rates import ScaledRates


class Optimising:
    """The optimizer of a training, with everything that a step of it goes through.

    Optimizers, schedules and averages are timm's; the schedule "plateau" is torch's, since timm's
    is on its way out and forgets its patience in a checkpoint. A schedule goes by epochs, as the
    epochs of a curriculum have different numbers of batches. The stages' factors come on top, see
    `ScaledRates`.

    Args:
        options: of the training.
        model: already on the device.
        device: where it is.
        epochs: of the training.
        lr_scale: the factor of the current stage.

    Raises:
        TrainingError: there is no such optimizer, or it cannot be made as asked.
    """

    def __init__(
        self, options: Options, model: torch.nn.Module, device: torch.device, epochs: int,
        lr_scale: Callable[[], float],
    ) -> None:  # fmt: skip
        self._options, self._model, self._device = options, model, device
        self.optimizer = _optimizer(options, model)
        self._schedule = _schedule(options, self.optimizer, epochs)
        ScaledRates(self.optimizer, lr_scale)
        self._half = _half_precision(options.amp, device)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._half is torch.float16)
        self.ema: ModelEmaV3 | None = None
        if options.model_ema:
            self.ema = ModelEmaV3(model, decay=options.model_ema_decay, use_warmup=True)
        self._updates = 0

    @property
    def lr(self) -> float:
        """The rate of the current epoch, without the factor of its stage."""
        return float(max(group["lr"] for group in self.optimizer.param_groups))

    @property
    def averaged(self) -> torch.nn.Module:
        """The model that is validated and saved."""
        return self._model if self.ema is None else self.ema.module

    @property
    def precision(self) -> str:
        """Of the forward pass, in a word."""
        return str(self._half or torch.float32).removeprefix("torch.")

    def forward(self) -> AbstractContextManager[Any]:
        """What the forward pass is to run in."""
        return torch.autocast(self._device.type, dtype=self._half, enabled=self._half is not None)

    def backward(self, loss: torch.Tensor, last: bool) -> None:
        """Add the gradients of a batch, and with the last one of a step do the step.

        Args:
            loss: its share of the mean over the step's images.
            last: whether it is the last one of the step.
        """
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call] # torch has no type for it
        if not last:
            return
        if self._options.clip_grad is not None:
            self._scaler.unscale_(self.optimizer)
            dispatch_clip_grad(self._model.parameters(), self._options.clip_grad)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        self.optimizer.zero_grad()
        self._updates += 1
        if self.ema is not None:
            self.ema.update(self._model, step=self._updates)

    def end_epoch(self, epoch: int, val_accuracy: float | None) -> None:
        """Go to the rate of the epoch after `epoch`."""
        if isinstance(self._schedule, ReduceLROnPlateau):
            assert val_accuracy is not None
            self._schedule.step(val_accuracy)
        else:
            self._schedule.step(epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on, but for the model."""
        plateau = isinstance(self._schedule, ReduceLROnPlateau)
        return {
            "optimizer": self.optimizer.state_dict(),
            "plateau": self._schedule.state_dict() if plateau else None,
            "scaler": self._scaler.state_dict(),
            "ema": None if self.ema is None else self.ema.module.state_dict(),
            "updates": self._updates,
        }

    def load_state_dict(self, state: Mapping[str, Any], epoch: int) -> None:
        """Go on where `state_dict` was taken, with the rate of `epoch`."""
        self.optimizer.load_state_dict(state["optimizer"])
        if isinstance(self._schedule, ReduceLROnPlateau):
            self._schedule.load_state_dict(state["plateau"])
        else:
            self._schedule.step(epoch)
        self._scaler.load_state_dict(state["scaler"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        self._updates = int(state["updates"])


def _optimizer(options: Options, model: torch.nn.Module) -> torch.optim.Optimizer:
    known = list_optimizers()
    if options.opt not in known:
        usual = ", ".join(one for one in ("adamw", "adam", "sgd", "lion", "lamb") if one in known)
        raise TrainingError(
            f"Expected --opt to be an optimizer of timm such as {usual}, found {options.opt!r}. "
            "See timm.optim.list_optimizers()."
        )
    try:
        found: torch.optim.Optimizer = create_optimizer_v2(
            model, opt=options.opt, lr=options.lr, weight_decay=options.weight_decay,
            momentum=options.momentum,
        )  # fmt: skip
        return found
    except (AssertionError, ImportError, RuntimeError, TypeError, ValueError) as error:
        raise TrainingError(
            f"Expected an optimizer {options.opt} as asked, found that timm cannot make it: "
            f"{error}. Choose another --opt, or correct its options."
        ) from error


def _schedule(options: Options, optimizer: torch.optim.Optimizer, epochs: int) -> Any:
    if options.sched == "plateau":
        return ReduceLROnPlateau(
            optimizer, mode="max", factor=options.decay_rate, patience=options.patience_epochs,
            threshold=0, min_lr=options.min_lr,
        )  # fmt: skip
    milestones = options.decay_milestones or (max(epochs // 2, 1), max(epochs * 3 // 4, 1))
    schedule, _ = create_scheduler_v2(
        optimizer, sched=options.sched, num_epochs=epochs, min_lr=options.min_lr,
        warmup_epochs=options.warmup_epochs, warmup_lr=options.warmup_lr,
        decay_epochs=options.decay_epochs or max(epochs // 3, 1),
        # timm lowers the rate one epoch before the milestone that it is given.
        decay_milestones=[one + 1 for one in milestones], decay_rate=options.decay_rate,
    )  # fmt: skip
    return schedule


def _half_precision(wanted: bool | None, device: torch.device) -> torch.dtype | None:
    """The type that a forward pass runs in beside float32, None for that alone."""
    if wanted is False or (wanted is None and device.type != "cuda"):
        return None
    if device.type != "cuda":
        log.warning("mixed precision is for GPUs: on the %s all is float32", device.type)
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
