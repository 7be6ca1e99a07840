"""Real trainings that differ in nothing but their seeds, judged as `curate verify` does: a table.

    python tests/bench/verify_null.py [--experiments 40] [--seeds 2] [--minutes 8]

Digits of scikit-learn, split anew in each experiment into 300 to train on and 600 to judge by. Both
arms are the same recipe (a timm test_resnet from scratch) with other seeds; a sound verdict says
*helps* or *hurts* in at most 2 of 40. Trainings are kept, so that the bench goes on where it was;
`tests/bench/verdict_null.py` has the same with thousands of cheaper learners.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from material import KEPT
from PIL import Image
from sklearn.datasets import load_digits

from curate.comparison.arms import BASELINE, POLICY
from curate.comparison.parts import Part
from curate.comparison.verdict import HELPS, HURTS, Verification
from curate.numerics.intervals import wilson
from curate.pipeline.verifying.asked import Asked
from curate.pipeline.verifying.experiment import judged
from curate.pipeline.verifying.fits import fitted
from curate.recipe.curriculum import ABOUT, COLUMNS, FORMAT, SCHEMA_VERSION
from curate.recipe.schedule import make_schedule
from curate.store.files import placed, write_json
from curate.training.options import Options

N_TRAIN, N_VAL, SIDE, EPOCHS = 300, 600, 32, 4
CLASSES = tuple(str(digit) for digit in range(10))


def digits(home: Path) -> pd.DataFrame:
    """All digits as files, once, in the columns of an export's lists."""
    X, y = load_digits(return_X_y=True)
    folder = home / "images"
    if not folder.is_dir():
        with placed(folder) as aside:
            for i, pixels in enumerate(X.reshape(-1, 8, 8)):
                image = Image.fromarray((pixels * 255 / 16).astype(np.uint8))
                image.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(aside / f"{i:04d}.png")
    table = pd.DataFrame(columns=list(COLUMNS))
    table["filepath"] = [str(folder / f"{i:04d}.png") for i in range(len(y))]
    return table.assign(
        sample_id=[f"s{i:04d}" for i in range(len(y))], label=y.astype(str), target=y, tier="easy",
        difficulty=0.5, weight=1.0, turn="", group="",
        content_digest=[f"d{i:04d}" for i in range(len(y))], reason="",
    )  # fmt: skip


def followed(folder: Path, train: pd.DataFrame) -> Path:
    """What the trainings of an experiment follow."""
    if not folder.is_dir():
        with placed(folder) as aside:
            train.to_csv(aside / "train.csv", index=False)
            for split in ("val", "test"):
                train[:0].to_csv(aside / f"{split}.csv", index=False)
            write_json(aside / ABOUT, {
                "format": FORMAT, "schema_version": SCHEMA_VERSION, "seed": 0,
                "classes": list(CLASSES), "policy": None,
                **make_schedule("none", EPOCHS, ("easy",)).to_json(),
            })  # fmt: skip
    return folder


def experiment(home: Path, table: pd.DataFrame, number: int, n_seeds: int) -> Verification:
    order = np.random.default_rng(number).permutation(len(table))
    train, val = table.iloc[order[:N_TRAIN]], table.iloc[order[N_TRAIN : N_TRAIN + N_VAL]]
    val = val.reset_index(drop=True)
    place = followed(home / f"{number:03d}" / "curriculum", train)
    probs = {}
    for at, arm in enumerate((BASELINE, POLICY)):
        seeds = [1000 * at + seed for seed in range(n_seeds)]
        probs[arm] = [
            fitted(
                home / f"{number:03d}" / f"{arm}-{seed}", place,
                Options(model="test_resnet", pretrained=False, img_size=SIDE, batch_size=32,
                        lr=6e-3, device="cpu", workers=0, seed=seed),
                val["filepath"].tolist(), CLASSES,
            ).probs
            for seed in seeds
        ]  # fmt: skip
    slices = [Part("slice", "2 and 5", np.flatnonzero(val["target"].isin([2, 5])))]
    return judged(probs, val, range(n_seeds), CLASSES, slices, Asked(seeds=n_seeds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=8)
    args = parser.parse_args()
    home = KEPT / "verify-null"
    table, start, said, shares = digits(home), time.monotonic(), [], []
    for number in range(args.experiments):
        found = experiment(home, table, number, args.seeds)
        words = {j.word for j in found.judgements}
        said.append((HELPS in words, HURTS in words))
        shares.append(found.judgements[0].change)
        print(f"{number:3d}: {shares[-1].text()}, {', '.join(sorted(words))}", flush=True)
        if time.monotonic() - start > 60 * args.minutes:
            break
    n, either = len(said), sum(any(one) for one in said)
    low, high = wilson(either, n)
    helps, hurts = (sum(one[at] for one in said) for at in (0, 1))
    print(f"accuracy {np.mean([one.a for one in shares]):.3f}; of {n} null experiments with "
          f"{args.seeds} seeds {helps} say helps, {hurts} hurts: {either / n:.3f} ({low:.3f} to "
          f"{high:.3f})")  # fmt: skip


if __name__ == "__main__":
    main()
