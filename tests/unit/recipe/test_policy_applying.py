"""A stage as a function of an image and its label."""

from __future__ import annotations

import hashlib
import pickle
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import albumentations
import numpy as np
import pytest
from hypothesis import given, settings

import made_policies
from curate.errors import PolicyError
from curate.recipe.applying import Augment, load_policy, render_step
from curate.recipe.policy import Policy, Step, write_policy
from curate.recipe.transforms import TRANSFORMS, render
from made_policies import FOREIGN, picture, policies

PICTURE = picture(24, 32)
FLIPS = (Step("horizontal_flip", 1, excluded_classes=("b", "d")), Step("vertical_flip", 1))


def everything(probability: float = 0.6) -> tuple[Step, ...]:
    named = tuple(
        Step(name, probability, (known.levels[0], known.levels[-1]))
        for name, known in TRANSFORMS.items()
    )
    return (*named, *(Step(name, probability, params=p) for name, p in FOREIGN.items()))


def test_an_excluded_class_is_left_alone() -> None:
    augment = Augment(Policy((FLIPS,), classes=("a", "b", "d")))
    both, one = PICTURE[::-1, ::-1], PICTURE[::-1]
    for label, expected in (("a", both), (0, both), ("b", one), (1, one), (2, one), (None, one)):
        np.testing.assert_array_equal(augment(PICTURE, label, 0), expected)


def test_a_label_that_is_no_class() -> None:
    augment = Augment(Policy((FLIPS,), classes=("a", "b", "d")))
    with pytest.raises(PolicyError, match=r"among the classes .* found 'B'; did you mean 'b'"):
        augment(PICTURE, "B", 0)
    with pytest.raises(PolicyError, match=r"a label below 3, .* found 3"):
        augment(PICTURE, 3, 0)
    with pytest.raises(PolicyError, match="name the classes in the policy"):
        Augment(Policy((FLIPS,)))(PICTURE, 0, 0)
    # Where nothing is excluded, no class has to be known.
    Augment(Policy((FLIPS[1:],)))(PICTURE, 7, 0)


@settings(deadline=None, max_examples=60)
@given(policies())
def test_any_policy_keeps_the_form_and_the_input(policy: Policy) -> None:
    for stage in range(len(policy.stages)):
        for pixels in (picture(*policy.image_size), picture(9, 21, 1)):
            before = pixels.copy()
            augment = Augment(policy, stage)
            for label in (None, *policy.classes):
                changed = augment(pixels, label, 5)
                assert changed.shape == pixels.shape
                assert changed.dtype == np.uint8
                assert not np.shares_memory(changed, pixels)
                np.testing.assert_array_equal(changed, augment(pixels, label, 5))
            np.testing.assert_array_equal(pixels, before)


def test_nothing_to_do_gives_a_copy() -> None:
    for steps in ((), (Step("rotate", 0, (5, 5)),)):
        changed = Augment(Policy((steps,)))(PICTURE, None, 0)
        np.testing.assert_array_equal(changed, PICTURE)
        assert not np.shares_memory(changed, PICTURE)


def test_seeds_matter_and_images_of_other_sizes_do_not_disturb() -> None:
    augment = Augment(Policy((everything(),)))
    alone = [augment(PICTURE, None, seed).tobytes() for seed in range(8)]
    assert len(set(alone)) == 8
    between = []
    for seed in range(8):
        augment(picture(40 + seed, 24), None, 99)
        between.append(augment(PICTURE, None, seed).tobytes())
    assert between == alone
    other = Augment(Policy((everything(),), seed=1))
    assert other(PICTURE, None, 0).tobytes() != alone[0]
    assert Augment(other.policy, 0, seed=0)(PICTURE, None, 0).tobytes() == alone[0]


