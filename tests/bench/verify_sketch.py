"""What `curate verify` says where the answer is known, with the real trainer: prints its reports.

    python tests/bench/verify_sketch.py DATA --weights FILE [--only turned upright noise digits]
                                        [--seeds 4] [--epochs 4] [--img-size 64] [--share 0.5]

DATA are class folders in train, val and test, of drawings that stand upright. Each experiment:

* turned: 20 % of val and test are turned upside-down, and 2 % of train. The policy, vertical flips,
  should help on those, and lose nothing significant on the others.
* upright: nothing is turned. The same policy must not be said to help.
* noise: 30 % of the training labels are replaced. Leaving out what the analysis holds back for
  review, and no more, should beat training on everything.
* digits: scikit-learn's. Vertical flips forced on 2 and 5 must be said to hurt.

Sketches: the head on a frozen backbone, on a share of the training images, so that it fits a
machine of two cores. The trainings are kept: the same command goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from material import KEPT, MODEL, analysed, planted
from PIL import Image

from curate.data.digits import write_digits
from curate.pipeline.analyze import analyze
from curate.pipeline.export import export
from curate.pipeline.verify import resume, verify
from curate.pipeline.verifying.asked import ARGS, Asked
from curate.pipeline.verifying.text import verification_text
from curate.progress import show_logs
from curate.recipe.policy import Policy, Step, write_policy
from curate.store.run import Run
from curate.training.options import Options

TURNED = {"train": 0.02, "val": 0.2, "test": 0.2}
NOISE = 0.3
FLIP = Step("vertical_flip", 0.3, reason="as planted")


def drawn(path: Path, share: float, what: str) -> bool:
    """Whether an image is one of a share of all, by its name alone."""
    told = hashlib.sha256(f"{what} {path.name}".encode()).digest()
    return int.from_bytes(told[:8], "big") < share * 2**64


def mislabel(data: Path) -> None:
    rng = np.random.default_rng(0)
    classes = sorted(folder.name for folder in (data / "train").iterdir())
    for path in sorted((data / "train").rglob("*.png")):
        if drawn(path, NOISE, "noise"):
            others = [name for name in classes if name != path.parent.name]
            path.rename(data / "train" / str(rng.choice(others)) / path.name)


def exported(run: Run, name: str, share: float, turned: bool = False) -> Path:
    """An export without schedule and policy, of a share of train; some images may be turned."""
    to = KEPT / "verify" / f"{name}-export"
    if to.is_dir():
        return to
    export(run, to, epochs=1, preset="none", with_policy=False)
    ids = {
        one for one in run.table("samples")["sample_id"] if drawn(Path(str(one)), share, "kept")
    }  # fmt: skip
    for split, part in TURNED.items():
        table = pd.read_csv(to / f"{split}.csv", dtype=str, keep_default_na=False)
        if split == "train":
            table = table[table["sample_id"].isin(ids)]
        turn = [turned and drawn(Path(path), part, "turned") for path in table["filepath"]]
        folder = KEPT / "verify" / f"{name}-turned" / split
        paths = [
            upside_down(Path(path), folder) if one else path
            for path, one in zip(table["filepath"], turn, strict=True)
        ]
        table = table.assign(turned=np.where(turn, "yes", "no"), filepath=paths)
        table.to_csv(to / f"{split}.csv", index=False)
    images = pq.read_table(to / "images.parquet").to_pandas()
    images = images[(images["split"] != "train") | images["sample_id"].isin(ids)]
    pq.write_table(pa.Table.from_pandas(images, preserve_index=False), to / "images.parquet")
    return to


def upside_down(path: Path, folder: Path) -> str:
    """A copy with top and bottom changed."""
    to = folder / path.parent.name / path.name
    to.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as image:
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(to)
    return str(to)


def policy_file(name: str, step: Step, classes: list[str]) -> str:
    path = KEPT / "verify" / f"{name}.json"
    write_policy(Policy(((step,),), tuple(classes)), path)
    return str(path)


def tell(name: str, source: Callable[[], Path], options: Options, asked: Asked,
         policy: str | None = None) -> None:  # fmt: skip
    start = time.perf_counter()
    to = KEPT / "verify" / name
    if (to / ARGS).is_file():
        done = resume(to, seeds=asked.seeds, final=True)
    else:
        done = verify(source(), to, options, asked=asked, policy=policy, final=True)
    print(f"\n===== {name} ({time.perf_counter() - start:.0f} s)")
    print(verification_text(done.report, done.to), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    every = ("turned", "upright", "noise", "digits")
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--img-size", type=int, default=64)
    parser.add_argument("--share", type=float, default=0.5, help="of the training images")
    parser.add_argument("--trials", type=int, default=1)
    args = parser.parse_args()
    show_logs()
    frozen = Options(
        model=MODEL, weights=str(args.weights), freeze="backbone", img_size=args.img_size,
        epochs=args.epochs, lr=5e-3, batch_size=32, device="cpu", workers=0,
    )  # fmt: skip
    asked = Asked(seeds=args.seeds, trials=args.trials, arms=("policy",), least=0.02)
    classes = sorted(folder.name for folder in (args.data / "train").iterdir())
    flips = policy_file("flips", FLIP, classes)
    stem = args.data.resolve().name
    if "turned" in args.only:
        tell(f"{stem}-turned", lambda: exported(
            analysed(args.data, args.weights), f"{stem}-turned", args.share, turned=True,
        ), frozen, replace(asked, slices=("turned=yes", "turned=no")), flips)  # fmt: skip
    if "upright" in args.only:
        tell(f"{stem}-upright", lambda: exported(
            analysed(args.data, args.weights), f"{stem}-upright", args.share,
        ), frozen, asked, flips)  # fmt: skip
    if "noise" in args.only:
        tell(f"{stem}-noise", lambda: exported(
            planted(args.data, args.weights, "verify-noise", mislabel), f"{stem}-noise", args.share,
        ), frozen, replace(asked, arms=("data",), baseline="source"))  # fmt: skip
    if "digits" in args.only:
        small = Options(
            model="test_resnet", pretrained=False, img_size=32, epochs=8, lr=2e-3, batch_size=32,
            device="cpu", workers=0,
        )  # fmt: skip
        spared = tuple(str(digit) for digit in range(10) if digit not in (2, 5))
        forced = policy_file(
            "forced", Step("vertical_flip", 1.0, excluded_classes=spared), list("0123456789")
        )
        tell("digits-forced", digits, small, replace(asked, slices=("label=2", "label=5")), forced)


def digits() -> Path:
    home = KEPT / "verify" / "digits"
    if not (home / "run" / "run.json").is_file():
        write_digits(home / "data")
    run = analyze(home / "data", home / "run", model="hog")
    return exported(run, "digits", 0.5)


if __name__ == "__main__":
    main()
