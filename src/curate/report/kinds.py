"""What each kind of finding means, for those who read of it for the first time."""

from __future__ import annotations

MEANS = {
    "confusable": "These lie between two classes that the model mixes up: neighbours and "
    "probabilities are split. The label may well be right.",
    "hard": "The model gets these wrong without having seen them. The first words of a reason say "
    "what kind of difficulty it is, where that can be told.",
    "image_quality": "Blurred, dark, pale, framed, of odd size or otherwise unlike the other "
    "images here. Odd is not bad: the last word is yours.",
    "imbalance": "Missed images of classes that have too few of them.",
    "label_conflict": "The same bytes lie under different labels: one of them is wrong.",
    "label_error": "Held-out probabilities and the neighbours' labels make another class likelier "
    "than the one given.",
    "near_duplicate": "Another image is the same picture, perhaps re-encoded, resized, cropped or "
    "mirrored. The second picture is the partner.",
    "orientation": "Probably upside-down or lying on the side, judged against the other images; "
    "the suggestion is the turn that sets it upright.",
    "outlier": "Of no class here, or far from its own class and in no other.",
    "shortcut": "These contradict a trivial property (light, size, file name, stamp, frame) by "
    "which a class may be known. A model that learned it fails on them.",
    "split_leak": "The same picture is also in an earlier split, so the score on it is no proof.",
    "split_shift": "These show that their split differs from train.",
    "weak_slice": "Mistakes in a group of images on which the model is surely worse than on the "
    "rest of their classes; the reason names what the group shares.",
}
"""By kind; one of another package has none and speaks for itself."""
