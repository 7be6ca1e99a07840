"""Every transform of a policy on pictures of any size: what is kept, what changes, and how far."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import made_policies
from curate.recipe.transforms import TRANSFORMS, render
from made_policies import picture

ON_IMAGES = [name for name, known in TRANSFORMS.items() if not known.batch]
GEOMETRIC = [
    "horizontal_flip", "vertical_flip", "half_turn", "quarter_turn", "rotate", "affine",
    "perspective", "random_resized_crop", "elastic", "grid_distortion", "optical_distortion",
]  # fmt: skip
SHAPES = [(8, 8, 1), (8, 8, 3), (9, 14, 3), (31, 17, 1), (64, 64, 3), (48, 130, 3)]


def change(name: str, pixels: np.ndarray, magnitude: float, seeds: int = 8) -> float:
    """How far the pixels are from the original, on average over some seeds."""
    original = pixels.astype(float)
    return float(
        np.mean(
            [np.abs(render(name, pixels, magnitude, s) - original).mean() for s in range(seeds)]
        )
    )


@pytest.mark.parametrize("name", ON_IMAGES)
@pytest.mark.parametrize("shape", SHAPES)
def test_keeps_the_form_and_the_input(name: str, shape: tuple[int, int, int]) -> None:
    pixels = picture(*shape)
    before = pixels.copy()
    pixels.setflags(write=False)
    for magnitude in (*TRANSFORMS[name].levels, TRANSFORMS[name].most):
        changed = render(name, pixels, magnitude, seed=3)
        assert changed.shape == shape
        assert changed.dtype == np.uint8
        assert changed.flags.c_contiguous
        assert not np.shares_memory(changed, pixels)
        np.testing.assert_array_equal(changed, render(name, pixels, magnitude, seed=3))
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("name", ON_IMAGES)
def test_does_not_care_how_the_array_lies_in_memory(name: str) -> None:
    pixels = picture(20, 24)
    strided = np.asfortranarray(pixels)
    level = TRANSFORMS[name].levels[-1]
    np.testing.assert_array_equal(render(name, strided, level, 1), render(name, pixels, level, 1))


@pytest.mark.parametrize("name", [n for n in ON_IMAGES if TRANSFORMS[n].unit])
@pytest.mark.parametrize("shape", [(64, 64, 3), (96, 72, 1), (224, 224, 3)])
def test_a_larger_magnitude_changes_more(name: str, shape: tuple[int, int, int]) -> None:
    pixels = picture(*shape)
    levels = TRANSFORMS[name].levels
    if (name, shape[2]) == ("hue_saturation_value", 1):
        levels = levels[:2]  # of one channel only the value can change, and it saturates
    changes = [change(name, pixels, level) for level in levels]
    assert changes == sorted(changes)
    assert changes[0] < changes[-1]


@pytest.mark.parametrize("name", ON_IMAGES)
def test_every_level_can_be_seen_on_a_picture_of_usual_size(name: str) -> None:
    pixels = picture(224, 224)
    for level in TRANSFORMS[name].levels:
        assert change(name, pixels, level, seeds=2) > 0


# albumentations sets the lines of the grid to whole pixels, whatever the magnitude.
@pytest.mark.parametrize(
    "name", [n for n in ON_IMAGES if TRANSFORMS[n].unit and n != "grid_distortion"]
)
def test_magnitude_0_changes_next_to_nothing(name: str) -> None:
    # JPEG of quality 100 rounds, and stores colours at half the resolution.
    assert change(name, picture(64, 64), 0) < (3 if name == "jpeg" else 0.6)


@pytest.mark.parametrize("name", GEOMETRIC)
@pytest.mark.parametrize("background", [0, 255, 77])
def test_no_border_appears(name: str, background: int) -> None:
    """Digits on black, sketches on white: a turned picture has no wedge of another colour."""
    plain = np.full((40, 52, 3), background, np.uint8)
    for magnitude in (*TRANSFORMS[name].levels, TRANSFORMS[name].most):
        np.testing.assert_array_equal(render(name, plain, magnitude, 5), plain)


@pytest.mark.parametrize("name", ON_IMAGES)
def test_a_picture_without_colour_gets_none(name: str) -> None:
    grey = np.repeat(picture(40, 40, 1), 3, axis=2)
    for seed in range(4):
        changed = render(name, grey, TRANSFORMS[name].levels[-1], seed)
        assert np.ptp(changed.astype(int), axis=2).max() == 0


@pytest.mark.parametrize(
    "name", [n for n in ON_IMAGES if n not in ("grey", "hue_saturation_value")]
)
def test_one_channel_is_treated_as_three_equal_ones(name: str) -> None:
    one = picture(32, 40, 1)
    level = TRANSFORMS[name].levels[-1]
    wide = render(name, np.repeat(one, 3, axis=2), level, 2)
    difference = wide[:, :, :1].astype(int) - render(name, one, level, 2)
    assert np.abs(difference).mean() < 1.5  # JPEG has other tables without colour


def test_grey_leaves_one_channel_alone() -> None:
    one = picture(16, 16, 1)
    np.testing.assert_array_equal(render("grey", one, 1, 0), one)


def test_flips_and_turns_are_exact() -> None:
    for pixels in (picture(8, 8), picture(33, 33, 1), picture(12, 20)):
        np.testing.assert_array_equal(render("horizontal_flip", pixels, 1, 0), pixels[:, ::-1])
        np.testing.assert_array_equal(render("vertical_flip", pixels, 1, 0), pixels[::-1])
        np.testing.assert_array_equal(render("half_turn", pixels, 1, 0), pixels[::-1, ::-1])


@pytest.mark.parametrize("side", [8, 9, 64])
def test_a_quarter_turn_of_a_square_is_exact_and_goes_to_both_sides(side: int) -> None:
    pixels = picture(side, side)
    to = {1: np.rot90(pixels, 1).tobytes(), 3: np.rot90(pixels, 3).tobytes()}
    found = {render("quarter_turn", pixels, 1, seed).tobytes() for seed in range(12)}
    assert found == set(to.values())


def test_a_quarter_turn_of_a_longer_picture_turns_its_central_square() -> None:
    pixels = picture(20, 30)
    square = pixels[:, 5:25]
    turned = render("quarter_turn", pixels, 1, 0)[:, 5:25]
    assert any(np.array_equal(turned, np.rot90(square, k)) for k in (1, 3))


def test_rotation_is_by_as_many_degrees() -> None:
    """A line through the centre, found again by the direction of its pixels."""
    pixels = np.zeros((201, 201, 1), np.uint8)
    pixels[99:102] = 255
    angles = set()
    for seed in range(10):
        changed = render("rotate", pixels, 20, seed)[40:161, 40:161, 0]
        y, x = np.nonzero(changed > 127)
        angles.add(round(np.degrees(np.arctan(np.polyfit(x, y, 1)[0]))))
    assert angles == {-20, 20}


def test_blur_has_the_sigma_it_says() -> None:
    pixels = np.zeros((101, 101, 1), np.uint8)
    pixels[50, 50] = 255
    pixels[:, 50] = 255  # a line, as one point would vanish in rounding
    profile = render("blur", pixels, 4, 0)[50, :, 0].astype(float)
    offsets = np.arange(101) - 50
    sigma = np.sqrt((profile * offsets**2).sum() / profile.sum())
    assert sigma == pytest.approx(0.04 * 101, rel=0.05)


def test_noise_has_the_deviation_it_says() -> None:
    changed = render("noise", np.full((200, 200, 3), 127, np.uint8), 10, 0)
    assert changed.astype(float).std() == pytest.approx(25.5, rel=0.03)


@pytest.mark.parametrize("side", [64, 224])
def test_elastic_moves_by_the_share_it_says(side: int) -> None:
    """On a ramp the change of a value is the way its pixel moved."""
    ramp = np.repeat(np.arange(side, dtype=np.uint8)[None, :, None], side, axis=0)
    inner = slice(side // 5, -side // 5)
    moves = [
        (render("elastic", ramp, 2, seed).astype(float) - ramp)[inner, inner] for seed in range(12)
    ]
    rms = float(np.sqrt(np.mean(np.square(moves))))
    assert rms == pytest.approx(0.02 * side, rel=0.2)


def test_dropout_covers_the_share_it_says() -> None:
    pixels = np.zeros((100, 100, 3), np.uint8)
    assert (render("coarse_dropout", pixels, 25, 1) == 127).mean() == pytest.approx(0.25)


def test_crop_keeps_the_share_it_says() -> None:
    """A ramp from 0 to 200 along the width: what is left of it is the width of the piece."""
    ramp = np.repeat(np.linspace(0, 200, 100).astype(np.uint8)[None, :, None], 100, axis=0)
    tall = ramp.transpose(1, 0, 2)
    for seed in range(5):
        wide = render("random_resized_crop", ramp, 50, seed)
        high = render("random_resized_crop", np.ascontiguousarray(tall), 50, seed)
        shares = [float(np.ptp(p.astype(float))) / 200 for p in (wide, high)]
        assert shares[0] * shares[1] == pytest.approx(0.5, abs=0.06)


def test_brightness_is_multiplied_both_ways() -> None:
    plain = np.full((16, 16, 3), 100, np.uint8)  # of no contrast, so only brightness is left
    means = {round(float(render("brightness_contrast", plain, 30, s).mean())) for s in range(20)}
    assert means == {70, 130}


def test_many_threads_give_the_same_as_one() -> None:
    pixels = picture(24, 24)
    jobs = [(name, TRANSFORMS[name].levels[-1], s) for name in ON_IMAGES for s in range(6)]
    alone = [render(name, pixels, level, seed).tobytes() for name, level, seed in jobs]
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda job: render(job[0], pixels, *job[1:]).tobytes(), jobs)
        assert list(together) == alone


_ELSEWHERE = """
import hashlib, sys
sys.path.insert(0, {folder!r})

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        raise RuntimeError(f"network: {{event}} {{args}}")

