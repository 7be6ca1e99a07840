from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from curate.errors import ModelError
from curate.progress import log
from model_files import CLASSES, load, means, small_picture


class Net(torch.nn.Module):
    """Channel means; logits are their multiples."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) * 2


class Pair(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        means = x.mean((2, 3))
        return means[:, :2], means * 2


class Flat(torch.nn.Module):
    """Takes one size only."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3 * 16 * 16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.flatten(1))


def script(model: torch.nn.Module, path: Path, traced: bool = False, **about) -> Path:
    extra = {"config.json": json.dumps(about)} if about else {}
    with warnings.catch_warnings():
        # torch calls TorchScript deprecated; users have files of it.
        warnings.simplefilter("ignore")
        one = torch.zeros(1, 3, 16, 16)
        made = torch.jit.trace(model.eval(), one) if traced else torch.jit.script(model.eval())
        torch.jit.save(made, str(path), _extra_files=extra)
    return path


@pytest.fixture
def picture() -> Image.Image:
    return small_picture()


@pytest.fixture(autouse=True)
def logs(caplog) -> pytest.LogCaptureFixture:
    log.propagate = True
    caplog.set_level(logging.INFO, "curate")
    return caplog


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("extension", ["pt", "ts", "torchscript"])
def test_one_output_is_the_embeddings(tmp_path, picture, extension, traced, logs) -> None:
    embedder = load(script(Net(), tmp_path / f"net.{extension}", traced))
    pixels = embedder.prepare(picture)
    assert pixels.shape == (224, 224, 3)
    out = embedder.forward(pixels[None])
    np.testing.assert_allclose(out.embeddings[0], means(pixels) * 2, rtol=1e-4)
    assert out.logits is None
    assert "names no classes (net.classes.txt beside it): it is used as a backbone" in logs.text


def test_one_output_as_wide_as_the_class_list_is_the_logits(tmp_path, picture, logs) -> None:
    path = script(Net(), tmp_path / "net.pt")
    (tmp_path / "net.classes.txt").write_text("fox\ncat\ndog\n")
    embedder = load(path)
    assert embedder.class_names == ("fox", "cat", "dog")
    out = embedder.forward(embedder.prepare(picture)[None])
    np.testing.assert_array_equal(out.embeddings, out.logits)
    assert "gives logits alone, which are poor embeddings" in logs.text


def test_two_outputs_are_embeddings_and_logits(tmp_path, picture) -> None:
    path = script(Pair(), tmp_path / "net.pt", class_names=["dog", "cat", "fox"], mean=[0, 0, 0],
                  std=[1, 1, 1], input_size=[3, 32, 32])  # fmt: skip
    embedder = load(path)
    assert embedder.class_names == ("dog", "cat", "fox")
    pixels = embedder.prepare(picture)
    assert pixels.shape == (32, 32, 3)
    out = embedder.forward(pixels[None])
    wanted = pixels.mean(axis=(0, 1)) / 255
    np.testing.assert_allclose(out.embeddings[0], wanted[:2], rtol=1e-4)
    np.testing.assert_allclose(out.logits[0], wanted * 2, rtol=1e-4)


def test_a_list_of_another_length_is_not_for_a_lone_output(tmp_path, picture, logs) -> None:
    path = script(Net(), tmp_path / "net.pt")
    (tmp_path / "net.classes.txt").write_text("cat\ndog\n")
    assert load(path).class_names is None
    assert "gives 3 numbers for 2 classes: they are used as embeddings" in logs.text


def test_openvino_takes_it_too(tmp_path, picture, monkeypatch) -> None:
    monkeypatch.setattr("curate.inference.choosing.CONVERT_SECONDS", 0.0)
    path = script(Pair(), tmp_path / "net.pt", class_names=list(CLASSES))
    embedder = load(path)
    pixels = embedder.prepare(picture)[None]
    want = embedder.forward(pixels)
    embedder.start(10**7)
    got = embedder.forward(pixels)
    np.testing.assert_allclose(got.embeddings, want.embeddings, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got.logits, want.logits, rtol=1e-4, atol=1e-5)


def test_the_digest_is_of_the_file_and_the_classes_not_the_path(tmp_path) -> None:
    one = script(Net(), tmp_path / "one.pt")
    two = one.with_name("two.ts")
    two.write_bytes(one.read_bytes())
    assert load(one).digest == load(two).digest
    assert load(one).digest != load(script(Pair(), tmp_path / "three.pt")).digest
    (tmp_path / "one.classes.txt").write_text("fox\ncat\ndog\n")
    assert load(one).digest != load(two).digest


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    state = tmp_path / "state.pt"
    torch.save(Flat().state_dict(), state)
    with pytest.raises(ModelError, match=r"Expected TorchScript in .*state dict goes with"):
        load(state)
    flat = script(Flat(), tmp_path / "flat.pt")
    with pytest.raises(ModelError, match=r"to take 3 x 224 x 224 images.*give its --img-size"):
        load(flat)
    assert load(flat, img_size=16).class_names is None
    pair = script(Pair(), tmp_path / "pair.pt", class_names=["cat", "dog"])
    with pytest.raises(ModelError, match=r"Expected 2 logits from .*found 3. Correct the list"):
        load(pair)
    wolf = script(Pair(), tmp_path / "wolf.pt", class_names=["cat", "dog", "wolf"])
    with pytest.raises(ModelError, match="missing there 'fox'; only there 'wolf'"):
        load(wolf)
