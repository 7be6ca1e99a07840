"""`policy.json`: written and read again, and every way in which it can be wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import InputError, PolicyError
from curate.recipe import policy_file
from curate.recipe.policy import LeftOut, Policy, Step, read_policy, write_policy
from made_policies import policies


@given(policies())
def test_written_and_read_again_is_the_same(policy: Policy) -> None:
    text = json.dumps(policy_file.to_json(policy), allow_nan=False)
    again = policy_file.from_json(policy_file.parse(text, "p"), "p")
    assert again == policy
    assert json.dumps(policy_file.to_json(again)) == text


def test_the_file_is_what_the_documentation_shows(tmp_path: Path) -> None:
    """Spelt out: others read this file too."""
    policy = Policy(
        stages=(
            (),
            (
                Step("rotate", 0.5, (0, 10), ("6",), "weak", {"drop": 0.1}),
                Step("albumentations:Solarize", 1, params={"threshold_range": [0.2, 0.4]}),
            ),
        ),
        classes=("6", "9"),
        seed=4,
        left_out=(LeftOut("half_turn", "turns 6 into 9"),),
        made_by={"curate": "1"},
        strength="light",
        image_size=(32, 48),
    )
    write_policy(policy, tmp_path / "policy.json")
    assert json.loads((tmp_path / "policy.json").read_text()) == {
        "format": "curate.policy",
        "schema_version": 1,
        "strength": "light",
        "seed": 4,
        "classes": ["6", "9"],
        "image_size": [32, 48],
        "made_by": {"curate": "1"},
        "stages": [
            {"stage": 0, "steps": []},
            {
                "stage": 1,
                "steps": [
                    {
                        "transform": "rotate",
                        "probability": 0.5,
                        "magnitude": [0, 10],
                        "excluded_classes": ["6"],
                        "reason": "weak",
                        "evidence": {"drop": 0.1},
                    },
                    {
                        "transform": "albumentations:Solarize",
                        "probability": 1,
                        "params": {"threshold_range": [0.2, 0.4]},
                    },
                ],
            },
        ],
        "left_out": [{"transform": "half_turn", "why": "turns 6 into 9", "evidence": {}}],
    }
    assert read_policy(tmp_path / "policy.json") == policy


def test_numbers_of_numpy_become_plain_ones() -> None:
    step = Step("rotate", np.float32(0.5), (np.int64(0), np.float64(10.0)))
    assert step == Step("rotate", 0.5, (0, 10))
    assert json.dumps(policy_file.step_to_json(step)).endswith('"magnitude": [0, 10]}')


def test_the_least_that_a_person_has_to_write(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(
        '{"format": "curate.policy", "schema_version": 1,'
        ' "stages": [{"steps": [{"transform": "grey", "probability": 0.1}]}]}'
    )
    assert read_policy(tmp_path / "mine.json") == Policy(((Step("grey", 0.1),),))


def document(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "format": "curate.policy",
        "schema_version": 1,
        "classes": ["cat", "dog"],
        "stages": [{"stage": 0, "steps": []}, {"stage": 1, "steps": [step()]}],
    }
    return {**found, **changes}


def step(**changes: Any) -> dict[str, Any]:
    return {"transform": "rotate", "probability": 0.5, "magnitude": [0, 10], **changes}


def with_step(**changes: Any) -> dict[str, Any]:
    return document(stages=[{"steps": []}, {"steps": [step(), step(**changes)]}])


PLACE = "step 1 of stage 1 of p.json"


@pytest.mark.parametrize(
    ("given_document", "said"),
    [
        ([], "Expected keys and values as p.json, found \\[\\]"),
        ({}, "Expected a policy .*'curate.policy'.* in p.json, found None"),
        (document(format="curate.export"), "found 'curate.export'"),
        (document(schema_version=3), "found 3, which a newer curate wrote"),
        (document(schema_version="1"), "'schema_version' of 1 in p.json, found '1'"),
        (document(schema_version=True), "found True"),
        (document(stage=[]), "found 'stage'; did you mean 'stages'"),
        ({"format": "curate.policy", "schema_version": 1}, "Expected 'stages' in p.json"),
        (document(stages=[]), "at least one stage"),
        (document(stages={}), "a list as 'stages' of p.json"),
        (document(stages=[{"steps": [], "epochs": 3}]), "stage 0 of p.json only .*'epochs'"),
        (document(stages=[{"stage": 1, "steps": []}]), "in order, counted from 0, found stage 1"),
        (document(classes=["cat", 3]), "a text as each of 'classes' of p.json, found 3"),
        (document(seed=-1), "a seed from 0, found -1"),
        (document(seed=1.5), "a seed from 0, found 1.5"),
        (document(image_size=[224]), "height and width, found \\[224\\]"),
        (document(image_size=[224, 4]), "at least 8 pixels"),
        (document(left_out=[{"transform": "blur"}]), "Expected 'why' in 'left_out' of p.json"),
        (with_step(transform="rotated"), f"{PLACE}: .*found 'rotated'; did you mean 'rotate'"),
        (with_step(transform=3), f"a text as 'transform' of {PLACE}"),
        (with_step(probability=1.1), f"{PLACE}: .* from 0 to 1 for 'rotate', found 1.1"),
        (with_step(probability="often"), f"{PLACE}: .*probability of 'rotate', found 'often'"),
        (with_step(probability=True), "found True"),
        (with_step(magnitude=[10, 0]), f"{PLACE}: .*the smaller one first, found 10 and 0"),
        (with_step(magnitude=[0, 200]), f"{PLACE}: .* up to 180 \\(degrees\\), found 200"),
        (with_step(magnitude=[0, None]), "finite number as magnitude of 'rotate', found None"),
        (with_step(magnitude=10), f"a list as 'magnitude' of {PLACE}"),
        (with_step(magnitude=[1, 2, 3]), f"two numbers as 'magnitude' of {PLACE}"),
        (with_step(excluded_classes=["cow"]), "'rotate' in stage 1 among 'cat', 'dog', .*'cow'"),
        (with_step(excluded_classes=["dgo"]), "found 'dgo'; did you mean 'dog'"),
        (with_step(excluded_classes=["cat", "cat"]), "'rotate' once, found 'cat' twice"),
        (with_step(params={"limit": 3}), "'params' only for .*albumentations:ClassName, .*'limit'"),
        (with_step(propability=0.5), f"{PLACE} only .*'propability'; did you mean 'probability'"),
        (with_step(transform="grey"), "1 to 1 for 'grey', which is on or off, found 0 to 10"),
        (with_step(transform="mixup", magnitude=[0, 0.2]), "alpha of 'mixup' above 0"),
        (
            document(stages=[{"steps": [{"transform": "rotate", "probability": 1}]}]),
            "Expected 'magnitude' in step 0 of stage 0 of p.json",
        ),
        (
            with_step(transform="albumentations:Solarise", magnitude=[1, 1]),
            f"albumentations in {PLACE}, found 'Solarise'; did you mean 'Solarize'",
        ),
        (
            with_step(transform="albumentations:Solarize", magnitude=[1, 1], params={"limits": 1}),
            f"arguments of 'Solarize' in {PLACE} among .*'limits'",
        ),
        (
            with_step(transform="albumentations:Solarize", magnitude=[0, 10]),
            "the strength of 'albumentations:Solarize' in its 'params'",
        ),
        (
            with_step(
                transform="albumentations:Solarize", magnitude=[1, 1], params={"threshold_range": 7}
            ),
            "values that 'Solarize'.* takes, found threshold_range=7",
        ),
        (
            with_step(transform="albumentations:Normalize", magnitude=[1, 1]),
            "'Normalize'. Take it out: normalising is the trainer's work",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(given_document: Any, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        policy_file.from_json(given_document, "p.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expected JSON in p.json, found at line 1, column 2"),
        ('{"seed": NaN}', "finite numbers in p.json, found NaN"),
        ('{"seed": 1, "seed": 2}', "each key once in p.json, found 'seed' twice"),
    ],
)
def test_what_is_no_json(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(PolicyError, match=said):
        read_policy(tmp_path / "p.json")


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="No such file"):
        read_policy(tmp_path / "none.json")
    with pytest.raises(PolicyError, match="directory"):
        read_policy(tmp_path)
    (tmp_path / "p.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(PolicyError, match="Expected text"):
        read_policy(tmp_path / "p.json")


def test_bad_input_ends_with_exit_code_2() -> None:
    assert issubclass(PolicyError, InputError)
    assert PolicyError.exit_code == 2


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    write_policy(Policy(((),)), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        write_policy(Policy(((),), made_by={"loss": float("nan")}), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@given(st.integers(-3, 8))
def test_a_stage_beyond_the_policy(number: int) -> None:
    policy = Policy(((), (Step("grey", 1),)))
    if 0 <= number < 2:
        assert policy.stage(number) == policy.stages[number]
    else:
        with pytest.raises(PolicyError, match=f"a stage from 0 to 1, .* found {number}"):
            policy.stage(number)


def test_settings_of_the_trainer_are_apart() -> None:
    mixup, flip = Step("mixup", 1, (0.2, 0.2)), Step("horizontal_flip", 0.5, (1, 1), ("b",))
    policy = Policy(((flip, mixup, Step("grey", 0.1)),), classes=("b", "d"))
    assert policy.trainer_settings(0) == {"mixup": mixup}
    assert policy.for_every_class(0) == (Step("grey", 0.1),)


def test_a_policy_in_our_own_names_is_read_without_albumentations(tmp_path: Path) -> None:
    write_policy(Policy(((Step("rotate", 0.5, (0, 10)),),)), tmp_path / "p.json")
    code = (
        "import sys; from curate.recipe.applying import load_policy; "
        f"load_policy({str(tmp_path / 'p.json')!r}, 0); "
        "print('albumentations' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
