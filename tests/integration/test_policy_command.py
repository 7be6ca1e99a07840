"""`curate policy` on real digits, by the real command line: what is refused, for which classes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from curate.cli import cli
from curate.cli import run as run_cli
from curate.pipeline.analyze import analyze
from curate.pipeline.judging import judge_policy, judged_json, judged_text
from curate.pipeline.policy_evidence import COLUMNS
from curate.recipe.applying import load_policy
from curate.recipe.policy import read_policy
from curate.store.run import Run

FLIPS = ("--only", "vertical_flip", "--only", "half_turn", "--only", "mixup")

FILTERS = """
import torch

class Filters(torch.nn.Module):
    # Random filters with thresholds: an embedding that a shift of light moves.
    num_classes = 0

    def __init__(self):
        super().__init__()
        make = torch.Generator().manual_seed(0)
        self.register_buffer("weight", torch.randn(48, 1, 5, 5, generator=make))
        self.register_buffer("bias", 4 * torch.randn(48, generator=make))

    def forward(self, x):
        grey = x.mean(dim=1, keepdim=True)
        seen = torch.relu(torch.nn.functional.conv2d(grey, self.weight, self.bias, stride=2))
        return torch.nn.functional.adaptive_avg_pool2d(seen, 3).flatten(1)

def make():
    return Filters()
