from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from judged import CLASSES, excluding, gain, prevalence, safety, weakness

from curate.errors import PolicyError
from curate.remedies.dosing import Dose
from curate.remedies.label_safety import NOT_KNOWN, SWAPS
from curate.remedies.recommend import Candidate, recommend

FLIP_SAFETY = safety("vertical_flip", (1.0,), {"2": (SWAPS, "5", 0.0), "5": (SWAPS, "2", 0.0)})
FLIP = Candidate(
    weakness({1.0: 0.52}, 1.0),
    FLIP_SAFETY,
    excluding(gain(0.031, (0.012, 0.055), symptom="upside_down"), "2", "5"),
    {"upside_down": prevalence("upside_down")},
)
LEVELS = (5.0, 10.0, 15.0)
CURVE = weakness({5.0: 0.0, 10.0: 0.05, 15.0: 0.1}, 10.0)
ROTATE = Candidate(CURVE, safety("rotate", LEVELS, {}), gain(0.05, (0.01, 0.09), Dose(LEVELS, 0.5)))
USELESS = Candidate(
    weakness({10.0: 0.0}, None), safety("noise", (10.0,), {}), gain(0.001, (-0.01, 0.012))
)


def test_what_is_shown_comes_first_then_the_largest_gain() -> None:
    more = replace(ROTATE, gain=gain(0.06, (0.01, 0.1)))
    some = {"rotate": ROTATE, "vertical_flip": FLIP, "noise": USELESS, "affine": more}
    policy = recommend(some, CLASSES)
    [[first, second, third]] = policy.stages
    assert (first.transform, second.transform) == ("vertical_flip", "affine")
    assert first.magnitude == (1, 1) and first.excluded_classes == ("2", "5")
    assert third.transform == "rotate"
    assert third.probability == 0.5 and third.magnitude == (0, 15)
    assert [left.transform for left in policy.left_out] == ["noise"]


def test_what_val_shows_is_said_of_a_gain_on_val_as_it_is() -> None:
    shown = {"dark": prevalence("dark")}
    of_train = replace(CURVE, on="train, out-of-fold")
    worth = replace(ROTATE, weakness=of_train, prevalence=shown)
    reason = recommend({"rotate": worth}, CLASSES).stages[0][0].reason
    assert reason.startswith(
        "12 of 180 val images are dark (4 to 11 %), of train images 0 to 1 %; train, out-of-fold, "
        "images so changed lose 0.050 of accuracy (0.020 to 0.080); on 180 images of val as they"
    )
    useless = replace(worth, gain=gain(0.01, (-0.004, 0.03)))
    [left] = recommend({"rotate": useless}, CLASSES).left_out
    assert "although 12 of 180 val images are dark" in left.why


def test_the_reason_can_be_checked_by_a_person() -> None:
    policy = recommend({"vertical_flip": FLIP}, CLASSES)
    assert policy.stages[0][0].reason == (
        "12 of 180 val images are upside-down (4 to 11 %), of train images 0 to 1 %; on images so "
        "changed accuracy falls 0.930 -> 0.410, with 25 % of train images changed in training it "
        "is 0.880; expected +0.031 (0.012 to 0.055); left alone, since changed "
        "they are taken for another class: 2 (for 5: 34 %, 20 to 43 %), 5 (for 2: 34 %, 20 to 43 %)"
    )


def test_a_shift_that_no_symptom_names_is_said_of_val_as_it_is() -> None:
    policy = recommend({"rotate": ROTATE, "noise": USELESS}, CLASSES)
    assert policy.stages[0][0].reason.startswith(
        "on 180 images of val as they are accuracy goes 0.930 -> 0.940"
    )
    assert "(0.010 to 0.090, corrected for 2 transforms)" in policy.stages[0][0].reason


def test_a_class_that_pays_is_said() -> None:
    assert ROTATE.gain is not None
    paid = replace(ROTATE, gain=replace(ROTATE.gain, loses=("6",)))
    reason = recommend({"rotate": paid}, CLASSES).stages[0][0].reason
    assert reason.endswith("it costs images as they are of 6, whose accuracy falls")


def test_evidence_is_plain_json_with_four_pieces() -> None:
    policy = recommend({"vertical_flip": FLIP}, CLASSES)
    told = json.loads(json.dumps(policy.stages[0][0].evidence, allow_nan=False))
    assert set(told) == {"weakness", "prevalence", "label_safety", "expected_gain"}
    assert told["weakness"]["curve"][0]["drop"]["interval"] == [0.49, 0.55]
    assert told["prevalence"]["upside_down"]["excess"]["estimate"] == 0.062
    assert told["label_safety"]["classes"]["2"]["taken_for"] == "5"
    assert told["expected_gain"]["corrected_interval"] == [0.012, 0.055]


@pytest.mark.parametrize(
    ("name", "candidate", "why"),
    [
        ("noise", USELESS, "safe but useless: accuracy does not surely fall under it"),
        (
            "rotate",
            replace(ROTATE, gain=gain(0.01, (-0.004, 0.03))),
            r"weak, but without a sure gain: .* at 10 degrees.*\+0.010 \(-0.004 to 0.030\)",
        ),
        (
            "half_turn",
            Candidate(
                weakness({1.0: 0.5}, 1.0),
                safety("half_turn", (1.0,), dict.fromkeys(("2", "6", "9"), (SWAPS, "0", 0.0))),
            ),
            "weak but unsafe: .* 3 of 5 classes swap: 2 .for 0: 34 %",
        ),
        (
            "rotate",
            Candidate(CURVE, safety("rotate", LEVELS, dict.fromkeys("025", (NOT_KNOWN, "", 0)))),
            "not known to be safe: for 3 of 5 classes",
        ),
        ("grey", Candidate(), "not known: no changed copies"),
        ("mixup", Candidate(), "not measured.*verify it by training"),
    ],
)
def test_each_that_is_left_out_has_its_sentence(name: str, candidate: Candidate, why: str) -> None:
    policy = recommend({name: candidate}, CLASSES)
    assert policy.stages == ((),)
    [left] = policy.left_out
    assert re.search(why, left.why), left.why
    json.dumps(left.evidence, allow_nan=False)


def test_the_first_of_several_stages_is_empty_and_the_last_is_all() -> None:
    some = {"vertical_flip": FLIP, "rotate": ROTATE}
    empty, middle, full = recommend(some, CLASSES, n_stages=3).stages
    assert empty == ()
    assert [step.magnitude for step in middle] == [(1, 1), (0, 7.5)]
    assert [step.magnitude for step in full] == [(1, 1), (0, 15)]
    assert full == recommend(some, CLASSES).stages[0]
    assert recommend({"noise": USELESS}, CLASSES, n_stages=3).stages == ((), (), ())


def test_strength_is_said() -> None:
    for strength, word in (("light", "light: half the probability"), ("strong", "strong: ")):
        policy = recommend({"rotate": ROTATE}, CLASSES, strength=strength)
        assert word in policy.stages[0][0].reason and policy.strength == strength


def test_what_cannot_be_asked() -> None:
    with pytest.raises(PolicyError, match="'auto', 'light', 'strong', found 'huge'"):
        recommend({}, CLASSES, strength="huge")
    with pytest.raises(PolicyError, match="at least 1 stage, found 0"):
        recommend({}, CLASSES, n_stages=0)
