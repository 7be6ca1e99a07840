from __future__ import annotations

import argparse
import logging
import pathlib
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from curate.errors import ModelError
from curate.inference.weights import load_state, read_checkpoint, state_digest
from curate.progress import log


class Net(torch.nn.Module):
    """One layer called as a wrapper's prefix is, one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.Linear(2, 3)
        self.head = torch.nn.Linear(3, 4)


def state(fill: float = 1.0) -> dict[str, torch.Tensor]:
    return {key: torch.full_like(value, fill) for key, value in Net().state_dict().items()}


def loaded(path: Path, **options: Any) -> Net:
    net = Net()
    load_state(net, read_checkpoint(path), "net", path, **options)
    return net


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "_orig_mod.module."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model", "model_state_dict", "module"])
def test_prefixes_and_wrappers_are_taken_off(tmp_path: Path, prefix, wrapper) -> None:
    content: Any = OrderedDict((prefix + key, value) for key, value in state(7).items())
    if wrapper:
        content = {wrapper: content, "epoch": 3}
    net = loaded(save(tmp_path / "w.pth", content))
    assert {float(value.mean()) for value in net.state_dict().values()} == {7.0}


@pytest.mark.parametrize("form", ["torch", "safetensors"])
def test_a_layer_of_the_models_own_may_be_called_as_a_prefix(tmp_path: Path, form) -> None:
    if form == "torch":
        path = save(tmp_path / "w.pth", state(2))
    else:
        path = tmp_path / "w.safetensors"
        save_file(state(2), path)
    assert float(loaded(path).model.weight[0, 0].detach()) == 2.0


@pytest.mark.parametrize("key", ["state_dict_ema", "model_ema", "ema_state_dict", "ema"])
def test_averaged_weights_are_preferred_and_it_is_said(tmp_path: Path, key, caplog) -> None:
    averaged = {f"module.{name}": value for name, value in state(5).items()}
    averaged["n_averaged"] = torch.tensor(40)
    path = save(tmp_path / "w.pth", {"model": state(1), key: averaged})
    log.propagate = True
    with caplog.at_level(logging.INFO, "curate"):
        net = loaded(path)
    assert float(net.head.bias[0].detach()) == 5.0
    assert f"the averaged weights ({key}) are taken, not model" in caplog.text


@pytest.mark.parametrize("empty", [None, {}, {"decay": 0.9}])
def test_an_empty_average_is_passed_over(tmp_path: Path, empty) -> None:
    path = save(tmp_path / "w.pth", {"state_dict": state(1), "state_dict_ema": empty})
    assert float(loaded(path).head.bias[0].detach()) == 1.0


def test_an_average_inside_a_wrapper_is_found(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", {"ema": {"state_dict": state(3)}, "model": state(1)})
    assert float(loaded(path).head.bias[0].detach()) == 3.0


def test_what_training_scripts_keep_beside_the_weights_is_no_obstacle(tmp_path: Path) -> None:
    about = {
        "args": argparse.Namespace(lr=0.1, output=pathlib.Path("runs/1")),
        "best_accuracy": np.float64(0.9),
        "metric": np.mean(np.float32([0.5])),
        "epoch": np.int64(3),
        "optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99)}]},
    }
    path = save(tmp_path / "w.pth", {"state_dict": state(1), "arch": "net", **about})
    assert read_checkpoint(path).arch == "net"
    assert float(loaded(path).head.bias[0].detach()) == 1.0


class Planted:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("planted"),)


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch, form) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.pth"
    if form == "torch":
        torch.save({"state_dict": state(), "extra": Planted()}, path)
    else:
        path.write_bytes(pickle.dumps(Planted()))
    with pytest.raises(ModelError, match="cannot be read without running code"):
        read_checkpoint(path)
    assert not (tmp_path / "planted").exists()


def test_a_head_of_another_shape_is_left_alone_where_it_is_named(tmp_path: Path) -> None:
    other = {**state(2), "head.weight": torch.zeros(9, 3), "head.bias": torch.zeros(9)}
    path = save(tmp_path / "w.pth", other)
    with pytest.raises(ModelError, match=r"2 of another shape \('head.weight', 'head.bias'\)"):
        loaded(path)
    net = loaded(path, heads=["head"])
    assert float(net.model.weight[0, 0].detach()) == 2.0
    assert net.head.weight.shape == (4, 3)


def test_the_architecture_that_was_saved_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "w.pth", {"state_dict": {"a": torch.zeros(1)}, "arch": "resnet18"})
    with pytest.raises(ModelError, match=r"another architecture's, saved from resnet18: 4 .*'a'"):
        loaded(path)


@pytest.mark.parametrize(
    ("content", "file", "names"),
    [
        ({"class_names": ["b", "a"]}, None, ("b", "a")),
        ({"classes": ("b", "a")}, None, ("b", "a")),
        ({"class_to_idx": {"a": 1, "b": 0}}, None, ("b", "a")),
        ({"classes": 2}, None, None),
        ({}, "classes.txt", ("b", "a")),
        ({}, "w.classes.txt", ("b", "a")),
        ({"class_names": ["x"]}, "classes.txt", ("x",)),
    ],
)
def test_the_class_list_is_found(tmp_path: Path, content, file, names) -> None:
    path = save(tmp_path / "w.pth", {"state_dict": state(), **content})
    if file:
        (tmp_path / file).write_text("b\na\n\n", "utf-8")
    assert read_checkpoint(path).class_names == names


@pytest.mark.parametrize(
    ("content", "text", "message"),
    [
        ({"class_names": ["a", "a"]}, "", "different names .* found 'a' more than once"),
        ({"class_to_idx": {"a": 1, "b": 2}}, "", "from 0 without gaps, found '1', '2'"),
        ({}, "a\xff", "Expected one class a line in UTF-8"),
    ],
)
def test_a_class_list_that_cannot_be_is_said(tmp_path: Path, content, text, message) -> None:
    path = save(tmp_path / "w.pth", {"state_dict": state(), **content})
    (tmp_path / "classes.txt").write_text(text, "latin-1")
    with pytest.raises(ModelError, match=message):
        read_checkpoint(path)


def test_the_digest_of_a_state_knows_values_names_types_and_shapes() -> None:
    nets = [torch.nn.Linear(2, 2, bias=False) for _ in range(4)]
    for net in nets:
        net.load_state_dict({"weight": torch.zeros(2, 2)})
    nets[1].load_state_dict({"weight": torch.eye(2)})
    nets[2].to(torch.bfloat16)
    nets[3] = torch.nn.Linear(4, 1, bias=False).requires_grad_(False)
    nets[3].load_state_dict({"weight": torch.zeros(1, 4)})
    assert len({state_digest(net) for net in nets}) == 4
    same = torch.nn.Linear(2, 2, bias=False)
    same.load_state_dict({"weight": torch.zeros(2, 2)})
    assert state_digest(same) == state_digest(nets[0])
