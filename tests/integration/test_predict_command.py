"""`curate predict` through the command line: a probe on digits, trained networks, bad input."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import timm
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import load_file, save_file

from curate.cli import cli
from curate.cli import run as run_cli
from curate.data.images import load_rgb
from curate.pipeline.analyze import analyze
from curate.pipeline.policy_evidence import COLUMNS
from curate.recipe.policy import Policy, write_policy
from curate.store.run import Run
from shapes import SHAPES, write_shapes

NAME = "test_efficientnet"


def invoke(*arguments: object) -> Result:
    result = CliRunner(catch_exceptions=False).invoke(cli, ["predict", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result


def told(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(invoke(*arguments, "--json").stdout)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The message of a command that ends with exit code 2."""
    assert run_cli(cli, ["predict", *map(str, arguments)]) == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def digits(analysed_digits: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("predict")
    return Run(shutil.copytree(analysed_digits.path, home / "run"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that are like no digit."""
    folder = tmp_path_factory.mktemp("odd")
    rng = np.random.default_rng(0)
    x = np.arange(64)
    made = {
        "black": np.zeros((64, 64)),
        "stripes": np.broadcast_to(127 + 127 * np.sin(x / 2.5), (64, 64)),
        "board": 255 * ((x[:, None] // 8 + x[None] // 8) % 2),
        "noise": rng.integers(0, 256, (64, 64)),
        "rings": 127 + 127 * np.sin(np.hypot(x[:, None] - 10, x[None] - 50)),
    }
    for name, pixels in made.items():
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes") / "data"
    return write_shapes(folder, {"train": 16, "val": 12, "test": 8})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network of the shapes, with other columns than theirs in order."""
    torch.manual_seed(0)
    state = timm.create_model(NAME, num_classes=3).state_dict()
    path = tmp_path_factory.mktemp("checkpoint") / "best.safetensors"
    names = json.dumps([SHAPES[2], SHAPES[0], SHAPES[1]])
    save_file(state, path, metadata={"class_names": names, "arch": NAME})
    return path


@pytest.fixture(scope="module")
def classified(shapes: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return analyze(
        shapes, tmp_path_factory.mktemp("classified") / "run", model=NAME, checkpoint=checkpoint,
        device="cpu", detectors=("outlier",),
    )  # fmt: skip


def test_the_runs_own_pictures_get_the_probabilities_that_the_run_gave_them(
    digits: Run, tmp_path: Path
) -> None:
    samples = digits.table("samples")
    probs = np.asarray(digits.array("probs", samples["sample_id"]))
    rows = np.flatnonzero(samples["split"] == "test")
    listing = tmp_path / "test.txt"
    listing.write_text("\n".join(samples["filepath"].iloc[rows]))
    made = told("--list", listing, "--run", digits.path)
    assert len(made["pictures"]) == len(rows)
    for row, one in zip(rows, made["pictures"], strict=True):
        order = np.argsort(-probs[row], kind="stable")[:5]
        assert one["classes"][0]["class"] == made["classes"][order[0]]
        np.testing.assert_allclose([top["p"] for top in one["classes"]], probs[row, order],
                                   atol=1e-5)  # fmt: skip
        assert one["in_run"] == "test"
    label = dict(zip(samples["filepath"], samples["label"], strict=True))
    right = [one["classes"][0]["class"] == label[one["image"]] for one in made["pictures"]]
    assert np.mean(right) > 0.85
    calibration = made["calibration"]
    low, high = calibration["interval"]
    assert low < calibration["temperature"] == digits.info["probe"]["temperature"] < high
    assert f"calibrated on {calibration['images']} train images" in calibration["text"]


def test_pictures_like_no_digit_are_warned_about_and_digits_are_not(digits: Run, odd: Path) -> None:
    made = told(odd, "--run", digits.path)
    assert all(one["far"] for one in made["pictures"])
    assert made["far"]["false_alarm_rate"] <= 0.01
    data = Path(digits.info["data"])
    findings = digits.table("findings")
    flagged = set(findings.loc[findings["flagged"], "sample_id"])
    samples = digits.table("samples")
    plain = samples[~samples["sample_id"].isin(flagged)].set_index("filepath")
    usual = [
        one
        for one in told(data / "test", "--run", digits.path)["pictures"]
        if one["image"] in plain.index
    ]
    # A false alarm in a hundred is promised.
    assert sum(one["far"] for one in usual) <= 0.03 * len(usual)
    for one in usual:
        assert one["nearest"][0]["filepath"].startswith(str(data / "train"))
        gaps = [near["distance"] for near in one["nearest"]]
        assert gaps == sorted(gaps) and len(gaps) == 3
    agree = [one["nearest"][0]["label"] == one["classes"][0]["class"] for one in usual]
    assert np.mean(agree) > 0.8
    more = told(data / "test", "--run", digits.path, "--false-alarms", 0.2)["pictures"]
    assert 0.1 < np.mean([one["far"] for one in more]) < 0.3


def test_text_table_and_drawing_say_the_same(digits: Run, odd: Path, tmp_path: Path) -> None:
    data = Path(digits.info["data"])
    train = sorted((data / "train" / "4").glob("*.png"))[0]
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    asked = (odd / "black.png", train, tmp_path / "broken.png", tmp_path / "gone.png")
    result = invoke(
        *asked, "--run", digits.path, "--to", tmp_path / "out" / "p.csv",
        "--plot", tmp_path / "out" / "p.png",
    )  # fmt: skip
    text = result.stdout
    assert "2 of 4 pictures predicted, 10 classes, by" in text
    assert text.count("WARNING: far from everything trained on") == 1
    assert "1 of 2 far from everything trained on" in text
    assert "note: 1 of these pictures is in the run's train split" in text
    assert "2 could not be read:" in text
    assert "gone.png: missing, there is no such file" in " ".join(text.split())
    assert max(map(len, (line for line in text.splitlines() if "/" not in line))) <= 100
    with (tmp_path / "out" / "p.csv").open(encoding="utf-8", newline="") as file:
        black, four, broken, gone = csv.DictReader(file)
    assert (black["far"], four["far"], broken["far"]) == ("true", "false", "")
    assert float(black["p_1"]) >= float(black["p_2"]) > 0
    assert (four["in_run"], four["nearest_1"]) == ("train", str(train))
    assert float(four["nearest_1_distance"]) < 1e-5
    assert (broken["problem"], gone["problem"]) == ("damaged", "missing")
    assert broken["class_1"] == ""
    with Image.open(tmp_path / "out" / "p.png") as drawing:
        assert drawing.size[0] > 500
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"p.csv", "p.png"}


def test_names_that_a_drawing_could_stumble_over(digits: Run, odd: Path, tmp_path: Path) -> None:
    for i, name in enumerate(("$x^2$", "図形", "a\x1bb", *map(str, range(45)))):
        (tmp_path / f"{i:02d} {name}.png").write_bytes((odd / "board.png").read_bytes())
    first = invoke(tmp_path, "--run", digits.path, "--plot", tmp_path / "p.svg").stdout
    drawn = (tmp_path / "p.svg").read_bytes()
    assert b"</svg>" in drawn
    assert "\x1b" not in first
    invoke(tmp_path, "--run", digits.path, "--plot", tmp_path / "p.svg", "--overwrite")
    assert (tmp_path / "p.svg").read_bytes() == drawn


def evidence(run: Run, rows: list[dict[str, Any]], digest: str | None = None) -> None:
    """What `curate policy` could have measured."""
    folder = run.path / "policy"
    folder.mkdir(exist_ok=True)
    made_by = {"run_digest": digest or run.info["arrays"]["embeddings"]["rows"]}
    write_policy(Policy(((),), made_by=made_by), folder / "policy.json")
    columns = {
        name: pa.array([row.get(name) for row in rows], kind) for name, kind in COLUMNS.items()
    }
    pq.write_table(pa.table(columns), folder / "policy_evidence.parquet")


def safe(transform: str, level: float, n_safe: int = 10, breaks: bool = False) -> dict[str, Any]:
    return {
        "transform": transform, "level": level, "breaks": breaks, "n_safe": n_safe,
        "n_swaps": 10 - n_safe, "n_not_known": 0,
    }  # fmt: skip


def test_only_what_is_safe_for_every_class_is_averaged_over(digits: Run, odd: Path) -> None:
    asked = (odd / "noise.png", "--run", digits.path)
    plain = told(*asked)
    assert plain["augmentation"] is None
    without = told(*asked, "--tta")
    assert without["augmentation"]["steps"] == []
    assert "no evidence of which transforms" in without["augmentation"]["text"]
    try:
        evidence(
            digits,
            [
                safe("rotate", 10.0), safe("rotate", 5.0), safe("gamma", 20.0, breaks=True),
                safe("vertical_flip", 1.0, n_safe=8), safe("noise", 2.0),
                safe("brightness_contrast", 10.0), {"transform": "mixup"},
            ],
        )  # fmt: skip
        made = told(*asked, "--tta")
        assert made["augmentation"]["steps"] == [
            {"transform": "rotate", "level": 5.0},
            {"transform": "brightness_contrast", "level": 10.0},
        ]
        assert "rotate 5 degrees, brightness_contrast 10 %" in made["augmentation"]["text"]
        assert made["pictures"][0]["classes"] != plain["pictures"][0]["classes"]
        assert made["pictures"][0]["distance"] == plain["pictures"][0]["distance"]
        assert told(*asked, "--tta") == made
        evidence(digits, [safe("vertical_flip", 1.0, n_safe=8)])
        text = invoke(*asked, "--tta").stdout
        assert "(vertical_flip) is surely safe for every class" in " ".join(text.split())
        assert told(*asked, "--tta")["pictures"] == plain["pictures"]
        evidence(digits, [safe("rotate", 5.0)], digest="other")
        assert "measured before" in told(*asked, "--tta")["augmentation"]["text"]
    finally:
        for file in (digits.path / "policy").glob("*"):
            file.unlink()
        (digits.path / "policy").rmdir()


def test_a_checkpoint_on_its_own_is_timms_own_and_not_calibrated(
    shapes: Path, checkpoint: Path
) -> None:
    made = told(shapes / "test", "--checkpoint", checkpoint, "--device", "cpu", "--tta")
    assert made["classes"] == [SHAPES[2], SHAPES[0], SHAPES[1]]
    assert made["calibration"]["text"].startswith("not calibrated")
    assert made["calibration"]["temperature"] is None
    assert made["far"]["false_alarm_rate"] is None
    assert made["augmentation"]["steps"] == []
    torch.manual_seed(0)
    model = timm.create_model(NAME, num_classes=3).eval()
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    for one in made["pictures"]:
        assert one["far"] is None and one["nearest"] == []
        with torch.inference_mode():
            picture = transform(load_rgb(one["image"]))
            want = model(picture[None]).softmax(dim=1)[0].numpy()
        found = {top["class"]: top["p"] for top in one["classes"]}
        np.testing.assert_allclose([found[name] for name in made["classes"]], want, atol=2e-3)


def test_a_run_of_a_classifier_is_calibrated_on_val(classified: Run, shapes: Path) -> None:
    made = told(shapes / "test", "--run", classified.path)
    assert made["classes"] == sorted(SHAPES)
    calibration = made["calibration"]
    assert "calibrated on 36 val images of the run" in calibration["text"]
    assert calibration["images"] == 36
    samples = classified.table("samples").set_index("filepath")
    assert [one["classes"][0]["class"] for one in made["pictures"]] == [
        samples.loc[one["image"], "pred_label"] for one in made["pictures"]
    ]
    # The network has learnt nothing, and calibrated it no longer pretends to.
    assert max(one["classes"][0]["p"] for one in made["pictures"]) < 0.6
    # Its train images are no measure of what is far: 36 of val and 24 of test are.
    assert "measured on 60 val and test images" in made["far"]["text"]
    assert made["far"]["false_alarm_rate"] == pytest.approx(1 / 61)


def test_given_predictions_say_nothing_of_other_pictures(
    shapes: Path, tmp_path: Path, odd: Path
) -> None:
    samples = sorted(shapes.rglob("*.png"))
    with (tmp_path / "p.csv").open("w", encoding="utf-8") as file:
        file.write("filepath," + ",".join(SHAPES) + "\n")
        file.writelines(f"{path},0.8,0.1,0.1\n" for path in samples)
    run = analyze(shapes, tmp_path / "run", model="hog", predictions=(tmp_path / "p.csv",),
                  detectors=("outlier",))  # fmt: skip
    made = told(samples[-1], "--run", run.path)
    assert "say nothing of other images" in made["notes"][0]
    assert made["pictures"][0]["classes"][0]["class"] == samples[-1].parent.name
    assert made["calibration"]["interval"] is None


def test_bad_input_ends_with_2_and_says_why(
    digits: Run, odd: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    black, run = odd / "black.png", ("--run", digits.path)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "old.csv").write_text("precious")
    cases: list[tuple[tuple[object, ...], str]] = [
        ((), "Give --run RUN or --checkpoint FILE"),
        ((black, *run, "--checkpoint", checkpoint), "not both"),
        ((black, *run, "--model", NAME), "--model"),
        ((black, *run, "--overwrite"), "--overwrite"),
        ((black, *run, "--false-alarms", 1), "--false-alarms"),
        (run, "Expected pictures: files, folders"),
        ((tmp_path / "gone.png", *run), "none of 1"),
        ((tmp_path / "text.png", *run), "not an image"),
        ((black, "--run", tmp_path), "run.json"),
        ((black, *run, "--to", tmp_path / "p.txt"), "ends in .csv"),
        ((black, *run, "--plot", tmp_path / "p.pdf"), "ends in .png or .svg"),
        ((black, *run, "--to", tmp_path / "old.csv"), "replace it with --overwrite"),
        ((black, *run, "--plot", black, "--overwrite"), "one of the pictures"),
        ((black, *run, "--to", digits.path / "p.csv"), "apart from the run"),
        ((black, "--checkpoint", tmp_path / "none.pth"), "found none"),
        ((black, "--checkpoint", tmp_path / "text.png"), "text.png"),
        ((black, "--checkpoint", checkpoint, "--model", "test_vit"), "another architecture"),
    ]
    for arguments, says in cases:
        assert says in refused(capsys, *arguments), arguments
    assert (tmp_path / "old.csv").read_text() == "precious"
    torch.save({"class_names": list(SHAPES), "w": torch.zeros(3)}, tmp_path / "bare.pth")
    assert "does not say its architecture" in refused(
        capsys, black, "--checkpoint", tmp_path / "bare.pth"
    )


def test_a_checkpoint_is_given_pictures_of_the_size_that_it_was_trained_with(
    shapes: Path, checkpoint: Path, tmp_path: Path
) -> None:
    names = json.dumps([SHAPES[2], SHAPES[0], SHAPES[1]])
    about = {"class_names": names, "arch": NAME, "data_config": '{"input_size": [3, 64, 64]}'}
    save_file(load_file(checkpoint), tmp_path / "small.safetensors", metadata=about)
    picture = sorted(shapes.rglob("*.png"))[0]
    asked = told(picture, "--checkpoint", checkpoint, "--img-size", 64)["pictures"]
    assert told(picture, "--checkpoint", tmp_path / "small.safetensors")["pictures"] == asked
    assert told(picture, "--checkpoint", checkpoint)["pictures"] != asked


def test_a_small_run_warns_about_nothing_and_an_interrupted_one_is_refused(
    odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_shapes(tmp_path / "data", {"train": 5})
    run = analyze(data, tmp_path / "run", model="hog", detectors=("outlier",))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "empty.txt").touch()
    (tmp_path / "more" / "notes").write_text("no picture")
    made = told(odd / "black.png", tmp_path / "more", "--run", run.path)
    assert made["far"]["false_alarm_rate"] is None
    assert "20 held-out images are needed" in made["far"]["text"]
    assert made["skipped_files"] == 2
    [one] = made["pictures"]
    assert one["far"] is None and one["distance"] > 0.5 and len(one["nearest"]) == 3
    assert one["in_run"] is None
    run.save(status="running")
    assert "Expected a finished run" in refused(capsys, odd / "black.png", "--run", run.path)
