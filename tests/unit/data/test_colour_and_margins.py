"""The statistics that detectors read, each on a picture whose value can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from curate.data.statistics import HUES, LINES, image_stats


def plain(*colour: int, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    return np.full((*size, 3), colour, dtype=np.uint8)


def test_means_of_channels_and_colourfulness() -> None:
    image = plain(255, 0, 51)
    image[:, :15] = (100, 100, 110)  # a quarter hardly has a colour
    stats = image_stats(image)
    assert stats["red"] == pytest.approx((0.75 * 255 + 0.25 * 100) / 255)
    assert stats["green"] == pytest.approx(25 / 255)
    assert stats["blue"] == pytest.approx((0.75 * 51 + 0.25 * 110) / 255)
    assert stats["chroma"] == pytest.approx((0.75 * 255 + 0.25 * 10) / 255)
    assert stats["coloured"] == stats["commonest_colour"] == pytest.approx(0.75)
    assert stats["burnt"] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("colour", "hue"),
    [
        ((250, 0, 0), "reds"), ((250, 250, 0), "yellows"), ((0, 200, 0), "greens"),
        ((0, 200, 200), "cyans"), ((10, 20, 240), "blues"), ((220, 0, 220), "magentas"),
        ((200, 200, 200), None), ((120, 110, 100), None),
    ],
)  # fmt: skip
def test_each_hue_is_told(colour: tuple[int, int, int], hue: str | None) -> None:
    stats = image_stats(plain(*colour))
    assert {name: stats[name] for name in HUES} == {name: float(name == hue) for name in HUES}


def test_what_is_lost_in_the_dark_and_burnt_out() -> None:
    image = plain(128, 128, 128, size=(10, 100))
    image[:, :20] = 5
    image[:, 90:] = 250
    stats = image_stats(image)
    assert stats["dark_share"] == pytest.approx(0.2)
    assert stats["bright_share"] == pytest.approx(0.1)
    assert (stats["darkest"], stats["brightest"]) == (5 / 255, 250 / 255)
    assert stats["burnt"] == 0  # white has every channel full, or none


def test_smoothness_is_a_slope_whatever_the_contrast() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(60, 200, (100, 100), np.uint8)
    step = np.zeros((100, 100), np.uint8)
    step[:, 50:] = 200
    soft = np.asarray(Image.fromarray(step).filter(ImageFilter.GaussianBlur(6)))

    def smoothness(grey: np.ndarray) -> float:
        return image_stats(np.repeat(grey[:, :, None], 3, axis=2))["smoothness"]

    assert smoothness(noise) == pytest.approx(0.0, abs=0.02)
    assert smoothness(step) == pytest.approx(0.5, abs=0.02)
    assert smoothness(soft) > 0.9
    assert smoothness(soft // 4) > 0.8
    assert smoothness(plain(9, 9, 9)[:, :, 0]) == 0.5


@pytest.mark.parametrize("sigma", [3.0, 10.0])
def test_noise_is_its_standard_deviation_whatever_the_size(sigma: float) -> None:
    rng = np.random.default_rng(0)
    for size in ((LINES + 1, 90), (2 * LINES + 2, 90), (200, 200)):
        grey = np.clip(rng.normal(128, sigma, size).round(), 0, 255).astype(np.uint8)
        found = image_stats(np.repeat(grey[:, :, None], 3, axis=2))["noise"]
        assert found == pytest.approx(sigma, rel=0.1)


def test_a_letterbox_has_a_border_and_a_drawing_has_a_margin() -> None:
    rng = np.random.default_rng(0)
    letterbox = rng.integers(0, 256, (100, 80, 3)).astype(np.uint8)
    letterbox[:12] = letterbox[-8:] = 0
    stats = image_stats(letterbox)
    assert stats["border"] == stats["margin"] == pytest.approx(0.2)
    drawing = plain(255, 255, 255, size=(100, 100))
    drawing[30:80, 49:54] = 0
    stats = image_stats(drawing)
    assert stats["border"] == 0
    assert stats["margin"] == pytest.approx(0.95)  # five columns are drawn on
    assert image_stats(plain(7, 7, 7))["margin"] == 1
    assert image_stats(plain(7, 7, 7))["border"] == 0


def test_the_background_is_the_ring_along_the_edge() -> None:
    image = plain(10, 60, 200, size=(50, 50))
    image[5:45, 5:45] = (255, 255, 255)
    stats = image_stats(image)
    found = [stats[f"background_{name}"] * 255 for name in ("red", "green", "blue")]
    assert found == pytest.approx([10, 60, 200])
    assert stats["background_spread"] == 0
    image[:2] = (210, 160, 250)  # grey 61 becomes grey 185 on the upper part of the ring
    ring = 2 * 50 * 2 + 2 * 46 * 2
    spread = image_stats(image)["background_spread"] * 255
    assert spread == pytest.approx(124 * 100 / ring, abs=2)