"""


def invoke(*arguments: object) -> Result:
    return CliRunner(catch_exceptions=False).invoke(cli, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def digits(analysed_digits: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("policy")
    return Run(shutil.copytree(analysed_digits.path, home / "run"))


@pytest.fixture(scope="module")
def made(digits: Run) -> dict[str, Any]:
    result = invoke("policy", digits.path, *FLIPS, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def classes(made: dict[str, Any], transform: str) -> dict[str, Any]:
    """What is known of every class under a transform, recommended or not."""
    entries = [*made["stages"][-1]["steps"], *made["left_out"]]
    [one] = [entry for entry in entries if entry["transform"] == transform]
    found: dict[str, Any] = one["evidence"]["label_safety"]["classes"]
    return found


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "vertcal_flip"], "vertical_flip"),
        (["--judge", "no/such/policy.json"], "no/such/policy.json"),
        (["--judge", "x.json", "--only", "rotate"], "--judge"),
        (["--stages", "0"], "stages"),
        (["--sample", "0"], "sample"),
        (["--strength", "heavy"], "strength"),
    ],
)
def test_bad_input_ends_with_2_and_says_why(
    digits: Run, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(cli, ["policy", str(digits.path), *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_place_in_use_is_refused(
    digits: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    for place in (tmp_path, digits.path, Path(digits.info["data"]) / "policy"):
        assert run_cli(cli, ["policy", str(digits.path), *FLIPS, "--to", str(place)]) == 2
        assert "--to" in capsys.readouterr().err
    assert run_cli(cli, ["policy", str(tmp_path)]) == 2
    assert "run.json" in capsys.readouterr().err


def test_a_vertical_flip_turns_2_and_5_into_each_other(made: dict[str, Any]) -> None:
    by = classes(made, "vertical_flip")
    assert (by["2"]["verdict"], by["2"]["taken_for"]) == ("swaps", "5")
    assert (by["5"]["verdict"], by["5"]["taken_for"]) == ("swaps", "2")
    for symmetric in "038":
        assert by[symmetric]["verdict"] == "safe"
        assert by[symmetric]["kept"]["estimate"] > 0.8
    low, high = by["5"]["taken"]["interval"]
    assert 0.05 < low < by["5"]["taken"]["estimate"] < high < 1


def test_a_half_turn_turns_6_and_9_into_each_other(made: dict[str, Any]) -> None:
    by = classes(made, "half_turn")
    assert (by["6"]["verdict"], by["6"]["taken_for"]) == ("swaps", "9")
    assert (by["9"]["verdict"], by["9"]["taken_for"]) == ("swaps", "6")
    for symmetric in "08":
        assert by[symmetric]["verdict"] == "safe"


def test_whatever_is_recommended_spares_them(made: dict[str, Any]) -> None:
    spared = {"vertical_flip": {"2", "5"}, "half_turn": {"6", "9"}}
    for stage in made["stages"]:
        for step in stage["steps"]:
            assert spared[step["transform"]] <= set(step["excluded_classes"])


def test_files_are_whole_and_read_back(digits: Run, made: dict[str, Any]) -> None:
    folder = digits.path / "policy"
    names = {path.name for path in folder.iterdir()}
    assert {"policy.json", "policy.py", "policy.albumentations.yaml",
            "policy_evidence.parquet"} <= names  # fmt: skip
    policy = read_policy(folder / "policy.json")
    assert policy.classes == tuple("0123456789")
    assert {left.transform for left in policy.left_out} >= {"mixup"}
    changed = load_policy(folder / "policy.json", 2)(np.zeros((64, 64, 3), np.uint8), "0", 1)
    assert changed.shape == (64, 64, 3)
    table = pq.read_table(folder / "policy_evidence.parquet")
    assert table.column_names == list(COLUMNS)
    rows = {row["transform"]: row for row in table.to_pylist()}
    assert {"2", "5"} <= set(rows["vertical_flip"]["swaps"])
    assert rows["half_turn"]["drop_low"] > 0.2
    assert rows["mixup"]["level"] is None
    assert not list(digits.path.glob(".policy*"))


def test_another_strength_embeds_nothing(digits: Run, made: dict[str, Any], tmp_path: Path) -> None:
    cache = digits.path / "cache" / "augmented"
    before = sorted(path.stat().st_mtime_ns for path in cache.rglob("*.safetensors"))
    result = invoke("policy", digits.path, *FLIPS, "--strength", "strong", "--to", tmp_path / "s")
    assert result.exit_code == 0, result.output
    for word in ("vertical_flip", "half_turn", "2 (5)", "6 (9)", "Cannot be told"):
        assert word in result.stdout
    assert read_policy(tmp_path / "s" / "policy.json").strength == "strong"
    assert sorted(path.stat().st_mtime_ns for path in cache.rglob("*.safetensors")) == before


def test_a_policy_by_hand_is_judged_step_by_step(digits: Run, made: Any, tmp_path: Path) -> None:
    steps = [
        {"transform": "half_turn", "probability": 0.5},
        {"transform": "half_turn", "probability": 0.5, "excluded_classes": ["3", "6", "9"]},
        {"transform": "albumentations:VerticalFlip", "probability": 0.5},
        {"transform": "cutmix", "probability": 0.5, "magnitude": [1, 1]},
    ]
    document = {
        "format": "curate.policy", "schema_version": 1, "stages": [{"stage": 0, "steps": steps}],
    }  # fmt: skip
    (tmp_path / "mine.json").write_text(json.dumps(document))
    judged = judge_policy(digits, tmp_path / "mine.json")
    free, spared, flip, mixed = json.loads(json.dumps(judged_json(judged), allow_nan=False))[
        "steps"
    ]
    assert free["verdict"] == "unsafe"
    assert {"6": "9", "9": "6"}.items() <= free["swaps"].items()
    assert spared["verdict"] != "unsafe"
    assert spared["swaps"] == {}
    assert {"2": "5", "5": "2"}.items() <= flip["swaps"].items()
    low, high = flip["evidence"]["expected_gain"]["expected"]["interval"]
    assert -1 < low < high < 1
    assert mixed["verdict"] == "not measured"
    assert "unsafe: half_turn, p 0.5 (stage 0)" in judged_text(judged)


@pytest.fixture
def filters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A small network as a person's own module."""
    (tmp_path / "filter_model.py").write_text(FILTERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "filter_model:make"
    sys.modules.pop("filter_model", None)


def digits_with(folder: Path, n: int, light: float = 1.0) -> Path:
    """So many digits without faults, val as bright as told."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(digits.target))[:n]
    for place, i in enumerate(order):
        split = ("train", "train", "train", "val", "test")[place % 5]
        image = np.kron(digits.images[i] * 15.9, np.ones((4, 4)))
        if split == "val":
            image = image * light
        path = folder / split / str(digits.target[i]) / f"{place:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.astype(np.uint8)).save(path)
    return folder


def test_a_darker_val_asks_for_brightness_and_an_even_one_for_nothing(
    tmp_path: Path, filters: str
) -> None:
    only = ("brightness_contrast", "vertical_flip", "blur")
    told = {}
    for name, light in (("even", 1.0), ("dark", 0.45)):
        run = analyze(
            digits_with(tmp_path / name, 800, light), tmp_path / f"run-{name}", model=filters,
            img_size=32, detectors=("orientation",), device="cpu",
        )  # fmt: skip
        result = invoke(
            "policy", run.path, "--sample", 120, "--stages", 1, "--json",
            *[word for one in only for word in ("--only", one)],
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        told[name] = json.loads(result.stdout)
    assert told["even"]["stages"][0]["steps"] == []
    assert not any(one["shown"] for one in told["even"]["prevalence"].values())
    assert told["dark"]["prevalence"]["dark"]["shown"]
    assert told["dark"]["prevalence"]["dark"]["split"] == "val"
    assert told["dark"]["stages"][0]["steps"][0]["transform"] == "brightness_contrast"
    # Asked again, the same bytes; and the policy is worth it in the eyes of the judge, too.
    first = {path.name: path.read_bytes() for path in (run.path / "policy").iterdir()}
    shutil.copy(run.path / "policy" / "policy.json", tmp_path / "mine.json")
    invoke("policy", run.path, "--sample", 120, "--stages", 1,
           *[word for one in only for word in ("--only", one)])  # fmt: skip
    assert {path.name: path.read_bytes() for path in (run.path / "policy").iterdir()} == first
    judged = invoke("policy", run.path, "--judge", tmp_path / "mine.json", "--sample", 120)
    assert judged.exit_code == 0, judged.output
    assert judged.stdout.startswith("worth it: brightness_contrast")


def test_a_killed_policy_goes_on_and_moved_images_are_an_error(
    tmp_path: Path, filters: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = digits_with(tmp_path / "data", 300)
    run = analyze(
        data, tmp_path / "run", model=filters, img_size=32, detectors=("orientation",),
        device="cpu",
    )  # fmt: skip
    command = [sys.executable, "-m", "curate", "policy", str(run.path), "--only", "rotate",
               "--sample", "60"]  # fmt: skip
    shards = run.path / "cache" / "augmented"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=tmp_path) as process:
        deadline = time.monotonic() + 200
        while not list(shards.glob("*/*.safetensors")) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    assert not (run.path / "policy").exists()
    result = invoke("policy", run.path, "--only", "rotate", "--sample", 60)
    assert result.exit_code == 0, result.output
    assert read_policy(run.path / "policy" / "policy.json").made_by["sample"] == 60

    data.rename(tmp_path / "elsewhere")
    assert run_cli(cli, ["policy", str(run.path), "--only", "blur"]) == 2
    said = capsys.readouterr().err
    assert "Expected the images of the run as they were" in said
    assert "missing" in said
    # What was measured before needs no image.
    assert invoke("policy", run.path, "--only", "rotate", "--sample", 60).exit_code == 0
