"""One kind of hard case a file, one registry; importing this package registers them all."""

from curate.detectors import (
    confusable,
    hard,
    label_conflict,
    label_error,
    near_duplicate,
    orientation,
    outlier,
    split_leak,
)
from curate.detectors.registry import DETECTORS, Detector, missing_input, register

__all__ = [
    "DETECTORS",
    "Detector",
    "confusable",
    "hard",
    "label_conflict",
    "label_error",
    "missing_input",
    "near_duplicate",
    "orientation",
    "outlier",
    "register",
    "split_leak",
]
