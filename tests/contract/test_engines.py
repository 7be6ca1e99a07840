"""What every engine keeps, and every embedder: rows, order, types, and torch's own outputs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import pytest
import timm
import torch
from PIL import Image

from curate.inference.backbone import load_embedder
from curate.inference.embedder import Embedder, Engine, Output
from curate.inference.engines import (
    OpenVinoEngine,
    ReplicatedEngine,
    TorchEngine,
    agree,
    pick_device,
)
from curate.inference.networks import TimmNetwork, Whole
from curate.inference.onnx_files import load_onnx

CPU = torch.device("cpu")
MODELS = ("test_efficientnet", "test_vit", "test_resnet", "test_mambaout")
ENGINES: dict[str, Callable[[Any, str], Engine]] = {
    "torch": lambda whole, key: TorchEngine(whole, CPU),
    "torch, padded": lambda whole, key: TorchEngine(whole, CPU, fixed_batch=8),
    "openvino": lambda whole, key: converted(whole, key),
    "onnx": lambda whole, key: exported(whole, None),
    "onnx, batches of 3": lambda whole, key: exported(whole, 3),
    "replicated": lambda whole, key: ReplicatedEngine(whole, [CPU, CPU]),
    "replicated on three": lambda whole, key: ReplicatedEngine(whole, [CPU] * 3),
}

every_engine = pytest.mark.parametrize("engine", sorted(ENGINES))
every_model = pytest.mark.parametrize("model", MODELS)
with_or_without_logits = pytest.mark.parametrize("has_logits", [False, True])


def some(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 160, 160, 3), np.uint8)


def converted(whole: Whole, key: str) -> Engine:
    """As in use, where torch has been tried and has changed the order of the weights."""
    TorchEngine(whole, CPU)
    return OpenVinoEngine(whole, some(2), key)


def exported(whole: Whole, batch: int | None) -> Engine:
    """The network as an ONNX file, whose normalisation is then ours again."""
    names = ["embeddings", "logits"] if whole.network.has_logits else ["embeddings"]
    about = {key: (getattr(whole, key).flatten() / 255).tolist() for key in ("mean", "std")}
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        path = Path(folder) / "model.onnx"
        # torch calls this exporter deprecated; the other one needs a further package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            whole.network, (torch.zeros(batch or 2, 3, 160, 160),), str(path), dynamo=False,
            input_names=["images"], output_names=names,
            dynamic_axes=None if batch else {name: {0: "n"} for name in ["images", *names]},
        )  # fmt: skip
        model = onnx.load(path)
        classes = {"class_names": ["a", "b", "c"]} if whole.network.has_logits else {}
        onnx.helper.set_model_props(
            model, {key: json.dumps(value) for key, value in {**about, **classes}.items()}
        )
        onnx.save(model, path)
        return load_onnx(path, ("a", "b", "c")).engine


@cache
def whole_of(name: str, has_logits: bool) -> Whole:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=3).eval()
    config = timm.data.resolve_model_data_config(model)
    return Whole(TimmNetwork(model, has_logits), config).eval()


@cache
def opened(engine: str, model: str = "test_efficientnet", has_logits: bool = True) -> Engine:
    return ENGINES[engine](whole_of(model, has_logits), f"{model}-{has_logits}")


@cache
def timms_own(name: str) -> tuple[np.ndarray, np.ndarray]:
    """timm's pre-logits and logits, in torch without any of our code."""
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=3).eval()
    config = timm.data.resolve_model_data_config(model)
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        images = (torch.from_numpy(some(5)).permute(0, 3, 1, 2) / 255 - mean) / std
        features = model.forward_features(images.contiguous())
        return model.forward_head(features, pre_logits=True).numpy(), model(images).numpy()


@every_engine
@every_model
@with_or_without_logits
def test_says_what_torch_says(engine: str, model: str, has_logits: bool) -> None:
    got = opened(engine, model, has_logits).forward(some(5))
    embeddings, logits = timms_own(model)
    np.testing.assert_allclose(got.embeddings, embeddings, rtol=1e-3, atol=1e-4)
    assert agree(Output(embeddings, logits if has_logits else None), got)
    if has_logits:
        np.testing.assert_allclose(got.logits, logits, rtol=1e-3, atol=1e-4)
    else:
        assert got.logits is None


