"""Datasets as teams had them, through the real command and into a run, the App and an export."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from curate.cli import cli
from curate.store.run import Run
from shapes import SHAPES, draw


def invoke(*arguments: object) -> Result:
    return CliRunner(catch_exceptions=False).invoke(cli, [str(a) for a in arguments])


def analysed(target: Path, *arguments: object) -> tuple[Run, Result]:
    result = invoke("analyze", *arguments, "--run", target, "--model", "hog", "--no-app")
    assert result.exit_code == 0, result.output
    return Run(target), result


@pytest.fixture(scope="module")
def sketches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train.csv (class_name,image_path,target) beside train/CLASS, test.csv beside a flat test."""
    root, rng = tmp_path_factory.mktemp("sketches"), np.random.default_rng(0)
    rows = []
    for target, shape in enumerate(SHAPES):
        for i in range(15):
            path = root / "train" / shape / f"sketch_{i}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(shape, rng).save(path, quality=95)
            rows.append((shape, f"{shape}/sketch_{i}.JPEG", target))
    pd.DataFrame(rows, columns=["class_name", "image_path", "target"]).to_csv(
        root / "train.csv", index=False
    )
    (root / "test").mkdir()
    for i in range(9):
        draw(SHAPES[i % 3], rng).save(root / "test" / f"{i}.JPEG", quality=95)
    names = pd.DataFrame({"image_path": [f"{i}.JPEG" for i in range(9)]})
    names.to_csv(root / "test.csv", index=False)
    return root


def test_a_competitions_tables_with_an_unlabelled_test_set(sketches, database, tmp_path):
    run, result = analysed(
        tmp_path / "run", "--manifest", sketches / "train.csv", "--manifest", sketches / "test.csv",
        "--val-fraction", "0.2",
    )  # fmt: skip
    assert "54 images = 54 samples + 0 problems, 3 classes" in result.output
    samples = run.table("samples")
    assert samples["split"].value_counts().to_dict() == {"train": 36, "val": 9, "test": 9}
    unlabelled = samples["split"] == "test"
    assert samples["label"].isna().tolist() == unlabelled.tolist()
    assert samples.loc[unlabelled, ["margin", "tier", "difficulty"]].isna().all(axis=None)
    assert samples["pred_label"].notna().all()
    metrics = json.loads((run.path / "metrics.json").read_text())["splits"]
    assert set(metrics) == {"train", "val"}
    findings = run.table("findings")
    about = findings[findings["sample_id"].isin(samples.loc[unlabelled, "sample_id"])]
    assert not about.loc[about["kind"].isin(["label_error", "confusable", "hard"]), "flagged"].any()

    import fiftyone as fo

    dataset = fo.load_dataset(run.info["dataset"])
    assert dataset.count_sample_tags()["unlabelled"] == 9
    assert dataset.count("ground_truth") == 45

    exported = invoke("export", run.path, "--to", tmp_path / "export")
    assert exported.exit_code == 0, exported.output
    test = pd.read_csv(tmp_path / "export" / "test.csv")
    assert test[["label", "target"]].isna().all(axis=None)
    train = pd.read_csv(tmp_path / "export" / "train.csv")
    assert set(train["target"]) == {0, 1, 2}


def test_a_persons_label_for_an_unlabelled_image_is_exported(sketches, database, tmp_path):
    import fiftyone as fo

    run, _ = analysed(
        tmp_path / "run", "--manifest", sketches / "train.csv", "--manifest", sketches / "test.csv"
    )
    dataset = fo.load_dataset(run.info["dataset"])
    sample = dataset.match_tags("unlabelled").first()
    sample["ground_truth"] = fo.Classification(label="disc")
    sample.save()
    result = invoke("export", run.path, "--to", tmp_path / "export")
    assert result.exit_code == 0, result.output
    test = pd.read_csv(tmp_path / "export" / "test.csv")
    (row,) = test[test["label"].notna()].to_dict("records")
    assert (row["filepath"], row["label"], row["target"]) == (sample.filepath, "disc", 0)
    assert "labelled by an edited label in the App" in row["reason"]
    edits = pd.read_csv(tmp_path / "export" / "edits.csv", keep_default_na=False)
    assert edits.loc[edits["action"] == "relabel", ["label", "value"]].values.tolist() == [
        ["", "disc"]
    ]


