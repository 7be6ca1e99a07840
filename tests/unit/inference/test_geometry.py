from __future__ import annotations

import numpy as np
import pytest
import timm
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from curate.inference.geometry import in_one_step


def steps_of(**config: object) -> list:
    config = {"input_size": (3, 32, 32), "mean": (0, 0, 0), "std": (1, 1, 1), **config}
    return timm.data.create_transform(**config).transforms[:2]


def photograph(width: int, height: int) -> Image.Image:
    return Image.fromarray(data.astronaut()[: height + 100, 150:][100:, :width])


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "lanczos", "nearest"])
@settings(deadline=None, max_examples=60)
@given(
    width=st.integers(30, 300), height=st.integers(30, 300),
    crop_pct=st.sampled_from([0.5, 0.875, 0.9, 0.95, 1.0]),
)  # fmt: skip
def test_the_pixels_are_those_of_one_step_after_the_other(
    interpolation: str, width: int, height: int, crop_pct: float
) -> None:
    steps = steps_of(interpolation=interpolation, crop_pct=crop_pct)
    image = photograph(width, height)
    want = np.asarray(steps[1](steps[0](image)), dtype=int)
    got = np.asarray(in_one_step(steps)(image), dtype=int)
    assert got.shape == (32, 32, 3)
    assert np.abs(got - want).max() <= 8
    assert np.abs(got - want).mean() < 0.5  # half a level: one rounding between the passes


def test_less_work_is_done_only_for_images_that_shrink() -> None:
    steps = steps_of(interpolation="bicubic", crop_pct=0.875)
    for size in ((2, 33), (36, 20), (31, 31)):
        image = noise(*size)
        np.testing.assert_array_equal(
            np.asarray(in_one_step(steps)(image)), np.asarray(steps[1](steps[0](image)))
        )


@pytest.mark.parametrize("mode", ["squash", "border"])
def test_other_geometries_are_done_as_they_are(mode: str) -> None:
    steps = steps_of(crop_mode=mode, crop_pct=0.9, interpolation="bicubic")
    image = noise(70, 41)
    want = image
    for step in steps:
        want = step(want)
    np.testing.assert_array_equal(np.asarray(in_one_step(steps)(image)), np.asarray(want))
