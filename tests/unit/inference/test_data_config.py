from __future__ import annotations

import pytest

from curate.errors import ModelError
from curate.inference.data_config import data_config


def test_what_is_not_said_is_imagenets() -> None:
    assert data_config(None, "net") == {
        "input_size": (3, 224, 224), "interpolation": "bicubic", "crop_pct": 0.875,
        "crop_mode": "center", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225),
    }  # fmt: skip
    assert data_config({"mean": None, "num_classes": 7}, "net") == data_config({}, "net")


def test_what_is_said_counts_and_the_option_more() -> None:
    given = {"input_size": [3, 64, 64], "mean": [0, 0, 0], "interpolation": "bilinear"}
    config = data_config(given, "net", 96)
    assert config["input_size"] == (3, 96, 96)
    assert config["mean"] == (0, 0, 0)
    assert config["interpolation"] == "bilinear"


def test_grey_images_have_one_mean() -> None:
    config = data_config({"input_size": (1, 28, 28)}, "net")
    assert (config["mean"], config["std"]) == ((0.449,), (0.226,))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"input_size": 224}, "Expected input_size .*found 224"),
        ({"input_size": (4, 8, 8)}, "Expected input_size"),
        ({"input_size": (3, 8, 9)}, "Expected square images"),
        ({"input_size": (3, "8", "8")}, "Expected square images"),
        ({"mean": (0, 0)}, r"Expected 3 numbers as mean .*found \(0, 0\)"),
        ({"mean": "0.5"}, "Expected 3 numbers as mean"),
        ({"std": (1, 1, 0)}, "Expected 3 numbers above 0 as std"),
        ({"interpolation": "cubic"}, "Expected interpolation .*bicubic.*found 'cubic'"),
        ({"crop_mode": "left"}, "Expected crop_mode"),
        ({"crop_pct": 0.0}, "Expected crop_pct between 0 and 2"),
    ],
)
def test_what_cannot_be_is_said(given, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        data_config(given, "net")
