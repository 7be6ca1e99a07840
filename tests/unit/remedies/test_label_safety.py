"""Planted culprits: copies of one class that are laid on, near or far from another's images."""

from __future__ import annotations

import numpy as np
import pytest

from curate.findings import Evidence
from curate.remedies.augmented import Augmented
from curate.remedies.label_safety import NOT_KNOWN, SAFE, SWAPS, SafetyJudge, label_safety
from curate.remedies.probing import Probes

CLASSES = ("a", "b", "c")
CENTRES = np.array([[6.0, 0, 0, 0, 0, 0], [0, 6.0, 0, 0, 0, 0], [0, 0, 6.0, 0, 0, 0]])


def evidence(n: int = 240, spread: float = 0.7, groups: bool = False) -> Evidence:
    """Three clusters, three quarters of them train and a quarter val."""
    rng = np.random.default_rng(1)
    labels = np.arange(n) % 3
    embeddings = (CENTRES[labels] + rng.normal(scale=spread, size=(n, 6))).astype(np.float32)
    held = np.arange(n) // 3 % 4 == 3
    folds = np.where(held, -1, np.arange(n) // 3 % 5)
    return Evidence(
        sample_ids=np.array([f"{i:04d}" for i in range(n)]),
        labels=labels,
        splits=np.where(held, "val", "train"),
        class_names=CLASSES,
        embeddings=embeddings,
        folds=folds.astype(np.int32),
        groups=np.array([f"g{i // 6}" if groups else "" for i in range(n)]),
    )


def moved(one: Evidence, place: dict[int, np.ndarray], noise: float = 0.7) -> Augmented:
    """Copies where the images of some classes lie about another place."""
    rng = np.random.default_rng(2)
    assert one.embeddings is not None
    copies = one.embeddings.copy()
    for label, centre in place.items():
        mine = one.labels == label
        copies[mine] = centre + rng.normal(scale=noise, size=(int(mine.sum()), 6))
    return Augmented("half_turn", 1.0, np.arange(len(one)), copies.astype(np.float32))


def verdicts(one: Evidence, copies: Augmented) -> dict[str, tuple[str, str]]:
    found = label_safety(one, Probes.of(one), [copies])
    return {c.class_name: (c.verdict, c.taken_for) for c in found.classes}


def test_a_class_laid_on_another_swaps_and_the_others_are_safe() -> None:
    one = evidence()
    found = label_safety(one, Probes.of(one), [moved(one, {0: CENTRES[1]})])
    by = {c.class_name: c for c in found.classes}
    assert (by["a"].verdict, by["a"].taken_for) == (SWAPS, "b")
    assert by["a"].taken.estimate > 0.6
    assert by["a"].taken.interval[0] > 0.5
    assert by["a"].kept.estimate == 0
    assert by["b"].verdict == by["c"].verdict == SAFE
    assert by["b"].kept.estimate == 1
    assert found.excluded(1.0) == ("a",)
    assert [c.class_name for c in found.swapped(1.0)] == ["a"]


def test_two_classes_that_change_places_both_swap() -> None:
    one = evidence()
    found = verdicts(one, moved(one, {0: CENTRES[1], 1: CENTRES[0]}))
    assert found == {"a": (SWAPS, "b"), "b": (SWAPS, "a"), "c": (SAFE, "")}


def test_rubbish_that_the_probe_is_sure_about_is_no_swap() -> None:
    one = evidence()
    # On the side of b, and nothing like a real b.
    rubbish = np.array([0, 6.0, 0, 9.0, 9.0, 9.0])
    probes = Probes.of(one)
    copies = moved(one, {0: rubbish})
    mine = one.labels == 0
    sure = probes.pred_probs(copies.embeddings[mine], np.flatnonzero(mine))[:, 1]
    assert np.median(sure) > 0.5
    found = label_safety(one, probes, [copies])
    assert {c.verdict for c in found.classes} == {SAFE}
    assert found.classes[0].kept.estimate < 0.2


def test_what_moves_images_over_a_border_both_ways_alike_is_no_swap() -> None:
    one = evidence(n=900, spread=3.5)
    rng = np.random.default_rng(3)
    assert one.embeddings is not None
    shaken = one.embeddings + rng.normal(scale=0.8, size=one.embeddings.shape)
    copies = Augmented("noise", 2.0, np.arange(len(one)), shaken.astype(np.float32))
    assert SWAPS not in {v for v, _ in verdicts(one, copies).values()}


def test_few_images_are_not_known_where_classes_differ() -> None:
    one = evidence()
    copies = moved(one, {0: CENTRES[1]})
    few = np.flatnonzero((one.labels != 2) | (np.arange(len(one)) < 6))
    found = verdicts(one, Augmented("half_turn", 1.0, few, copies.embeddings[few]))
    assert found["a"] == (SWAPS, "b")
    assert found["c"][0] == NOT_KNOWN


def test_a_class_without_any_copy_is_not_known() -> None:
    one = evidence()
    rows = np.flatnonzero(one.labels != 2)
    copies = moved(one, {})
    found = verdicts(one, Augmented("blur", 1.0, rows, copies.embeddings[rows]))
    assert found["c"] == (NOT_KNOWN, "")
    assert found["a"] == (SAFE, "")


def test_images_of_a_group_count_for_less() -> None:
    alone, together = evidence(), evidence(groups=True)
    counts = [
        label_safety(one, Probes.of(one), [moved(one, {0: CENTRES[1]})]).classes[0].taken.interval
        for one in (alone, together)
    ]
    assert counts[1][1] - counts[1][0] > counts[0][1] - counts[0][0]


def test_levels_are_judged_one_by_one_and_a_swap_excludes_from_there_on() -> None:
    one = evidence()
    levels = [
        moved(one, {}),
        moved(one, {0: CENTRES[1]}),
        moved(one, {0: np.array([0, 0, 0, 9.0, 9.0, 9.0])}),
    ]
    copies = [
        Augmented("rotate", level, made.rows, made.embeddings)
        for level, made in zip((10.0, 90.0, 180.0), levels, strict=True)
    ]
    found = SafetyJudge(one, Probes.of(one)).judge(copies[::-1])
    assert [c.level for c in found.classes] == [10.0] * 3 + [90.0] * 3 + [180.0] * 3
    assert found.excluded(10) == found.excluded(45) == ()
    assert found.excluded(90) == found.excluded(180) == ("a",)


def test_copies_of_several_transforms_are_refused() -> None:
    one = evidence(n=60)
    copies = moved(one, {})
    other = Augmented("blur", 1.0, copies.rows, copies.embeddings)
    with pytest.raises(ValueError, match="copies by one transform"):
        label_safety(one, Probes.of(one), [copies, other])
    with pytest.raises(ValueError, match="copies by one transform"):
        label_safety(one, Probes.of(one), [])
