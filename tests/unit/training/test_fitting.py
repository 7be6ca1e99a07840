"""A whole training: the same result each time, also after a kill; and how it can end early."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from curate.errors import TrainingError
from curate.inference.weights import read_checkpoint
from curate.progress import Bar, silent
from curate.recipe.policy import Policy, Step
from curate.recipe.stages import Schedule, Stage
from curate.training.fitting import Fitted, Fitting
from curate.training.history import TIMES
from curate.training.options import Options
from made_curriculum import CLASSES, TIERS, make_export

STAGES = Schedule(
    "custom",
    4,
    (
        Stage(0, 1, ("easy",)),
        Stage(1, 3, ("easy", "medium"), lr_factor=0.5, policy_stage=0),
        Stage(3, 4, TIERS, share=0.9, order="loss", policy_stage=1),
    ),
)
FLIP, MIX = Step("horizontal_flip", 0.5), Step("mixup", 0.5, (1.0, 1.0))


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    policy = Policy(((FLIP,), (FLIP, MIX)), CLASSES)
    return make_export(tmp_path_factory.mktemp("exports") / "staged", STAGES, policy=policy)


def options(**given: Any) -> Options:
    plain = {
        "model": "test_resnet", "pretrained": False, "img_size": 16, "batch_size": 8, "lr": 2e-3,
        "device": "cpu", "workers": 0, "model_ema": True, "model_ema_decay": 0.9, "seed": 5,
    }  # fmt: skip
    return Options(**{**plain, **given})


def fit(export: Path, to: Path, progress: Any = silent, **given: Any) -> Fitted:
    to.mkdir(exist_ok=True)
    return Fitting(export, to, options(**given), progress).run()


@pytest.fixture(scope="module")
def whole(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("trained") / "whole"
    fit(export, to)
    return to


def same(one: Path, other: Path) -> None:
    for name in ("best.safetensors", "last.safetensors", "dynamics.parquet"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    tables = [
        pd.read_parquet(to / "history.parquet").drop(columns=list(TIMES)) for to in (one, other)
    ]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_it_leaves_what_it_should(whole: Path) -> None:
    history = pd.read_parquet(whole / "history.parquet")
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert history["stage"].tolist() == [0, 1, 1, 2]
    assert history["images"].tolist() == [12, 18, 18, 24]
    assert history["lr_scale"].tolist() == [1, 0.5, 0.5, 0.5]
    assert history["best"].iloc[0]
    assert (history["val_low"] <= history["val_accuracy"]).all()
    found = read_checkpoint(whole / "best.safetensors")
    assert (found.class_names, found.arch) == (CLASSES, "test_resnet")
    assert (whole / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (whole / "curves.svg").read_text().count("stage ") == 3
    assert list((whole / "tensorboard").iterdir())


def test_the_same_seed_gives_the_same_result(export: Path, whole: Path, tmp_path: Path) -> None:
    fit(export, tmp_path / "again")
    same(whole, tmp_path / "again")


def test_workers_make_no_difference(export: Path, whole: Path, tmp_path: Path) -> None:
    fit(export, tmp_path / "again", workers=2)
    same(whole, tmp_path / "again")


def test_another_seed_gives_another(export: Path, whole: Path, tmp_path: Path) -> None:
    fit(export, tmp_path / "other", seed=6)
    names = ("other", "last.safetensors")
    assert (tmp_path / names[0] / names[1]).read_bytes() != (whole / names[1]).read_bytes()


@contextmanager
def killed(name: str, total: int | None = None, unit: str = "it") -> Iterator[Bar]:
    """Breaks off within the third epoch."""

    class Killer:
        def update(self, n: int = 1) -> None:
            if name.startswith("epoch 3"):
                raise KeyboardInterrupt

    yield Killer()


@pytest.mark.parametrize("sched", ["cosine", "plateau"])
def test_after_a_kill_it_comes_to_the_same(export: Path, tmp_path: Path, sched: str) -> None:
    given = {"sched": sched, "patience_epochs": 0}
    fit(export, tmp_path / "whole", **given)
    with pytest.raises(KeyboardInterrupt):
        fit(export, tmp_path / "killed", killed, **given)
    assert len(pd.read_parquet(tmp_path / "killed" / "history.parquet")) == 2
    fit(export, tmp_path / "killed", **given)
    same(tmp_path / "whole", tmp_path / "killed")


def test_what_was_not_trained_on_is_recorded_nowhere(export: Path, whole: Path) -> None:
    recorded = pd.read_parquet(whole / "dynamics.parquet")
    times = recorded.groupby("filepath").size()
    assert len(times) == 24
    assert recorded["label"].isin(CLASSES).all()
    # Of the last epoch only what was mixed with nothing.
    assert times.max() <= 4
    first = recorded[recorded["epoch"] == 0]["filepath"]
    train = pd.read_csv(export / "train.csv")
    assert set(first) == set(train.loc[train["tier"] == "easy", "filepath"])


def test_a_loss_that_is_no_number_ends_it_and_names_the_batch(export: Path, tmp_path: Path) -> None:
    to = tmp_path / "nan"
    with pytest.raises(TrainingError) as caught:
        fit(export, to, opt="momentum", lr=1e30, model_ema=False)
    said = str(caught.value)
    assert "in batch 2 of epoch 1, for 6 of its 6 images: '" in said
    assert "No epoch was finished." in said
    assert not (to / "last.safetensors").exists()


def test_the_last_good_model_is_kept(tmp_path: Path) -> None:
    schedule = Schedule("custom", 3, (Stage(0, 2, TIERS), Stage(2, 3, TIERS, lr_factor=1e30)))
    to = tmp_path / "nan"
    with pytest.raises(TrainingError, match=rf"of epoch 3.*epoch 2 is kept in {to}/last.saf"):
        fit(make_export(tmp_path / "export", schedule), to, opt="momentum", model_ema=False)
    last = read_checkpoint(to / "last.safetensors")
    assert all(bool(torch.isfinite(value).all()) for value in last.state.values())
    assert len(pd.read_parquet(to / "history.parquet")) == 2


def test_it_stops_early_but_not_before_the_last_stage(export: Path, tmp_path: Path) -> None:
    schedule = Schedule("custom", 8, (Stage(0, 3, ("easy",)), Stage(3, 8, TIERS)))
    long = make_export(tmp_path / "long", schedule)
    # Nothing is learnt, so val is never better than after the first epoch.
    found = fit(long, tmp_path / "to", lr=1e-30, patience=2, model_ema=False, freeze="backbone")
    assert (found.best, len(found.rows)) == (0, 5)


def test_without_val_the_last_epoch_is_the_best(export: Path, tmp_path: Path) -> None:
    other = tmp_path / "export"
    shutil.copytree(export, other)
    header = (other / "val.csv").read_text().splitlines()[0]
    (other / "val.csv").write_text(header + "\n")
    found = fit(other, tmp_path / "to")
    assert (found.best, found.val) == (3, None)
    with pytest.raises(TrainingError, match="images of val for --sched plateau"):
        fit(other, tmp_path / "plateau", sched="plateau")


def test_too_large_a_batch_is_told_with_one_that_fits(export: Path, tmp_path: Path) -> None:
    class Hungry(torch.nn.Module):
        """Asks for a petabyte from more than four images on."""

        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            torch.empty(2**50 if len(images) > 4 else 8, dtype=torch.uint8)
            out: torch.Tensor = self.inner(images)
            return out

    fitting = Fitting(export, tmp_path, options(model_ema=False), silent)
    fitting._model = Hungry(fitting._model)
    with pytest.raises(
        TrainingError, match="A batch of 4 fits: --batch-size 4 --grad-accum-steps 2"
    ):
        fitting.run()


def test_probabilities_of_any_pictures(export: Path, whole: Path) -> None:
    fitting = Fitting(export, whole, options(), silent)
    paths = pd.read_csv(export / "test.csv")["filepath"].tolist()
    probs = fitting.probabilities(paths)
    assert probs.shape == (6, 3)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-5)
