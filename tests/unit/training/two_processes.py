"""What each of two processes does in test_processes.py: ``python two_processes.py EXPORT FOLDER``.

Not collected as a test: it is started twice, as torchrun would start it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from curate.errors import InputError
from curate.progress import Bar, silent
from curate.training.device import train_device
from curate.training.fitting import Fitting
from curate.training.options import Options
from curate.training.processes import by_the_first, joined, rank

PLAIN = {
    "pretrained": False, "lr": 2e-3, "device": "cpu", "workers": 0, "seed": 5,
}  # fmt: skip
ALIKE = {**PLAIN, "model": "test_vit", "img_size": 32, "opt": "sgd", "lr": 0.05}
"""No batch norm and no dropout: two processes do what one does with batches twice as large."""

STAGED = {
    **PLAIN, "model": "test_resnet", "img_size": 16, "batch_size": 4, "model_ema": True,
    "model_ema_decay": 0.9, "grad_accum_steps": 2, "sched": "plateau", "patience_epochs": 0,
}  # fmt: skip


def fit(export: Path, to: Path, progress: Any = silent, **options: Any) -> list[Any]:
    """Train; returns the rows, without what took how long."""
    by_the_first(lambda: to.mkdir(exist_ok=True))
    done = Fitting(export, to, Options(**options), progress).run()
    return [{k: v for k, v in row.items() if k not in ("seconds", "waited")} for row in done.rows]


@contextmanager
def killed(name: str, total: int | None = None, unit: str = "it") -> Iterator[Bar]:
    """Breaks off within the second epoch, in both processes."""

    class Killer:
        def update(self, n: int = 1) -> None:
            if name.startswith("epoch 2"):
                raise KeyboardInterrupt

    yield Killer()


def main(export: Path, folder: Path) -> None:
    """Train together in several ways, and end by an image that one of them cannot read."""
    told: dict[str, Any] = {}
    try:
        with joined(train_device("cpu")):
            own = rank()
            told["alike"] = fit(export / "plain", folder / "alike", **ALIKE, batch_size=4)
            told["whole"] = fit(export / "staged", folder / "whole", **STAGED)
            try:
                fit(export / "staged", folder / "again", killed, **STAGED)
            except KeyboardInterrupt:
                told["resumed"] = fit(export / "staged", folder / "again", **STAGED)
            try:
                wild = {**STAGED, "opt": "momentum", "lr": 1e30, "model_ema": False}
                fit(export / "staged", folder / "nan", **{**wild, "sched": "constant"})
            except (InputError, SystemExit) as error:
                told["nan"] = [type(error).__name__, str(error)]
            fit(export / "broken", folder / "broken", **STAGED)
    except InputError as error:
        told["broken"] = [type(error).__name__, str(error)]
    (folder / f"told_{own}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
