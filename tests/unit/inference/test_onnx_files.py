from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from curate.errors import ModelError
from curate.inference.onnx_files import onnx_digest
from curate.progress import log
from model_files import CLASSES, load, means, small_picture

WEIGHT = np.arange(9, dtype=np.float32).reshape(3, 3) / 10
BIAS = np.float32([1, 0, -1])


def graph(
    path: Path,
    outputs: Sequence[str] = ("logits",),
    shape: Sequence[int | str] = ("n", 3, 16, 16),
    kind: int = TensorProto.FLOAT,
    **about: object,
) -> Path:
    """Pooled channels "pooled", a last layer "logits", and their "softmax"."""
    axes, moved = ([2, 3], "images") if shape[1] == 3 else ([1, 2], "images")
    nodes = []
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT))
        moved = "floats"
    nodes += [
        helper.make_node("ReduceMean", [moved], ["pooled"], axes=axes, keepdims=0),
        helper.make_node("Gemm", ["pooled", "weight", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["softmax"], axis=1),
        helper.make_node("Relu", [moved], ["maps"]),
        helper.make_node("ReduceMean", ["pooled"], ["scalar"], axes=[1], keepdims=0),
    ]
    ranks = {"maps": 4, "scalar": 1}
    made = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("images", kind, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * ranks.get(name, 2))
            for name in outputs
        ],
        [numpy_helper.from_array(WEIGHT, "weight"), numpy_helper.from_array(BIAS, "bias")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {key: json.dumps(value) for key, value in about.items()})
    onnx.save(model, path)
    return path


@pytest.fixture
def picture() -> Image.Image:
    return small_picture()


@pytest.fixture(autouse=True)
def logs(caplog) -> pytest.LogCaptureFixture:
    log.propagate = True
    caplog.set_level(logging.INFO, "curate")
    return caplog


def test_one_output_is_the_embeddings(tmp_path, picture, logs) -> None:
    embedder = load(graph(tmp_path / "net.onnx", ["pooled"]))
    pixels = embedder.prepare(picture)
    assert pixels.shape == (16, 16, 3)
    out = embedder.forward(pixels[None])
    np.testing.assert_allclose(out.embeddings[0], means(pixels), rtol=1e-4, atol=1e-5)
    assert out.logits is None
    assert embedder.device == "cpu, float32, OpenVINO (ONNX file)"
    assert "ImageNet's mean and std, at 16 x 16" in logs.text
    assert "net.classes.txt beside it" in logs.text


