"""Nothing that a run or a checkpoint names is imported, unless the user named it too."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from curate.errors import ModelError
from curate.pipeline.analyze import reanalyze
from curate.pipeline.own_code import TRUST, check_model, note_model
from curate.pipeline.predict_model import of_checkpoint
from curate.pipeline.run_model import model_of, settings_of
from curate.pipeline.settings import Settings
from curate.store.run import Run

MODEL = "module_of_a_stranger:make"


@pytest.fixture(autouse=True)
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module in the working directory, which curate puts on the path, and an empty cache."""
    (tmp_path / "module_of_a_stranger.py").write_text("def make(): raise SystemExit('I ran')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(TRUST, raising=False)


def run_of_a_stranger(path: Path) -> Run:
    run = Run.create(path)
    run.save(settings=Settings.of(path, model=MODEL).as_json(), classes=["a", "b"])
    return run


@pytest.mark.parametrize(
    "look", [lambda run: model_of(run, settings_of(run, {})), reanalyze], ids=["model", "again"]
)
def test_a_model_that_a_run_alone_names_is_not_imported(look: object, tmp_path: Path) -> None:
    assert callable(look)
    run = run_of_a_stranger(tmp_path / "run")
    with pytest.raises(ModelError, match=f"{TRUST}={MODEL}"):
        look(run)
    assert "module_of_a_stranger" not in sys.modules


def test_a_checkpoint_is_not_believed_when_it_names_code(tmp_path: Path) -> None:
    file = tmp_path / "given.safetensors"
    about = {"arch": MODEL, "class_names": json.dumps(["a", "b"])}
    save_file({"fc.weight": torch.zeros(2, 4), "fc.bias": torch.zeros(2)}, file, about)
    with pytest.raises(ModelError, match=f"--model {MODEL}"):
        of_checkpoint(file, None)
    assert "module_of_a_stranger" not in sys.modules


def test_what_the_user_named_is_believed_at_that_place_alone(tmp_path: Path) -> None:
    note_model(tmp_path / "run", MODEL)
    check_model(tmp_path / "run", MODEL)
    for place, model in ((tmp_path / "other", MODEL), (tmp_path / "run", "another:make")):
        with pytest.raises(ModelError):
            check_model(place, model)


def test_the_users_word_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUST, MODEL)
    check_model(tmp_path / "run", MODEL)


@pytest.mark.parametrize("model", ["resnet50", "hog", "nets/mine.onnx", "hf-hub:timm/x"])
def test_models_that_are_no_code_need_no_word(model: str, tmp_path: Path) -> None:
    check_model(tmp_path / "run", model)
    note_model(tmp_path / "run", model)
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file")
    note_model(tmp_path / "run", MODEL)
    assert TRUST in caplog.text
