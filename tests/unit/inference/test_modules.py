from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from curate.errors import ModelError
from curate.inference.backbone import load_embedder
from curate.inference.modules import is_import_path, load_module
from curate.progress import log

CLASSES = ("cat", "dog", "fox")

SOURCE = '''
import timm, torch
from torch import nn

class Net(nn.Module):
    """Channel means, scaled, and a linear layer; a linear layer that comes later is never last."""

    def __init__(self, n=3, **attributes):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
        self.head = nn.Linear(3, n)
        self.early = nn.Linear(3, 3)
        nn.init.eye_(self.early.weight); nn.init.zeros_(self.early.bias)
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.head(self.early(x.mean((2, 3))) * self.scale)

def plain():
    return Net()

def named():
    return Net(class_names=["fox", "cat", "dog"])

def listed():
    return Net(classes=3, class_to_idx={"fox": 0, "cat": 1, "dog": 2})

def four():
    return Net(4, class_names=["fox", "cat", "dog"])

def wolves():
    return Net(class_names=["cat", "dog", "wolf"])

def configured():
    return Net(data_config={"input_size": (3, 32, 32), "mean": (0, 0, 0), "std": (1, 1, 1),
                            "interpolation": "nearest", "crop_pct": 1.0})

def odd():
    return Net(data_config={"input_size": (3, 32, 48)})

class Softmax(Net):
    def __init__(self):
        super().__init__(class_names=["fox", "cat", "dog"])

    def forward(self, x):
        return super().forward(x).softmax(1)

class Pair(Net):
    def __init__(self):
        super().__init__(class_names=["fox", "cat", "dog"])

    def forward(self, x):
        means = x.mean((2, 3))
        return means * 10, self.head(means)

class Maps(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 1)

    def forward(self, x):
        return self.conv(x)

class Classless(Maps):
    class_names = ["fox", "cat", "dog", "eel", "owl"]

    def forward(self, x):
        return super().forward(x).mean((2, 3))

class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = Net()

    def forward(self, x):
        return self.model(x)

def of_timm():
    model = timm.create_model("test_vit", num_classes=3)
    model.class_names = ["fox", "cat", "dog"]
    return model

class Broken(nn.Module):
    def forward(self, x):
        raise ValueError("no such luck")

class Dict(nn.Module):
    def forward(self, x):
        return {"logits": x}

class Scalar(nn.Module):
    def forward(self, x):
        return x.mean()

def needs(argument):
    return Net()

def nothing():
    return None

ready = Net()
number = 3

class Box:
    make = staticmethod(plain)
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """A package in the working directory, which is not on the path."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "__init__.py").write_text("")
    (tmp_path / "own" / "nets.py").write_text(SOURCE)
    (tmp_path / "own" / "lacking.py").write_text("import not_a_package_anywhere")
    (tmp_path / "own" / "faulty.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(tmp_path))])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    log.propagate = True
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "own"]:
        del sys.modules[name]


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 260, 3), np.uint8))


def load(name: str, **options):
    options = {"device": "cpu", "class_names": CLASSES, **options}
    return load_embedder(f"own.nets:{name}", **options)


def means(pixels: np.ndarray) -> np.ndarray:
    """Channel means of a picture that is normalised as for ImageNet."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return (pixels.mean(axis=(0, 1)) / 255 - mean) / std


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("own.nets:plain", True), ("nets:Box.make", True), ("größe:über", True),
        ("resnet18", False), ("hf-hub:timm/x", False), ("a:b/c", False), ("C:\\x", False),
        ("own nets:x", False), (":x", False), ("x:", False),
    ],
)  # fmt: skip
def test_import_paths_are_told_from_other_names(name: str, is_one: bool) -> None:
    assert is_import_path(name) == is_one


@pytest.mark.parametrize("name", ["plain", "Net", "ready", "Box.make", "Wrapped"])
def test_embeddings_are_what_enters_the_last_layer(picture, name: str) -> None:
    embedder = load(name)
    pixels = embedder.prepare(picture)
    assert pixels.shape == (224, 224, 3)
    out = embedder.forward(pixels[None])
    np.testing.assert_allclose(out.embeddings[0], means(pixels) * [1, 2, 3], rtol=1e-4)
    assert out.logits is None
    assert embedder.class_names is None
    assert not any(Path(entry) == Path.cwd() for entry in sys.path)


@pytest.mark.parametrize("name", ["named", "listed"])
def test_logits_follow_the_modules_own_list(picture, name: str) -> None:
    embedder = load(name)
    assert embedder.class_names == ("fox", "cat", "dog")
    pixels = embedder.prepare(picture)
    out = embedder.forward(pixels[None])
    torch.manual_seed(0)
    head = torch.nn.Linear(3, 3)  # the first layer that the factory draws, from the same seed
    wanted = out.embeddings @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(out.logits, wanted, rtol=1e-4, atol=1e-5)


def test_probabilities_become_logits(picture) -> None:
    pixels = load("named").prepare(picture)[None]
    logits, logs = (load(name).forward(pixels).logits for name in ("named", "Softmax"))
    np.testing.assert_allclose(logs - logs[:, :1], logits - logits[:, :1], rtol=1e-3, atol=1e-4)


def test_a_pair_is_taken_at_its_word(picture) -> None:
    embedder = load("Pair")
    pixels = embedder.prepare(picture)
    out = embedder.forward(pixels[None])
    np.testing.assert_allclose(out.embeddings[0], means(pixels) * 10, rtol=1e-4)
    assert out.logits.shape == (1, 3)


def test_maps_are_averaged(picture) -> None:
    embedder = load("Maps")
    assert embedder.forward(embedder.prepare(picture)[None]).embeddings.shape == (1, 5)


def test_logits_alone_are_embeddings_too_and_it_is_said(picture, caplog) -> None:
    classes = ("cat", "dog", "eel", "fox", "owl")
    embedder = load("Classless", class_names=classes)
    out = embedder.forward(embedder.prepare(picture)[None])
    np.testing.assert_array_equal(out.embeddings, out.logits)
    assert "its logits are its embeddings too" in caplog.text


def test_timms_two_halves_are_used(picture) -> None:
    embedder = load("of_timm")
    pixels = embedder.prepare(picture)
    assert pixels.shape == (160, 160, 3)
    out = embedder.forward(pixels[None])
    assert out.embeddings.shape == (1, 64)
    assert out.logits.shape == (1, 3)
    assert load("of_timm", img_size=96).prepare(picture).shape == (96, 96, 3)
    with pytest.raises(ModelError, match=r"own.nets:of_timm to take 3 x 100 x 100 images"):
        load("of_timm", img_size=100)


def test_preprocessing_is_the_modules_own(picture, caplog) -> None:
    caplog.set_level(logging.INFO, "curate")
    embedder = load("configured")
    assert "says nothing of its preprocessing" not in caplog.text
    pixels = embedder.prepare(picture)
    assert pixels.shape == (32, 32, 3)
    out = embedder.forward(pixels[None])
    wanted = pixels.mean(axis=(0, 1)) / 255 * [1, 2, 3]
    np.testing.assert_allclose(out.embeddings[0], wanted, rtol=1e-4)
    load("plain")
    assert "ImageNet's mean and std, at 224 x 224" in caplog.text


def test_the_image_size_is_the_options_and_in_the_digest(picture) -> None:
    small = load("plain", img_size=64)
    assert small.prepare(picture).shape == (64, 64, 3)
    assert small.digest != load("plain").digest


def test_the_digest_follows_weights_and_source(folder: Path, tmp_path: Path) -> None:
    first = load("plain").digest
    assert load("plain").digest == first
    assert load("Net").digest != first
    torch.save({**load_module("own.nets:plain").network.model.state_dict(),
                "scale": torch.ones(3)}, tmp_path / "w.pth")  # fmt: skip
    assert load("plain", weights=tmp_path / "w.pth").digest != first
    (folder / "own" / "nets.py").write_text(SOURCE + "\n# another version\n")
    assert load("plain").digest != first


def save(path: Path, n: int = 3, **more) -> Path:
    state = {
        "scale": torch.full((3,), 5.0), "head.weight": torch.ones(n, 3),
        "head.bias": torch.arange(n).float(), "early.weight": torch.eye(3),
        "early.bias": torch.zeros(3),
    }  # fmt: skip
    torch.save({"state_dict": {f"module.{key}": v for key, v in state.items()}, **more}, path)
    return path


def test_a_checkpoint_fills_the_module(picture, tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", class_names=["dog", "fox", "cat"])
    embedder = load("named", checkpoint=path)
    assert embedder.class_names == ("dog", "fox", "cat")
    pixels = embedder.prepare(picture)
    out = embedder.forward(pixels[None])
    wanted = means(pixels) * 5
    np.testing.assert_allclose(out.embeddings[0], wanted, rtol=1e-4)
    np.testing.assert_allclose(out.logits[0], wanted.sum() + np.arange(3), rtol=1e-4, atol=1e-4)


def test_a_checkpoint_may_leave_the_list_to_the_module(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth")
    assert load("named", checkpoint=path).class_names == ("fox", "cat", "dog")
    with pytest.raises(
        ModelError, match=r"Expected a class list in .* or as attribute class_names"
    ):
        load("plain", checkpoint=path)


def test_a_part_called_model_keeps_its_name(picture, tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth")
    state = torch.load(path, weights_only=True)["state_dict"]
    renamed = {key.replace("module.", "module.model."): value for key, value in state.items()}
    torch.save(renamed, path)
    embedder = load("Wrapped", weights=path)
    pixels = embedder.prepare(picture)
    found = embedder.forward(pixels[None]).embeddings[0]
    np.testing.assert_allclose(found, means(pixels) * 5, rtol=1e-4)


def test_weights_with_another_head_make_a_backbone(picture, tmp_path: Path) -> None:
    embedder = load("named", weights=save(tmp_path / "w.pth", n=9))
    assert embedder.class_names is None
    pixels = embedder.prepare(picture)
    out = embedder.forward(pixels[None])
    np.testing.assert_allclose(out.embeddings[0], means(pixels) * 5, rtol=1e-4)
    assert out.logits is None


def test_enough_work_goes_to_openvino_and_comes_out_the_same(picture, monkeypatch) -> None:
    monkeypatch.setattr("curate.inference.choosing.CONVERT_SECONDS", 0.0)
    embedder = load("named")
    pixels = embedder.prepare(picture)[None]
    want = embedder.forward(pixels)
    embedder.start(10**6)
    got = embedder.forward(pixels)
    np.testing.assert_allclose(got.embeddings, want.embeddings, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got.logits, want.logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("elsewhere:make", "no module 'elsewhere'. Run curate from the folder"),
        ("own.gone:make", "no module 'own.gone'"),
        ("own.lacking:make", "'not_a_package_anywhere', which own.lacking imports"),
        ("own.faulty:make", "Expected to import own.faulty .*ZeroDivisionError: division by zero"),
        ("own.nets:gone", "Expected 'gone' in own.nets, found no such name. It has: Box, Broken"),
        ("own.nets:Box.gone", "Expected 'gone' in Box, found no such name. It has: make"),
        ("own.nets:number", "Expected a function or class at own.nets:number, found int 3"),
        ("own.nets:needs", "without arguments, found TypeError: .*'argument'"),
        ("own.nets:nothing", r"Expected a torch.nn.Module from own.nets:nothing\(\), found None"),
        ("own.nets:Broken", "3 x 224 x 224 images, found ValueError: no such luck"),
        ("own.nets:Dict", "found dict. Let its forward give one"),
        ("own.nets:Scalar", r"found \[\(\)\]. Let its forward give one"),
        ("own.nets:four", "Expected 3 logits from own.nets:four, one for each .*found 4"),
        ("own.nets:wolves", "missing there 'fox'; only there 'wolf'. .*take the list off"),
        ("own.nets:odd", r"Expected square images .*found input_size \(3, 32, 48\)"),
    ],
)
def test_what_is_wrong_is_said(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_embedder(name, class_names=CLASSES, device="cpu")