def test_probabilities_are_kept_and_steps_are_independent() -> None:
    """albumentations' own seeding of a pipeline would flip both ways or not at all."""
    mark = np.zeros((8, 8, 1), np.uint8)
    mark[0, 0] = 255
    flips = (Step("horizontal_flip", 0.5), Step("vertical_flip", 0.5))
    augment = Augment(Policy((flips,)))
    corners = [tuple(np.argwhere(augment(mark, None, s))[0][:2]) for s in range(2000)]
    shares = {corner: corners.count(corner) / 2000 for corner in set(corners)}
    assert set(shares) == {(0, 0), (0, 7), (7, 0), (7, 7)}
    # Four standard errors of a share of 0.25 among 2000.
    assert all(abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 2000) for share in shares.values())

    A = albumentations
    theirs = A.Compose([A.HorizontalFlip(p=0.5), A.VerticalFlip(p=0.5)])
    found = set()
    for seed in range(200):
        theirs.set_random_seed(seed)
        found.add(tuple(int(n) for n in np.argwhere(theirs(image=mark)["image"])[0][:2]))
    assert found == {(0, 0), (7, 7)}


def test_magnitudes_fill_their_range() -> None:
    plain = np.full((8, 8, 3), 100, np.uint8)
    augment = Augment(Policy(((Step("brightness_contrast", 1, (10, 30)),),)))
    means = np.array([augment(plain, None, seed).mean() for seed in range(300)])
    away = np.abs(means - 100)
    assert away.min() >= 9 and away.max() <= 31
    assert away.min() < 12 and away.max() > 28
    assert 0.4 < (means > 100).mean() < 0.6


def test_a_step_of_one_magnitude_is_what_was_judged() -> None:
    """The same transforms that `render` shows: here with one step, for certain, of one level."""
    for name, known in TRANSFORMS.items():
        if known.batch:
            continue
        level = known.levels[-1]
        step = Step(name, 0.3, (level, level))
        np.testing.assert_array_equal(
            render_step(step, PICTURE, 4), render(name, PICTURE, level, 4)
        )


def test_a_setting_of_the_trainer_is_no_step_on_one_image() -> None:
    mixup = Step("mixup", 1, (0.2, 0.2))
    np.testing.assert_array_equal(Augment(Policy(((mixup,),)))(PICTURE, None, 0), PICTURE)
    with pytest.raises(ValueError, match="'mixup'"):
        render_step(mixup, PICTURE, 0)


def test_it_travels_to_workers_and_threads() -> None:
    augment = Augment(Policy(((), everything())), 1)
    before = [augment(PICTURE, None, seed).tobytes() for seed in range(12)]
    there = pickle.loads(pickle.dumps(augment))  # noqa: S301  # our own bytes, as a worker gets
    assert [there(PICTURE, None, seed).tobytes() for seed in range(12)] == before
    with ThreadPoolExecutor(3) as pool:
        found = pool.map(lambda seed: augment(PICTURE, None, seed).tobytes(), range(12))
        assert list(found) == before


_DIGEST = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from curate.recipe.applying import load_policy
from made_policies import picture
augment = load_policy({path!r}, 0)
found = hashlib.sha256()
for seed in range(10):
    found.update(augment(picture(24, 32), None, seed).tobytes())
print(found.hexdigest())
"""


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    write_policy(Policy((everything(),), seed=7), path)
    code = _DIGEST.format(folder=str(Path(made_policies.__file__).parent), path=str(path))
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = hashlib.sha256()
    for seed in range(10):
        here.update(load_policy(path, 0)(PICTURE, None, seed).tobytes())
    assert other.stdout.strip() == here.hexdigest()


def test_the_global_random_state_is_neither_used_nor_changed() -> None:
    augment = Augment(Policy((everything(),)))
    random.seed(1)
    np.random.seed(1)
    first = augment(PICTURE, None, 0)
    after = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    assert (random.random(), np.random.random()) == after
    np.testing.assert_array_equal(augment(PICTURE, None, 0), first)


def test_a_stage_beyond_the_schedule(tmp_path: Path) -> None:
    write_policy(Policy(((),)), tmp_path / "p.json")
    with pytest.raises(PolicyError, match=r"a stage from 0 to 0, .* found 1"):
        load_policy(tmp_path / "p.json", 1)


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("albumentations:RandomCrop", {"height": 99, "width": 99}, "RandomCrop"),
        ("albumentations:FDA", {"reference_images": [1]}, "FDA"),
        ("albumentations:ToRGB", {}, "keep uint8 and 1 channels"),
    ],
)
def test_a_step_of_albumentations_that_cannot_be_applied(
    name: str, params: dict[str, object], said: str
) -> None:
    augment = Augment(Policy(((Step(name, 1, params=params),),)))
    with pytest.raises(PolicyError, match=said):
        augment(picture(16, 16, 1), None, 0)
