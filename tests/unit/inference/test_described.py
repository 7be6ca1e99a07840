from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from curate.errors import ModelError
from curate.inference.described import described, is_whole_model

CLASSES = ("cat", "dog")


def scripted(path: Path, **extra: str) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls TorchScript deprecated
        torch.jit.save(torch.jit.script(torch.nn.Linear(3, 2)), str(path), _extra_files=extra)
    return path


def test_a_class_list_is_read_from_wherever_it_is(tmp_path: Path) -> None:
    state = {"fc.weight": torch.zeros(2, 3)}
    torch.save({"state_dict": state, "class_names": list(CLASSES), "arch": "resnet18"},
               tmp_path / "a.pth")  # fmt: skip
    assert described(tmp_path / "a.pth") == (CLASSES, "resnet18", None)
    save_file(state, tmp_path / "b.safetensors", metadata={"class_names": json.dumps(CLASSES)})
    assert described(tmp_path / "b.safetensors") == (CLASSES, None, None)
    about = {"class_names": json.dumps(CLASSES), "data_config": '{"input_size": [3, 64, 64]}'}
    save_file(state, tmp_path / "s.safetensors", metadata=about)
    assert described(tmp_path / "s.safetensors").img_size == 64
    torch.save(state, tmp_path / "c.pt")
    (tmp_path / "c.classes.txt").write_text("cat\ndog\n")
    assert described(tmp_path / "c.pt") == (CLASSES, None, None)
    assert not is_whole_model(tmp_path / "c.pt")
    inside = scripted(tmp_path / "d.pt", **{"config.json": json.dumps({"class_names": CLASSES})})
    assert is_whole_model(inside)
    assert described(inside) == (CLASSES, None, None)


def test_what_names_no_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"Expected a checkpoint at .*none\.pth, found none"):
        described(tmp_path / "none.pth")
    torch.save({"fc.weight": torch.zeros(2, 3)}, tmp_path / "a.pth")
    with pytest.raises(ModelError, match=r"or in a\.classes\.txt beside it"):
        described(tmp_path / "a.pth")
    with pytest.raises(ModelError, match="Expected the class list"):
        described(scripted(tmp_path / "b.ts"))
    (tmp_path / "c.onnx").write_text("no graph")
    with pytest.raises(ModelError, match="Expected an ONNX model"):
        described(tmp_path / "c.onnx")
