"""The forms of a policy in other formats: read by whom they are for, and read again by us."""

from __future__ import annotations

import random
import types
import warnings
from pathlib import Path
from typing import Any

import albumentations as A  # noqa: N812  # as its users write it
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from curate.errors import PolicyError
from curate.recipe import albumentations_files, code_form, foreign, torchvision_form
from curate.recipe.applying import Augment, stream_seed
from curate.recipe.policy import LeftOut, Policy, Step, read_policy
from curate.recipe.transforms import TRANSFORMS, Pixels
from made_policies import FOREIGN, picture, policies

SIZE = (24, 32)
PICTURE = picture(*SIZE)
FLIPPED_BUT_6 = Step("vertical_flip", 1, excluded_classes=("6",), reason='"quoted"\nlines')


def everything(probability: float = 1.0) -> tuple[Step, ...]:
    return tuple(
        Step(name, probability, (low, known.levels[-1]))
        for name, known in TRANSFORMS.items()
        for low in {known.levels[0], known.levels[0] if known.batch or not known.unit else 0}
    )


def run(code: str, name: str = "pasted") -> Any:
    module = types.ModuleType(name)
    exec(compile(code, name, "exec"), module.__dict__)
    return module


def through(pipeline: Any, pixels: Pixels, seed: int) -> Pixels:
    """As the heading of the file says."""
    pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
    found: Pixels = pipeline(image=pixels)["image"]
    return found


def test_all_forms_are_written(tmp_path: Path) -> None:
    policy = Policy(((), (FLIPPED_BUT_6,)), classes=("6", "9"), image_size=SIZE)
    written = foreign.write_forms(policy, tmp_path / "new", "mine")
    assert {form: path.name for form, path in written.items()} == {
        "json": "mine.json",
        "albumentations": "mine.albumentations.yaml",
        "albumentations.stage0": "mine.albumentations.stage0.yaml",
        "albumentations.stage1": "mine.albumentations.stage1.yaml",
        "python": "mine.py",
        "torchvision": "mine.torchvision.py",
    }
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(
        p.name for p in written.values()
    )
    assert read_policy(written["json"]) == policy
    assert written["albumentations"].read_text() == written["albumentations.stage1"].read_text()
    one = foreign.write_forms(Policy(((),)), tmp_path / "one")
    assert list(one) == ["json", "albumentations", "python", "torchvision"]


def test_the_same_policy_is_the_same_bytes(tmp_path: Path) -> None:
    policy = Policy((everything(),), left_out=(LeftOut("blur", "useless"),))
    once = foreign.write_forms(policy, tmp_path / "a")
    again = foreign.write_forms(read_policy(once["json"]), tmp_path / "b")
    for form, path in once.items():
        assert path.read_bytes() == again[form].read_bytes()