@pytest.mark.parametrize("output", ["logits", "softmax"])
def test_of_a_classifier_the_embeddings_enter_the_last_layer(tmp_path, picture, output) -> None:
    path = graph(tmp_path / "net.onnx", [output], class_names=["fox", "cat", "dog"])
    embedder = load(path)
    assert embedder.class_names == ("fox", "cat", "dog")
    pixels = embedder.prepare(picture)
    out = embedder.forward(pixels[None])
    np.testing.assert_allclose(out.embeddings[0], means(pixels), rtol=1e-4, atol=1e-5)
    wanted = means(pixels) @ WEIGHT + BIAS
    found = out.logits[0]
    np.testing.assert_allclose(found - found[0], wanted - wanted[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "outputs", [["pooled", "softmax"], ["pooled", "logits"], ["logits", "pooled"]]
)
def test_two_outputs_are_embeddings_and_logits(tmp_path, picture, outputs) -> None:
    path = graph(tmp_path / "net.onnx", outputs)
    (tmp_path / "net.classes.txt").write_text("fox\ncat\ndog\n")
    embedder = load(path)
    pixels = embedder.prepare(picture)
    out = embedder.forward(pixels[None])
    np.testing.assert_allclose(out.embeddings[0], means(pixels), rtol=1e-4, atol=1e-5)
    assert out.logits.argmax() == (means(pixels) @ WEIGHT + BIAS).argmax()


def test_outputs_are_known_by_name(tmp_path, picture) -> None:
    path = graph(tmp_path / "net.onnx", ["maps", "logits", "pooled"], class_names=list(CLASSES))
    model = onnx.load(path)
    model.graph.node.append(helper.make_node("Identity", ["pooled"], ["embeddings"]))
    model.graph.output[2].name = "embeddings"
    onnx.save(model, path)
    embedder = load(path)
    pixels = embedder.prepare(picture)
    out = embedder.forward(pixels[None])
    np.testing.assert_allclose(out.embeddings[0], means(pixels), rtol=1e-4, atol=1e-5)
    wanted = means(pixels) @ WEIGHT + BIAS
    np.testing.assert_allclose(out.logits[0], wanted, rtol=1e-4, atol=1e-4)


def test_maps_are_averaged(tmp_path, picture) -> None:
    embedder = load(graph(tmp_path / "net.onnx", ["maps"], mean=[0, 0, 0], std=[1, 1, 1]))
    pixels = embedder.prepare(picture)
    found = embedder.forward(pixels[None]).embeddings[0]
    np.testing.assert_allclose(found, pixels.mean(axis=(0, 1)) / 255, rtol=1e-4)


@pytest.mark.parametrize("shape", [("n", 16, 16, 3), (2, 16, 16, 3), (2, 3, 16, 16)])
def test_layout_and_batch_size_are_the_graphs(tmp_path, picture, shape) -> None:
    embedder = load(graph(tmp_path / "net.onnx", ["pooled"], shape))
    pixels = embedder.prepare(picture)
    batch = np.stack([pixels, 255 - pixels, pixels // 2, pixels, pixels])
    out = embedder.forward(batch)
    np.testing.assert_allclose(out.embeddings, [means(one) for one in batch], rtol=1e-3, atol=1e-4)


def test_an_open_size_is_the_options_or_the_files_or_224(tmp_path, picture) -> None:
    shape = ("n", 3, "h", "w")
    path = graph(tmp_path / "net.onnx", ["pooled"], shape)
    stated = graph(tmp_path / "stated.onnx", ["pooled"], shape, input_size=[3, 48, 48])
    assert load(path).prepare(picture).shape == (224, 224, 3)
    assert load(stated).prepare(picture).shape == (48, 48, 3)
    embedder = load(stated, img_size=32)
    pixels = embedder.prepare(picture)
    assert pixels.shape == (32, 32, 3)
    found = embedder.forward(pixels[None]).embeddings[0]
    np.testing.assert_allclose(found, means(pixels), rtol=1e-4, atol=1e-5)
    assert embedder.digest != load(stated).digest


def test_a_graph_of_bytes_gets_bytes(tmp_path, picture) -> None:
    path = graph(tmp_path / "net.onnx", ["pooled"], kind=TensorProto.UINT8)
    embedder = load(path)
    pixels = embedder.prepare(picture)
    found = embedder.forward(pixels[None]).embeddings[0]
    np.testing.assert_allclose(found, pixels.mean(axis=(0, 1)), rtol=1e-4)


def test_weights_beside_the_graph_are_in_the_digest(tmp_path) -> None:
    path = graph(tmp_path / "net.onnx")
    first = onnx_digest(path)
    (tmp_path / "net.onnx.data").write_bytes(b"one")
    second = onnx_digest(path)
    (tmp_path / "net.onnx.data").write_bytes(b"two")
    assert len({first, second, onnx_digest(path)}) == 3
    other = path.rename(tmp_path / "renamed.onnx")
    assert onnx_digest(other) == first


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Expected --img-size 16, the only one"):
        load(graph(tmp_path / "a.onnx"), img_size=32)
    with pytest.raises(ModelError, match="to take one batch of images"):
        load(graph(tmp_path / "b.onnx", ["pooled"], ("n", 3, 4, 4, 4)))
    with pytest.raises(ModelError, match="square images of 3 channels or 1"):
        load(graph(tmp_path / "c.onnx", ["pooled"], ("n", 3, 16, 24)))
    with pytest.raises(ModelError, match=r"Expected .* to take floats, or bytes, found i64"):
        load(graph(tmp_path / "d.onnx", ["pooled"], kind=TensorProto.INT64))
    with pytest.raises(ModelError, match=r"to give \(batch, n\) outputs, found \[\(2,\)"):
        load(graph(tmp_path / "e.onnx", ["scalar"]))
    with pytest.raises(ModelError, match="two named embeddings and logits, found"):
        load(graph(tmp_path / "f.onnx", ["maps", "pooled", "softmax"]))
    with pytest.raises(ModelError, match=r"only there 'wolf'.*take the class list away"):
        load(graph(tmp_path / "g.onnx", class_names=["cat", "dog", "wolf"]))
    with pytest.raises(ModelError, match=r"Expected 2 logits from .*found 3"):
        load(graph(tmp_path / "h.onnx", ["pooled", "logits"], class_names=["cat", "dog"]))
    (tmp_path / "i.onnx").write_text("hello")
    with pytest.raises(ModelError, match="Expected an ONNX model in"):
        load(tmp_path / "i.onnx")
    with pytest.raises(ModelError, match="Expected --device cpu with an ONNX file"):
        load(graph(tmp_path / "j.onnx"), device="cuda")
    with pytest.raises(ModelError, match="Expected 3 numbers as mean"):
        load(graph(tmp_path / "k.onnx", mean=[0.5]))
