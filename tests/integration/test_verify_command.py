"""``curate verify``: killed in the middle, gone on with, and what it rejects is withdrawn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
from PIL import Image
from safetensors.torch import save_file

from curate.cli import cli
from curate.cli import run as run_cli
from curate.errors import PolicyError
from curate.pipeline.export import export
from curate.pipeline.verifying.asked import Asked
from curate.pipeline.verifying.recommended import verify_recommended
from curate.pipeline.verifying.withdrawing import carry_over
from curate.recipe.foreign import write_forms
from curate.recipe.policy import Policy, Step, read_policy
from curate.store.run import Run
from documented import keys_below
from made_curriculum import edit, make_export
from made_export import run_of

SMALL = (
    "--model", "test_resnet", "--no-pretrained", "--img-size", "32", "--batch-size", "24",
    "--device", "cpu", "--workers", "0", "--lr", "0.01", "--epochs", "5", "--trials", "1",
)  # fmt: skip


def half_bright(path: Path, number: int) -> Path:
    """Bright at the top, at the bottom, or nowhere, by its class: what a flip turns about."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 40, (12, 12, 3), np.uint8)
    if number % 3 < 2:
        pixels[6 * (number % 3) : 6 * (number % 3) + 6] += 180
    Image.fromarray(pixels).save(path)
    return path


def home_of(run: Run) -> Path:
    return run.path.with_name("run-verify")


