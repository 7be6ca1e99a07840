"""Whose predictions count: files of predictions, a user's own module, another image size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.cli import cli
from curate.cli import run as run_cli
from curate.pipeline.analyze import analyze
from curate.store.run import Run
from shapes import SHAPES, write_shapes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes") / "data", {"train": 12, "test": 4})


@pytest.fixture(scope="module")
def plain(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return analyze(data, tmp_path_factory.mktemp("runs") / "plain", model="hog")


def write_predictions(run: Run, path: Path, seed: int, split: str) -> pd.DataFrame:
    """Random probabilities for one split, a row an image named by its path."""
    samples = run.table("samples")
    paths = samples.loc[samples["split"] == split, "filepath"]
    probs = np.random.default_rng(seed).dirichlet(np.ones(3), len(paths))
    table = pd.DataFrame(probs, columns=list(SHAPES)).assign(filepath=paths.to_list())
    table.sample(frac=1, random_state=seed).to_csv(path, index=False)
    return table.set_index("filepath")


def test_predictions_take_the_place_of_the_models_where_they_speak(
    plain: Run, data: Path, tmp_path: Path
) -> None:
    one = write_predictions(plain, tmp_path / "one.csv", 1, "test")
    two = write_predictions(plain, tmp_path / "two.csv", 2, "test")
    run = analyze(
        data, tmp_path / "run", model="hog",
        predictions=(tmp_path / "one.csv", tmp_path / "two.csv"),
    )  # fmt: skip
    samples = run.table("samples")
    is_test = (samples["split"] == "test").to_numpy()
    probs = run.array("probs", samples["sample_id"])
    wanted = ((one + two) / 2).loc[samples.loc[is_test, "filepath"], run.info["classes"]]
    np.testing.assert_allclose(probs[is_test], wanted.to_numpy(), atol=1e-6)
    np.testing.assert_allclose(probs[~is_test], plain.array("probs")[~is_test], atol=1e-6)
    assert [file["rows"] if "rows" in file else file["covered"]
            for file in run.info["predictions"]["files"]] == [12, 12]  # fmt: skip


def test_other_predictions_are_another_analysis_and_none_is_the_old_one(
    plain: Run, data: Path, tmp_path: Path
) -> None:
    write_predictions(plain, tmp_path / "one.csv", 1, "test")
    run = analyze(data, tmp_path / "run", model="hog", predictions=(tmp_path / "one.csv",))
    first = np.array(run.array("probs"))
    write_predictions(plain, tmp_path / "one.csv", 3, "test")
    again = analyze(data, tmp_path / "run", model="hog", predictions=(tmp_path / "one.csv",))
    assert "embed" in again.info["cached_stages"]
    assert np.abs(np.array(again.array("probs")) - first).max() > 0.1
    without = analyze(data, tmp_path / "run", model="hog")
    assert without.info["predictions"] is None
    np.testing.assert_allclose(without.array("probs"), plain.array("probs"), atol=1e-6)


MODULE = """
import torch

class Net(torch.nn.Module):
    class_names = ["disc", "square", "stripes"]

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, 4), torch.nn.ReLU(),
                                        torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
        self.head = torch.nn.Linear(32, 3)

    def forward(self, x):
        return self.head(self.body(x))

def make():
    return Net()
"""


def test_a_users_own_classifier_by_import_path(data: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "my_nets.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    run = analyze(data, tmp_path / "run", model="my_nets:make", img_size=64, device="cpu")
    samples = run.table("samples")
    assert run.array("embeddings", samples["sample_id"]).shape == (48, 32)
    logits = np.array(run.array("cache/logits", samples["sample_id"]))
    is_test = (samples["split"] == "test").to_numpy()
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(run.array("probs")[is_test], probs[is_test], atol=1e-5)
    assert run.info["in_sample"]["splits"] == ["train"]
    assert samples["in_sample"].tolist() == (~is_test).tolist()

    again = analyze(data, tmp_path / "run", model="my_nets:make", img_size=64, device="cpu")
    assert set(again.info["cached_stages"]) == set(again.info["stages"])
    hog = analyze(data, tmp_path / "run", model="hog")
    assert not hog.table("samples")["in_sample"].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--predictions", "nowhere.csv"], "Expected a file of predictions at nowhere.csv"),
        (["--model", "hog", "--img-size", "64"], "Expected no --img-size with --model hog"),
        (["--model", "nowhere_at_all:make"], "nowhere_at_all"),
        (["--model", "nowhere.onnx"], "nowhere.onnx, found none"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_written(
    database: str, data: Path, tmp_path: Path, capfd, options: list[str], message: str
) -> None:
    arguments = ["analyze", str(data), "--run", str(tmp_path / "run"), "--no-app"]
    model = [] if "--model" in options else ["--model", "hog"]
    assert run_cli(cli, [*arguments, *model, *options]) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


def test_turned_copies_are_embedded_of_a_sample_and_of_suspects_only(
    tmp_path: Path, monkeypatch
) -> None:
    data = write_shapes(tmp_path / "data", {"train": 30, "test": 10})
    damaged = next((data / "train" / "disc").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:200])
    for name, value in (("ALL_BELOW", 10), ("SAMPLE", 60), ("SAMPLE_IN_FULL", 40)):
        monkeypatch.setattr(f"curate.detectors.cascade.{name}", value)
    some = analyze(data, tmp_path / "some", model="hog")
    whole = analyze(data, tmp_path / "whole", model="hog", all_views=True)
    ids = some.table("samples")["sample_id"].tolist()
    assert len(ids) == 119
    embedded = 0
    for view in ("hflip", "vflip", "rot90", "rot180", "rot270"):
        rows = np.array(some.array(f"cache/rows_{view}", ids))
        found = some.array(f"cache/view_{view}", [ids[row] for row in rows])
        assert 40 <= len(rows) < 119
        assert (np.diff(rows) > 0).all()
        every = whole.array(f"cache/view_{view}", ids)
        np.testing.assert_allclose(found, every[rows], atol=1e-6)
        embedded += len(rows)
    assert embedded < 5 * 119 / 2
    assert some.info["detectors"]["orientation"]["views_per_image"] == pytest.approx(embedded / 119)
    again = analyze(data, tmp_path / "some", model="hog")
    assert set(again.info["cached_stages"]) == set(again.info["stages"])
    more = analyze(data, tmp_path / "some", model="hog", all_views=True)
    assert "embed" not in more.info["cached_stages"]
    assert len(more.array("cache/rows_hflip")) == 119
