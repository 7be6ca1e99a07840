"""The network that is trained: weights, head, size, frozen parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from curate.errors import ModelError, TrainingError
from curate.training import device
from curate.training.checkpoints import save_model
from curate.training.device import train_device
from curate.training.networks import Network, freeze, make_network, train_mode
from curate.training.options import Options

CLASSES = ("cat", "dog", "owl")


def made(**options: Any) -> Network:
    plain = {"model": "test_resnet", "pretrained": False, "img_size": 32, **options}
    torch.manual_seed(1)
    return make_network(Options(**plain), CLASSES)


def trained(model: Any) -> set[str]:
    return {name for name, one in model.named_parameters() if one.requires_grad}


def test_it_has_an_output_for_each_class_at_the_size_asked_for() -> None:
    own = made(head="mlp")
    assert own.config["input_size"] == (3, 32, 32)
    assert own.model(torch.zeros(2, 3, 32, 32)).shape == (2, 3)


def test_a_transformer_takes_another_size() -> None:
    assert made(model="test_vit", img_size=48).model(torch.zeros(1, 3, 48, 48)).shape == (1, 3)


def test_a_size_that_cannot_be_is_told() -> None:
    with pytest.raises(ModelError, match="--img-size that test_vit takes, found 33"):
        made(model="test_vit", img_size=33)


def test_the_backbone_of_weights_and_a_head_of_its_own(tmp_path: Path) -> None:
    torch.manual_seed(7)
    state = timm.create_model("test_resnet", num_classes=9).state_dict()
    save_file(state, tmp_path / "w.safetensors")
    model: Any = made(weights=str(tmp_path / "w.safetensors")).model
    assert torch.equal(model.conv1[0].weight, state["conv1.0.weight"])
    assert model.fc.weight.shape[0] == 3


def test_a_checkpoint_is_taken_head_and_all_in_our_order_of_classes(tmp_path: Path) -> None:
    first = made()
    path = tmp_path / "c.safetensors"
    theirs = ("owl", "cat", "dog")
    save_model(path, first.model, "test_resnet", theirs, first.config, {})
    again = made(checkpoint=str(path)).model
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        want = first.model.eval()(images)[:, [1, 2, 0]]
        assert torch.allclose(again.eval()(images), want, atol=1e-6)


def test_a_checkpoint_with_a_head_of_two_layers(tmp_path: Path) -> None:
    first = made(model="test_vit", img_size=48, head="mlp")
    path = tmp_path / "c.safetensors"
    save_model(path, first.model, "test_vit", CLASSES, first.config, {})
    again = made(model="test_vit", img_size=48, head="mlp", checkpoint=str(path))
    assert again.config == first.config
    state = again.model.state_dict()
    assert all(torch.equal(state[key], value) for key, value in first.model.state_dict().items())
    with pytest.raises(TrainingError, match="with --head linear, found one with --head mlp"):
        made(model="test_vit", img_size=48, checkpoint=str(path))


def test_without_a_way_to_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"--no-pretrained \(random weights\)"):
        made(pretrained=True)


def test_a_checkpoint_of_other_classes_is_refused(tmp_path: Path) -> None:
    first = made()
    path = tmp_path / "c.safetensors"
    save_model(path, first.model, "test_resnet", ("cat", "dog", "fox"), first.config, {})
    with pytest.raises(ModelError, match="missing there 'owl'; only there 'fox'"):
        made(checkpoint=str(path))


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    first = made(model="test_vit")
    path = tmp_path / "c.safetensors"
    save_model(path, first.model, "test_vit", CLASSES, first.config, {})
    with pytest.raises(ModelError, match=r"weights of test_resnet.*saved from test_vit"):
        made(checkpoint=str(path))


def test_a_name_that_timm_does_not_know() -> None:
    with pytest.raises(ModelError, match=r"found 'test_resent'. Did you mean"):
        made(model="test_resent")


def test_the_head_alone() -> None:
    model = made(freeze="backbone", head="mlp").model
    assert trained(model) == {f"fc.{i}.{what}" for i in (0, 2) for what in ("weight", "bias")}


def test_the_last_block_and_the_head() -> None:
    model = made(freeze="1").model
    assert {name.split(".")[0] for name in trained(model)} == {"layer4", "fc"}


def test_more_blocks_than_there_are() -> None:
    with pytest.raises(TrainingError, match="at most 5, as many blocks as the model has, found 9"):
        freeze(made().model, "9")


def test_what_is_frozen_keeps_its_statistics() -> None:
    model: Any = made(freeze="backbone").model
    before = model.bn1.running_mean.clone()
    train_mode(model)
    model(torch.rand(4, 3, 32, 32))
    assert torch.equal(model.bn1.running_mean, before)
    whole: Any = made().model
    train_mode(whole)
    whole(torch.rand(4, 3, 32, 32))
    assert not torch.equal(whole.bn1.running_mean, before)


def test_several_processes_share_the_cpu_and_not_one_named_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert train_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(device, "pick_device", lambda name: torch.device(name))
    with pytest.raises(TrainingError, match="for 2 processes of torchrun, found cuda:0"):
        train_device("cuda:0")