sys.addaudithook(refuse)
from curate.recipe.transforms import TRANSFORMS, render
from made_policies import picture
assert "albumentations" not in sys.modules
found = hashlib.sha256()
for name, known in TRANSFORMS.items():
    if not known.batch:
        found.update(render(name, picture(30, 41), known.levels[-1], 11).tobytes())
print(found.hexdigest())
"""


def test_another_process_gives_the_same_bytes_and_asks_no_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "0")
    code = _ELSEWHERE.format(folder=str(Path(made_policies.__file__).parent))
    # albumentations warns where its request fails; here that would end the process.
    other = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    here = hashlib.sha256()
    for name in ON_IMAGES:
        here.update(render(name, picture(30, 41), TRANSFORMS[name].levels[-1], 11).tobytes())
    assert other.stdout.strip() == here.hexdigest(), other.stderr


@pytest.mark.parametrize(
    ("name", "pixels", "magnitude", "said"),
    [
        ("rotat", picture(8, 8), 5, "did you mean 'rotate'"),
        ("mixup", picture(8, 8), 0.2, "Expected a transform of one image, found 'mixup'"),
        ("rotate", picture(8, 8), 181, "from 0 to 180"),
        ("rotate", picture(8, 8), -1, "from 0 to 180"),
        ("rotate", picture(8, 8), float("nan"), "from 0 to 180"),
        ("vertical_flip", picture(8, 8), 0.5, "the magnitude 1 of 'vertical_flip'"),
        ("rotate", picture(7, 8), 5, "at least 8 pixels a side"),
        ("rotate", picture(8, 8)[:, :, 0], 5, "height, width, 1 or 3"),
        ("rotate", picture(8, 8)[:, :, :2], 5, "height, width, 1 or 3"),
        ("rotate", picture(8, 8).astype(float), 5, "uint8"),
    ],
)
def test_what_cannot_be_done(name: str, pixels: np.ndarray, magnitude: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        render(name, pixels, magnitude, 0)


def test_levels_rise_and_can_be_asked_for() -> None:
    for known in TRANSFORMS.values():
        assert list(known.levels) == sorted(set(known.levels))
        assert 0 < known.levels[0] <= known.levels[-1] <= known.most
        assert (known.make is None) == known.batch
        assert known.unit or known.levels == (1.0,)
