"""Train on an export with Lightning: ``python examples/train_lightning.py EXPORT [MODEL]``."""

import sys

import timm
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

import curate
from curate.numerics.intervals import wilson
from curate.training.lightning import CurriculumCallback


class _Classifier(LightningModule):
    def training_step(self, batch, _):
        return torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def validation_step(self, batch, _):
        self.log("accuracy", (self.model(batch[0]).argmax(1) == batch[1]).float().mean())

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=2e-3)


if __name__ == "__main__":
    export, name = [*sys.argv[1:], "test_convnext"][:2]
    torch.manual_seed(0)
    train, val = (curate.CurriculumDataset(export, s, image_size=64) for s in ("train", "val"))
    sampler = curate.CurriculumSampler(train)
    loader = DataLoader(train, 64, sampler=sampler, num_workers=2, persistent_workers=True)
    epochs, own = train.curriculum.schedule.epochs, [CurriculumCallback(sampler)]
    quiet = {"logger": False, "enable_checkpointing": False}
    trainer = Trainer(max_epochs=epochs, callbacks=own, **quiet)
    classifier = _Classifier()
    classifier.model = timm.create_model(name, num_classes=len(train.classes))
    trainer.fit(classifier, loader, DataLoader(val, 64))
    share, n = trainer.callback_metrics["accuracy"].item(), len(val)
    print("val accuracy {:.3f} [{:.3f}, {:.3f}]".format(share, *wilson(share * n, n)))
