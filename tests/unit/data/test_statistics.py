import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageFilter

from curate.data.statistics import STATISTICS, image_stats, thumbnail
from curate.data.views import VIEWS, apply_view


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (20, 30)) -> np.ndarray:
    return np.full((*size, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize(
    ("colour", "brightness", "saturation"),
    [
        ((0, 0, 0), 0.0, 0.0),
        ((255, 255, 255), 1.0, 0.0),
        ((51, 51, 51), 0.2, 0.0),
        ((255, 0, 0), 76 / 255, 1.0),
        ((200, 100, 100), 130 / 255, 0.5),
    ],
)
def test_a_plain_image_by_hand(colour, brightness, saturation):
    stats = image_stats(plain(colour))
    assert stats["brightness"] == pytest.approx(brightness)
    assert stats["saturation"] == pytest.approx(saturation)
    assert stats["contrast"] == pytest.approx(0)
    assert stats["sharpness"] == stats["entropy"] == 0


def test_half_black_half_white_by_hand():
    image = plain((0, 0, 0), (4, 4))
    image[:, 2:] = 255
    stats = image_stats(image)
    assert stats["brightness"] == stats["contrast"] == pytest.approx(0.5)
    assert stats["entropy"] == pytest.approx(1.0)
    # Each of the 4 inner pixels has a Laplacian of +255 or -255.
    assert stats["sharpness"] == pytest.approx(255.0**2)


def test_four_levels_are_two_bits():
    levels = np.repeat(np.array([0, 80, 160, 240], dtype=np.uint8), 4).reshape(4, 4)
    assert image_stats(np.stack([levels] * 3, axis=2))["entropy"] == pytest.approx(2.0)


def test_blurring_lowers_sharpness():
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    blurred = noise.filter(ImageFilter.GaussianBlur(2))
    sharp, soft = (image_stats(np.asarray(image))["sharpness"] for image in (noise, blurred))
    assert soft < sharp / 10


@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 8), st.integers(1, 8), st.just(3)),
        elements=st.integers(0, 255),
    )
)
def test_finite_within_bounds_and_the_same_in_every_view(image):
    before = image.copy()
    stats = image_stats(image)
    assert tuple(stats) == STATISTICS
    assert all(np.isfinite(value) for value in stats.values())
    assert 0 <= stats["brightness"] <= 1
    assert 0 <= stats["contrast"] <= 0.5 + 1e-9
    assert 0 <= stats["entropy"] <= 8
    assert 0 <= stats["saturation"] <= 1
    for name in VIEWS:
        assert image_stats(apply_view(image, name)) == pytest.approx(stats, rel=1e-4, abs=1e-9)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 2), (700, 513)])
def test_any_shape_is_measured(shape):
    stats = image_stats(plain((10, 20, 30), shape))
    assert stats["brightness"] == pytest.approx(18 / 255, abs=0.01)


def test_large_and_small_copies_measure_alike():
    rng = np.random.default_rng(1)
    small = rng.integers(0, 256, (100, 250, 3), dtype=np.uint8)
    large = np.repeat(np.repeat(small, 2, axis=0), 2, axis=1)
    assert image_stats(large) == pytest.approx(image_stats(small))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4)),
        np.zeros((4, 4, 3)),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
    ],
    ids=["no channels", "floats", "no pixels", "one channel"],
)
def test_wrong_input_is_refused(wrong):
    with pytest.raises(ValueError, match=r"Expected \(height, width, 3\) uint8, found"):
        image_stats(wrong)


def test_thumbnail_is_the_mean_of_overlapping_areas():
    rng = np.random.default_rng(2)
    grey = rng.integers(0, 256, (64, 128), dtype=np.uint8)
    # Across, two pixels become one: a triangle four pixels wide. Down, nothing changes.
    columns = [grey[:, i : i + 124 : 2].astype(float) for i in (1, 2, 3, 4)]
    blocks = (columns[0] + 3 * columns[1] + 3 * columns[2] + columns[3]) / 8
    small = thumbnail(Image.fromarray(grey).convert("RGB"))
    assert small.shape == (64, 64)
    assert small.dtype == np.uint8
    np.testing.assert_allclose(small[:, 1:-1], blocks, atol=1)


def test_thumbnail_of_a_single_pixel():
    assert (thumbnail(Image.new("RGB", (1, 1), (9, 9, 9))) == 9).all()
