"""What an analysis is asked to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DEFAULT_MODEL = "efficientnet_b0"
"""Small enough for a laptop's CPU, good enough to tell real photographs apart."""


@dataclass(frozen=True)
class Settings:
    """The options of one analysis.

    Attributes:
        data: the folder with train, val and test.
        model: "hog" or any timm name.
        weights: a backbone's state dict, its head ignored.
        checkpoint: a trained classifier with its class list.
        folds: of the out-of-fold probe.
        seed: of everything random.
        device, batch_size, workers: how to run, without influence on what is found; None chooses.
    """

    data: Path
    model: str = DEFAULT_MODEL
    weights: Path | None = None
    checkpoint: Path | None = None
    folds: int = 5
    seed: int = 0
    device: str = "auto"
    batch_size: int | None = None
    workers: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values for `run.json`."""
        return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
