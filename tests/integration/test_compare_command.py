"""`curate compare` through the command line: real runs, small made ones, and bad input."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from click.testing import CliRunner, Result
from small_run import CLASSES, make_run, with_metadata

from curate import analyze
from curate.cli import cli
from curate.cli import run as run_cli
from curate.data.digits import write_digits
from curate.pipeline.compare import compare_runs
from curate.store.journal import Change, Journal
from curate.store.run import Run
from shapes import write_shapes


def invoke(*arguments: object) -> Result:
    return CliRunner(catch_exceptions=False).invoke(cli, ["compare", *map(str, arguments)])


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The message of a command that ends with exit code 2."""
    assert run_cli(cli, ["compare", *map(str, arguments)]) == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two analyses of some digits by one model, which differ by the seed of their folds only."""
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder / "data")
    for i, path in enumerate(sorted((folder / "data").rglob("*.png"))):
        if i % 3:
            path.unlink()
    kinds = ("orientation", "label_error")
    first = analyze(folder / "data", folder / "seed0", model="hog", detectors=kinds)
    shutil.copytree(first.path, folder / "seed1")  # what is embedded is not embedded again
    return [first, analyze(folder / "data", folder / "seed1", model="hog", seed=1, detectors=kinds)]


def test_another_seed_is_no_other_model(digits: list[Run], tmp_path: Path) -> None:
    target = tmp_path / "comparison"
    page = tmp_path / "page.html"
    runs = [run.path for run in digits]
    result = invoke(*runs, "--split", "train", "--to", target, "--report", page)
    assert result.exit_code == 0, result.output
    assert f"written: {page}" in result.output
    assert page.read_bytes() == (target / "comparison.html").read_bytes()
    assert "data:image/webp" in page.read_text("utf-8")
    assert "no difference that" in result.output
    assert "is better than" not in result.output and "is worse than" not in result.output
    report = json.loads((target / "comparison.json").read_text("utf-8"))
    assert (report["format"], report["schema_version"]) == ("curate.comparison", 1)
    one = report["comparisons"][0]
    samples = [run.table("samples").query("split == 'train'") for run in digits]
    right = [(own["label"] == own["pred_label"]).to_numpy() for own in samples]
    assert one["fixed"] == int((~right[0] & right[1]).sum())
    assert one["broken"] == int((right[0] & ~right[1]).sum())
    assert one["accuracy"]["a"] == pytest.approx(right[0].mean())
    assert one["verdict"]["word"] == "no difference shown"
    low, high = one["accuracy"]["interval"]
    assert low <= 0 <= high
    assert one["accuracy"]["not_seen_below"] == pytest.approx((high - low) / 2)
    turned = {row["name"]: row for row in one["findings"]}["orientation: upside-down"]
    assert turned["images"] > 5 and not turned["chosen_by_mistakes_of_a"]
    assert {row["name"] for row in one["findings"] if row["chosen_by_mistakes_of_a"]} == {
        "label_error"
    }
    fixed = pd.read_csv(target / "fixed.csv")
    assert len(fixed) == one["fixed"]
    assert (fixed["label"] == fixed["pred_b"]).all() and (fixed["label"] != fixed["pred_a"]).all()
    classes = pd.read_csv(target / "per_class.csv")
    assert classes["images"].sum() == report["images"]
    assert classes["fixed"].sum() == one["fixed"]


def test_the_turned_digits_that_a_better_model_has_right(digits: list[Run], tmp_path: Path) -> None:
    better = Run(shutil.copytree(digits[0].path, tmp_path / "better"))
    samples = better.table("samples")
    found = better.table("findings").query("kind == 'orientation' and flagged")
    probs = np.array(better.array("probs", samples["sample_id"]))
    rows = np.flatnonzero(samples["sample_id"].isin(found["sample_id"]))
    own = [better.info["classes"].index(label) for label in samples["label"].iloc[rows]]
    probs[rows] = np.eye(10)[own]
    better.write_array("probs", probs.astype("f4"), samples["sample_id"])
    result = invoke(digits[0].path, better.path, "--split", "train", "--json")
    one = json.loads(result.stdout)["comparisons"][0]
    assert one["verdict"]["word"] == "better" and one["broken"] == 0
    turned = next(row for row in one["findings"] if row["name"] == "orientation: upside-down")
    assert turned["right_b"] == turned["images"] > turned["right_a"]
    assert turned["verdict"] == "better"
    assert turned["still_found"] == turned["images"]


def test_models_and_what_they_cost(tmp_path: Path) -> None:
    data = write_shapes(tmp_path / "data", {"train": 12, "valid": 6, "test": 6})
    torch.manual_seed(0)
    weights = tmp_path / "random.pt"
    model = timm.create_model("test_resnet", num_classes=0)
    torch.save(model.state_dict(), weights)
    kinds = ("imbalance",)
    hog = analyze(data, tmp_path / "hog", model="hog", detectors=kinds)
    net = analyze(
        data, tmp_path / "net", model="test_resnet", weights=weights, img_size=48, detectors=kinds
    )
    size = sum(one.numel() for one in model.parameters())
    assert net.info["inference"]["parameters"] == size
    assert net.info["inference"]["weights_bytes"] >= 4 * size
    assert net.info["inference"]["images_per_second"] > 0
    speed = net.info["inference"]["images_per_second"]
    again = analyze(
        data, tmp_path / "net", model="test_resnet", weights=weights, img_size=48, detectors=kinds
    )
    assert again.info["inference"]["images_per_second"] == speed
    result = invoke(hog.path, net.path, "--vote", "soft")
    assert result.exit_code == 0, result.output
    assert "not recorded" in result.output and "test_resnet" in result.output
    assert "soft vote of 2 against" in result.output
    assert "chosen on the val images" in result.output
    report = compare_runs([hog, net], vote="hard").report
    first, second, vote = report["models"]
    assert (first["model"], first["parameters"]) == ("hog", None)
    assert (second["parameters"], second["img_size"]) == (size, 48)
    assert vote["name"] == "hard vote of 2"
    metrics = json.loads((net.path / "metrics.json").read_text("utf-8"))["splits"]["test"]
    for key in ("accuracy", "macro_f1", "expected_calibration_error"):
        assert second[key] == pytest.approx(metrics[key], abs=1e-6)


# -- small runs, made by hand -------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Run]:
    """Makes runs of the same 24 images; `right` and `wrong` are images whose prediction changes."""

    def make(name: str, wrong: tuple[int, ...] = (), right: tuple[int, ...] = ()) -> Run:
        if not (tmp_path / "a").exists():
            (tmp_path / "a").mkdir()
            first = make_run(tmp_path / "a")
            with_metadata(first)
            first.save(
                status="complete", seed=0, data=str(tmp_path / "a" / "data"),
                settings={"model": "hog", "predictions": [], "source": {"data": "elsewhere"}},
                detectors={"orientation": {}, "hard": {}, "label_error": {}}, in_sample={},
            )  # fmt: skip
        run = Run(shutil.copytree(tmp_path / "a" / "run", tmp_path / name))
        samples = run.table("samples")
        probs = np.array(run.array("probs", samples["sample_id"]))
        for i in wrong:
            probs[i] = np.roll(np.full(3, 0.1) + 0.7 * np.eye(3)[i % 3], 1)
        for i in right:
            probs[i] = np.full(3, 0.1) + 0.7 * np.eye(3)[i % 3]
        run.write_array("probs", probs, samples["sample_id"])
        return run

    return make


def change(run: Run, **columns: Any) -> None:
    """Overwrite columns of samples.parquet, keeping the rows of the arrays."""
    run.write_table("samples", run.table("samples").assign(**columns))


def test_slices_and_findings_of_the_first_run(small: Callable[..., Run]) -> None:
    a, b = small("first"), small("second", wrong=(2, 6, 8), right=(4,))
    report = compare_runs([a, b], split="train").report
    one = report["comparisons"][0]
    assert (one["fixed"], one["broken"], report["images"]) == (1, 3, 12)
    names = [row["name"] for row in one["slices"]]
    assert "camera cam0" in names and "mask True" in names and not any("taken" in n for n in names)
    assert not any(n.startswith("age") for n in names), "a third of 12 images is too few"
    turned = next(row for row in one["findings"] if row["name"] == "orientation")
    assert (turned["images"], turned["right_a"], turned["right_b"]) == (2, 1, 2)
    cells = {(c["label"], c["pred_label"]): c["change"] for c in one["confusions"]}
    assert cells == {("dog", "owl"): -1, ("owl", "cat"): 2, ("cat", "dog"): 1}


def test_labels_are_the_newest_decisions_or_those_that_are_asked_for(
    small: Callable[..., Run],
) -> None:
    a, b = small("first"), small("second", right=(4,))
    Journal(a).write([Change("s004", "relabel", "cat")], "app:plugin")
    Journal(b).write(
        [Change("s004", "relabel", "owl"), Change("s008", "exclude", "")], "app:plugin"
    )
    newest = compare_runs([a, b], split="train")
    assert newest.report["labels"]["differing"] == 1
    assert (newest.report["images"], newest.report["labels"]["excluded"]) == (11, 1)
    # An owl by the newest decision: A has it right, B, which says dog, broke it.
    assert newest.ids(newest.pairs[0].broken) == ["s004"]
    under = newest.report["labels"]["under_each"]
    assert [one["change"] for one in under.values()] == [0.0, pytest.approx(-1 / 11)]
    of_a = compare_runs([a, b], split="train", labels="A")
    assert (of_a.report["images"], of_a.report["comparisons"][0]["fixed"]) == (12, 0)
    Journal(b).write([Change("s004", "relabel", None)], "app:plugin")
    taken_back = compare_runs([a, b], split="train", labels="newest")
    assert taken_back.ids(taken_back.pairs[0].fixed) == ["s004"]
    text = invoke(a.path, b.path, "--split", "train").output
    assert "The labels differ for 1 of them" in " ".join(text.split())


def test_a_relabel_to_no_class_is_named(
    small: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = small("first"), small("second")
    Journal(b).write([Change("s004", "relabel", "cow")], "app:plugin")
    assert "found 'cow'" in refused(capsys, a.path, b.path, "--split", "train")


def test_other_images_are_refused_unless_the_shared_ones_are_wanted(
    small: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = small("first"), small("second")
    digests = b.table("samples")["content_digest"].tolist()
    digests[3], digests[7] = "new", "d5"  # test images: one of other bytes, one that A has in val
    change(b, content_digest=digests)
    said = refused(capsys, a.path, b.path)
    assert "6 in first (2 not shared), 6 in second (2 not shared); 4 are shared" in said
    assert "1 of those not shared are in another split" in said
    assert "2 have the path of another run's image but other bytes" in said
    assert "--intersect" in said
    result = invoke(a.path, b.path, "--intersect")
    assert result.exit_code == 0
    assert "3 test images that all runs share" in result.output, "one of the four has no label"
    assert "2 of 6 in first are not" in result.output
    change(b, content_digest=[f"other{i}" for i in range(24)])
    assert "0 are shared" in refused(capsys, a.path, b.path, "--intersect")


def test_images_are_the_same_wherever_they_lie_and_in_whatever_order(
    small: Callable[..., Run],
) -> None:
    a, b = small("first"), small("second", wrong=(2,), right=(4,))
    order = np.random.default_rng(0).permutation(24)
    samples = b.table("samples").iloc[order].reset_index(drop=True)
    samples["filepath"] = [f"/moved/{i}.png" for i in range(24)]
    samples["sample_id"] = [f"other{i}" for i in range(24)]
    probs = np.array(b.array("probs"))[order]
    b.write_table("samples", samples)
    b.write_array("probs", probs[:, [2, 0, 1]], samples["sample_id"])
    b.save(classes=[CLASSES[i] for i in (2, 0, 1)])
    compared = compare_runs([a, b], split="train")
    assert compared.ids(compared.pairs[0].fixed) == ["s004"]
    assert compared.ids(compared.pairs[0].broken) == ["s002"]


def test_the_same_model_twice(small: Callable[..., Run]) -> None:
    report = compare_runs([small("first"), small("second")], split="train", vote="soft").report
    one = report["comparisons"][0]
    assert one["verdict"]["text"] == "second predicts the same class as first on all 12 images"
    assert one["verdict"]["word"] == "no difference shown"
    assert not report["vote"]["weights"]["supported"]


def test_what_the_other_run_has_trained_on_is_said(small: Callable[..., Run]) -> None:
    a, b = small("first"), small("second")
    digests = b.table("samples")["content_digest"].tolist()
    digests[0] = digests[3]  # the first train image is a copy of the first test image
    change(b, content_digest=digests)
    notes = compare_runs([a, b]).report["notes"]
    assert len(notes) == 1
    assert notes[0].startswith("1 of these images are in the train split of second too")


def test_several_runs_are_several_chances(small: Callable[..., Run]) -> None:
    runs = [small("first"), small("second", wrong=(2,)), small("third", wrong=(2, 6))]
    report = compare_runs(runs, split="train", vote="hard").report
    assert [one["b"] for one in report["comparisons"]] == ["second", "third"]
    p = [one["accuracy"]["p_value"] for one in report["comparisons"]]
    adjusted = [one["accuracy"]["p_adjusted"] for one in report["comparisons"]]
    assert all(q >= one for q, one in zip(adjusted, p, strict=True))
    assert report["vote"]["best_single"] == ["first"]
    assert report["vote"]["chosen"] == "on the val images"
    crossed = compare_runs(runs, split="val", vote="soft").report["vote"]
    assert "in folds of the val images" in crossed["chosen"]


def test_bad_input(
    small: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = small("first"), small("second")
    assert "found 1" in refused(capsys, a.path)
    assert "found 0" in refused(capsys)
    assert "more than once" in refused(capsys, a.path, b.path, a.path)
    assert "found nothing" in refused(capsys, a.path, tmp_path / "nowhere")
    assert "Invalid value for '--split'" in refused(capsys, a.path, b.path, "--split", "tset")
    assert "--overwrite" in refused(capsys, a.path, b.path, "--overwrite")
    b.save(classes=["cat", "dog", "cow"])
    said = refused(capsys, a.path, b.path)
    assert "it lacks 'owl'" in said and "it has 'cow' besides" in said
    b.save(classes=CLASSES, status="running")
    assert "interrupted" in refused(capsys, a.path, b.path)
    b.save(status="complete")
    change(b, split="train")
    assert "none in 'second'" in refused(capsys, a.path, b.path, "--split", "test")


def test_nothing_but_an_earlier_comparison_is_replaced(
    small: Callable[..., Run], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = small("first"), small("second")
    target = tmp_path / "out"
    assert "apart from" in refused(capsys, a.path, b.path, "--to", a.path / "x")
    target.mkdir()
    (target / "thesis.txt").write_text("mine")
    assert "other files" in refused(capsys, a.path, b.path, "--to", target, "--overwrite")
    (target / "thesis.txt").unlink()
    assert invoke(a.path, b.path, "--to", target).exit_code == 0
    assert {path.name for path in target.iterdir()} == {
        "comparison.json", "fixed.csv", "broken.csv", "per_class.csv", "comparison.html",
    }  # fmt: skip
    assert "--overwrite" in refused(capsys, a.path, b.path, "--to", target)
    before = (target / "comparison.json").read_bytes()
    assert invoke(a.path, b.path, "--to", target, "--overwrite").exit_code == 0
    assert (target / "comparison.json").read_bytes() == before, "the same input, the same file"


def test_views_of_what_changed_are_renewed_and_others_stay(
    small: Callable[..., Run], published: Callable[[Run], Any], database: str
) -> None:
    a, b, c = small("first"), small("second", wrong=(2, 8), right=(4,)), small("third", wrong=(6,))
    dataset = published(a)
    dataset.save_view("broken in third", dataset.limit(3))
    before = set(dataset.list_saved_views())
    result = invoke(a.path, b.path, "--split", "train", "--no-app")
    assert result.exit_code == 0, result.output
    assert '"fixed in second", "broken in second"' in result.output
    dataset.reload()
    assert set(dataset.list_saved_views()) == before | {"fixed in second", "broken in second"}
    assert dataset.load_saved_view("fixed in second").values("curate_id") == ["s004"]
    assert set(dataset.load_saved_view("broken in second").values("curate_id")) == {"s002", "s008"}
    invoke(a.path, c.path, "--split", "train", "--no-app")
    dataset.reload()
    assert len(dataset.load_saved_view("broken in third")) == 3, "a person's view of that name"
    assert dataset.has_saved_view("fixed in second"), "of another comparison"
    b.write_array(
        "probs", np.array(a.array("probs")), b.table("samples")["sample_id"]
    )  # fmt: skip
    result = invoke(a.path, b.path, "--split", "train", "--no-app")
    assert "none, no image changed" in result.output
    dataset.reload()
    assert set(dataset.list_saved_views()) == before
    # Publishing again keeps the views of comparisons.
    invoke(a.path, small("fourth", wrong=(6,)).path, "--split", "train", "--no-app")
    a.write_table("findings", a.table("findings").assign(flagged=False))
    assert published(a).has_saved_view("broken in fourth")
