from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curate.comparison.arms import BASELINE, BOTH, POLICY, Arms
from curate.comparison.parts import Part
from curate.comparison.verdict import Verification, judge
from curate.pipeline.verifying.slices import MEANT_FOR, SLICE
from curate.pipeline.verifying.withdrawing import (
    carry_over,
    rejected,
    withdraw,
    withdrawn_text,
)
from curate.recipe.foreign import write_forms
from curate.recipe.policy import LeftOut, Policy, Step, Withdrawn, read_policy, write_policy
from curate.store.run import Run

CLASSES = ("cat", "dog")
FLIP, GREY = Step("vertical_flip", 0.5, reason="because"), Step("grey", 0.1)
MADE = Policy(((), (FLIP, GREY)), CLASSES, made_by={"run_digest": "d"})
N = 200


def verdict(policy: float, part: str = SLICE, on_part: float | None = None) -> Verification:
    """Of shares right: the baseline has .8, the policy another, and a share of its own on a part.

    The part is the first quarter, which has images of both classes.
    """
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 2
    rows = np.arange(N // 4)
    values = {}
    for name, share in ((BASELINE, 0.8), (POLICY, policy), (BOTH, 0.1)):
        chance = np.full(N, share)
        if name == POLICY and on_part is not None:
            chance[rows] = on_part
        values[name] = rng.random((4, N)) < chance
    return judge(Arms.build(values, range(4), labels, CLASSES), [Part(part, "some", rows)])


def run_with(folder: Path, policy: Policy | None) -> Run:
    run = Run.create(folder)
    if policy is not None:
        write_forms(policy, run.path / "policy")
        (run.path / "policy" / "policy_evidence.parquet").write_bytes(b"evidence")
    return run


def files(run: Run) -> list[Path]:
    return [run.path / "policy" / "policy.json"]


def test_what_counts_against_a_policy() -> None:
    assert rejected(verdict(0.8)) == []  # that both hurts is no verdict on the policy
    assert {j.part.source for j in rejected(verdict(0.4))} == {"all images", "worst class"}
    theirs, meant = verdict(0.8, SLICE, 0.1), verdict(0.8, MEANT_FOR, 0.1)
    assert {j.part.source for j in rejected(theirs)} <= {"all images", "worst class"}
    assert MEANT_FOR in {j.part.source for j in rejected(meant)}


def test_all_steps_of_a_rejected_policy_go_and_are_remembered(tmp_path: Path) -> None:
    run = run_with(tmp_path / "run", MADE)
    names, said = withdraw(files(run), MADE, rejected(verdict(0.4)), {"model": "m"})
    assert names == ["vertical_flip", "grey"]
    assert "withdrawn from" in said
    now = read_policy(run.path / "policy" / "policy.json")
    assert now.stages == ((), ())  # a schedule that names them still finds them
    first = now.withdrawn[0]
    assert first.steps == ((1, FLIP),)
    assert first.why.startswith("trainings with it and grey are worse on")
    assert first.evidence["model"] == "m"
    assert first.evidence["together_with"] == ["grey"]
    assert first.evidence["judgements"][0]["verdict"] == "hurts"
    assert "VerticalFlip" not in (run.path / "policy" / "policy.albumentations.yaml").read_text()
    assert (run.path / "policy" / "policy_evidence.parquet").read_bytes() == b"evidence"
    assert "vertical_flip: trainings with it" in withdrawn_text(now)
    assert withdrawn_text(MADE) == ""


def test_a_policy_that_is_another_by_now_stays(tmp_path: Path) -> None:
    against = rejected(verdict(0.4))
    other = run_with(tmp_path / "other", Policy(((GREY,),), CLASSES))
    assert withdraw(files(other), MADE, against, {}) == (
        [], f"the policy is rejected; '{other.path}/policy/policy.json' holds another one by now, "
        "so nothing was withdrawn: do not use it",
    )  # fmt: skip
    for given in ([], files(run_with(tmp_path / "none", None))):
        names, said = withdraw(given, MADE, against, {})
        assert names == []
        assert "not a run's own" in said


def test_every_file_of_the_same_policy(tmp_path: Path) -> None:
    paths = [path for name in "ab" for path in files(run_with(tmp_path / name, MADE))]
    about = {"verification": "here"}
    names, _ = withdraw(paths, MADE, rejected(verdict(0.4)), about)
    assert names == ["vertical_flip", "grey"]
    assert [read_policy(path).stages for path in paths] == [((), ()), ((), ())]
    before = [path.read_bytes() for path in paths]
    # Broken off before its report was written, it finds its own record.
    assert withdraw(paths, MADE, rejected(verdict(0.4)), about)[0] == names
    assert [path.read_bytes() for path in paths] == before


def test_a_policy_made_anew_leaves_out_what_was_withdrawn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = Withdrawn("vertical_flip", "it hurts", ((1, FLIP),))
    write_forms(MADE, tmp_path)
    assert carry_over(None, tmp_path) == MADE
    kept = carry_over(MADE.without(gone), tmp_path)
    assert kept == read_policy(tmp_path / "policy.json")
    assert kept.stages == ((), (GREY,))
    assert kept.withdrawn == (gone,)
    again = Policy(MADE.stages, CLASSES, made_by={"run_digest": "another"})
    write_forms(again, tmp_path)
    assert carry_over(kept, tmp_path) == again


def test_withdrawn_steps_in_the_file(tmp_path: Path) -> None:
    policy = Policy(
        ((), (GREY,)), CLASSES, left_out=(LeftOut("half_turn", "no"),),
        withdrawn=(Withdrawn("vertical_flip", "it hurts", ((1, FLIP),), {"seeds": 3}),),
    )  # fmt: skip
    path = tmp_path / "policy.json"
    write_policy(policy, path)
    assert read_policy(path) == policy
    document = json.loads(path.read_text())
    assert document["schema_version"] == 2  # an older curate would not know what to do with it
    assert document["withdrawn"] == [
        {
            "transform": "vertical_flip", "why": "it hurts", "evidence": {"seeds": 3},
            "steps": [
                {"stage": 1, "step": {"transform": "vertical_flip", "probability": 0.5,
                                      "magnitude": [1, 1], "reason": "because"}}
            ],
        }
    ]  # fmt: skip
    write_policy(MADE, path)
    document = json.loads(path.read_text())
    assert document["schema_version"] == 1
    assert "withdrawn" not in document
