from __future__ import annotations

import pytest
from judged import CLASSES, safety, weakness

from curate.recipe.transforms import TRANSFORMS
from curate.remedies.dosing import Dose, doses, usable
from curate.remedies.label_safety import NOT_KNOWN, SWAPS

LEVELS = (5.0, 10.0, 15.0, 20.0)
CURVE = weakness({5.0: 0.01, 10.0: 0.1, 15.0: 0.2, 20.0: 0.3}, breaks_at=10.0)
ROTATE = TRANSFORMS["rotate"]
N = len(CLASSES)


def of(verdicts: dict[str, tuple[str, str, float]], strength: str = "auto", shown=None):
    return doses(ROTATE, CURVE, safety("rotate", LEVELS, verdicts), N, strength, shown)


def test_up_to_the_break_and_as_far_as_labels_stay() -> None:
    assert of({}) == (Dose((5.0, 10.0), 0.5), Dose(LEVELS, 0.5))
    swapping = dict.fromkeys(("2", "5", "6"), (SWAPS, "0", 20.0))
    assert of(swapping) == (Dose((5.0, 10.0), 0.5), Dose((5.0, 10.0, 15.0), 0.5))


def test_a_class_is_excluded_from_the_range_in_which_it_swaps() -> None:
    mild, full = of({"6": (SWAPS, "9", 15.0)})
    assert mild.excluded == () and full.excluded == ("6",)


def test_half_of_the_classes_may_swap_and_not_more() -> None:
    two = dict.fromkeys(("6", "9"), (SWAPS, "0", 0.0))
    assert of(two)[0].excluded == ("6", "9")
    assert of({**two, "5": (SWAPS, "2", 0.0)}) == ()
    assert usable(safety("rotate", LEVELS, two), LEVELS, N) == LEVELS


def test_what_is_not_known_of_most_classes_is_not_tried() -> None:
    assert of(dict.fromkeys(("0", "2", "5"), (NOT_KNOWN, "", 0.0))) == ()
    only_5 = dict.fromkeys(("0", "2", "5"), (NOT_KNOWN, "", 10.0))
    assert of(only_5) == (Dose((5.0,), 0.5),)
    mild, _ = of({"0": (NOT_KNOWN, "", 0.0)})
    assert mild.excluded == ("0",)


@pytest.mark.parametrize(
    ("shown", "probability"), [(None, 0.5), (0.02, 0.25), (0.33, 0.33), (0.9, 0.5)]
)
def test_as_often_as_held_out_images_show_it(shown: float | None, probability: float) -> None:
    assert of({}, shown=shown)[0].probability == probability


def test_light_and_strong_stay_within_what_is_safe() -> None:
    assert of({}, "light", 0.02) == (Dose((5.0,), 0.12),)
    assert of({"0": (SWAPS, "6", 20.0)}, "strong", 0.02) == (Dose(LEVELS, 0.5, ("0",)),)


def test_one_level_is_one_dose() -> None:
    curve = weakness({1.0: 0.3}, breaks_at=1.0)
    found = doses(TRANSFORMS["vertical_flip"], curve, safety("vertical_flip", (1.0,), {}), N)
    assert found == (Dose((1.0,), 0.5),)
