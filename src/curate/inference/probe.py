"""Out-of-fold probabilities: what a linear probe says of each image without having seen it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints
from curate.numerics.probabilities import softmax
from curate.progress import Progress, silent

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularisations that are tried, from strong to weak."""

MAX_ITER = 300


@dataclass(frozen=True)
class Probe:
    """What the probe predicted.

    Attributes:
        pred_probs: (n, n_classes) float32; for train rows out-of-fold, for others from all train.
        folds: (n,) the fold that held the row out, -1 outside train.
        info: the chosen regularisation, the temperature, and what had to be given up.
    """

    pred_probs: NDArray[np.float32]
    folds: NDArray[np.int32]
    info: dict[str, Any]


def out_of_fold(
    embeddings: Floats,
    labels: Ints,
    is_train: Bools,
    groups: NDArray[Any],
    n_classes: int,
    n_folds: int,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Probe:
    """Predict every image by a logistic regression that did not train on it.

    Idea: multinomial logistic regression on standardised embeddings, K-fold on the labelled
    train images, stratified by class, images of one group (exact duplicates share one) in one
    fold. The regularisation is the one with the least held-out log loss on the first fold; one
    temperature for all, fitted on the out-of-fold logits (Guo et al. 2017), makes the
    probabilities calibrated on average. Val and test images are predicted from all of train.

    Args:
        embeddings: (n, d).
        labels: (n,) class numbers, negative where unknown.
        is_train: (n,) the rows that may be trained on.
        groups: (n,) rows with equal values are never separated.
        n_classes: columns of the result.
        n_folds: at least 2; lowered, and said in `info`, where there are not enough images.
        rng: seeds the folds.
        progress: shows one bar of fits.
    """
    train = np.flatnonzero(is_train & (labels >= 0))
    y = labels[train]
    counts = np.bincount(y, minlength=n_classes)
    folds, notes = assign_folds(y, groups[train], n_folds, rng)
    n_folds = int(folds.max()) + 1
    few = [int(c) for c in np.flatnonzero((counts > 0) & (counts < n_folds))]
    strength, tried = _choose_strength(embeddings[train], y, folds, n_classes)
    logits = np.empty((len(embeddings), n_classes), dtype=np.float32)
    with progress("out-of-fold probe", total=n_folds + 1, unit="fit") as bar:
        for fold in range(n_folds):
            held = train[folds == fold]
            fitted = _fit(embeddings[train[folds != fold]], y[folds != fold], strength)
            logits[held] = _predict(fitted, embeddings[held], n_classes)
            bar.update()
        rest = np.setdiff1d(np.arange(len(embeddings)), train)
        if len(rest):
            fitted = _fit(embeddings[train], y, strength)
            logits[rest] = _predict(fitted, embeddings[rest], n_classes)
        bar.update()
    temperature = fit_temperature(logits[train], y)
    all_folds = np.full(len(embeddings), -1, dtype=np.int32)
    all_folds[train] = folds
    info = {
        "method": "logistic regression on standardised embeddings",
        "n_folds": n_folds,
        "C": strength,
        "held_out_log_loss_by_C": tried,
        "temperature": temperature,
        "classes_with_fewer_images_than_folds": few,
        "notes": notes,
    }
    return Probe(softmax(logits / temperature), all_folds, info)


def assign_folds(
    labels: Ints, groups: NDArray[Any], n_folds: int, rng: np.random.Generator
) -> tuple[NDArray[np.int32], list[str]]:
    """(n,) fold numbers, stratified by label, groups kept whole; and notes on what was given up."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    notes = []
    n_groups = len(np.unique(groups))
    possible = max(2, min(n_folds, int(np.bincount(labels).max()), n_groups))
    if possible < n_folds:
        notes.append(f"{possible} folds instead of {n_folds}: no class has more images")
    grouped = n_groups < len(groups)
    split = (StratifiedGroupKFold if grouped else StratifiedKFold)(
        possible, shuffle=True, random_state=int(rng.integers(2**31))
    )
    folds = np.zeros(len(labels), dtype=np.int32)
    with warnings.catch_warnings():
        # Classes smaller than the number of folds are said in the probe's info instead.
        warnings.simplefilter("ignore", UserWarning)
        for fold, (_, held) in enumerate(split.split(np.zeros(len(labels)), labels, groups)):
            folds[held] = fold
    return folds, notes


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """The T that minimises the log loss of softmax(logits / T), between 0.05 and 20."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log_t: float) -> float:
        probs = softmax(logits / np.float32(np.exp(log_t)))
        return float(-np.log(np.maximum(probs[rows, labels], 1e-12)).mean())

    bounds = (float(np.log(0.05)), float(np.log(20.0)))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def _choose_strength(
    X: Floats, y: Ints, folds: Ints, n_classes: int
) -> tuple[float, dict[str, float]]:
    """The inverse regularisation with the least log loss on the first fold, and all losses.

    From strong to weak, ending where the loss has risen twice.
    """
    tried: dict[str, float] = {}
    inside, held = folds != 0, folds == 0
    best, best_loss, rises = STRENGTHS[0], np.inf, 0
    if len(np.unique(y[inside])) < 2:
        return best, tried
    for strength in STRENGTHS:
        logits = _predict(_fit(X[inside], y[inside], strength), X[held], n_classes)
        # The temperature is fitted before comparing, since the probabilities shown have one.
        probs = softmax(logits / np.float32(fit_temperature(logits, y[held])))
        own = probs[np.arange(len(probs)), y[held]]
        loss = float(-np.log(np.maximum(own, 1e-12)).mean())
        tried[f"{strength:g}"] = loss
        if loss < best_loss:
            best, best_loss, rises = strength, loss, 0
        else:
            rises += 1
            if rises == 2:
                break
    return best, tried


def _fit(X: Floats, y: Ints, strength: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(y)) < 2:
        return int(y[0])
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, max_iter=MAX_ITER, tol=1e-3)
    )
    with warnings.catch_warnings():
        # An optimum reached to three digits ranks images as the exact one does.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return model


def _predict(model: Any, X: Floats, n_classes: int) -> NDArray[np.float32]:
    """(m, n_classes) logits; a class that the model never saw gets a very small one."""
    logits = np.full((len(X), n_classes), -30.0, dtype=np.float32)
    if isinstance(model, int):
        logits[:, model] = 0
        return logits
    if len(X):
        log_probs = np.asarray(model.predict_log_proba(X), dtype=np.float32)
        logits[:, model.classes_] = np.maximum(log_probs, -30.0)
    return logits