def test_nothing_is_written_of_a_policy_that_cannot_be(tmp_path: Path) -> None:
    policy = Policy(((Step("albumentations:Nonsense", 1),),))
    with pytest.raises(PolicyError, match="found 'Nonsense'"):
        foreign.write_forms(policy, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@settings(deadline=None, max_examples=50)
@given(policies())
def test_albumentations_loads_each_stage_and_makes_the_same_pixels(
    tmp_path_factory: pytest.TempPathFactory, policy: Policy
) -> None:
    path = tmp_path_factory.mktemp("forms") / "p.yaml"
    pixels = picture(*policy.image_size)
    for stage in range(len(policy.stages)):
        path.write_text(albumentations_files.to_yaml(policy, stage), encoding="utf-8")
        pipeline = A.load(path, data_format="yaml")
        augment = Augment(policy, stage)
        # Without a label nothing is done that some class is excluded from: what the file holds.
        for rng_seed in range(3):
            theirs = through(pipeline, pixels, stream_seed(policy.seed, rng_seed))
            np.testing.assert_array_equal(theirs, augment(pixels, None, rng_seed))
        again = foreign.read_any(path)
        assert again.stages == (policy.for_every_class(stage),)
        assert (again.seed, again.classes) == (policy.seed, policy.classes)
        assert again.image_size == policy.image_size


def test_every_transform_of_ours_survives_the_file(tmp_path: Path) -> None:
    policy = Policy((everything(0.5),), seed=3, image_size=SIZE)
    path = foreign.write_forms(policy, tmp_path)["albumentations"]
    pipeline = A.load(path, data_format="yaml")
    augment = Augment(policy)
    for rng_seed in range(40):
        theirs = through(pipeline, PICTURE, stream_seed(3, rng_seed))
        np.testing.assert_array_equal(theirs, augment(PICTURE, None, rng_seed))


def test_the_file_names_what_it_cannot_hold() -> None:
    mixup = Step("mixup", 1, (0.2, 0.2))
    text = albumentations_files.to_yaml(Policy(((FLIPPED_BUT_6, mixup),)), 0)
    heading = [line for line in text.splitlines() if line.startswith("#")]
    assert any("vertical_flip (not for 6)" in line for line in heading)
    assert any("mixup (by the trainer)" in line for line in heading)


def test_whoever_edits_the_file_is_right(tmp_path: Path) -> None:
    policy = Policy(((Step("rotate", 0.5, (0, 10), reason="weak"), Step("grey", 0.1)),))
    text = albumentations_files.to_yaml(policy, 0)
    path = tmp_path / "edited.yaml"
    path.write_text(text.replace("limit: [-10.0, 10.0]", "limit: [-20.0, 20.0]", 1))
    turned, grey = foreign.read_any(path).stages[0]
    assert grey == policy.stages[0][1]
    assert turned == Step(
        "albumentations:Rotate", 0.5, params={"limit": [-20.0, 20.0], "border_mode": 4}
    )


@settings(deadline=None, max_examples=60)
@given(policies())
def test_the_code_does_what_the_policy_says(policy: Policy) -> None:
    pasted = run(code_form.to_code(policy))
    pixels = picture(*policy.image_size)
    for stage in range(len(policy.stages)):
        augment = Augment(policy, stage)
        for label in (None, *policy.classes):
            for seed in (0, 5):
                np.testing.assert_array_equal(
                    pasted.augment(pixels, label, stage, seed), augment(pixels, label, seed)
                )
        settings_here = {name: {"alpha": s.magnitude[1], "probability": s.probability}
                         for name, s in policy.trainer_settings(stage).items()}  # fmt: skip
        assert pasted.TRAINER[stage] == settings_here


@pytest.mark.parametrize("to_code", [code_form.to_code, torchvision_form.to_code])
def test_code_that_is_pasted_refuses_a_label_that_is_none(to_code: Any) -> None:
    policy = Policy(((FLIPPED_BUT_6,),), classes=("6", "9"), image_size=SIZE)
    pasted = run(to_code(policy))
    for label in (6, "six"):
        with pytest.raises(ValueError, match="the name of a class"):
            pasted.pipeline(0, label)


def test_no_text_of_a_policy_becomes_code() -> None:
    evil = '"""\nraise SystemExit("evil")\n#'
    policy = Policy(
        ((Step("grey", 1, excluded_classes=(evil,), reason=evil),),),
        classes=(evil, "a'b\"c\\"),
        made_by={"run": evil},
        image_size=SIZE,
    )
    for to_code in (code_form.to_code, torchvision_form.to_code):
        run(to_code(policy)).pipeline(0, evil)
    bad = Policy(((Step("albumentations:X()+exit", 1),),))
    with pytest.raises(PolicyError, match="the name of a class of albumentations"):
        code_form.to_code(bad)


TENSOR = torch.tensor(PICTURE.transpose(2, 0, 1))


@settings(deadline=None, max_examples=40)
@given(policies())
def test_torchvision_takes_any_policy(policy: Policy) -> None:
    pasted = run(torchvision_form.to_code(policy))
    tensor = torch.tensor(picture(*policy.image_size).transpose(2, 0, 1))
    for stage in range(len(policy.stages)):
        for label in (None, *policy.classes):
            changed = pasted.pipeline(stage, label)(tensor)
            assert changed.shape == tensor.shape
            assert changed.dtype == torch.uint8


def test_torchvision_names_what_it_has_no_form_for() -> None:
    policy = Policy((everything(),), image_size=SIZE)
    without = ("grid_distortion", "optical_distortion", "gamma", "jpeg")
    assert torchvision_form.without_form(policy) == without
    code = torchvision_form.to_code(policy)
    for name in ("GridDistortion", "OpticalDistortion", "RandomGamma", "ImageCompression"):
        assert f"Not here: torchvision has no {name}." in code
    foreign_ones = Policy((tuple(Step(name, 1, params=p) for name, p in FOREIGN.items()),))
    assert torchvision_form.without_form(foreign_ones) == (
        "albumentations:Solarize",
        "albumentations:Posterize",
    )


@pytest.mark.parametrize("name", [n for n, t in TRANSFORMS.items() if not t.batch])
def test_torchvision_changes_about_as_much(name: str) -> None:
    """Of a picture of usual size, at the highest level, on average over some draws."""
    pixels = picture(96, 96)
    level = TRANSFORMS[name].levels[-1]
    policy = Policy(((Step(name, 1, (level, level)),),), image_size=(96, 96))
    if torchvision_form.without_form(policy):
        return
    pipeline = run(torchvision_form.to_code(policy)).pipeline(0)
    tensor = torch.tensor(pixels.transpose(2, 0, 1))
    torch.manual_seed(0)
    theirs = [float((pipeline(tensor).float() - tensor.float()).abs().mean()) for _ in range(8)]
    augment = Augment(policy)
    ours = [np.abs(augment(pixels, None, s).astype(float) - pixels).mean() for s in range(8)]
    # Affine and perspective draw up to the level there, and exactly it here.
    assert 0.3 < np.mean(theirs) / np.mean(ours) < 1.7


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("horizontal_flip", PICTURE[:, ::-1]),
        ("vertical_flip", PICTURE[::-1]),
        ("half_turn", PICTURE[::-1, ::-1]),
    ],
)
def test_torchvision_flips_exactly(name: str, expected: Pixels) -> None:
    pasted = run(torchvision_form.to_code(Policy(((Step(name, 1),),), image_size=SIZE)))
    np.testing.assert_array_equal(pasted.pipeline(0)(TENSOR).numpy().transpose(1, 2, 0), expected)


