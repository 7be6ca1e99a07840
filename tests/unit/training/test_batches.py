"""Batches of one size that leave no image out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.data import SequentialSampler

from curate.errors import DataError
from curate.training.batches import EvenBatches, fetched, plain_loader, train_loader
from curate.training.dataset import CurriculumDataset
from curate.training.sampler import CurriculumSampler
from made_curriculum import make_export

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("n", "size", "sizes"),
    [(65, 64, [32, 33]), (64, 64, [64]), (10, 4, [3, 3, 4]), (3, 8, [3]), (0, 8, [])],
)
def test_sizes_differ_by_one_at_most(n: int, size: int, sizes: list[int]) -> None:
    batches = EvenBatches(SequentialSampler(range(n)), size)
    assert [len(batch) for batch in batches] == sizes
    assert len(batches) == len(sizes)
    assert [row for batch in batches for row in batch] == list(range(n))


def test_they_follow_the_length_of_the_epoch(tmp_path: Path) -> None:
    dataset = CurriculumDataset(make_export(tmp_path / "export"), image_size=8, return_index=True)
    sampler = CurriculumSampler(dataset)
    loader = train_loader(dataset, sampler, 7, 2, CPU)
    for epoch, n in ((0, 12), (5, 24)):
        sampler.set_epoch(epoch)
        rows = [row for _, _, own in fetched(loader, lambda _: None) for row in own.tolist()]
        assert len(set(rows)) == len(rows) == n


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_worker_cannot_read_is_told_in_our_words(tmp_path: Path, workers: int) -> None:
    dataset = CurriculumDataset(make_export(tmp_path / "export"), image_size=8)
    Path(dataset.paths[3]).write_bytes(b"nothing")
    with pytest.raises(DataError) as caught:
        list(fetched(plain_loader(dataset, 4, workers, CPU), lambda _: None))
    assert str(caught.value).startswith(f"Expected an image at {dataset.paths[3]}, found none")
    assert "Traceback" not in str(caught.value)
