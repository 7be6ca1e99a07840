from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from curate.errors import ModelError
from curate.inference.backbone import load_embedder
from curate.inference.embedder import Output

NAME = "test_efficientnet"
CLASSES = ("cat", "dog", "fox")


def state(num_classes: int = 3, name: str = NAME) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=num_classes).state_dict()


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8))


def embed(embedder, image: Image.Image) -> Output:
    return embedder.forward(embedder.prepare(image)[None])


def reference(num_classes: int, image: Image.Image) -> torch.Tensor:
    """What timm itself computes for the picture."""
    model = timm.create_model(NAME, num_classes=num_classes)
    model.load_state_dict(state(num_classes))
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    with torch.inference_mode():
        return model.eval()(transform(image)[None])


def test_weights_give_timms_own_embeddings_whatever_the_head(tmp_path: Path, picture) -> None:
    torch.save({"state_dict": {f"module.{k}": v for k, v in state(7).items()}}, tmp_path / "w.pth")
    embedder = load_embedder(NAME, weights=tmp_path / "w.pth", device="cpu")
    model = timm.create_model(NAME, num_classes=0)
    model.load_state_dict({k: v for k, v in state(7).items() if not k.startswith("classifier")})
    config = timm.data.resolve_model_data_config(model)
    pixels = timm.data.create_transform(**config, is_training=False)(picture)
    with torch.inference_mode():
        wanted = model.eval()(pixels[None]).numpy()
    found = embed(embedder, picture)
    np.testing.assert_allclose(found.embeddings, wanted, rtol=1e-3, atol=1e-4)
    assert found.logits is None


def test_a_folder_as_timm_saves_it_is_a_model(tmp_path: Path, picture) -> None:
    torch.manual_seed(0)
    model = timm.create_model(NAME, num_classes=7)
    folder = tmp_path / "saved"
    timm.models.save_for_hf(model, folder, safe_serialization=True)
    embedder = load_embedder(f"local-dir:{folder}", device="cpu")
    found = embed(embedder, picture)
    torch.save(model.state_dict(), tmp_path / "w.pth")
    same = load_embedder(NAME, weights=tmp_path / "w.pth", device="cpu")
    np.testing.assert_allclose(found.embeddings, embed(same, picture).embeddings, rtol=1e-4)
    assert found.logits is None
    with pytest.raises(ModelError, match=r"config\.json in .*nowhere, found none"):
        load_embedder(f"local-dir:{tmp_path / 'nowhere'}", device="cpu")


def test_a_name_on_the_hub_is_looked_for_there(monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="weights of hf-hub:owner/model from the model hub, found"):
        load_embedder("hf-hub:owner/model", device="cpu")


@pytest.mark.parametrize("form", ["torch", "timm", "safetensors", "classes.txt"])
def test_a_checkpoint_gives_timms_own_logits(tmp_path: Path, picture, form: str) -> None:
    weights, path = state(), tmp_path / "model.pth"
    if form == "torch":
        content = {"state_dict": weights, "class_to_idx": {"fox": 2, "cat": 0, "dog": 1}}
        torch.save(content, path)
    elif form == "timm":
        about = {"arch": NAME, "args": argparse.Namespace(lr=0.1), "class_names": list(CLASSES)}
        torch.save({"state_dict": state(3, NAME), **about}, path)
    elif form == "safetensors":
        path = tmp_path / "model.safetensors"
        save_file(weights, path, metadata={"class_names": '["cat", "dog", "fox"]'})
    else:
        torch.save(weights, path)
        (tmp_path / "classes.txt").write_text("cat\ndog\nfox\n")
    embedder = load_embedder(NAME, checkpoint=path, class_names=CLASSES, device="cpu")
    assert embedder.class_names == CLASSES
    found = embed(embedder, picture)
    np.testing.assert_allclose(found.logits, reference(3, picture), rtol=1e-3, atol=1e-4)


