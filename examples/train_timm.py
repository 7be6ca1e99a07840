"""Train as timm's train.py would, in small: ``python examples/train_timm.py EXPORT [MODEL]``."""

import sys

import torch
from timm import create_model
from timm.data import create_dataset, create_loader

import curate
from curate.numerics.intervals import wilson


def _loader(arguments: list[str], split: str):
    said = dict(zip(arguments, [*arguments[1:], ""], strict=True))  # what follows each option
    data = create_dataset("", said["--data-dir"], said[split], class_map=said["--class-map"])
    own = {way: float(said.get(f"--{way}", 0)) for way in ("hflip", "vflip")}
    own |= {"no_aug": "--no-aug" in said, "scale": (1, 1), "ratio": (1, 1), "color_jitter": None}
    own |= {"is_training": split == "--train-split", "use_prefetcher": False}
    return create_loader(data, (3, 64, 64), 64, **own)


if __name__ == "__main__":
    export, name = [*sys.argv[1:], "test_convnext"][:2]
    torch.manual_seed(0)
    curriculum = curate.read_curriculum(export)
    model = create_model(name, num_classes=len(curriculum.classes))
    for number, stage in enumerate(curriculum.schedule.stages):
        arguments = curate.timm_args(export, number)
        print("python train.py --model", name, *arguments)
        train, val = (_loader(arguments, split) for split in ("--train-split", "--val-split"))
        scale = curriculum.schedule.lr_scale(stage.start_epoch)
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3 * scale)
        batches = (b for _ in range(stage.start_epoch, stage.end_epoch) for b in train)
        for images, targets in batches:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), targets).backward()
            optimizer.step()
    right, n = sum((model.eval()(x).argmax(1) == y).sum().item() for x, y in val), len(val.dataset)
    print("val accuracy {:.3f} [{:.3f}, {:.3f}]".format(right / n, *wilson(right, n)))
