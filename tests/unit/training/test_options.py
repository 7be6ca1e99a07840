"""What may be asked of a training, and what may not."""

from __future__ import annotations

from typing import Any

import pytest

from curate.errors import TrainingError
from curate.training.options import Options


def test_options_come_back_as_they_were_written() -> None:
    options = Options(model="test_resnet", decay_milestones=(2, 5), clip_grad=1.0, seed=3)
    assert Options.from_json(options.to_json(), "args.yaml") == options


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lr": 0.0}, "--lr to be a number above 0, found 0.0"),
        ({"lr": float("nan")}, "--lr"),
        ({"batch_size": 0}, "--batch-size to be at least 1, found 0"),
        ({"smoothing": 1.0}, "--smoothing to be from 0 to below 1"),
        ({"freeze": "half"}, "--freeze to be none, backbone or a number of blocks, found 'half'"),
        ({"freeze": "0"}, "--freeze"),
        ({"sched": "cosin"}, "--sched to be one of cosine, step"),
        ({"loss": "hinge"}, "--loss to be one of cross-entropy, focal"),
        ({"head": "conv"}, "--head to be one of linear, mlp"),
        ({"decay_milestones": (5, 2)}, "--decay-milestones to be rising epochs"),
        ({"weights": "a", "checkpoint": "b"}, "--weights or --checkpoint, found both"),
        ({"sched": "plateau", "warmup_epochs": 1}, "no --warmup-epochs with --sched plateau"),
        ({"loss": "focal", "smoothing": 0.1}, "no --smoothing with --loss focal"),
        ({"clip_grad": -1.0}, "--clip-grad to be a number above 0"),
        ({"seed": -1}, "--seed to be at least 0"),
    ],
)
def test_what_cannot_be_is_told(given: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        Options(**given)


def test_unknown_options_of_a_file_are_named() -> None:
    with pytest.raises(TrainingError, match=r"options of curate train in args.yaml.*'mixup'"):
        Options.from_json({"mixup": 1}, "args.yaml")