def invoke(*arguments: object) -> int:
    return run_cli(cli, ["-q", *map(str, arguments)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose policy is forced vertical flips, verified by its own command and killed once."""
    root = tmp_path_factory.mktemp("verify")
    run = run_of(root / "run", root / "images", 150, draw=half_bright)
    about = {"run": str(run.path), "run_digest": "d"}
    policy = Policy(((), (Step("vertical_flip", 1),)), tuple(run.info["classes"]), made_by=about)
    write_forms(policy, run.path / "policy")
    args = ["verify", str(run.path), "--arm", "policy", "--seeds", "2", *SMALL]
    command = [sys.executable, "-m", "curate", "-q", *args]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + 250
        while not list(home_of(run).glob("fits/policy-0/work/last.safetensors")):
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    return run


@pytest.fixture(scope="module")
def report(run: Run) -> dict[str, Any]:
    """The report of the verification that was gone on with."""
    home = home_of(run)
    assert [path.parent.name for path in home.glob("fits/*/fit.json")] == ["baseline-0"]
    first = (home / "fits" / "baseline-0" / "fit.json").stat()
    assert not (home / "verify.json").exists()
    assert invoke("verify", run.path) == 2  # a new one is not begun beside it
    assert invoke("verify", "--resume", home, "--final") == 0
    assert (home / "fits" / "baseline-0" / "fit.json").stat() == first
    found: dict[str, Any] = json.loads((home / "verify.json").read_text())
    return found


def test_the_verdict_and_its_files(run: Run, report: dict[str, Any]) -> None:
    assert keys_below("verify.json") == {*report}
    assert report["seeds"] == [0, 1]
    assert {name: one["steps"] for name, one in report["arms"].items()} == {
        "baseline": 20, "policy": 20,
    }  # fmt: skip
    whole = report["verdict"]["judgements"][0]
    assert (whole["arm"], whole["part"], whole["verdict"]) == ("policy", "all images", "hurts")
    assert whole["interval"][0] < whole["change"] < whole["interval"][1] < 0
    assert report["said"][0].startswith("policy against baseline, all images: hurts, -0.")
    table = pd.read_parquet(home_of(run) / "verify.parquet")
    n = {"val": report["images"], "test": report["final"]["images"]}
    assert table.groupby(["split", "arm", "seed"]).size().unique().tolist() == sorted(
        set(n.values())
    )
    own = table[(table["split"] == "val") & (table["arm"] == "baseline")]
    share = (own["label"] == own["pred_label"]).groupby(own["seed"]).mean().tolist()
    assert share == pytest.approx(report["accuracy"]["baseline"])
    assert not list(home_of(run).rglob("work"))


def test_what_hurts_is_withdrawn_and_stays_so(
    run: Run, report: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert report["withdrawn"] == ["vertical_flip"]
    now = read_policy(run.path / "policy" / "policy.json")
    assert now.stages == ((), ())
    assert now.withdrawn[0].evidence["judgements"][0]["verdict"] == "hurts"
    export(run, tmp_path / "export", epochs=3)
    exported = read_policy(tmp_path / "export" / "policy.json")
    assert exported.stages == ((), ())
    assert exported.withdrawn == now.withdrawn
    # The same recommendation again, as `curate policy` would make it.
    fresh = Policy(((Step("vertical_flip", 0.3),),), now.classes, made_by=now.made_by)
    write_forms(fresh, tmp_path / "policy")
    assert carry_over(now, tmp_path / "policy").stages == ((),)


def test_test_is_looked_at_once(run: Run, report: dict[str, Any]) -> None:
    home = home_of(run)
    first = {path: path.stat() for path in home.glob("fits/*/*.parquet")}
    assert len(first) == 8
    assert invoke("verify", "--resume", home, "--final") == 0
    again = json.loads((home / "verify.json").read_text())
    assert again["final"] == report["final"]
    assert again["looks"] == 1
    assert {path: path.stat() for path in home.glob("fits/*/*.parquet")} == first


def test_a_recommended_policy_is_verified_with_the_runs_own_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path / "run", tmp_path / "images", 60, draw=half_bright)
    policy = Policy(((Step("vertical_flip", 0.5),),), tuple(run.info["classes"]))
    write_forms(policy, run.path / "policy")
    with pytest.raises(PolicyError, match=r"found one of hog.*--arm policy --model NAME"):
        verify_recommended(run, policy, run.path / "policy", Asked())
    assert verify_recommended(run, Policy(((),)), run.path / "policy", Asked()) is None
    state = timm.create_model("test_resnet").state_dict()
    save_file(state, tmp_path / "weights.safetensors")
    run.save(settings={
        **run.info["settings"], "model": "test_resnet", "img_size": 32, "device": "cpu",
        "weights": str(tmp_path / "weights.safetensors"),
    })  # fmt: skip
    done = verify_recommended(run, policy, run.path / "policy", Asked(budget=0.1), workers=0)
    assert done is not None
    assert done.to == tmp_path / "run-verify"
    assert list(done.report["arms"]) == ["baseline", "policy"]
    assert done.report["freeze"] == "backbone"
    assert "too small to tell anything" in done.report["budget_too_small"]
    assert invoke("policy", run.path, "--budget", "1h") == 2
    assert "those of --verify" in " ".join(capsys.readouterr().err.split())


def test_a_budget_that_pays_for_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_export(tmp_path / "export")
    args = ["verify", source, *SMALL, "--epochs", "3", "--budget", "1s"]
    assert invoke(*args) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the budget of 1 s is too small to tell anything: one training takes" in said
    home = tmp_path / "export-verify"
    assert f"go on with: curate verify --resume {home} --budget TIME" in said
    assert len(list(home.glob("fits/*/fit.json"))) == 1


def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_export(tmp_path / "export")
    for args, said in (
        ((), "Give an EXPORT or a RUN"),
        ((source, "--budget", "soon"), "expected a time such as 90s"),
        ((source, "--slice", "orientation"), "Expected a run beside the export"),
        ((source, "--slice", "label=cow"), "found none; it is 'cat', 'dog', 'owl' there"),
        ((source, "--arm", "policy"), "no augmentation policy"),
        ((source, "--to", source / "v" / "w"), "apart from what is verified"),
        ((tmp_path,), "curate analyze"),
        (("--resume", tmp_path), "found no args.json there"),
        (("--resume", tmp_path, "--least", ".1"), "--resume takes everything but"),
        ((source, "--model", "no_such_model"), "Expected the name of a timm model"),
    ):
        assert invoke("verify", *args) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "export_images"]
    edit(source, "val", 0, filepath=str(tmp_path / "gone.png"))
    assert invoke("verify", source, *SMALL) == 2
    assert "found 1 gone" in capsys.readouterr().err
