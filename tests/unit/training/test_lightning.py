"""A curriculum in Lightning's Trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from curate.errors import CurriculumError
from curate.training.dataset import CurriculumDataset
from curate.training.sampler import CurriculumSampler
from made_curriculum import make_export

pytestmark = [
    # Lightning 2.6 asks torch for pytrees in a way that torch 2.15 is about to drop.
    pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec:FutureWarning"),
    # It advises more workers than a test of a few images has use for.
    pytest.mark.filterwarnings("ignore:The 'train_dataloader' does not have many workers"),
]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_export(tmp_path_factory.mktemp("exports") / "staged")


def fit(
    export: Path, epochs: int, workers: int = 0, checkpoint: Path | None = None, **options: Any
) -> tuple[Any, Any]:
    """Train a linear model; it notes which images it saw in which epoch, and the rates."""
    from lightning.pytorch import LightningModule, Trainer

    from curate.training.lightning import CurriculumCallback

    class Noting(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(3 * 12 * 16, 3)
            self.seen: dict[int, list[int]] = {}
            self.rates: dict[int, float] = {}

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            images, targets, rows = batch
            self.seen.setdefault(self.current_epoch, []).extend(rows.tolist())
            self.rates[self.current_epoch] = self.optimizers().param_groups[0]["lr"]
            return torch.nn.functional.cross_entropy(self.linear(images.flatten(1)), targets)

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), 0.1)
            step = torch.optim.lr_scheduler.StepLR(optimizer, 3)
            return {"optimizer": optimizer, "lr_scheduler": step}

    dataset = CurriculumDataset(export, return_index=True)
    sampler = CurriculumSampler(dataset, **options)
    loader = DataLoader(
        dataset, 5, sampler=sampler, num_workers=workers, persistent_workers=workers > 0
    )
    trainer = Trainer(
        max_epochs=epochs, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
        callbacks=[CurriculumCallback(sampler)],
    )  # fmt: skip
    model = Noting()
    trainer.fit(model, loader, ckpt_path=checkpoint, weights_only=True)
    return model, trainer


def test_every_epoch_has_the_images_and_the_rate_of_its_stage(export: Path) -> None:
    model, trainer = fit(export, 6)
    assert [set(rows) for rows in model.seen.values()] == [
        set(range(n)) for n in (12, 12, 18, 18, 24, 24)
    ]
    assert {len(rows) for rows in model.seen.values()} == {24}
    # The schedule's 1, 1, 0.5, 0.5, 0.1, 0.1 times the scheduler's 0.1 and, from epoch 3, 0.01.
    assert list(model.rates.values()) == pytest.approx([0.1, 0.1, 0.05, 0.005, 0.001, 0.001])
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.001)
    assert trainer.callback_metrics["lr_scale"] == pytest.approx(0.1)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_that_is_gone_on_with_is_the_run_that_never_stopped(
    export: Path, tmp_path: Path, workers: int
) -> None:
    whole, _ = fit(export, 6, workers)
    _, trainer = fit(export, 3, workers)
    trainer.save_checkpoint(tmp_path / "third.ckpt")
    rest, _ = fit(export, 6, workers, tmp_path / "third.ckpt")
    assert list(rest.seen) == [3, 4, 5]
    for epoch in rest.seen:
        assert rest.seen[epoch] == whole.seen[epoch]
        assert rest.rates[epoch] == pytest.approx(whole.rates[epoch])


def test_another_length_of_epochs_is_kept(export: Path) -> None:
    model, _ = fit(export, 3, epoch_length=15)
    assert [len(rows) for rows in model.seen.values()] == [15, 15, 15]


def test_a_trainer_longer_than_the_schedule_is_refused(export: Path) -> None:
    with pytest.raises(CurriculumError, match="the schedule's 6 epochs, found max_epochs=7"):
        fit(export, 7)
    with pytest.raises(CurriculumError, match="found no end"):
        fit(export, -1)
