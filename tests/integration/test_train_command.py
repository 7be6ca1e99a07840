"""``curate train``: from an export or a run to a run of the trained model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.cli import cli
from curate.cli import run as run_cli
from curate.pipeline.analyze import analyze
from curate.pipeline.evidence import load_evidence
from curate.pipeline.export import export
from curate.store.run import Run
from made_curriculum import make_export
from processes import free_port
from shapes import SHAPES, write_shapes

SMALL = (
    "--model", "test_resnet", "--no-pretrained", "--img-size", "32", "--batch-size", "16",
    "--device", "cpu", "--workers", "0", "--lr", "0.002",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shapes, a run of them, an export of that, and a training on it."""
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root / "data", {"train": 12, "val": 4})
    flat = write_shapes(root / "flat", {"test": 3}) / "test"
    for shape in SHAPES:  # a test split without labels
        for path in (flat / shape).iterdir():
            target = root / "data" / "test" / f"{shape}_{path.name}"
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
    run = analyze(root / "data", root / "run", model="hog")
    export(run, root / "export", epochs=3)
    assert run_cli(cli, ["-q", "train", str(root / "export"), "--to", str(root / "t"), *SMALL]) == 0
    return root


def test_the_run_is_that_of_the_trained_model(home: Path) -> None:
    run = Run(home / "t" / "run")
    run.check_complete()
    assert run.info["settings"]["checkpoint"] == str(home / "t" / "best.safetensors")
    samples = run.table("samples")
    assert samples.groupby("split").size().to_dict() == {"train": 36, "val": 12, "test": 9}
    assert samples.loc[samples["split"] == "test", "label"].isna().all()
    result = json.loads((home / "t" / "result.json").read_text())
    history = pd.read_parquet(home / "t" / "history.parquet")
    # The training's own validation and the analysis look at the same images with the same model.
    val = result["splits"]["val"]
    assert val["accuracy"] == history[history["best"]]["val_accuracy"].iloc[-1]
    assert val["accuracy_interval"][0] <= val["accuracy"] <= val["accuracy_interval"][1]
    assert not (home / "t" / "state").exists()


def test_the_dynamics_reach_the_run_and_an_analysis_of_the_data(home: Path, tmp_path: Path) -> None:
    told = load_evidence(Run(home / "t" / "run")).dynamics
    assert told is not None
    assert told["aum"].notna().sum() == 36
    file = home / "t" / "dynamics.parquet"
    again = analyze(home / "data", tmp_path / "run", model="hog", dynamics=file)
    assert again.info["dynamics"]["covered"] == 36
    assert again.info["dynamics"]["epochs"] == 3


def test_the_checkpoint_is_one_for_an_analysis(home: Path, tmp_path: Path) -> None:
    run = analyze(
        home / "data", tmp_path / "run", model="test_resnet", img_size=32, device="cpu",
        checkpoint=home / "t" / "best.safetensors",
    )  # fmt: skip
    first = Run(home / "t" / "run")
    probs = []
    for one in (run, first):
        samples = one.table("samples")
        rows = np.flatnonzero(samples["split"] != "train")
        order = np.argsort(samples["filepath"].to_numpy()[rows])
        probs.append(np.asarray(one.array("probs", samples["sample_id"]))[rows][order])
    np.testing.assert_allclose(probs[0], probs[1], atol=1e-5)


def test_two_processes_share_a_training_of_a_plain_folder(home: Path, tmp_path: Path) -> None:
    to = tmp_path / "t"
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
        "--master-addr", "127.0.0.1", "--master-port", str(free_port()), "-m", "curate",
        "train", str(home / "data"), "--to", str(to), *SMALL, "--epochs", "2",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "GLOO_SOCKET_IFNAME": "lo"},
    )  # fmt: skip
    assert done.stdout.count("test_resnet at 32 x 32: 2 epochs of none") == 1
    assert "by 2 processes of 16 images a batch" in done.stderr
    assert done.stderr.count("epoch 2 of 2") == 1
    result = json.loads((to / "result.json").read_text())
    history = pd.read_parquet(to / "history.parquet")
    # What the processes saw of val together is what the analysis sees of it.
    best = history[history["best"]]["val_accuracy"].iloc[-1]
    assert result["splits"]["val"]["accuracy"] == best
    assert history["images"].tolist() == [36, 36]
    assert result["recorded"] == 36
    assert not (to / "state").exists()