@pytest.mark.parametrize("name", ["rotate", "quarter_turn", "affine", "perspective", "elastic"])
@pytest.mark.parametrize("background", [0, 255])
def test_torchvision_draws_no_border_either(name: str, background: int) -> None:
    level = TRANSFORMS[name].levels[-1]
    step = Step(name, 1, (level, level))
    pasted = run(torchvision_form.to_code(Policy(((step,),), image_size=(40, 40))))
    plain = torch.full((3, 40, 40), background, dtype=torch.uint8)
    for seed in range(5):
        torch.manual_seed(seed)
        assert torch.equal(pasted.pipeline(0)(plain), plain)


def test_torchvision_leaves_excluded_classes_alone_and_mixes_batches() -> None:
    mixing = (Step("mixup", 1, (0.2, 0.2)), Step("cutmix", 0.5, (1, 1)))
    policy = Policy(((FLIPPED_BUT_6, *mixing), ()), classes=("6", "9"), image_size=SIZE)
    pasted = run(torchvision_form.to_code(policy))
    assert torch.equal(pasted.pipeline(0, "6")(TENSOR), TENSOR)
    assert torch.equal(pasted.pipeline(0, "9")(TENSOR), TENSOR.flip(1))
    images, labels = pasted.batch_transform(0, 2)(torch.rand(4, 3, 8, 8), torch.arange(4) % 2)
    assert images.shape == (4, 3, 8, 8) and labels.shape == (4, 2)
    assert pasted.batch_transform(1, 2) is None


def test_loading_warns_of_nothing(tmp_path: Path) -> None:
    path = foreign.write_forms(Policy((everything(),), image_size=SIZE), tmp_path)["albumentations"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        A.load(path, data_format="yaml")
