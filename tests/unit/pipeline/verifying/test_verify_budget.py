from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.numerics.planning import ENOUGH, TOO_SMALL
from curate.pipeline.verifying.asked import Asked
from curate.pipeline.verifying.experiment import ARMS, BudgetTooSmall, Experiment, judged
from curate.progress import silent
from curate.recipe.curriculum import read_curriculum
from curate.training.options import Options
from made_curriculum import make_export

CLASSES = ("cat", "dog")
ROWS = pd.DataFrame(
    {"target": [0, 1] * 50, "filepath": [f"{i}.png" for i in range(100)],
     "content_digest": [f"d{i // 2}" for i in range(100)]}
)  # fmt: skip


def experiment(folder: Path, **asked: object) -> Experiment:
    for name in ("baseline", "policy"):
        (folder / ARMS / name).mkdir(parents=True)
    export = read_curriculum(make_export(folder / "export"))
    given = Asked(**asked)  # type: ignore[arg-type]
    return Experiment(folder, export, ROWS, (), given, Options(), silent)


def probs(shares: list[float]) -> list[np.ndarray]:
    """For each seed, probabilities that are right for so many of the images, drawn anew."""
    found = []
    for seed, share in enumerate(shares):
        right = np.random.default_rng(seed).random(len(ROWS)) < share
        guessed = np.where(right, ROWS["target"], 1 - ROWS["target"])
        found.append(np.eye(2)[guessed])
    return found


def test_two_seeds_have_to_fit(tmp_path: Path) -> None:
    one = experiment(tmp_path, budget=100.0)
    assert one.names == ["baseline", "policy"]
    one._spent = [9.0, 10.0]
    one._check_budget(3)  # (3 + 2) trainings of 2 arms at 10 s each are 100 s
    one._spent = [11.0]
    with pytest.raises(BudgetTooSmall, match=r"takes 11 s, .* 110 s; give that or more; or leave"):
        one._check_budget(3)
    one._spent = [26.0]
    with pytest.raises(BudgetTooSmall, match=r"two seeds of 2 arms") as raised:
        one._check_budget(3)
    assert "--trials 1" not in str(raised.value)


def test_seeds_follow_from_the_time_alone(tmp_path: Path) -> None:
    one = experiment(tmp_path, budget=100.0, seeds=5, least=0.01)
    first = {"baseline": probs([0.8]), "policy": probs([0.8])}
    assert one._planned(100, [30.0], first).seeds == 3
    assert one._planned(100, [60.0], first).word == TOO_SMALL
    agree = {name: probs([0.8, 0.8]) for name in first}
    planned = one._planned(100, [30.0, 20.0], agree)
    assert planned.seeds == 3  # at the pace of the slowest round
    assert planned.detectable is not None
    assert planned.detectable > 0.01
    assert one._planned(1000, [10.0, 10.0], agree).seeds == 5
    assert experiment(tmp_path / "b", budget=9.0)._planned(1000, [1.0], first).word == ENOUGH


def test_copies_among_the_judging_images_count_once() -> None:
    both = {"baseline": probs([0.7, 0.7]), "policy": probs([0.9, 0.9])}
    found = judged(both, ROWS, [0, 1], CLASSES, (), Asked())
    assert {j.crossed.n_clusters for j in found.judgements if j.part.name == "all images"} == {50}