@every_engine
@pytest.mark.parametrize("n", [1, 2, 7])
def test_gives_finite_float32_rows(engine: str, n: int) -> None:
    out = opened(engine).forward(some(n))
    assert out.logits is not None
    assert out.embeddings.shape == (n, 256)
    assert out.logits.shape == (n, 3)
    for array in out:
        assert array.dtype == np.float32
        assert np.isfinite(array).all()


@every_engine
def test_a_row_depends_on_its_own_image_and_place(engine: str) -> None:
    images, run = some(7), opened(engine).forward
    together = run(images)
    order = np.random.default_rng(1).permutation(7)
    for found, rows in (
        (run(images[order]), order),
        (run(images[3:4]), [3]),
        (run(images[5:]), [5, 6]),
    ):
        np.testing.assert_allclose(
            found.embeddings, together.embeddings[rows], rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(found.logits, together.logits[rows], rtol=1e-4, atol=1e-5)


@every_engine
def test_is_deterministic(engine: str) -> None:
    one, two = opened(engine).forward(some(4)), opened(engine).forward(some(4))
    np.testing.assert_array_equal(one.embeddings, two.embeddings)
    np.testing.assert_array_equal(one.logits, two.logits)


@every_engine
def test_outputs_are_the_callers_own(engine: str) -> None:
    first = opened(engine).forward(some(2))
    kept = first.embeddings.copy()
    opened(engine).forward(255 - some(2))
    np.testing.assert_array_equal(first.embeddings, kept)


@every_engine
@pytest.mark.parametrize("form", ["read-only", "strided", "turned"])
def test_takes_any_array_and_leaves_it_alone(engine: str, form: str) -> None:
    images = some(4)
    if form == "read-only":
        images.flags.writeable = False
    elif form == "strided":
        images = some(8)[::2]
    else:
        images = np.rot90(images, axes=(1, 2))
    before = images.copy()
    out = opened(engine).forward(images)
    np.testing.assert_array_equal(images, before)
    plain = opened(engine).forward(before)
    np.testing.assert_allclose(out.embeddings, plain.embeddings, rtol=1e-4, atol=1e-5)


@every_engine
def test_names_device_precision_and_engine(engine: str) -> None:
    description = opened(engine).description
    assert "cpu, float32, " in description
    assert ("OpenVINO" in description) == engine.startswith("o")


def hog(folder: Path) -> Embedder:
    return load_embedder("hog")


def backbone(folder: Path) -> Embedder:
    torch.manual_seed(0)
    torch.save(timm.create_model("test_resnet").state_dict(), folder / "w.pth")
    return load_embedder("test_resnet", weights=folder / "w.pth", device="cpu", img_size=64)


@pytest.mark.parametrize("make", [hog, backbone])
def test_embedders_keep_the_same(tmp_path: Path, make: Callable[[Path], Embedder]) -> None:
    embedder = make(tmp_path)
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 256, (50, 70, 3), np.uint8)) for _ in range(4)]
    embedder.start(4)
    batch = np.stack([embedder.prepare(image) for image in images])
    assert batch.dtype == np.uint8
    before, together = batch.copy(), embedder.forward(batch)
    np.testing.assert_array_equal(batch, before)
    assert together.embeddings.dtype == np.float32
    assert together.embeddings.ndim == 2
    assert np.isfinite(together.embeddings).all()
    assert together.logits is None
    np.testing.assert_array_equal(embedder.forward(batch).embeddings, together.embeddings)
    for rows in ([2], [3, 0]):
        part = embedder.forward(batch[rows]).embeddings
        np.testing.assert_allclose(part, together.embeddings[rows], rtol=1e-4, atol=1e-5)
    assert embedder.device
    assert embedder.settings()["model"] == embedder.name


def test_pick_device_names_the_cpu() -> None:
    assert pick_device("cpu") == CPU
