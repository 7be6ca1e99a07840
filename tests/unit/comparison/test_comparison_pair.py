"""Two models on a few images, every number worked out by hand or by a slow plain reference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from curate.comparison.change import BETTER, NOT_SHOWN, UNCLEAR, WORSE, Change, of_test, said
from curate.comparison.pair import changed_cells, compare
from curate.comparison.scores import Predicted, Scorer, Task
from curate.numerics.metrics import calibration_error

NAMES = ("cat", "dog", "owl")


def says(name: str, classes: object, confidence: float = 0.8) -> Predicted:
    """A model that says these classes, all with one confidence."""
    wanted = np.asarray(classes)
    probs = np.full((len(wanted), 3), (1 - confidence) / 2)
    probs[np.arange(len(wanted)), wanted] = confidence
    return Predicted(name, probs)


def task(labels: object, clusters: object = None) -> Task:
    own = np.asarray(labels)
    return Task(own, NAMES, np.arange(len(own)) if clusters is None else np.asarray(clusters))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_numbers_of_twelve_images() -> None:
    labels = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    a = says("a", [0, 1, 1, 0, 1, 1, 0, 1, 2, 2, 0, 2], 0.7)
    b = says("b", [0, 0, 1, 0, 1, 1, 1, 1, 2, 1, 2, 2], 0.9)
    pair = compare(task(labels), a, b, rng())
    assert (pair.accuracy.a, pair.accuracy.b) == (8 / 12, 10 / 12)
    assert np.flatnonzero(pair.fixed).tolist() == [1, 6, 10]
    assert np.flatnonzero(pair.broken).tolist() == [9]
    assert pair.accuracy.p_value == pytest.approx(binomtest(3, 4).pvalue)
    assert pair.macro_f1.a == pytest.approx(f1_score(labels, a.classes, average="macro"))
    assert pair.macro_f1.b == pytest.approx(f1_score(labels, b.classes, average="macro"))
    error = pair.calibration_error
    assert error.a == pytest.approx(calibration_error(np.array(labels), a.probs))
    assert error.b == pytest.approx(calibration_error(np.array(labels), b.probs))
    assert pair.accuracy.word() == NOT_SHOWN
    owl = pair.classes[2]
    assert (owl.name, owl.images, owl.recall, owl.fixed, owl.broken) == (
        "owl",
        4,
        (0.75, 0.75),
        1,
        1,
    )
    np.testing.assert_allclose(
        [one.f1.b for one in pair.classes], f1_score(labels, b.classes, average=None)
    )
    assert (pair.confusion_b - pair.confusion_a).tolist() == [[1, -1, 0], [-1, 1, 0], [-1, 1, 0]]


def test_the_bootstrap_of_macro_f1_is_that_of_a_plain_loop() -> None:
    generator = np.random.default_rng(4)
    labels = generator.integers(0, 3, 150)
    first = np.where(generator.random(150) < 0.7, labels, generator.integers(0, 3, 150))
    second = np.where(generator.random(150) < 0.8, labels, generator.integers(0, 3, 150))
    pair = compare(task(labels), says("a", first), says("b", second), rng())
    changes = []
    for _ in range(250):
        rows = generator.integers(0, 150, 150)
        changes.append(
            f1_score(labels[rows], second[rows], average="macro")
            - f1_score(labels[rows], first[rows], average="macro")
        )
    low, high = pair.macro_f1.interval
    q = int((first != second).sum())
    wider = np.std(changes) * np.sqrt(1 + 2 / q)
    assert (high - low) / 2 == pytest.approx(1.976 * wider, rel=0.15)


def test_a_scorer_counts_an_image_as_often_as_it_weighs() -> None:
    labels, model = np.array([0, 1, 2, 1]), says("a", [0, 1, 1, 2], 0.6)
    twice = np.array([2.0, 1.0, 0.0, 3.0])
    rows = np.repeat(np.arange(4), twice.astype(int))
    scorer = Scorer(task(labels), model)
    expected = f1_score(labels[rows], model.classes[rows], labels=[0, 1, 2], average=None,
                        zero_division=0)  # fmt: skip
    np.testing.assert_allclose(scorer.f1(twice), expected)
    plain = calibration_error(labels[rows], model.probs[rows])
    assert scorer.calibration_error(twice) == pytest.approx(plain)


def test_classes_are_corrected_for_being_several() -> None:
    labels = np.repeat([0, 1, 2], 20)
    first, second = labels.copy(), labels.copy()
    first[:9] = 1  # nine cats that the second has right
    first[20:22] = 2
    pair = compare(task(labels), says("a", first), says("b", second), rng())
    cat, dog, owl = pair.classes
    assert cat.p_value == pytest.approx(2 / 2**9)
    assert cat.p_adjusted == pytest.approx(3 * cat.p_value)
    assert dog.p_adjusted == pytest.approx(min(1.0, 2 * 0.5))
    assert (cat.verdict, dog.verdict, owl.verdict) == (BETTER, NOT_SHOWN, NOT_SHOWN)
    cells = changed_cells(pair)
    assert [(c["label"], c["pred_label"], c["change"]) for c in cells] == [
        ("cat", "dog", -9), ("dog", "owl", -2),
    ]  # fmt: skip
    assert cells[0]["p_adjusted"] == pytest.approx(2 * 2 / 2**9)


def test_groups_count_as_one_draw() -> None:
    labels = np.zeros(60, dtype=int)
    first = np.where(np.arange(60) < 12, 1, 0)
    alone = compare(task(labels), says("a", first), says("b", labels), rng())
    assert alone.accuracy.word() == BETTER
    people = np.arange(60) // 12
    grouped = compare(task(labels, people), says("a", first), says("b", labels), rng())
    assert grouped.accuracy.word() == NOT_SHOWN
    assert grouped.accuracy.p_value == 1.0


def test_equal_models_differ_in_nothing() -> None:
    labels = np.repeat([0, 1, 2], 10)
    model = says("a", labels)
    pair = compare(task(labels), model, says("b", labels), rng())
    for change in (pair.accuracy, pair.macro_f1, pair.calibration_error):
        assert change.change == 0 and change.word() == NOT_SHOWN
        assert change.interval[0] < 0 < change.interval[1]
    assert changed_cells(pair) == []


def test_two_seeds_of_one_model_are_seldom_called_different() -> None:
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 3, 120)
    counts = {"accuracy": 0, "macro_f1": 0, "calibration_error": 0, "classes": 0}
    for _ in range(40):
        common = generator.normal(size=(120, 3))
        pair = compare(
            task(labels), *(_noisy(name, labels, common, generator) for name in "ab"), generator
        )
        for name in ("accuracy", "macro_f1", "calibration_error"):
            counts[name] += getattr(pair, name).word() in (BETTER, WORSE)
        counts["classes"] += any(one.p_adjusted < 0.05 for one in pair.classes)
    # Of 40 two are expected; more than six come once in 300 such tests.
    assert all(count <= 6 for count in counts.values()), counts


def _noisy(name: str, labels: np.ndarray, common: np.ndarray, generator: object) -> Predicted:
    logits = common + generator.normal(size=common.shape)  # type: ignore[attr-defined]
    logits[np.arange(len(labels)), labels] += 2.5
    chances = np.exp(logits)
    return Predicted(name, chances / chances.sum(axis=1, keepdims=True))


def test_nothing_is_better_while_the_interval_holds_nothing() -> None:
    change = Change(0.8, 0.805, 0.005, (-0.016, 0.026), 0.7)
    assert change.word() == NOT_SHOWN
    text = said(change, "a", "b", "accuracy", "412 images")
    assert text == (
        "no difference that 412 images could show: accuracy +0.005 (-0.016 to +0.026); "
        "a difference of less than 0.021 would not be seen"
    )
    better = Change(0.8, 0.834, 0.034, (0.012, 0.056), 0.004)
    assert said(better, "a", "b", "accuracy", "412 images") == (
        "b is better than a: accuracy +0.034 (+0.012 to +0.056) on 412 images, p = 0.004"
    )
    assert better.word(0.06) == UNCLEAR
    assert "0.06 as one of several" in said(better, "a", "b", "accuracy", "9 images", 0.06)
    assert Change(0.1, 0.2, 0.1, (0.05, 0.15), higher_is_better=False).word() == WORSE


def test_images_of_one_group_tell_nothing() -> None:
    pair = compare(task([0, 0, 1], [4, 4, 4]), says("a", [1, 1, 1]), says("b", [0, 0, 1]), rng())
    assert pair.macro_f1.unseen is None
    assert pair.macro_f1.as_json()["interval"] is None
    assert said(pair.macro_f1, "a", "b", "macro F1", "3 images").startswith("not known")


def test_of_test() -> None:
    assert of_test(3, 9, 0.01) == WORSE
    assert of_test(9, 3, 0.01) == BETTER
    assert of_test(9, 3, 0.05) == NOT_SHOWN
    assert of_test(3, 3, 0.0) == NOT_SHOWN
