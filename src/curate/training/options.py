"""What a training is asked to do, in timm's words; checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from curate.errors import TrainingError, listed

HEADS = ("linear", "mlp")
SCHEDULERS = ("cosine", "step", "multistep", "plateau", "constant")
LOSSES = ("cross-entropy", "focal", "class-balanced")
NONE, BACKBONE = "none", "backbone"
AUTO, ON, OFF = "auto", "on", "off"
LOG_TO = ("wandb", "mlflow")

MODEL = "efficientnet_b0"
"""The model of an analysis unless it is told another."""


@dataclass(frozen=True)
class Options:
    """The options of one training.

    Attributes:
        model: a timm name, ``hf-hub:OWNER/NAME`` or ``local-dir:FOLDER``.
        weights: a backbone's state dict to begin with; its head is ignored.
        checkpoint: a trained classifier of the same classes to begin with, head and all.
        pretrained: without `weights` and `checkpoint`, begin with the weights of timm's hub; else
            with random ones.
        img_size: height and width in pixels; None takes the model's own.
        head: "linear", or "mlp" for Linear-ReLU-Linear as wide as the features.
        freeze: "none", "backbone" (the head alone is trained), or a number as text: of the
            backbone only so many last blocks are trained.
        epochs: how many; None for as many as the schedule has.
        batch_size: images of a batch at most, in each process; the batches of an epoch are of even
            size.
        opt: an optimizer of ``timm.optim.list_optimizers()``.
        lr: the base learning rate, which the stages of a schedule scale.
        weight_decay, momentum: of the optimizer; vectors (biases, norms) are not decayed.
        sched: how the base rate goes over the epochs, one of `SCHEDULERS`.
        warmup_epochs: epochs of a rate that rises from `warmup_lr`; part of `epochs`.
        warmup_lr, min_lr: the rate to begin a warm-up with, and the lowest that is gone to.
        decay_epochs: epochs between two steps of "step"; None for a third of all.
        decay_milestones: epochs of the steps of "multistep"; none for a half and three quarters.
        decay_rate: what a step of "step", "multistep" and "plateau" multiplies by.
        patience_epochs: epochs without better val accuracy after which "plateau" steps.
        loss: one of `LOSSES`.
        smoothing: of the labels, 0 for none.
        focal_gamma: of the loss "focal".
        beta: of the loss "class-balanced", as in `curate.recipe.stages.Stage`.
        grad_accum_steps: batches that one step of the optimizer takes together.
        clip_grad: largest norm of all gradients together; None for no clipping.
        model_ema: keep an exponential moving average of the weights; it is what is validated and
            saved.
        model_ema_decay: of it, reached by and by.
        patience: stop after so many epochs of the last stage without better val accuracy; 0 for
            never.
        amp: mixed precision; None for where the device is a GPU.
        channels_last: the memory layout that convolutions are often faster in.
        compile: whether `torch.compile` is used: "off", "on", or "auto" where it is measured to
            pay, see `curate.training.wrapped.pays_to_compile`.
        seed: of weights, order and augmentation; None for the export's.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        workers: processes that load images; None chooses.
        log_to: who is told of every epoch beside TensorBoard: any of `LOG_TO`.
    """

    model: str = MODEL
    weights: str | None = None
    checkpoint: str | None = None
    pretrained: bool = True
    img_size: int | None = None
    head: str = "linear"
    freeze: str = NONE
    epochs: int | None = None
    batch_size: int = 64
    opt: str = "adamw"
    lr: float = 5e-4
    weight_decay: float = 0.05
    momentum: float = 0.9
    sched: str = "cosine"
    warmup_epochs: int = 0
    warmup_lr: float = 1e-5
    min_lr: float = 0.0
    decay_epochs: int | None = None
    decay_milestones: tuple[int, ...] = ()
    decay_rate: float = 0.1
    patience_epochs: int = 3
    loss: str = "cross-entropy"
    smoothing: float = 0.0
    focal_gamma: float = 2.0
    beta: float = 0.999
    grad_accum_steps: int = 1
    clip_grad: float | None = None
    model_ema: bool = False
    model_ema_decay: float = 0.9998
    patience: int = 0
    amp: bool | None = None
    channels_last: bool = False
    compile: str = OFF
    seed: int | None = None
    device: str = "auto"
    workers: int | None = None
    log_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            TrainingError: an option lies outside its range, or two contradict each other.
        """
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise _wrong(name, f"one of {', '.join(allowed)}", getattr(self, name))
        if strange := [one for one in self.log_to if one not in LOG_TO]:
            raise _wrong("log_to", f"one of {', '.join(LOG_TO)}", strange[0])
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise _wrong(name, f"at least {least}", value)
        for name in ("lr", "decay_rate", *(["clip_grad"] if self.clip_grad is not None else [])):
            if not 0 < getattr(self, name) < float("inf"):
                raise _wrong(name, "a number above 0", getattr(self, name))
        for name in ("smoothing", "beta", "model_ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise _wrong(name, "from 0 to below 1", getattr(self, name))
        if self.freeze not in (NONE, BACKBONE) and not _is_count(self.freeze):
            raise _wrong("freeze", f"{NONE}, {BACKBONE} or a number of blocks", self.freeze)
        milestones = self.decay_milestones
        if list(milestones) != sorted(set(milestones)) or any(one < 1 for one in milestones):
            raise _wrong("decay_milestones", "rising epochs from 1", milestones)
        if self.weights and self.checkpoint:
            raise TrainingError("Expected --weights or --checkpoint, found both. Give one of them.")
        if self.sched == "plateau" and self.warmup_epochs:
            raise TrainingError(
                "Expected no --warmup-epochs with --sched plateau, which goes by the val accuracy, "
                f"found {self.warmup_epochs}. Leave one of them out."
            )
        if self.loss == "focal" and self.smoothing:
            raise TrainingError(
                f"Expected no --smoothing with --loss focal, found {self.smoothing:g}. Both keep "
                "the model from being too sure: leave one of them out."
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        lists = {name: list(getattr(self, name)) for name in _SEVERAL}
        return {**asdict(self), **lists}

    @classmethod
    def from_json(cls, found: Mapping[str, Any], where: Path | str) -> Options:
        """Read what `to_json` made.

        Raises:
            TrainingError: a name is unknown, or a value cannot be.
        """
        known = [field.name for field in fields(cls)]
        if strange := [name for name in found if name not in known]:
            raise TrainingError(
                f"Expected options of curate train in {where}, found {listed(strange)} as well. "
                "Remove them; a newer version of curate may know them."
            )
        several = {name: tuple(found.get(name, ())) for name in _SEVERAL}
        return cls(**{**found, **several})


_CHOICES: dict[str, tuple[str, ...]] = {
    "head": HEADS, "sched": SCHEDULERS, "loss": LOSSES, "compile": (AUTO, ON, OFF),
}  # fmt: skip

_SEVERAL = ("decay_milestones", "log_to")
"""What may be given several times; JSON has lists for it."""

_LEAST: dict[str, float] = {
    "epochs": 1, "batch_size": 1, "weight_decay": 0, "momentum": 0, "warmup_epochs": 0,
    "warmup_lr": 0, "min_lr": 0, "decay_epochs": 1, "patience_epochs": 0, "focal_gamma": 0,
    "grad_accum_steps": 1, "patience": 0, "workers": 0, "img_size": 8, "seed": 0,
}  # fmt: skip


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) >= 1


def _wrong(name: str, expected: str, found: object) -> TrainingError:
    option = "--" + name.replace("_", "-")
    return TrainingError(f"Expected {option} to be {expected}, found {found!r}. Correct it.")
