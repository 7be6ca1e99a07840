"""One kind of hard case a file, one registry; importing this package registers them all."""

from curate.detectors import (
    confusable,
    hard,
    image_quality,
    imbalance,
    label_conflict,
    label_error,
    near_duplicate,
    orientation,
    outlier,
    shortcut,
    split_leak,
    split_shift,
    weak_slice,
)
from curate.detectors.choosing import chosen_detectors
from curate.detectors.registry import DETECTORS, Detector, missing_input, register

__all__ = [
    "DETECTORS",
    "Detector",
    "chosen_detectors",
    "confusable",
    "hard",
    "image_quality",
    "imbalance",
    "label_conflict",
    "label_error",
    "missing_input",
    "near_duplicate",
    "orientation",
    "outlier",
    "register",
    "shortcut",
    "split_leak",
    "split_shift",
    "weak_slice",
]
