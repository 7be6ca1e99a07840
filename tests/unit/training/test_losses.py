"""Losses by image, told by one process or by several."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

from curate.training.losses import Losses


def test_the_last_loss_of_an_image_counts_from_the_next_exchange_on() -> None:
    losses = Losses(4)
    losses.update([2, 0, 2], [3.0, 1.0, 5.0])
    assert not losses.known
    np.testing.assert_array_equal(losses.latest, [1, np.nan, 5, np.nan])
    losses.exchange()
    assert losses.known
    losses.update(torch.tensor([0]), torch.tensor([float("inf")]))
    losses.exchange()
    np.testing.assert_array_equal(losses.values, [1, np.nan, 5, np.nan])


def _process(rank: int, folder: str) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2,
        timeout=timedelta(seconds=120),
    )  # fmt: skip
    losses = Losses(4)
    losses.update([0, 1 + rank], [2.0 + 2 * rank, 10.0 + rank])
    losses.exchange()
    np.save(Path(folder) / f"{rank}.npy", losses.values)
    dist.destroy_process_group()


def test_processes_come_to_know_the_same(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_process, (str(tmp_path),), nprocs=2)
    found = [np.load(tmp_path / f"{rank}.npy") for rank in range(2)]
    np.testing.assert_array_equal(found[0], [3, 10, 11, np.nan])
    np.testing.assert_array_equal(found[1], found[0])
