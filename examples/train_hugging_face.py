"""Train with Hugging Face's Trainer: ``python examples/train_hugging_face.py EXPORT [FOLDER]``."""

import sys

from transformers import ConvNextConfig, ConvNextForImageClassification, TrainingArguments, set_seed

import curate
from curate.numerics.intervals import wilson
from curate.training.hugging_face import CurriculumTrainer

if __name__ == "__main__":
    export, folder = [*sys.argv[1:], "trainer_output"][:2]
    set_seed(0)
    train, val = (curate.CurriculumDataset(export, s, image_size=64) for s in ("train", "val"))
    small = {"hidden_sizes": [24, 32, 48, 64], "depths": [1, 1, 2, 1]}
    config = ConvNextConfig(**small, num_labels=len(train.classes))
    arguments = TrainingArguments(
        folder,
        num_train_epochs=train.curriculum.schedule.epochs,
        per_device_train_batch_size=32,
        gradient_accumulation_steps=2,
        learning_rate=2e-3,
        dataloader_num_workers=2,
        dataloader_persistent_workers=True,
        save_strategy="no",
        report_to="none",
    )
    trainer = CurriculumTrainer(
        ConvNextForImageClassification(config),
        arguments,
        train_dataset=train,
        eval_dataset=val,
        compute_metrics=lambda p: {"accuracy": (p.predictions.argmax(1) == p.label_ids).mean()},
    )
    trainer.train()
    share = trainer.evaluate()["eval_accuracy"]
    print("val accuracy {:.3f} [{:.3f}, {:.3f}]".format(share, *wilson(share * len(val), len(val))))
