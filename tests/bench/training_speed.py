"""Images a second of `curate train` beside timm: ``python tests/bench/training_speed.py``.

Three loops in turns on the same pictures, model, size, batch and device, without augmentation:

- timm: timm's ImageDataset, create_loader and optimizer, as its train.py puts them together
- curate: `curate.training.epochs.Pass` with everything that `curate train` does in an epoch: the
  order of a curriculum, the losses told to it, the recording of dynamics
- plain: the same pass in plain random order, with nothing told or recorded

A round is an epoch of each, in an order that turns from round to round; the first round warms up
and does not count. What drifts on a busy machine is nearly the same within a round, so loops are
compared by the ratio of their speeds in each round: the median over the rounds, its 95 % interval
(by order statistics: no assumption on the shape), and the quartiles of the rounds. The same is told
of the CPU time of the training's own process, which other processes disturb less; with
``--workers 0`` it holds the loading too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import timm
import torch
from PIL import Image
from scipy.stats import binom
from timm.data import ImageDataset, create_loader
from timm.optim import create_optimizer_v2
from torch.utils.data import RandomSampler

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
            "tier": ("easy", "medium", "hard")[i % 3], "difficulty": i / n, "weight": 1.0,
            "turn": "", "group": "",
        })  # fmt: skip
    export = root / "export"
    export.mkdir()
    table = pd.DataFrame(rows)
    table.to_csv(export / "train.csv", index=False)
    for split in ("val", "test"):
        table[:0].to_csv(export / f"{split}.csv", index=False)
    schedule = Schedule("none", 1000, (Stage(0, 1000, ("easy", "medium", "hard")),))
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


def ours(export: Path, to: Path, args: argparse.Namespace, whole: bool) -> Any:
    """An epoch of `curate train`, with its curriculum and recording or without."""
    options = Options(
        model=args.model, pretrained=False, img_size=args.size, batch_size=args.batch,
        device=args.device, workers=args.workers, amp=False, lr=1e-4,
    )  # fmt: skip
    fit: Any = Fitting(export, to, options, silent)
    order = fit._sampler if whole else RandomSampler(fit._train)
    loader = train_loader(fit._train, order, args.batch, args.workers, fit._device)
    numbers = iter(range(1000))

    def epoch() -> int:
        if whole:
            fit._sampler.set_epoch(next(numbers))
        train_mode(fit._model)
        done = Pass(fit._model, fit._optimising, fit._criterion, fit._train, 1, fit._device,
                    fit._format)  # fmt: skip
        done.run(loader, fit._recorder if whole else Silent(), Silent())
        if whole:
            fit._sampler.update_losses(torch.from_numpy(done.rows), torch.from_numpy(done.losses))
            fit._sampler.exchange_losses()
            fit._recorder.take()
        return done.images

    return epoch


def told(ratios: list[float]) -> str:
    """The median of some ratios with its 95 % interval, and their quartiles."""
    n, found = len(ratios), np.sort(ratios)
    below = int(binom.ppf(0.025, n, 0.5))
    between = f"[{found[max(below - 1, 0)]:.3f}, {found[min(n - below, n - 1)]:.3f}]"
    low, middle, high = np.quantile(found, (0.25, 0.5, 0.75))
    return f"{middle:.3f} {between}, quartiles {low:.3f} and {high:.3f}"


def main() -> None:
    """Run the loops in turns and print their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=24)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        export = write_images(root, args.images, args.size, args.classes)
        loops = {
            "timm": timms(root, args, torch.device(args.device)),
            "curate": ours(export, root, args, True),
            "plain": ours(export, root, args, False),
        }
        names = list(loops)
        wall: dict[str, list[float]] = {name: [] for name in names}
        busy: dict[str, list[float]] = {name: [] for name in names}
        for number in range(args.rounds + 1):
            turned = names[number % 3 :] + names[: number % 3]
            for name in turned if number % 2 else reversed(turned):
                start, begun = time.perf_counter(), time.process_time()
                n = loops[name]()
                if number:
                    wall[name].append((time.perf_counter() - start) / n)
                    busy[name].append((time.process_time() - begun) / n)
        print(f"{args.model}, {args.size} pixels, {args.images} images in batches of {args.batch}, "
              f"{args.workers} workers, {torch.get_num_threads()} threads, {args.device}, "
              f"{args.rounds} rounds")  # fmt: skip
        for name, found in wall.items():
            speeds = 1 / np.array(found)
            print(f"{name:7} median {np.median(speeds):8.1f} images/s, from {speeds.min():.1f} to "
                  f"{speeds.max():.1f}")  # fmt: skip
        for what, times in (("images/s", wall), ("images per CPU second", busy)):
            for of, by in (("curate", "timm"), ("curate", "plain")):
                ratios = [b / a for a, b in zip(times[of], times[by], strict=True)]
                print(f"{what}: {of} / {by} {told(ratios)}")


if __name__ == "__main__":
    main()
