"""``curate analyze --dynamics``: what training recorded reaches the detectors, and stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.cli import cli
from curate.cli import run as run_cli
from curate.pipeline.analyze import analyze
from curate.pipeline.evidence import load_evidence
from curate.store.run import Run
from curate.store.training import write_dynamics
from shapes import write_shapes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes") / "data", {"train": 12, "test": 4})


@pytest.fixture(scope="module")
def plain(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return analyze(data, tmp_path_factory.mktemp("runs") / "plain", model="hog")


def record(run: Run, path: Path, lift: float = 0.0) -> pd.DataFrame:
    """Three epochs of the images of train, the i-th with an AUM of i + lift."""
    samples = run.table("samples")
    train = samples[samples["split"] == "train"]
    own = np.tile(np.arange(len(train)) + lift + 1.0, (3, 1))
    other = np.ones_like(own)
    p = 1 / (1 + np.exp(other - own))
    write_dynamics(
        path, train["sample_id"].tolist(), own, other, p, own > other,
        labels=train["label"].tolist(),
    )  # fmt: skip
    return train


def test_dynamics_reach_the_evidence_and_stay_in_the_run(
    plain: Run, data: Path, tmp_path: Path
) -> None:
    file = tmp_path / "d.parquet"
    train = record(plain, file)
    run = analyze(data, tmp_path / "run", model="hog", dynamics=file)
    file.rename(tmp_path / "moved.parquet")
    told = load_evidence(Run(run.path)).dynamics
    assert told is not None
    samples = run.table("samples")
    assert np.isnan(told["aum"][(samples["split"] != "train").to_numpy()]).all()
    np.testing.assert_allclose(told["aum"].dropna(), np.arange(len(train)), atol=1e-5)
    assert run.info["dynamics"]["covered"] == len(train)
    assert run.info["settings"]["dynamics"] == str(file)

    again = analyze(data, tmp_path / "run", model="hog", dynamics=tmp_path / "moved.parquet")
    assert set(again.info["cached_stages"]) == set(again.info["stages"])
    record(plain, file, lift=2)
    other = analyze(data, tmp_path / "run", model="hog", dynamics=file)
    assert {"embed", "probabilities"} <= set(other.info["cached_stages"])
    assert not {"dynamics", "detect"} & set(other.info["cached_stages"])
    told = load_evidence(other).dynamics
    assert told is not None
    assert told["aum"].min() == pytest.approx(2, abs=1e-5)

    # Somebody decides that the image with the largest AUM is of another class.
    last = train["sample_id"].iloc[-1]
    label = next(one for one in other.info["classes"] if one != train["label"].iloc[-1])
    row = {"sample_id": last, "action": "relabel", "value": label, "source": "user"}
    columns = other.table("decisions").columns
    other.write_table("decisions", pd.DataFrame([row]).reindex(columns=columns))
    analyze(data, tmp_path / "run", model="hog", dynamics=file, with_decisions=True)
    told = load_evidence(Run(run.path)).dynamics
    assert told is not None
    assert np.isnan(told["aum"][(samples["sample_id"] == last).to_numpy()]).all()
    assert told["aum"].notna().sum() == len(train) - 1

    without = analyze(data, tmp_path / "run", model="hog")
    assert load_evidence(without).dynamics is None
    assert without.info["dynamics"] is None
    assert "dynamics" not in without.info["stages"]
    assert "detect" not in without.info["cached_stages"]


def test_the_command_takes_a_file_and_names_a_bad_one_before_anything_is_written(
    database: str, plain: Run, data: Path, tmp_path: Path, capfd
) -> None:
    file, table = tmp_path / "d.csv", tmp_path / "d.parquet"
    record(plain, table)
    pd.read_parquet(table).drop(columns="p_true").to_csv(file, index=False)
    arguments = ["analyze", str(data), "--model", "hog", "--no-app", "--json"]
    target = ["--run", str(tmp_path / "run")]
    assert run_cli(cli, [*arguments, *target, "--dynamics", str(file)]) == 2
    assert "found none called 'p_true'" in capfd.readouterr().err
    assert run_cli(cli, [*arguments, *target, "--dynamics", "nowhere.csv"]) == 2
    assert "Expected a file of training dynamics at nowhere.csv" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()

    assert run_cli(cli, [*arguments, *target, "--dynamics", str(table)]) == 0
    dataset = json.loads(capfd.readouterr().out)["dataset"]
    assert load_evidence(Run(tmp_path / "run")).dynamics is not None
    from curate.app.database import load_fiftyone

    load_fiftyone().delete_dataset(dataset)
