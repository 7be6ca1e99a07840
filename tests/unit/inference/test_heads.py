"""A head of two layers on any timm model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from curate.errors import ModelError
from curate.inference.backbone import load_embedder
from curate.inference.heads import classifier_names, has_mlp_head, put_mlp_head


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_it_takes_the_place_of_the_linear_layer(name: str) -> None:
    model = timm.create_model(name, num_classes=5).eval()
    before = model.state_dict()
    assert not has_mlp_head(model, before)
    put_mlp_head(model)
    after = model.state_dict()
    assert has_mlp_head(timm.create_model(name, num_classes=5), after)
    (head,) = classifier_names(model)
    assert {key for key in after if key not in before} == {
        f"{head}.{layer}.{what}" for layer in (0, 2) for what in ("weight", "bias")
    }
    with torch.inference_mode():
        features = model.forward_features(torch.zeros(1, 3, 64, 64)) if "vit" not in name else None
        if features is not None:
            assert model.forward_head(features).shape == (1, 5)
            wide = model.forward_head(features, pre_logits=True).shape[1]
            assert after[f"{head}.0.weight"].shape == (wide, wide)


def test_a_model_of_two_classifiers_is_refused() -> None:
    model = timm.create_model("deit_tiny_distilled_patch16_224", num_classes=5)
    with pytest.raises(ModelError, match="one linear layer for --head mlp, found 2 classifiers"):
        put_mlp_head(model)


def test_a_model_without_a_classifier_is_refused() -> None:
    with pytest.raises(ModelError, match="found Identity"):
        put_mlp_head(timm.create_model("test_resnet", num_classes=0))


def test_an_analysis_takes_a_checkpoint_with_such_a_head(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = timm.create_model("test_resnet", num_classes=3).eval()
    put_mlp_head(model)
    file = tmp_path / "best.pth"
    torch.save({"state_dict": model.state_dict(), "class_names": ["cat", "dog", "owl"]}, file)
    classes = ("cat", "dog", "owl")
    embedder = load_embedder(
        "test_resnet", checkpoint=file, class_names=classes, device="cpu", batch_size=2
    )
    embedder.start(2)
    pictures = [Image.new("RGB", (200, 160), colour) for colour in ("red", "white")]
    batch = np.stack([embedder.prepare(picture) for picture in pictures])
    config = timm.data.resolve_model_data_config(model)
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    floats = (torch.from_numpy(batch).permute(0, 3, 1, 2) / 255 - mean) / std
    with torch.inference_mode():
        expected = model(floats).numpy()
    found = embedder.forward(batch)
    assert found.logits is not None
    np.testing.assert_allclose(found.logits, expected, atol=1e-4)
