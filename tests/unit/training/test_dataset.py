"""What `CurriculumDataset` makes of the images of an export."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from curate.data.images import load_rgb
from curate.errors import CurriculumError, DataError
from curate.recipe.policy import Policy, Step
from curate.recipe.stages import Schedule, Stage
from curate.training.dataset import CurriculumDataset, Draw
from made_curriculum import CLASSES, TIERS, edit, make_export


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_export(tmp_path_factory.mktemp("exports") / "staged")


def array(image: Image.Image) -> np.ndarray:
    """A transform that shows the pixels; a function of the module, so that workers can have it."""
    return np.asarray(image)


def test_it_says_what_it_holds(export: Path) -> None:
    train, val, test = (CurriculumDataset(export, split) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (24, 6, 5)  # one of test has no label
    assert train.classes == CLASSES
    assert train.targets.tolist() == [i % 3 for i in range(24)]
    assert train.weights.sum() == 12
    train.set_epoch(4)
    assert train.weights.tolist() == [1] * 24
    assert val.weights.tolist() == [1] * 6


def test_images_are_upright_floats_of_the_size_asked_for(export: Path) -> None:
    image, target = CurriculumDataset(export)[7]
    assert (image.shape, image.dtype, target) == ((3, 12, 16), torch.float32, 1)
    assert image[0, 0, 0] == torch.tensor(7 / 255)
    assert CurriculumDataset(export, image_size=8)[0][0].shape == (3, 8, 8)
    assert CurriculumDataset(export, transform=array, image_size=8)[0][0].shape == (8, 8, 3)


def test_timms_data_config_prepares_them(export: Path) -> None:
    config = {
        "input_size": (3, 32, 32), "mean": (0.5,) * 3, "std": (0.25,) * 3, "crop_pct": 1.0,
        "interpolation": "nearest", "crop_mode": "center", "first_conv": "ignored",
    }  # fmt: skip
    image, _ = CurriculumDataset(export, data_config=config)[1]
    assert image.shape == (3, 32, 32)
    assert image[1, -1, -1] == pytest.approx((120 / 255 - 0.5) / 0.25)
    assert CurriculumDataset(export, data_config=config, image_size=20)[1][0].shape == (3, 20, 20)
    grey = {**config, "input_size": (1, 32, 32), "mean": (0.5,), "std": (0.25,)}
    assert CurriculumDataset(export, data_config=grey)[1][0].shape == (1, 32, 32)


def test_it_can_be_sent_to_workers_that_are_no_forks(augmented: Path) -> None:
    dataset = CurriculumDataset(augmented, image_size=8, epoch=2)
    images = [dataset[i][0] for i in range(24)]
    loader = torch.utils.data.DataLoader(
        dataset, 24, num_workers=1, multiprocessing_context="spawn", persistent_workers=True
    )
    for epoch in (2, 1, 2):
        dataset.set_epoch(epoch)
        same = torch.equal(next(iter(loader))[0], torch.stack(images))
        assert same == (epoch == 2)


def test_what_a_person_turned_is_turned_and_exif_is_heeded(tmp_path: Path) -> None:
    folder = make_export(tmp_path / "export")
    edit(folder, "train", 0, turn="rot180")
    edit(folder, "val", 1, turn="rot90")
    path = tmp_path / "sideways.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20), (200, 0, 0)).save(path, exif=exif)
    edit(folder, "train", 3, filepath=path)
    train = CurriculumDataset(folder, transform=array)
    assert train[0][0][-1, -1].tolist() == [0, 0, 0]
    assert train[0][0][0, 0].tolist() == [40, 40, 40]
    assert train[3][0].shape == (*load_rgb(path).size[::-1], 3) == (30, 20, 3)
    assert CurriculumDataset(folder, "val", transform=array)[1][0].shape == (16, 12, 3)


def test_running_workers_see_the_epoch(export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Telling(CurriculumDataset):
        def __getitem__(self, index: int) -> tuple[int, int]:
            return self.epoch, int(index)

    loader = torch.utils.data.DataLoader(
        Telling(export), batch_size=6, num_workers=2, persistent_workers=True
    )
    for epoch in (0, 3, 5, 1):
        loader.dataset.set_epoch(epoch)
        seen, rows = (torch.cat(part) for part in zip(*loader, strict=True))
        assert seen.tolist() == [epoch] * 24
        assert rows.tolist() == list(range(24))


def test_a_draw_is_its_number_to_all_others() -> None:
    draw = pickle.loads(pickle.dumps(Draw(7, 2)))  # noqa: S301 - as a loader sends it to workers
    assert draw == 7
    assert hash(draw) == hash(7)
    assert draw.repeat == 2
    assert torch.tensor([draw]).tolist() == [7]
    assert [10, 11, 12][Draw(1, 1)] == 11


POLICY = Policy(
    (
        (),
        (Step("rotate", 1.0, (5, 45)), Step("vertical_flip", 1.0, excluded_classes=("dog",))),
        (Step("mixup", 0.5, (0.2, 0.8)), Step("grey", 1.0)),
    ),
    CLASSES,
)
AUGMENTED = Schedule(
    "custom",
    4,
    (Stage(0, 1, TIERS), Stage(1, 2, TIERS, policy_stage=0), Stage(2, 3, TIERS, policy_stage=1),
     Stage(3, 4, TIERS, policy_stage=2)),
)  # fmt: skip


@pytest.fixture(scope="module")
def augmented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_export(tmp_path_factory.mktemp("exports") / "augmented", AUGMENTED, policy=POLICY)


def test_the_policy_of_the_stage_is_applied_class_by_class(augmented: Path) -> None:
    dataset = CurriculumDataset(augmented, transform=array)
    plain = [dataset[i][0] for i in range(24)]
    dataset.set_epoch(1)
    assert all((dataset[i][0] == plain[i]).all() for i in range(24))
    dataset.set_epoch(2)
    changed = [dataset[i][0] for i in range(24)]
    assert not any((changed[i] == plain[i]).all() for i in range(24))
    dataset.set_epoch(3)
    assert all(np.ptp(dataset[i][0], axis=2).max() == 0 for i in range(24))
    val = CurriculumDataset(augmented, "val", transform=array, epoch=2)
    assert (val[0][0] == load_rgb(val.paths[0])).all()


def test_a_step_passes_over_the_classes_it_excludes(tmp_path: Path) -> None:
    step = Step("vertical_flip", 1.0, excluded_classes=("dog",))
    schedule = Schedule("custom", 1, (Stage(0, 1, TIERS, policy_stage=0),))
    folder = make_export(tmp_path / "export", schedule, policy=Policy(((step,),), CLASSES))
    dataset = CurriculumDataset(folder, transform=array)
    for i in range(24):
        marked = dataset[i][0][0 if dataset.targets[i] == 1 else -1, 0]
        assert marked.tolist() == [i, 0, 0]


def test_a_picture_depends_on_seed_epoch_image_and_repeat_alone(augmented: Path) -> None:
    one, two = (CurriculumDataset(augmented, transform=array, epoch=2) for _ in range(2))
    other = CurriculumDataset(augmented, transform=array, epoch=2, seed=1)
    again = [two[i][0] for i in reversed(range(24))][::-1]
    assert all((one[i][0] == again[i]).all() for i in range(24))
    assert (one[Draw(3, 0)][0] == one[3][0]).all()
    assert (one[Draw(3, 1)][0] != one[3][0]).any()
    assert (other[3][0] != one[3][0]).any()


def test_the_number_of_workers_changes_nothing(augmented: Path) -> None:
    dataset = CurriculumDataset(augmented, epoch=2)
    found = [
        torch.cat([images for images, _ in torch.utils.data.DataLoader(
            dataset, batch_size=batch, num_workers=workers)])
        for workers, batch in ((0, 24), (1, 5), (2, 7))
    ]  # fmt: skip
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_what_mixes_a_batch_is_named_for_the_trainer(augmented: Path) -> None:
    dataset = CurriculumDataset(augmented)
    assert dict(dataset.batch_steps) == {}
    dataset.set_epoch(3)
    assert dataset.batch_steps["mixup"].magnitude == (0.2, 0.8)
    assert dict(CurriculumDataset(augmented, "val", epoch=3).batch_steps) == {}


def test_images_too_small_for_the_transforms_stay_as_they_are(tmp_path: Path) -> None:
    schedule = Schedule("custom", 1, (Stage(0, 1, TIERS, policy_stage=1),))
    folder = make_export(tmp_path / "export", schedule, policy=POLICY)
    Image.new("RGB", (9, 5), (10, 20, 30)).save(tmp_path / "small.png")
    edit(folder, "train", 2, filepath=tmp_path / "small.png")
    assert CurriculumDataset(folder)[2][0].shape == (3, 5, 9)


def test_the_learning_rate_falls_with_the_stages(export: Path) -> None:
    dataset = CurriculumDataset(export)
    assert [dataset.lr_scale(epoch) for epoch in range(6)] == pytest.approx(
        [1, 1, 0.5, 0.5, 0.1, 0.1]
    )
    dataset.set_epoch(2)
    assert dataset.lr_scale() == 0.5


def test_rows_are_given_with_the_images_if_asked(export: Path) -> None:
    dataset = CurriculumDataset(export, return_index=True, transform=array)
    assert dataset[5][1:] == (2, 5)
    assert dataset[-1][1:] == (2, 23)
    with pytest.raises(IndexError, match="below 24, found 24"):
        dataset[24]
    assert len(list(dataset)) == 24


def test_a_missing_image_is_named_with_what_to_do(tmp_path: Path) -> None:
    folder = make_export(tmp_path / "export")
    dataset = CurriculumDataset(folder)
    Path(dataset.paths[2]).unlink()
    with pytest.raises(DataError, match=r"002\.png, found none.*curate export --check"):
        dataset[2]
    loader = torch.utils.data.DataLoader(dataset, batch_size=3, num_workers=1)
    with pytest.raises(DataError, match=r"002\.png, found none"):
        list(loader)


def test_wrong_arguments_are_refused(export: Path, tmp_path: Path) -> None:
    with pytest.raises(CurriculumError, match="train, val, test, found 'valid'"):
        CurriculumDataset(export, "valid")
    with pytest.raises(CurriculumError, match="found both"):
        CurriculumDataset(export, transform=array, data_config={})
    with pytest.raises(CurriculumError, match="an epoch from 0 to 5, found 6"):
        CurriculumDataset(export, epoch=6)
    with pytest.raises(CurriculumError, match=r"found a folder without curriculum\.json"):
        CurriculumDataset(tmp_path)
