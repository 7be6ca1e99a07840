"""What the epochs of a training run say of each image: how early and how surely it was learnt.

Not every image is trained on in every epoch: a curriculum brings some in later. Arrays are (epochs,
n) where row e is the e-th epoch *of that image*, and NaN where it had no more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.findings import Bools, Floats, Ints

PerImage = NDArray[np.float64]
"""(n,) one figure an image, NaN where there is no epoch to take it from."""


def aum(own: Floats, largest_other: Floats) -> PerImage:
    """Area under the margin: the mean over the epochs of ``z_y - max_{c != y} z_c``, in logits.

    Negative where other images taught the model another class than the label says. Source: Pleiss
    et al. 2020, "Identifying mislabeled data using the area under the margin ranking". Theirs also
    finds a cut-off by images of a made-up class, which a recorded run does not have: an AUM is
    large or small only beside those of the same run.

    Args:
        own: (epochs, n) logits of the true class.
        largest_other: (epochs, n) the largest of the other logits.
    """
    _check(own, largest_other)
    return _mean(np.asarray(own, dtype=np.float64) - largest_other)


def forgetting(correct: Bools, recorded: Bools | None = None) -> PerImage:
    """How often an image was right at one epoch and wrong at the next.

    An image that was never right counts as forgotten at every epoch, more often than any other can
    be. Source: Toneva et al. 2019, "An empirical study of example forgetting during deep neural
    network learning", where it is infinity, which tables and JSON do not all hold. Theirs looks at
    every mini-batch that holds the image, which is once an epoch.

    Args:
        correct: (epochs, n).
        recorded: (epochs, n) False where the image had no more epochs; None for all True.
    """
    right = np.asarray(correct, dtype=bool)
    there = np.ones_like(right) if recorded is None else np.asarray(recorded, dtype=bool)
    _check(right, there)
    right = right & there
    events = (right[:-1] & ~right[1:] & there[1:]).sum(axis=0)
    epochs = there.sum(axis=0)
    counted = np.where(right.any(axis=0), events, epochs).astype(np.float64)
    return np.where(epochs > 0, counted, np.nan)


def error_length(probabilities: Floats, labels: Ints) -> PerImage:
    """(n,) length of ``p - one_hot(y)`` at one epoch, from (n, n_classes) probabilities."""
    p = np.array(probabilities, dtype=np.float64)
    p[np.arange(len(p)), labels] -= 1
    return np.asarray(np.linalg.norm(p, axis=1))


def error_length_of_two(true_probability: Floats, own: Floats, largest_other: Floats) -> PerImage:
    """(epochs, n) the same where of each image only two logits and one probability were kept.

    The likeliest other class has ``p_r = p_y exp(z_r - z_y)``; what is left of 1 lies on the rest,
    none above p_r. The length is largest where as few classes as can hold it, which is what is
    taken: exact for two and three classes, else at most ``sqrt(rest * p_r)`` too long.

    Args:
        true_probability: (epochs, n) probabilities of the true class.
        own: (epochs, n) logits of the true class.
        largest_other: (epochs, n) the largest of the other logits.
    """
    _check(true_probability, own, largest_other)
    p = np.asarray(true_probability, dtype=np.float64)
    # Not above what the true class leaves: a probability of 0 that underflowed says nothing of it.
    gap = np.minimum(np.asarray(largest_other, dtype=np.float64) - own, 700)
    r = np.minimum(p * np.exp(gap), 1 - p)
    r = np.where(p > 0, r, 1.0)
    rest = np.clip(1 - p - r, 0, None)
    return np.asarray(np.sqrt((1 - p) ** 2 + r**2 + rest * np.minimum(rest, r)))


def el2n(lengths: Floats, epochs: int | None = None) -> PerImage:
    """The mean over the first epochs of the length of the error.

    Source: Paul, Ganguli and Dziugaite 2021, "Deep learning on a data diet": early in training it
    stands for the size of the gradient. They average over ten networks; the epochs of one run are
    what a run records.

    Args:
        lengths: (epochs, n) of `error_length`, or of `error_length_of_two`.
        epochs: how many from the first; None for all.
    """
    _check(lengths)
    return _mean(np.asarray(lengths, dtype=np.float64)[:epochs])


def confidence(true_probability: Floats) -> PerImage:
    """Cartography's confidence: the mean over the epochs of the true class's probability.

    Source: Swayamdipta et al. 2020, "Dataset cartography: mapping and diagnosing datasets with
    training dynamics". Low confidence at low variability is "hard to learn", where they found most
    wrong labels.

    Args:
        true_probability: (epochs, n).
    """
    _check(true_probability)
    return _mean(np.asarray(true_probability, dtype=np.float64))


def variability(true_probability: Floats) -> PerImage:
    """Cartography's variability: the standard deviation over the epochs of the same.

    The population's, divided by the number of epochs as in the source. High variability is
    "ambiguous".

    Args:
        true_probability: (epochs, n).
    """
    _check(true_probability)
    p = np.asarray(true_probability, dtype=np.float64)
    return np.asarray(np.sqrt(_mean((p - _mean(p)) ** 2)))


def table(
    own: Floats,
    largest_other: Floats,
    correct: Bools,
    true_probability: Floats,
    lengths: Floats | None = None,
    el2n_epochs: int = 10,
) -> pd.DataFrame:
    """What `curate.findings.Evidence.dynamics` holds, one row an image.

    Args:
        own: (epochs, n) logits of the true class, NaN where an image had no more epochs.
        largest_other: (epochs, n) the largest of the other logits.
        correct: (epochs, n) whether the class of the largest logit was the true one.
        true_probability: (epochs, n) probabilities of the true class.
        lengths: (epochs, n) of `error_length`; None where only the others were recorded.
        el2n_epochs: the first epochs of which EL2N is taken; ten is what its authors found enough.
    """
    if lengths is None:
        lengths = error_length_of_two(true_probability, own, largest_other)
    _check(own, largest_other, correct, true_probability, lengths)
    return pd.DataFrame(
        {
            "aum": aum(own, largest_other),
            "forgetting": forgetting(correct, np.isfinite(own)),
            "el2n": el2n(lengths, el2n_epochs),
            "confidence": confidence(true_probability),
            "variability": variability(true_probability),
        }
    )


def _check(*arrays: NDArray[Any]) -> None:
    """Raise ValueError unless all are (epochs, n) of one shape."""
    shapes = [np.shape(array) for array in arrays]
    if any(len(shape) != 2 or shape != shapes[0] for shape in shapes):
        raise ValueError(f"Expected arrays of one shape (epochs, n_images), found {shapes}")


def _mean(values: PerImage) -> PerImage:
    """(n,) mean over the epochs that are there; NaN of none."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
