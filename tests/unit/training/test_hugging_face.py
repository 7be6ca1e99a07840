"""A curriculum in Hugging Face's Trainer, accelerate's loader and all."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from curate.errors import CurriculumError
from curate.recipe.policy import Policy, Step
from curate.recipe.stages import Schedule, Stage
from curate.training.dataset import CurriculumDataset
from curate.training.sampler import CurriculumSampler
from made_curriculum import CLASSES, TIERS, make_export


class Noting(torch.nn.Module):
    """A linear model that notes the first pixel of every image, which is its row number."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3 * 12 * 16, 3)
        self.batches: list[list[int]] = []
        self.rates: list[float] = []

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        self.batches.append((pixel_values[:, 0, 0, 0] * 255).round().int().tolist())
        logits = self.linear(pixel_values.flatten(1))
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_export(tmp_path_factory.mktemp("exports") / "staged")


def train(
    export: Path, output: Path, checkpoint: Path | None = None, **arguments: Any
) -> tuple[Any, Noting]:
    from transformers import TrainingArguments

    from curate.training.hugging_face import CurriculumTrainer

    usual = {
        "num_train_epochs": 6, "per_device_train_batch_size": 5, "learning_rate": 0.1,
        "lr_scheduler_type": "constant", "optim": "sgd", "max_grad_norm": 0.0, "use_cpu": True,
        "logging_strategy": "epoch", "save_strategy": "no", "report_to": "none",
        "disable_tqdm": True, "dataloader_pin_memory": False,
    }  # fmt: skip
    model = Noting()
    trainer = CurriculumTrainer(
        model=model,
        args=TrainingArguments(str(output), **{**usual, **arguments}),
        train_dataset=CurriculumDataset(export),
    )
    inner = trainer.create_optimizer()
    inner.register_step_post_hook(lambda o, *_: model.rates.append(o.param_groups[0]["lr"]))
    trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    return trainer, model


def epochs_of(model: Noting, batches: int) -> list[list[int]]:
    """The images of each epoch of so many batches."""
    starts = range(0, len(model.batches), batches)
    return [list(chain(*model.batches[at : at + batches])) for at in starts]


@pytest.mark.parametrize("workers", [0, 1])
def test_every_epoch_has_the_images_of_its_stage(
    export: Path, tmp_path: Path, workers: int
) -> None:
    trainer, model = train(
        export, tmp_path, dataloader_num_workers=workers, dataloader_persistent_workers=workers > 0
    )
    epochs = epochs_of(model, 5)
    assert [set(rows) for rows in epochs] == [set(range(n)) for n in (12, 12, 18, 18, 24, 24)]
    assert {len(rows) for rows in epochs} == {24}
    expected = CurriculumSampler(trainer.train_dataset, epoch_length=24)
    for epoch, rows in enumerate(epochs):
        expected.set_epoch(epoch)
        assert rows == list(expected)
    assert trainer.state.global_step == trainer.state.max_steps == 30


def test_the_rate_is_the_schedulers_times_the_stages(export: Path, tmp_path: Path) -> None:
    trainer, model = train(export, tmp_path, lr_scheduler_type="linear")
    used = [one["learning_rate"] * one["lr_scale"] for one in trainer.state.log_history
            if "lr_scale" in one]  # fmt: skip
    base = [0.1 * (1 - step / 30) for step in range(30)]
    scales = [1, 1, 0.5, 0.5, 0.1, 0.1]
    assert used == pytest.approx([base[5 * at + 4] * scales[at] for at in range(6)])
    assert model.rates == pytest.approx([base[at] * scales[at // 5] for at in range(30)])


def test_gradients_are_accumulated_over_batches_of_the_curriculum(
    export: Path, tmp_path: Path
) -> None:
    trainer, model = train(
        export, tmp_path, gradient_accumulation_steps=2, per_device_train_batch_size=3
    )
    assert [set(rows) for rows in epochs_of(model, 8)] == [
        set(range(n)) for n in (12, 12, 18, 18, 24, 24)
    ]
    assert trainer.state.global_step == len(model.rates) == 24


def test_a_run_that_is_gone_on_with_is_the_run_that_never_stopped(
    export: Path, tmp_path: Path
) -> None:
    saving = {"save_strategy": "steps", "save_steps": 13}
    _, whole = train(export, tmp_path, **saving)
    trainer, rest = train(export, tmp_path, tmp_path / "checkpoint-13", **saving)
    assert trainer.state.global_step == 30
    assert rest.batches == whole.batches[13:]


def test_what_mixes_batches_is_said_to_be_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schedule = Schedule("custom", 1, (Stage(0, 1, TIERS, policy_stage=0),))
    policy = Policy(((Step("mixup", 0.5, (0.2, 0.2)), Step("grey", 0.5)),), CLASSES)
    train(make_export(tmp_path / "mixed", schedule, policy=policy), tmp_path, num_train_epochs=1)
    assert caplog.messages == ["the Trainer mixes no images: mixup of the policy is not done"]


def test_what_it_cannot_train_on_is_refused(export: Path, tmp_path: Path) -> None:
    with pytest.raises(CurriculumError, match="the schedule's 6 epochs, found 7"):
        train(export, tmp_path, num_train_epochs=7)
    from curate.training.hugging_face import CurriculumTrainer

    with pytest.raises(CurriculumError, match="a CurriculumDataset as train_dataset, found list"):
        CurriculumTrainer(model=Noting(), train_dataset=[1, 2])