def test_a_head_of_two_layers_on_a_run(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "t"
    args = ["-q", "train", str(home / "run"), "--to", str(to), *SMALL, "--head", "mlp"]
    assert run_cli(cli, [*args, "--epochs", "2", "--curriculum", "none"]) == 0
    said = capsys.readouterr().out
    assert "test_resnet at 32 x 32: 2 epochs of none" in said
    assert "val (12 images): accuracy 0." in said
    assert f"open it with: curate app {to / 'run'}" in said
    assert not (to / "predictions.parquet").exists()
    run = Run(to / "run")
    assert run.info["settings"]["checkpoint"] == str(to / "best.safetensors")
    history = pd.read_parquet(to / "history.parquet")
    result = json.loads((to / "result.json").read_text())
    # It is the trained head that the run predicts by.
    best = history[history["best"]]["val_accuracy"].iloc[-1]
    assert result["splits"]["val"]["accuracy"] == best


def test_folds_predict_what_they_have_not_seen(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "t"
    args = ["-q", "train", str(home / "run"), "--to", str(to), *SMALL, "--folds", "2"]
    assert run_cli(cli, [*args, "--epochs", "1", "--curriculum", "none", "--vote", "hard"]) == 0
    said = capsys.readouterr().out
    assert "2 folds of 1 epochs of none, a hard vote for val and test" in said
    assert "train (36 images, out of fold): accuracy" in said
    seen = [pd.read_csv(to / f"fold_{k}" / "curriculum" / "train.csv")["filepath"] for k in (0, 1)]
    assert len(set(seen[0]) | set(seen[1])) == len(seen[0]) + len(seen[1]) == 36
    written = pd.read_parquet(to / "predictions.parquet").set_index("filepath")
    assert len(written) == 36 + 12 + 9
    for k in (0, 1):
        own = pd.read_parquet(to / f"fold_{k}" / "predictions.parquet").set_index("filepath")
        held_out = seen[1 - k]
        np.testing.assert_allclose(written.loc[held_out], own.loc[held_out])
        assert set(held_out).isdisjoint(seen[k])
    others = written.drop(index=[*seen[0], *seen[1]])
    assert set(np.unique(others)) <= {0, 0.5, 1}
    again = analyze(
        home / "data", tmp_path / "run", model="hog", predictions=(to / "predictions.parquet",),
        dynamics=to / "dynamics.parquet",
    )  # fmt: skip
    assert again.info["predictions"]["covered"] == 36 + 12 + 9
    assert again.info["dynamics"]["covered"] == 36
    capsys.readouterr()
    few = ["-q", "train", str(home / "export"), "--to", str(tmp_path / "few"), *SMALL]
    assert run_cli(cli, [*few, "--folds", "13"]) == 2
    assert "at least 13 training images in each class" in capsys.readouterr().err
    assert not (tmp_path / "few").exists()


def test_after_a_kill_it_goes_on_to_the_same_result(home: Path, tmp_path: Path) -> None:
    to = tmp_path / "t"
    command = [sys.executable, "-m", "curate", "train", str(home / "export"), "--to", str(to)]
    process = subprocess.Popen(
        [*command, *SMALL], stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )  # fmt: skip
    while not (to / "state" / "epoch_00000.npz").exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (to / "result.json").exists()
    assert run_cli(cli, ["-q", "train", str(home / "export"), "--to", str(to), *SMALL]) == 2
    assert run_cli(cli, ["-q", "train", "--resume", str(to)]) == 0
    for name in ("best.safetensors", "last.safetensors", "dynamics.parquet"):
        assert (to / name).read_bytes() == (home / "t" / name).read_bytes()
    assert run_cli(cli, ["-q", "train", "--resume", str(to)]) == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--lr", "-1"), "--lr to be a number above 0"),
        (("--model", "test_resent"), "Did you mean"),
        (("--model", "hog"), "the name of a timm model to train, found 'hog'"),
        (("--model", "test_vit", "--img-size", "33"), "--img-size that test_vit takes, found 33"),
        (("--opt", "best"), "an optimizer of timm"),
        (("--curriculum", "hardest"), "a preset of"),
        (("--epochs", "2"), "at least 3 epochs"),
        (("--policy", "x.json"), "x.json"),
        (("--checkpoint", "{home}/t/best.safetensors", "--model", "test_vit"), "from test_resnet"),
        (("--opt", "momentum", "--lr", "1e30"), "finite numbers"),
    ],
)  # fmt: skip
def test_bad_input_ends_with_2_and_leaves_nothing(
    home: Path, tmp_path: Path, more: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "t"
    given = [one.format(home=home) for one in more]
    args = ["-q", "train", str(home / "export"), "--to", str(to), *SMALL, *given]
    assert run_cli(cli, args) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: Expected")
    assert said in told
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    source = str(home / "export")
    for args, said in (
        ((source, "--to", str(full)), "with files in it"),
        ((source, "--to", str(home / "export" / "t")), "apart from what is trained on"),
        ((str(tmp_path / "no"), "--to", str(tmp_path / "t")), f"{tmp_path / 'no'}"),
        ((source, "--to", str(tmp_path / "t"), "--val-fraction", "0.2"), "Expected '--val-fr"),
        (
            (str(home / "data"), "--to", str(tmp_path / "t"), "--curriculum", "anti"),
            "`curate analyze DATA --run RUN`, then `curate train RUN --to DIR`",
        ),
        (("--resume", str(full)), "found no args.yaml there"),
        (("--resume", str(full), "--epochs", "3"), "--resume takes everything from DIR"),
        ((source,), "Give DATA, an EXPORT or a RUN, and --to DIR"),
    ):
        assert run_cli(cli, ["-q", "train", *args]) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in full.iterdir()] == ["mine.txt"]


def test_an_image_that_breaks_off_the_training_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_export(tmp_path / "export")
    broken = tmp_path / "export_images" / "train" / "cat" / "003.png"
    broken.write_bytes(b"nothing")
    args = ["-q", "train", str(source), "--to", str(tmp_path / "t"), *SMALL]
    assert run_cli(cli, args) == 2
    assert f"Expected an image at {broken}" in capsys.readouterr().err
    assert not (tmp_path / "t").exists()
