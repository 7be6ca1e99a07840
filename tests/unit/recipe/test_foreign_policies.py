"""Policies that others wrote: files of albumentations, and whatever else a person may name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import albumentations as A  # noqa: N812  # as its users write it
import numpy as np
import pytest
import yaml

from curate.errors import PolicyError
from curate.recipe.applying import Augment, load_policy
from curate.recipe.foreign import read_any
from curate.recipe.policy import Policy, Step, write_policy
from made_policies import picture


def saved(path: Path, pipeline: Any) -> Path:
    A.save(pipeline, path, data_format="json" if path.suffix == ".json" else "yaml")
    return path


def compose(**arguments: Any) -> dict[str, Any]:
    flip = {"__class_fullname__": "HorizontalFlip", "p": 0.5}
    return {"__class_fullname__": "Compose", "p": 1.0, "transforms": [flip], **arguments}


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml"])
def test_a_file_that_albumentations_saved(tmp_path: Path, suffix: str) -> None:
    pipeline = A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.Rotate(limit=10, p=0.4),
            A.OneOf([A.GaussianBlur(p=1), A.MotionBlur(p=0.5)], p=0.3),
        ]
    )
    policy = read_any(saved(tmp_path / f"theirs{suffix}", pipeline))
    flip, turn, blur = policy.stages[0]
    assert flip == Step("horizontal_flip", 0.5)
    assert (turn.transform, turn.probability) == ("albumentations:Rotate", 0.4)
    assert turn.params["limit"] == [-10.0, 10.0]
    assert blur.transform == "albumentations:OneOf"
    assert [child["p"] for child in blur.params["transforms"]] == [1, 0.5]
    # The same pixels as their own pipeline, drawing from the same stream.
    pixels = picture(24, 24)
    augment = Augment(policy)
    assert len({augment(pixels, None, seed).tobytes() for seed in range(20)}) > 5
    written = tmp_path / "ours.json"
    write_policy(policy, written)
    assert read_any(written) == policy


def test_old_class_names_and_single_transforms(tmp_path: Path) -> None:
    document = {
        "__version__": "2.0.8",
        "transform": {
            "__class_fullname__": "albumentations.augmentations.geometric.flip.VerticalFlip",
            "p": 0.2,
        },
    }
    assert read_any(json.dumps(document)).stages == ((Step("albumentations:VerticalFlip", 0.2),),)
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(document))
    assert read_any(str(tmp_path / "p.yaml")).stages[0][0].probability == 0.2


def test_a_deprecated_class_is_taken_without_a_warning() -> None:
    spec = {"__class_fullname__": "ShiftScaleRotate", "rotate_limit": [-5, 5], "p": 1.0}
    policy = read_any(json.dumps({"transform": spec}))
    assert policy.stages[0][0].transform == "albumentations:ShiftScaleRotate"
    Augment(policy)(picture(16, 16), None, 0)


def test_the_seed_is_kept() -> None:
    assert read_any(json.dumps({"transform": compose(seed=7)})).seed == 7


def test_a_pipeline_with_a_probability_is_one_step() -> None:
    (step,) = read_any(json.dumps({"transform": compose(p=0.3)})).stages[0]
    assert (step.transform, step.probability) == ("albumentations:Sequential", 0.3)
    pixels = picture(8, 8)
    changed = [
        not np.array_equal(Augment(Policy(((step,),)))(pixels, None, s), pixels) for s in range(400)
    ]
    assert 0.08 < np.mean(changed) < 0.22  # 0.3 of them, and half of those are flipped


def test_an_empty_pipeline_is_a_policy_of_nothing() -> None:
    assert read_any(json.dumps({"transform": compose(transforms=[])})).stages == ((),)


BLUR = {"__class_fullname__": "GaussianBlur", "p": 0.5}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"transform": compose(), "transfrom": 1}, "'transfrom'; did you mean 'transform'"),
        ({"transform": compose(sed=3)}, "arguments of 'Compose' in .*'sed'; did you mean 'seed'"),
        ({"transform": compose(seed="a")}, "a 'seed' from 0 in .* found 'a'"),
        (
            {"transform": compose(transforms=[{"p": 1}])},
            "with its '__class_fullname__'",
        ),
        ({"transform": compose(transforms={})}, "a list of transforms in 'Compose'"),
        (
            {"transform": compose(transforms=[{**BLUR, "__class_fullname__": "GausianBlur"}])},
            "found 'GausianBlur'; did you mean 'GaussianBlur'",
        ),
        (
            {"transform": compose(transforms=[{**BLUR, "__class_fullname__": "my.own.Rotate"}])},
            "found 'my.own.Rotate'",
        ),
        (
            {"transform": compose(transforms=[{**BLUR, "__class_fullname__": "BaseDropout"}])},
            "found 'BaseDropout'",
        ),
        (
            {"transform": compose(transforms=[{**BLUR, "sigma_limits": [1, 2]}])},
            "of 'GaussianBlur' in Compose in .*'sigma_limits'; did you mean 'sigma_limit'",
        ),
        (
            {"transform": compose(transforms=[{**BLUR, "sigma_limit": "a"}])},
            "values that 'GaussianBlur'.* takes, found .*sigma_limit='a'",
        ),
        (
            {"transform": compose(transforms=[{"__class_fullname__": "GaussianBlur"}])},
            "'p' of 'GaussianBlur' .* from 0 to 1, found None",
        ),
        ({"transform": compose(transforms=[{**BLUR, "p": 2}])}, "from 0 to 1, found 2"),
        (
            {"transform": compose(bbox_params={"format": "coco"})},
            "whole images in .*'bbox_params'. Take it out",
        ),
        (
            {"transform": compose(transforms=[{**BLUR, "__class_fullname__": "ToTensorV2"}])},
            "'ToTensorV2'. Take it out: making tensors is the trainer's work",
        ),
        (
            {"transform": compose(sed=3), "__version__": "1.3.1"},
            "written by albumentations 1.3.1; 2.0.8 is installed",
        ),
        ({"transform": compose(), "curate": 3}, "under 'curate'"),
        (
            {"transform": compose(), "curate": {"policy": {}}},
            "'curate' of .* found None",
        ),
        ({"augment": 1}, "the key 'format' .* or 'transform' .* found 'augment'"),
    ],
)
def test_what_is_wrong_in_a_file_of_albumentations(document: Any, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        read_any(json.dumps(document))


def test_what_a_person_may_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    policy = Policy(((Step("grey", 0.1),),))
    write_policy(policy, "policy.json")
    Path("timm.txt").write_text("rand-m5-n1\n")
    Path("bare").write_text("rand-m5-n1")
    assert read_any("policy.json") == read_any(Path("policy.json")) == policy
    assert read_any(Path("policy.json").read_text()) == policy
    assert load_policy("timm.txt").policy == load_policy("bare").policy
    assert read_any("timm.txt") == read_any("rand-m5-n1") == read_any("bare")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("missing.json", "a policy file at missing.json, found: No such file"),
        ("folder/policy", "a policy file at folder/policy"),
        ("", "found nothing"),
        ("policy.py", "found the code policy.py. Give the policy.json"),
        ("just some words", "one of timm's names .* found 'just some words'"),
        ("a: [1", "Expected YAML in the text given"),
        ("- 1\n- 2", "found '- 1"),
        ("x" * 5000, "found 'xxx"),
    ],
)
def test_what_names_no_policy(named: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        read_any(named)