def test_classes_that_differ_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state_dict": state(), "class_names": ["cat", "dog", "wolf"]}, path)
    with pytest.raises(ModelError, match="missing there 'fox'; only there 'wolf'"):
        load_embedder(NAME, checkpoint=path, class_names=CLASSES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet_of_mine"}, "Expected a timm model name or hog, found 'resnet_of_mine'"),
        ({"name": "hog", "weights": "w.pth"}, "Expected no weights with --model hog"),
        (
            {"name": NAME, "weights": "gone.pth"},
            "Expected a weights file at .*gone.pth, found none",
        ),
        ({"name": "test_vit", "weights": "w.pth"}, "found another architecture's.*right --model"),
        ({"name": NAME, "checkpoint": "w.pth"}, "Expected a class list in"),
        ({"name": NAME, "weights": "w.pth", "checkpoint": "w.pth"}, "found both"),
        ({"name": NAME, "weights": "code.pth"}, "cannot be read without running code"),
        ({"name": NAME, "weights": "text.pth"}, "Expected tensors in"),
        ({"name": NAME, "weights": "text.safetensors"}, "Expected safetensors in"),
        ({"name": NAME, "weights": "list.pth"}, "Expected a dictionary of tensors"),
        ({"name": NAME, "weights": "empty.pth"}, "Expected a state dict of tensors"),
        ({"name": NAME, "weights": "w.pth", "device": "warp9"}, "Expected a device such as"),
        ({"name": NAME, "weights": "w.pth", "device": "cuda:99"}, "one of .* GPUs|a cuda device"),
        ({"name": "model.onnx", "weights": "w.pth"}, "Expected no weights with --model model.onnx"),
        ({"name": "gone.onnx"}, "Expected an ONNX file at gone.onnx, found none"),
        ({"name": "gone.ts"}, "Expected a TorchScript file at gone.ts, found none"),
        ({"name": NAME}, "no way to reach|found none on the hub"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value[:30],
)
def test_what_does_not_fit_is_said(tmp_path: Path, monkeypatch, options, message: str) -> None:
    # Read once at the hub's import, which lies behind us; a machine with a network must fail too.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    torch.save(state(), tmp_path / "w.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"epoch": 3}, tmp_path / "empty.pth")
    (tmp_path / "code.pth").write_bytes(pickle.dumps(print))
    (tmp_path / "text.pth").write_text("hello")
    (tmp_path / "text.safetensors").write_text("hello")
    options = dict(options)
    for key in ("weights", "checkpoint"):
        if key in options:
            options[key] = tmp_path / options[key]
    with pytest.raises(ModelError, match=message):
        load_embedder(**options, class_names=CLASSES)


def resized(name: str, size: int, image: Image.Image) -> np.ndarray:
    """timm's own embeddings at another size than the model's."""
    model = timm.create_model(name, num_classes=0)
    model.load_state_dict(state(0, name))
    if hasattr(model, "set_input_size"):
        model.set_input_size((size, size))
    config = timm.data.resolve_model_data_config(model)
    pixels = timm.data.create_transform(**{**config, "input_size": (3, size, size)})(image)
    with torch.inference_mode():
        return model.eval()(pixels[None]).numpy()


@pytest.mark.parametrize("name", [NAME, "test_vit"])
def test_another_image_size_is_timms_own_and_another_digest(tmp_path, picture, name) -> None:
    torch.save(state(0, name), tmp_path / "w.pth")
    own = load_embedder(name, weights=tmp_path / "w.pth", device="cpu")
    wide = load_embedder(name, weights=tmp_path / "w.pth", device="cpu", img_size=96)
    assert own.prepare(picture).shape == (160, 160, 3)
    assert wide.prepare(picture).shape == (96, 96, 3)
    wanted = resized(name, 96, picture)
    np.testing.assert_allclose(embed(wide, picture).embeddings, wanted, rtol=1e-3, atol=1e-4)
    assert wide.digest != own.digest
    assert wide.settings()["img_size"] == 96


def test_a_checkpoint_trained_at_another_size_is_loaded_at_that_size(tmp_path, picture) -> None:
    model = timm.create_model("test_vit", num_classes=3, img_size=96)
    torch.save({"state_dict": model.state_dict(), "class_names": CLASSES}, tmp_path / "w.pth")
    options = {"checkpoint": tmp_path / "w.pth", "class_names": CLASSES, "device": "cpu"}
    with pytest.raises(ModelError, match=r"1 of another shape \('pos_embed'\)"):
        load_embedder("test_vit", **options)
    embedder = load_embedder("test_vit", **options, img_size=96)
    config = {**timm.data.resolve_model_data_config(model), "input_size": (3, 96, 96)}
    pixels = timm.data.create_transform(**config, is_training=False)(picture)
    with torch.inference_mode():
        wanted = model.eval()(pixels[None]).numpy()
    np.testing.assert_allclose(embed(embedder, picture).logits, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("test_vit", 100, "Expected --img-size that test_vit takes, found 100: .*160 x 160"),
        ("test_vit", 4, "Expected --img-size of at least 8, found 4"),
        ("hog", 64, "Expected no --img-size with --model hog"),
    ],
)
def test_a_size_that_the_model_cannot_take_is_said(tmp_path, name, size, message) -> None:
    torch.save(state(0, "test_vit"), tmp_path / "w.pth")
    weights = tmp_path / "w.pth" if name != "hog" else None
    with pytest.raises(ModelError, match=message):
        load_embedder(name, weights=weights, img_size=size, device="cpu")


def test_the_digest_knows_the_order_of_the_classes(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(state(), path)
    digests = set()
    for order in ("cat dog fox", "dog cat fox"):
        (tmp_path / "classes.txt").write_text(order.replace(" ", "\n"))
        digests.add(load_embedder(NAME, checkpoint=path, class_names=CLASSES).digest)
    assert len(digests) == 2


def test_an_engine_is_chosen_once_and_again_only_for_more_work(monkeypatch, tmp_path) -> None:
    torch.save(state(), tmp_path / "w.pth")
    embedder = load_embedder(NAME, weights=tmp_path / "w.pth", device="cpu")
    opened, open_ = [], embedder._open
    monkeypatch.setattr(embedder, "_open", lambda n: opened.append(n) or open_(n))
    for n_forward in (20, 5, 20, 30):
        embedder.start(n_forward)
    assert opened == [20, 30]
