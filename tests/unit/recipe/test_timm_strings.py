"""timm's names of policies, compared with timm itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pytest
from PIL import Image
from timm.data import auto_augment as timm

from curate.errors import PolicyError
from curate.recipe import timm_strings
from curate.recipe.applying import Augment, render_step
from curate.recipe.foreign import read_any
from curate.recipe.policy import LeftOut, Policy, Step
from curate.recipe.timm_operations import operations, step
from made_policies import picture

PICTURE = picture(48, 48)
PADDED = {"fillcolor": (128, 128, 128), "resample": Image.Resampling.BILINEAR}


@pytest.mark.parametrize("name", ["v0", "v0r", "original", "originalr", "3a"])
def test_subpolicies_are_timms(name: str) -> None:
    theirs = [
        [(op.name, op.prob, op.magnitude) for op in pair] for pair in timm.auto_augment_policy(name)
    ]
    assert [list(pair) for pair in timm_strings.subpolicies(name)] == theirs


@pytest.mark.parametrize("increasing", [True, False])
@pytest.mark.parametrize("name", ["", "weights", "3a", "3aw"])
def test_the_operations_of_randaugment_are_timms(name: str, increasing: bool) -> None:
    ours, theirs = (
        timm_strings.choices(name, increasing),
        timm.rand_augment_choices(name, increasing),
    )
    if isinstance(ours, Mapping):
        assert dict(ours) == dict(theirs)
    else:
        assert list(ours) == list(theirs)


def test_every_operation_of_timm_is_expressed_or_left_out() -> None:
    known = {*operations(), "SolarizeAdd"}
    # In absolute pixels; in none of timm's sets.
    assert set(timm.NAME_TO_OP) - known == {"TranslateX", "TranslateY"}


@pytest.mark.parametrize(
    ("name", "level", "tolerance"),
    [
        ("AutoContrast", 5, 1.5),
        ("Equalize", 5, 3),
        ("Invert", 5, 0),
        ("Posterize", 8, 0),
        ("PosterizeIncreasing", 3, 0),
        ("PosterizeOriginal", 5, 0),
        ("Solarize", 6, 0),
        ("SolarizeIncreasing", 4, 0),
        ("Color", 2, 1),
        ("Color", 9, 1),
        ("Contrast", 9, 1.5),
        ("Brightness", 2, 1),
        ("Brightness", 9, 1),
        ("GaussianBlur", 8, 1),
        ("Desaturate", 4, 1),
        ("Desaturate", 10, 1),
    ],
)
def test_an_operation_does_what_timms_does(name: str, level: float, tolerance: float) -> None:
    image = Image.fromarray(PICTURE)
    arguments = timm.LEVEL_TO_ARG[name](level, {}) if timm.LEVEL_TO_ARG[name] else ()
    theirs = np.asarray(timm.NAME_TO_OP[name](image, *arguments, **PADDED)).astype(float)
    made = step(name, 1.0, level, level, "test")
    assert isinstance(made, Step)
    ours = render_step(made, PICTURE, 0).astype(float)
    assert np.abs(ours - theirs).mean() <= tolerance
    assert np.abs(theirs - PICTURE).mean() > 2 * tolerance


@pytest.mark.parametrize("level", [2, 9])
def test_sharpness_is_timms(level: float) -> None:
    """On a rough picture; PIL leaves the outermost pixels as they are."""
    rough = np.random.default_rng(0).integers(60, 190, (40, 40, 3)).astype(np.uint8)
    (factor,) = timm.LEVEL_TO_ARG["Sharpness"](level, {})
    theirs = np.asarray(timm.NAME_TO_OP["Sharpness"](Image.fromarray(rough), factor)).astype(float)
    made = step("Sharpness", 1.0, level, level, "test")
    assert isinstance(made, Step)
    ours = render_step(made, rough, 0).astype(float)
    inner = np.s_[2:-2, 2:-2]
    # Exact above 1 up to rounding; below it a Gaussian of the same variance.
    assert np.abs(ours - theirs)[inner].mean() < (1 if factor > 1 else 6)
    assert np.abs(theirs - rough)[inner].mean() > 10


@pytest.mark.parametrize("axis", ["X", "Y"])
def test_a_shear_has_timms_angle_about_the_centre(axis: str) -> None:
    image = Image.fromarray(PICTURE)
    theirs = []
    for slope in (0.15, -0.15):
        shift = -slope * 23.5
        matrix = (1, slope, shift, 0, 1, 0) if axis == "X" else (1, 0, 0, slope, 1, shift)
        theirs.append(
            np.asarray(image.transform((48, 48), Image.Transform.AFFINE, matrix, **PADDED))
        )
    made = step(f"Shear{axis}", 1.0, 5, 5, "test")
    assert isinstance(made, Step)
    nearest = set()
    for seed in range(12):
        ours = render_step(made, PICTURE, seed).astype(float)
        away = [np.median(np.abs(ours - one)) for one in theirs]
        nearest.add(int(np.argmin(away)))
        assert min(away) <= 2
    assert nearest == {0, 1}


@pytest.mark.parametrize("name", ["Rotate", "TranslateXRel", "TranslateYRel", "ColorIncreasing"])
def test_an_operation_with_a_sign_does_one_of_timms_two(name: str) -> None:
    """Apart from the border, which timm fills with grey."""
    image = Image.fromarray(PICTURE)
    (argument,) = np.abs(timm.LEVEL_TO_ARG[name](3, {}))
    both = (0.73, 1.27) if name == "ColorIncreasing" else (argument, -argument)
    theirs = [np.asarray(timm.NAME_TO_OP[name](image, a, **PADDED)).astype(float) for a in both]
    made = step(name, 1.0, 3, 3, "test")
    assert isinstance(made, Step)
    nearest = set()
    for seed in range(12):
        ours = render_step(made, PICTURE, seed).astype(float)
        away = [np.median(np.abs(ours - one)) for one in theirs]
        nearest.add(int(np.argmin(away)))
        assert min(away) <= 2.5
    assert nearest == {0, 1}


def test_solarizing_from_256_leaves_white_alone() -> None:
    made = step("Solarize", 1.0, 10, 10, "test")
    assert isinstance(made, Step)
    white = np.full((8, 8, 3), 255, np.uint8)
    np.testing.assert_array_equal(render_step(made, white, 0), white)


def test_levels_are_as_far_apart_as_timms_draws() -> None:
    policy = read_any("rand-m5-n2-mstd0.5")
    (turn,) = (s for s in policy.stages[0] if s.transform == "rotate")
    assert np.mean(turn.magnitude) == pytest.approx(15)
    # The deviation of a uniform draw is its range over the square root of 12.
    assert np.ptp(turn.magnitude) / np.sqrt(12) == pytest.approx(1.5)
    assert "Rotate at levels 4.13 to 5.87 of timm's rand-m5-n2-mstd0.5" in turn.reason
    clipped = read_any("rand-m9-mstd1").stages[0]
    assert max(s.magnitude[1] for s in clipped if s.transform == "rotate") == 30
    (full,) = (s for s in read_any("rand-m9-mstd101").stages[0] if s.transform == "rotate")
    assert full.magnitude == (0, 27)


def test_how_often_an_operation_is_done() -> None:
    """One of 15 operations, each done half of the time it is drawn, three times an image."""
    for made in read_any("rand-m9-n3-mstd0.5").stages[0]:
        assert made.probability == pytest.approx(1 - (1 - 0.5 / 15) ** 3, abs=1e-6)
    for made in read_any("rand-m9-n1-p1-inc1").stages[0]:
        assert made.probability == pytest.approx(1 / 15, abs=1e-6)
    invert = [s for s in read_any("original").stages[0] if s.transform.endswith("InvertImg")]
    assert [s.probability for s in invert] == [pytest.approx(3 * 0.6 / 25)]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_weighted_operations_are_drawn_as_numpy_draws_them(count: int) -> None:
    weights = np.array([3, 2, 1, 0.5, 0.25])
    weights /= weights.sum()
    rng = np.random.default_rng(0)
    draws = 5000
    seen = np.zeros(5)
    for _ in range(draws):
        seen[rng.choice(5, count, replace=False, p=weights)] += 1
    ours = np.array(timm_strings._drawn(tuple(weights), count))
    assert ours.sum() == pytest.approx(count)
    # Four standard errors of a share of one half.
    np.testing.assert_allclose(ours, seen / draws, atol=4 * 0.5 / np.sqrt(draws))


@pytest.mark.parametrize(
    "text", ["rand-m9-n3-mstd0.5", "rand-m9-inc1", "rand-tweights", "rand-t3a-n1", "original", "v0",
             "originalr-mstd0.5", "v0r", "3a"],
)  # fmt: skip
def test_every_step_can_be_done_and_written(text: str) -> None:
    policy = read_any(text)
    assert policy.made_by == {"timm": text}
    for pixels in (PICTURE, PICTURE[:, :, :1]):
        for made in policy.stages[0]:
            for seed in range(4):
                assert render_step(made, pixels, seed).shape == pixels.shape
    augment = Augment(policy)
    assert len({augment(PICTURE, None, seed).tobytes() for seed in range(30)}) > 2


def test_what_cannot_be_expressed_is_left_out_by_name() -> None:
    assert [left.transform for left in read_any("rand-m9").left_out] == ["timm:SolarizeAdd"]
    assert isinstance(step("SolarizeAdd", 1, 1, 1, "x"), LeftOut)
    assert read_any("original").left_out == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("augmix-m5-w4-d2", "'augmix-m5-w4-d2': it blends several copies"),
        ("randd-m9", "among rand, v0, .* found 'randd-m9'; did you mean 'rand'"),
        ("rand-m9-q3", "sections m<number>, .* found 'q3'"),
        ("rand-m", "found 'm'"),
        ("rand-m9-m8", "'m' once in 'rand-m9-m8'"),
        ("rand-w0", "found 'w0'"),
        ("rand-tweight", "among weights, 3a, 3aw .* found 'weight'; did you mean 'weights'"),
        ("rand-n0", "n from 1"),
        ("rand-p1.5", "p from 0 to 1"),
        ("rand-n5-tweights", "n up to 4 with weighted operations"),
        ("original-m9", "sections mstd<number> .* found 'm9'"),
    ],
)
def test_what_is_wrong_in_a_name(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        read_any(text)


def test_a_name_is_told_from_other_text() -> None:
    for text in ("rand-m9-n3-mstd0.5", "v0", "original-mstd0.5", "augmix-m5"):
        assert timm_strings.is_timm(text)
    for text in ("{}", "a b", "policy.json", "x: 1", re.escape("a.b")):
        assert not timm_strings.is_timm(text)


def test_a_policy_of_timm_is_a_policy() -> None:
    assert isinstance(read_any("3a"), Policy)
