"""Images a second of `curate train` beside timm: ``python tests/bench/training_speed.py``.

Three loops in turns on the same pictures, model, size, batch and device, without augmentation:

- timm: timm's ImageDataset, create_loader and optimizer, as its train.py puts them together
- curate: `curate.training.epochs.Pass` with everything that `curate train` does in an epoch
- bare: the same without the recording of dynamics

The first epoch of each warms up and does not count; of the others the median is printed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from timm.data import ImageDataset, create_loader
from timm.optim import create_optimizer_v2

from curate.progress import silent
from curate.recipe.stages import Schedule, Stage
from curate.store.files import write_json
from curate.training.batches import train_loader
from curate.training.epochs import Pass
from curate.training.fitting import Fitting
from curate.training.networks import train_mode
from curate.training.options import Options


def write_images(root: Path, n: int, side: int, classes: int) -> Path:
    """Class folders of JPEG noise, and an export of them."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        label = f"c{i % classes}"
        path = root / "train" / label / f"{i:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = rng.integers(0, 255, (side // 8, side // 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(path, quality=90)
        rows.append({
            "sample_id": f"s{i}", "filepath": str(path), "label": label, "target": i % classes,
            "tier": "easy", "difficulty": 0.5, "weight": 1.0, "turn": "", "group": "",
        })  # fmt: skip
    export = root / "export"
    export.mkdir()
    table = pd.DataFrame(rows)
    table.to_csv(export / "train.csv", index=False)
    for split in ("val", "test"):
        table[:0].to_csv(export / f"{split}.csv", index=False)
    schedule = Schedule("none", 100, (Stage(0, 100, ("easy",)),))
    write_json(export / "curriculum.json", {
        "format": "curate.export", "schema_version": 2, "seed": 0, "policy": None,
        "classes": [f"c{i}" for i in range(classes)], **schedule.to_json(),
    })  # fmt: skip
    return export


class Silent:
    """A bar and a recorder that do nothing."""

    def update(self, n: int = 1) -> None:
        """Nothing to show."""

    def note(self, *_: Any) -> None:
        """Nothing to keep."""


def timms(root: Path, args: argparse.Namespace, device: torch.device) -> Any:
    """An epoch of timm's parts."""
    model = timm.create_model(args.model, num_classes=args.classes).to(device)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-4, weight_decay=0.05)
    config = timm.data.resolve_model_data_config(model)
    loader = create_loader(
        ImageDataset(str(root / "train")), (3, args.size, args.size), args.batch,
        is_training=True, no_aug=True, num_workers=args.workers, use_prefetcher=True,
        device=device, mean=config["mean"], std=config["std"], interpolation="bicubic",
        persistent_workers=args.workers > 0,
    )  # fmt: skip

    def epoch() -> int:
        model.train()
        n = 0
        for images, targets in loader:
            loss = torch.nn.functional.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            n += len(images)
        loss.item()
        return n

    return epoch


def ours(export: Path, to: Path, args: argparse.Namespace, records: bool) -> Any:
    """An epoch of `curate train`, with or without its recording."""
    options = Options(
        model=args.model, pretrained=False, img_size=args.size, batch_size=args.batch,
        device=args.device, workers=args.workers, amp=False,
    )  # fmt: skip
    fit: Any = Fitting(export, to, options, silent)
    loader = train_loader(fit._train, fit._sampler, args.batch, args.workers, fit._device)
    numbers = iter(range(100))

    def epoch() -> int:
        fit._sampler.set_epoch(next(numbers))
        train_mode(fit._model)
        done = Pass(fit._model, fit._optimising, fit._criterion, fit._train, 1, fit._device,
                    fit._format)  # fmt: skip
        done.run(loader, fit._recorder if records else Silent(), Silent())
        if records:
            fit._recorder.take()
        return done.images

    return epoch


def main() -> None:
    """Run the loops in turns and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        export = write_images(root, args.images, args.size, args.classes)
        loops = {
            "timm": timms(root, args, torch.device(args.device)),
            "curate": ours(export, root, args, True),
            "bare": ours(export, root, args, False),
        }
        speeds: dict[str, list[float]] = {name: [] for name in loops}
        for number in range(args.epochs + 1):
            for name, epoch in loops.items():
                start = time.perf_counter()
                n = epoch()
                if number:
                    speeds[name].append(n / (time.perf_counter() - start))
        print(f"{args.model}, {args.size} pixels, batches of {args.batch}, {args.workers} workers, "
              f"{args.device}, median (least to most) of {args.epochs} epochs")  # fmt: skip
        base = statistics.median(speeds["timm"])
        for name, found in speeds.items():
            middle = statistics.median(found)
            print(f"{name:8} {middle:8.1f} images/s  ({min(found):.1f} to {max(found):.1f})  "
                  f"{middle / base:6.1%} of timm")  # fmt: skip


if __name__ == "__main__":
    main()
