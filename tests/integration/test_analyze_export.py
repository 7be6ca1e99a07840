"""`curate analyze` and `curate export` on small folders, through the command line, in process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from click.testing import CliRunner, Result
from PIL import Image

from curate.cli import cli
from curate.cli import run as run_cli
from curate.remedies.formats import FORMATS
from curate.store.journal import Change, Journal
from curate.store.run import Run
from made_export import tree
from shapes import SHAPES, write_shapes


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty train images and some held out, one of them truncated and one mislabelled."""
    root = write_shapes(
        tmp_path_factory.mktemp("shapes") / "data", {"train": 20, "valid": 6, "test": 6}
    )
    damaged = root / "train" / "disc" / "003.png"
    damaged.write_bytes(damaged.read_bytes()[:300])
    shutil.copy(root / "train" / "stripes" / "000.png", root / "train" / "disc" / "wrong.png")
    return root


def invoke(*arguments: object) -> Result:
    return CliRunner(catch_exceptions=False).invoke(cli, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def analysed(data: Path, database: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    target = tmp_path_factory.mktemp("runs") / "shapes"
    result = invoke("analyze", data, "--run", target, "--model", "hog", "--no-app")
    assert result.exit_code == 0, result.output
    assert "97 images = 96 samples + 1 problems, 3 classes, model hog" in result.output
    return Run(target)


def test_counts_add_up_and_artefacts_keep_the_contract(analysed: Run, data: Path) -> None:
    files = [path for path in data.rglob("*") if path.is_file()]
    samples, problems = analysed.table("samples"), analysed.table("problems")
    assert len(files) == len(samples) + len(problems)
    assert problems["problem"].tolist() == ["truncated"]
    assert set(samples["split"]) == {"train", "val", "test"}
    rows = samples["sample_id"]
    assert rows.is_unique
    for name, columns in (("embeddings", 1568), ("probs", 3), ("projection", 2)):
        values = analysed.array(name, rows)
        assert values.shape == (len(samples), columns)
        assert np.isfinite(values).all()
    np.testing.assert_allclose(analysed.array("probs").sum(axis=1), 1, atol=1e-5)
    assert analysed.info["classes"] == sorted(SHAPES)
    predicted = np.array(analysed.info["classes"])[analysed.array("probs").argmax(axis=1)]
    assert (samples["pred_label"] == predicted).all()
    assert all(Path(path).is_absolute() for path in samples["filepath"])
    findings = analysed.table("findings")
    assert findings.groupby("kind")["sample_id"].apply(lambda ids: set(ids) == set(rows)).all()
    tiers = analysed.table("tiers")
    assert set(tiers["sample_id"]) == set(samples.loc[samples["split"] == "train", "sample_id"])
    assert analysed.table("decisions").empty
    metrics = json.loads((analysed.path / "metrics.json").read_text())
    assert set(metrics["splits"]) == {"train", "val", "test"}


def test_the_mislabelled_image_is_found_and_under_review(analysed: Run) -> None:
    samples = analysed.table("samples").set_index("sample_id")
    wrong = samples.index[samples["filepath"].str.endswith("wrong.png")][0]
    findings = analysed.table("findings")
    found = findings[(findings["sample_id"] == wrong) & findings["flagged"]].set_index("kind")
    assert found.loc["label_error", "suggestion"] == "stripes"
    assert "same bytes" in found.loc["near_duplicate", "reason"]
    assert samples.loc[wrong, "tier"] == "review"


def test_out_of_fold_keeps_equal_files_in_one_fold(analysed: Run) -> None:
    samples = analysed.table("samples")
    train = samples[samples["split"] == "train"]
    assert (train.groupby("content_digest")["fold"].nunique() == 1).all()
    assert set(train["fold"]) == set(range(5))
    assert set(samples.loc[samples["split"] != "train", "fold"]) == {-1}


def test_the_second_time_every_stage_is_cached_and_nothing_changes(
    analysed: Run, data: Path
) -> None:
    before = {p.name: p.read_bytes() for p in analysed.path.glob("*.parquet")}
    result = invoke("analyze", data, "--run", analysed.path, "--model", "hog", "--no-app", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["cached_stages"] == [
        "embed", "neighbors", "probabilities", "metrics", "detect", "projection", "tiers",
        "facts",
    ]  # fmt: skip
    assert {p.name: p.read_bytes() for p in analysed.path.glob("*.parquet")} == before


def test_same_input_and_seed_give_the_same_tables(
    analysed: Run, data: Path, tmp_path: Path
) -> None:
    from curate import analyze

    again = analyze(data, tmp_path / "run", model="hog")
    for name in ("samples", "findings", "tiers", "problems"):
        pd.testing.assert_frame_equal(again.table(name), analysed.table(name))
    for name in ("probs", "projection"):
        np.testing.assert_array_equal(again.array(name), analysed.array(name))


def test_another_seed_does_the_random_stages_again_and_no_others(
    data: Path, analysed: Run, tmp_path: Path
) -> None:
    shutil.copytree(analysed.path, tmp_path / "run")
    from curate import analyze

    again = analyze(data, tmp_path / "run", model="hog", seed=1)
    assert again.info["cached_stages"] == ["embed", "neighbors", "facts"]


def test_other_images_are_refused_for_a_run_that_has_decisions(
    analysed: Run, tmp_path: Path
) -> None:
    other = write_shapes(tmp_path / "other", {"train": 5, "val": 2}, seed=9)
    before = (analysed.path / "run.json").read_bytes()
    code = run_cli(cli, ["analyze", str(other), "--run", str(analysed.path), "--model", "hog"])
    assert code == 2
    assert (analysed.path / "run.json").read_bytes() == before


def test_export_writes_the_splits_and_leaves_the_data_alone(
    analysed: Run, data: Path, tmp_path: Path
) -> None:
    stamps = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    result = invoke("export", analysed.path, "--to", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == stamps
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "train_easy.csv", "train_medium.csv", "train_hard.csv", "train_review.csv", "train.csv",
        "val.csv", "test.csv", "classes.txt", "curriculum.json", "edits.csv", "decisions.csv",
        "files.csv", "images.parquet",
    }  # fmt: skip
    tables = {name: pd.read_csv(tmp_path / "out" / name) for name in names if name[-3:] == "csv"}
    for name, table in tables.items():
        if name not in ("edits.csv", "decisions.csv", "files.csv"):
            assert ",".join(table) == (
                "sample_id,filepath,label,target,tier,difficulty,weight,turn,group,content_digest,"
                "reason"
            )
            assert table["filepath"].map(lambda path: Path(path).is_file()).all()
    parts = [tables[f"train_{tier}.csv"]["filepath"] for tier in ("easy", "medium", "hard")]
    assert sorted(pd.concat(parts)) == sorted(tables["train.csv"]["filepath"])
    assert tables["train_review.csv"]["filepath"].str.endswith("wrong.png").any()
    assert not tables["train.csv"]["filepath"].str.endswith("wrong.png").any()
    samples = analysed.table("samples")
    assert len(tables["val.csv"]) == (samples["split"] == "val").sum()
    assert len(tables["test.csv"]) == (samples["split"] == "test").sum()
    assert (tables["edits.csv"]["by"] == "tool").all()
    classes = (tmp_path / "out" / "classes.txt").read_text().splitlines()
    assert (
        tables["train.csv"]["target"].map(classes.__getitem__) == tables["train.csv"]["label"]
    ).all()
    stages = json.loads((tmp_path / "out" / "curriculum.json").read_text())["stages"]
    assert [stage["tiers"] for stage in stages] == [
        ["easy"], ["easy", "medium"], ["easy", "medium", "hard"],
    ]  # fmt: skip


def test_export_replaces_only_an_export_and_only_when_told(
    analysed: Run, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert invoke("export", analysed.path, "--to", out).exit_code == 0
    (out / "val.csv").write_text("old")
    assert run_cli(cli, ["export", str(analysed.path), "--to", str(out)]) == 2
    assert (out / "val.csv").read_text() == "old"
    assert invoke("export", analysed.path, "--to", out, "--overwrite").exit_code == 0
    assert len(pd.read_csv(out / "val.csv")) == 18
    (out / "my notes.txt").write_text("mine")
    for target in (out, data / "out", analysed.path, data.parent):
        code = run_cli(cli, ["export", str(analysed.path), "--to", str(target), "--overwrite"])
        assert code == 2, target
    assert (out / "my notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_export_of_the_same_run_is_the_same_bytes(analysed: Run, tmp_path: Path) -> None:
    """With every format, and folds that keep the copies of the run together."""
    formats = [word for name in FORMATS for word in ("--format", name)]
    for name in ("one", "two"):
        result = invoke("export", analysed.path, "--to", tmp_path / name, *formats)
        assert result.exit_code == 0, result.output
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert invoke("export", "--check", tmp_path / "one").exit_code == 0
    names = [f"fold_{k}_{part}.csv" for k in range(5) for part in ("train", "val")]
    folds = {name: pd.read_csv(tmp_path / "one" / "folds" / name) for name in names}
    every = pd.read_csv(tmp_path / "one" / "train.csv")
    for k in range(5):
        train, val = folds[f"fold_{k}_train.csv"], folds[f"fold_{k}_val.csv"]
        assert sorted([*train["sample_id"], *val["sample_id"]]) == sorted(every["sample_id"])
        assert not set(train["content_digest"]) & set(val["content_digest"])
        assert set(val["label"]) == set(SHAPES)


def test_a_submission_has_the_samples_columns_and_the_runs_predictions(
    analysed: Run, tmp_path: Path
) -> None:
    samples = analysed.table("samples")
    test = samples[samples["split"] == "test"].set_index("filepath")["pred_label"]
    names = {path: "/".join(Path(path).parts[-2:]) for path in test.index[::-1]}
    lines = ["id,label", *(f"{name},{SHAPES[0]}" for name in names.values())]
    (tmp_path / "sample.csv").write_text("\n".join(lines))
    result = invoke("export", analysed.path, "--to", tmp_path / "out", "--submission",
                    tmp_path / "sample.csv")  # fmt: skip
    assert "18 rows by 'id', label = the name of the predicted class" in result.output
    found = pd.read_csv(tmp_path / "out" / "submission.csv")
    assert found["id"].tolist() == list(names.values())
    assert found["label"].tolist() == [test[path] for path in names]
    (tmp_path / "sample.csv").write_text("\n".join(lines[:-1]))
    arguments = ["export", analysed.path, "--to", tmp_path / "two", "--submission",
                 tmp_path / "sample.csv"]  # fmt: skip
    assert run_cli(cli, [str(one) for one in arguments]) == 2
    assert not (tmp_path / "two").exists()


def test_peoples_decisions_on_held_out_images_change_the_score(
    analysed: Run, tmp_path: Path
) -> None:
    from curate import export

    run_dir = tmp_path / "run"
    shutil.copytree(analysed.path, run_dir)
    run = Run(run_dir)
    samples = run.table("samples")
    val = samples[samples["split"] == "val"].iloc[0]
    other = next(name for name in SHAPES if name not in (val["label"], val["pred_label"]))
    test = samples.loc[samples["split"] == "test", "sample_id"].iloc[0]
    Journal(run).write(
        [Change(val["sample_id"], "relabel", other), Change(test, "exclude", "")], "app:plugin"
    )
    about = export(run, tmp_path / "out")
    val_scores, test_scores = about["scores"]["val"], about["scores"]["test"]
    assert val_scores["after"]["n"] == val_scores["before"]["n"] == 18
    right = val["label"] == val["pred_label"]
    change = val_scores["before"]["accuracy"] - val_scores["after"]["accuracy"]
    assert change == pytest.approx(1 / 18 if right else 0)
    assert test_scores["after"]["n"] == test_scores["before"]["n"] - 1
    edits = pd.read_csv(tmp_path / "out" / "edits.csv", keep_default_na=False)
    people = edits[edits["by"] == "person"]
    assert sorted(people["action"]) == ["drop", "relabel"]
    table = pd.read_csv(tmp_path / "out" / "val.csv").set_index("filepath")
    assert table.loc[val["filepath"], "label"] == other
    assert table.loc[val["filepath"], "reason"].startswith("person: relabelled from")


def test_a_checkpoint_speaks_for_val_and_test_and_a_probe_for_train(
    data: Path, tmp_path: Path
) -> None:
    """The checkpoint lists the classes in another order than the folders do."""
    torch.manual_seed(0)
    model = timm.create_model("test_efficientnet", num_classes=3).eval()
    names = ["stripes", "disc", "square"]
    torch.save({"state_dict": model.state_dict(), "classes": names}, tmp_path / "model.pth")
    from curate import analyze

    options = {"model": "test_efficientnet", "checkpoint": tmp_path / "model.pth", "device": "cpu"}
    run = analyze(data, tmp_path / "run", **options)
    samples = run.table("samples")
    assert run.info["in_sample"]["splits"] == ["train"]
    assert (samples["in_sample"] == (samples["split"] == "train")).all()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    row = int(np.flatnonzero(samples["split"] == "test")[0])
    with torch.inference_mode():
        pixels = transform(Image.open(samples["filepath"][row]).convert("RGB"))
        wanted = model(pixels[None]).softmax(1)[0].numpy()
    order = [names.index(name) for name in run.info["classes"]]
    np.testing.assert_allclose(run.array("probs")[row], wanted[order], atol=1e-3)
    train = run.array("probs")[(samples["split"] == "train").to_numpy()]
    assert train.std() > run.array("probs")[(samples["split"] != "train").to_numpy()].std()


def test_moved_images_are_found_where_they_are_now(
    analysed: Run, data: Path, tmp_path: Path
) -> None:
    """Nothing is embedded again, and no table names a file that is no longer there."""
    from curate import analyze

    moved = shutil.copytree(data, tmp_path / "elsewhere")
    shutil.copytree(analysed.path, tmp_path / "run")
    again = analyze(moved, tmp_path / "run", model="hog")
    assert {"embed", "neighbors", "probabilities", "detect"} <= set(again.info["cached_stages"])
    for name in ("samples", "problems"):
        paths = again.table(name)["filepath"]
        assert paths.str.startswith(f"{moved}/").all()
    assert len(again.table("samples")) == len(analysed.table("samples"))
    assert len(again.table("problems")) == len(analysed.table("problems"))