@pytest.fixture(scope="module")
def persons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve persons, eight pictures each, split by picture: every person is in both splits."""
    root, rng = tmp_path_factory.mktemp("persons") / "data", np.random.default_rng(1)
    for person in range(12):
        for i in range(8):
            split, shape = ("val" if i == 7 else "train"), SHAPES[(person + i) % 2]
            path = root / split / shape / f"{person:06d}_{'fm'[person % 2]}_{20 + person}-{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(shape, rng).save(path)
    return root


PERSON = r"(?P<group>\d+)_(?P<gender>[fm])_(?P<age>\d+)-"


def test_persons_in_two_splits_are_told_on_the_first_page_and_kept_in_one_fold(
    persons, database, tmp_path
):
    run, result = analysed(tmp_path / "run", persons, "--group-pattern", PERSON)
    first_page = " ".join(result.output.split())
    assert (
        "12 of 12 groups straddle splits: 100 % of the val images have a group mate" in first_page
    )
    samples = run.table("samples")
    train = samples[samples["split"] == "train"]
    assert train.groupby("group")["fold"].nunique().max() == 1
    assert train["fold"].nunique() == 5
    assert run.info["metadata"] == {"gender": "string", "age": "int"}
    assert set(samples["age"]) == set(range(20, 32))

    import fiftyone as fo

    dataset = fo.load_dataset(run.info["dataset"])
    assert dataset.bounds("age") == (20, 31)
    assert dataset.count_values("gender") == {"f": 48, "m": 48}
    assert len(dataset.distinct("group")) == 12


def test_names_that_look_like_persons_are_told_though_nobody_asked(persons, database, tmp_path):
    _, result = analysed(tmp_path / "run", persons)
    first_page = " ".join(result.output.split())
    assert "look as if" in first_page
    assert "--group-pattern" in first_page


def test_a_dataset_of_fiftyone_by_name(persons, database, tmp_path):
    import fiftyone as fo

    dataset = fo.Dataset("given", overwrite=True)
    for path in sorted(persons.rglob("*.png")):
        dataset.add_sample(
            fo.Sample(
                filepath=str(path),
                tags=[path.parts[-3]],
                ground_truth=fo.Classification(label=path.parts[-2]),
                age=int(path.stem.split("_")[2].split("-")[0]),
            )
        )
    before = dataset.to_dict()
    run, result = analysed(tmp_path / "run", "fiftyone:given")
    assert "96 images = 96 samples + 0 problems, 2 classes" in result.output
    samples = run.table("samples")
    assert samples["split"].value_counts().to_dict() == {"train": 84, "val": 12}
    assert run.info["metadata"] == {"age": "int"}
    assert fo.load_dataset("given").to_dict()["samples"] == before["samples"]
    assert run.info["dataset"] != "given"
    dataset.delete()


def test_a_run_is_refused_around_images_of_a_manifest(sketches, tmp_path, capfd):
    from curate.cli import run as run_cli

    code = run_cli(
        cli, ["analyze", "--manifest", str(sketches / "train.csv"), "--run",
              str(sketches / "train" / "disc"), "--model", "hog", "--no-app"],
    )  # fmt: skip
    assert code == 2
    assert "Expected an empty directory or a run at" in capfd.readouterr().err


def test_an_unchanged_source_is_taken_from_the_cache(persons, database, tmp_path):
    options = (persons, "--group-pattern", PERSON)
    analysed(tmp_path / "run", *options)
    run, result = analysed(tmp_path / "run", *options)
    assert set(run.info["cached_stages"]) == set(run.info["stages"])
    assert "12 of 12 groups" in " ".join(result.output.split())
