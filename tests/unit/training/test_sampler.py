"""Which images an epoch of `CurriculumSampler` draws."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.errors import CurriculumError
from curate.recipe.curriculum import Curriculum, read_curriculum
from curate.recipe.stages import Schedule, Stage
from curate.training.dataset import CurriculumDataset
from curate.training.sampler import CurriculumSampler
from made_curriculum import STAGED, TIERS, edit, make_export

SELF_PACED = Schedule(
    "self-paced", 3, (Stage(0, 1, TIERS), Stage(1, 3, TIERS, share=0.5, order="loss"))
)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_export(tmp_path_factory.mktemp("exports") / "staged")


@pytest.fixture(scope="module")
def curriculum(export: Path) -> Curriculum:
    return read_curriculum(export)


def test_each_epoch_has_the_images_of_its_tiers(curriculum: Curriculum) -> None:
    sampler = CurriculumSampler(curriculum)
    for epoch, (tiers, n) in enumerate(
        [(TIERS[:1], 12), (TIERS[:1], 12), (TIERS[:2], 18), (TIERS[:2], 18), (TIERS, 24)]
    ):
        sampler.set_epoch(epoch)
        drawn = list(sampler)
        assert len(sampler) == len(drawn) == n
        assert sorted(drawn) == np.flatnonzero(curriculum.table["tier"].isin(tiers)).tolist()


def test_same_seed_same_order_and_another_one_each_epoch(curriculum: Curriculum) -> None:
    one, two = CurriculumSampler(curriculum, seed=5), CurriculumSampler(curriculum, seed=5)
    assert list(one) == list(two) == list(one)
    first = list(one)
    one.set_epoch(1)
    assert list(one) != first
    one.set_epoch(0)
    assert list(one) == first
    assert list(CurriculumSampler(curriculum, seed=6)) != first


def test_the_loader_is_made_once_and_follows_the_epochs(export: Path) -> None:
    dataset = CurriculumDataset(export, return_index=True)
    sampler = CurriculumSampler(dataset)
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=5, sampler=sampler, num_workers=1, persistent_workers=True
    )
    for epoch in range(6):
        sampler.set_epoch(epoch)
        drawn = torch.cat([index for _, _, index in loader]).tolist()
        assert drawn == list(sampler)
        assert len(loader) == -(-len(drawn) // 5)
        assert dataset.epoch == epoch


@pytest.mark.parametrize("processes", [2, 3, 5, 7])
def test_processes_share_an_epoch_equally(curriculum: Curriculum, processes: int) -> None:
    parts = [CurriculumSampler(curriculum, processes, rank) for rank in range(processes)]
    for sampler in parts:
        sampler.set_epoch(2)
    drawn = [list(sampler) for sampler in parts]
    assert {len(part) for part in drawn} == {len(parts[0])} == {-(-18 // processes)}
    whole = CurriculumSampler(curriculum)
    whole.set_epoch(2)
    woven = [row for row in zip(*drawn, strict=True) for row in row]
    assert woven[:18] == list(whole)
    assert woven[18:] == woven[: len(woven) - 18]


def test_oversampled_images_know_their_repeats(tmp_path: Path) -> None:
    schedule = Schedule("custom", 1, (Stage(0, 1, TIERS),))
    folder = make_export(tmp_path / "export", schedule)
    edit(folder, "train", 0, weight=3)
    drawn = list(CurriculumSampler(read_curriculum(folder)))
    assert [getattr(row, "repeat", 0) for row in drawn if row == 0] == [0, 1, 2]
    assert sorted(drawn) == [0, 0, *range(24)]
    assert CurriculumDataset(folder).weights[0] == 3


@pytest.mark.parametrize("length", [1, 7, 12, 13, 30])
def test_epochs_of_a_given_length_go_through_all_images_first(
    curriculum: Curriculum, length: int
) -> None:
    sampler = CurriculumSampler(curriculum, epoch_length=length)
    natural = list(CurriculumSampler(curriculum))
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == length
    assert drawn[:12] == natural[:length]
    counts = np.bincount(drawn, minlength=24)[natural]
    assert counts.max() - counts.min() <= 1
    assert sampler.longest_epoch == 24


def test_the_passes_of_a_long_epoch_are_shuffled_anew(curriculum: Curriculum) -> None:
    drawn = list(CurriculumSampler(curriculum, epoch_length=24))
    assert sorted(drawn[:12]) == sorted(drawn[12:])
    assert drawn[:12] != drawn[12:]
    assert {row.repeat for row in drawn[12:]} == {1}


def test_self_paced_stages_go_by_the_losses_they_were_told(tmp_path: Path) -> None:
    curriculum = read_curriculum(make_export(tmp_path / "export", SELF_PACED))
    sampler = CurriculumSampler(curriculum)
    assert sampler.longest_epoch == 24
    sampler.set_epoch(1)
    assert len(sampler) == 12
    with pytest.raises(CurriculumError, match="Expected the loss of each image"):
        list(sampler)
    sampler.set_epoch(0)
    sampler.update_losses(range(24), np.arange(24)[::-1].tolist())
    sampler.set_epoch(1)
    assert sorted(sampler) == list(range(12, 24))
    # Of image 0 the last word counts; no number says nothing.
    sampler.update_losses(torch.tensor([0, 0, 23]), torch.tensor([9.0, -1.0, torch.nan]))
    before = list(sampler)
    assert list(sampler) == before
    sampler.set_epoch(2)
    assert {0, 23} <= set(sampler)


def test_a_saved_state_goes_on_where_it_was(tmp_path: Path) -> None:
    curriculum = read_curriculum(make_export(tmp_path / "export", SELF_PACED))
    sampler = CurriculumSampler(curriculum, seed=3, epoch_length=20)
    sampler.set_epoch(1)
    sampler.update_losses(np.arange(24), np.arange(24.0))
    file = io.BytesIO()
    torch.save(sampler.state_dict(), file)
    file.seek(0)
    again = CurriculumSampler(curriculum)
    again.load_state_dict(torch.load(file, weights_only=True))
    sampler.set_epoch(1)
    assert (again.epoch, again.seed, again.epoch_length) == (1, 3, 20)
    assert list(again) == list(sampler)


def test_a_state_of_another_curriculum_is_refused(curriculum: Curriculum, tmp_path: Path) -> None:
    other = CurriculumSampler(read_curriculum(make_export(tmp_path / "other", n=12)))
    with pytest.raises(CurriculumError, match="of 24 training images, found one of 12"):
        CurriculumSampler(curriculum).load_state_dict(other.state_dict())


def test_wrong_arguments_are_refused(export: Path, curriculum: Curriculum) -> None:
    with pytest.raises(CurriculumError, match="split train, found val"):
        CurriculumSampler(CurriculumDataset(export, "val"))
    with pytest.raises(CurriculumError, match="both num_replicas and rank"):
        CurriculumSampler(curriculum, num_replicas=2)
    with pytest.raises(CurriculumError, match="a rank from 0 to 1, found 2"):
        CurriculumSampler(curriculum, 2, 2)
    with pytest.raises(CurriculumError, match="epoch_length of at least 1, found 0"):
        CurriculumSampler(curriculum, epoch_length=0)
    sampler = CurriculumSampler(curriculum)
    with pytest.raises(CurriculumError, match="an epoch from 0 to 5, found 6"):
        sampler.set_epoch(6)
    with pytest.raises(CurriculumError, match="found 2 indices and 1 losses"):
        sampler.update_losses([0, 1], [0.5])
    with pytest.raises(CurriculumError, match="the 24 training images, found 0 to 24"):
        sampler.update_losses([0, 24], [0.5, 0.5])


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    epoch=st.integers(0, 5), seed=st.integers(0, 2**32), processes=st.integers(1, 9),
    length=st.none() | st.integers(1, 60), balance=st.sampled_from(["none", "inverse"]),
)  # fmt: skip
def test_any_sharing_is_a_division_of_the_same_epoch(
    curriculum: Curriculum, epoch: int, seed: int, processes: int, length: int | None, balance: str
) -> None:
    stages = tuple(replace(stage, balance=balance) for stage in STAGED.stages)
    own = replace(curriculum, schedule=replace(STAGED, stages=stages))
    whole = CurriculumSampler(own, 1, 0, seed, length)
    whole.set_epoch(epoch)
    order = list(whole)
    parts = []
    for rank in range(processes):
        part = CurriculumSampler(own, processes, rank, seed, length)
        part.set_epoch(epoch)
        parts.append(list(part))
        assert len(parts[-1]) == len(part)
    woven = [row for rows in zip(*parts, strict=True) for row in rows]
    assert woven[: len(order)] == order
    assert set(woven) == set(order)
