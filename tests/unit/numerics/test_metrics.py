import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from curate.numerics.intervals import bootstrap_macro_f1, f1_scores, wilson
from curate.numerics.metrics import (
    calibration_error,
    classification_metrics,
    confusion_matrix,
    top_confusions,
)

NAMES = ("cat", "dog", "fox")


def one_hot(predictions: np.ndarray, k: int = 3) -> np.ndarray:
    return np.eye(k)[predictions] * 0.8 + 0.2 / k


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_equals_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = np.array(pairs).T
    found = classification_metrics(labels, one_hot(predictions), NAMES, np.random.default_rng(0))
    present = np.unique(labels)
    wanted = reference.f1_score(
        labels, predictions, labels=present, average="macro", zero_division=0
    )
    assert found["macro_f1"] == pytest.approx(wanted)
    assert found["accuracy"] == pytest.approx((labels == predictions).mean())
    recall = reference.recall_score(labels, predictions, labels=present, average="macro")
    assert found["balanced_accuracy"] == pytest.approx(recall)
    wanted_matrix = reference.confusion_matrix(labels, predictions, labels=range(3))
    assert found["confusion_matrix"] == wanted_matrix.tolist()
    assert sum(row["support"] for row in found["per_class"].values()) == len(labels)
    low, high = found["accuracy_interval"]
    assert low <= found["accuracy"] <= high


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    labels = np.array([0, 0, 1, 2])
    found = classification_metrics(
        labels, one_hot(np.array([0, 0, 0, 2])), NAMES, np.random.default_rng(0)
    )
    assert found["per_class"]["dog"] == {
        "precision": None, "recall": 0.0, "f1": 0.0, "support": 1,
        "recall_interval": list(wilson(0, 1)),
    }  # fmt: skip


def test_top_confusions_are_sorted_and_leave_out_hits() -> None:
    confusion = np.array([[5, 2, 0], [3, 4, 0], [0, 0, 9]])
    assert [
        (row["label"], row["pred_label"], row["count"]) for row in top_confusions(confusion, NAMES)
    ] == [
        ("dog", "cat", 3),
        ("cat", "dog", 2),
    ]


def test_calibration_error_by_hand() -> None:
    # Ten images, all predicted with confidence .9, of which seven are right: |.7 - .9| = .2
    probs = np.tile([0.9, 0.1], (10, 1))
    labels = np.array([0] * 7 + [1] * 3)
    assert calibration_error(labels, probs) == pytest.approx(0.2)


def test_wilson_by_hand_and_at_the_ends() -> None:
    low, high = wilson(90, 100)
    assert (low, high) == (pytest.approx(0.8256, abs=1e-4), pytest.approx(0.9448, abs=1e-4))
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == pytest.approx(1)
    assert wilson(0, 0) == (0.0, 1.0)


def test_bootstrap_covers_the_value_and_narrows_with_more_images() -> None:
    small = np.array([[8, 2], [3, 7]])
    rng = np.random.default_rng(0)
    narrow, wide = bootstrap_macro_f1(small * 100, rng), bootstrap_macro_f1(small, rng)
    value = f1_scores(small).mean()
    assert wide[0] < narrow[0] < value < narrow[1] < wide[1]


def test_confusion_matrix_counts_rows_as_labels() -> None:
    assert confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist() == [
        [1, 1],
        [0, 1],
    ]
