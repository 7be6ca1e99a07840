"""How the run was made, and what each number is not."""

from __future__ import annotations

from typing import Any

from curate.board.opening import Board
from curate.report.page import Section, fragment

NOT = (
    ("Accuracy, F1, recall",
     "of these images. They say nothing of images from another place, camera or time; the interval "
     "covers which images were drawn, not such a change."),
    ("An interval of 95 %",
     "would hold the true value in 95 of 100 repetitions of the sampling. Of a hundred intervals "
     "on this page a few do not hold it."),
    ("Confidence",
     "is what the model says of itself, and is a chance of being right only as far as it is "
     "calibrated (see the calibration error)."),
    ("A finding",
     "is a reason to look, not a verdict: its score orders, its reason can be checked."),
    ("Estimated precision of a finding",
     "rests on the detector's own assumptions; judged by people (curate audit) it is measured."),
    ("Difficulty and tiers",
     "are of this model. Another model finds other images hard."),
    ("The map",
     "keeps neighbourhoods. Distances between far groups, areas and densities are not to be read."),
    ("Expected gain of an augmentation",
     "is measured with a small model on the embeddings, without training yours; whether it comes "
     "true, a training says."),
)  # fmt: skip
"""Each number of the report: what it is not, or does not say."""


def made(board: Board) -> Section:
    """Settings, versions, seed and timings, and how to read the numbers."""
    info = board.run.info
    seconds = {name: one["seconds"] for name, one in info.get("stages", {}).items()}
    return Section(
        "made", "How this was made, and what each number is not",
        fragment(
            "made.html", settings=_settings(info), versions=info.get("versions", {}),
            seconds=seconds, total=sum(seconds.values()), nots=NOT, about=_about(board),
            run=str(board.run.path),
        ),
        short="How made",
    )  # fmt: skip


def _settings(info: dict[str, Any]) -> list[tuple[str, str]]:
    """What was set; a 0, such as of the seed, is set too."""
    settings = dict(info.get("settings", {}))
    source = settings.pop("source", {})
    both = [*source.items(), *settings.items()]
    return [
        (name.replace("_", " "), _in_words(value))
        for name, value in both
        if value is not None and value is not False and value not in ([], {}, "")
    ]


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} = {_in_words(one)}" for name, one in value.items())
    return "yes" if value is True else str(value)


def _about(board: Board) -> list[tuple[str, str]]:
    """Where the predictions come from, and how far the confidences can be believed."""
    info = board.run.info
    said = []
    if inference := info.get("inference"):
        said.append(("model", f"{inference.get('model', '')}, on {inference.get('device', '')}"))
    if probe := info.get("probe"):
        said.append(
            ("probe", f"{probe['method']}, {probe['n_folds']} folds, chosen by held-out log loss")
        )
    if why := info.get("in_sample", {}).get("why"):
        said.append(("train", why))
    errors = [
        f"{split} {scores['expected_calibration_error']:.3f}"
        for split, scores in board.metrics.items()
        if "expected_calibration_error" in scores
    ]
    if errors:
        said.append(("calibration error", ", ".join(errors) + " (0 is calibrated)"))
    return said
