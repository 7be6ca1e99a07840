import hashlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from curate.data.catalog import scan
from curate.data.digits import PLANTED_KINDS, write_digits
from curate.data.images import UnreadableImage, load_rgb
from curate.data.views import apply_view, inverse_view
from curate.errors import DataError


def contents(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def grey(path: Path) -> np.ndarray:
    return np.asarray(load_rgb(path).convert("L"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "digits"
    write_digits(root)
    return root


@pytest.fixture(scope="module")
def planted(demo) -> pd.DataFrame:
    return pd.read_csv(demo / "planted.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def true_label(demo) -> dict[bytes, int]:
    """The class of each of the 1,797 pictures, by its pixels."""
    digits = load_digits()
    enlarged = (
        Image.fromarray(np.rint(pixels * 255 / 16).astype(np.uint8)).resize((64, 64), 3)
        for pixels in digits.images
    )
    return {
        image.tobytes(): int(label) for image, label in zip(enlarged, digits.target, strict=True)
    }


def test_plants_are_as_many_as_promised(planted):
    assert list(planted.columns) == ["filepath", "kind", "detail"]
    counts = planted["kind"].value_counts().to_dict()
    assert counts == {
        "orientation": 54,  # 3 % of 1,797
        "label_error": 36,  # 2 %
        "near_duplicate": 12,
        "unreadable": 3,
        "outlier": 1,
    }
    assert set(counts) == set(PLANTED_KINDS)
    turned = planted[planted["kind"] == "orientation"]["detail"]
    assert turned.value_counts().to_dict() == {"vflip": 27, "rot180": 27}


def test_plants_do_not_overlap(planted):
    originals = planted.loc[planted["kind"] == "near_duplicate", "detail"]
    involved = [*planted["filepath"], *originals]
    assert len(set(involved)) == len(involved)


def test_every_picture_is_there_once_and_only_the_recorded_ones_are_wrong(
    demo, planted, true_label
):
    kind = dict(zip(planted["filepath"], planted["kind"], strict=True))
    detail = dict(zip(planted["filepath"], planted["detail"], strict=True))
    seen: list[bytes] = []
    for path in sorted(demo.glob("*/*/*.png")):
        name = path.relative_to(demo).as_posix()
        folder = int(path.parent.name)
        if kind.get(name) in ("near_duplicate", "unreadable", "outlier"):
            continue
        pixels = grey(path)
        if kind.get(name) == "orientation":
            assert pixels.tobytes() not in true_label
            pixels = apply_view(pixels[..., None], inverse_view(detail[name]))[..., 0]
        label = true_label[pixels.tobytes()]
        if kind.get(name) == "label_error":
            assert label != folder
            assert str(label) == detail[name]
        else:
            assert label == folder, name
        seen.append(pixels.tobytes())
    assert len(seen) == 1797
    assert set(seen) == set(true_label)


def test_copies_are_shifted_and_brightened_train_images_of_the_same_class(demo, planted):
    copies = planted[planted["kind"] == "near_duplicate"]
    assert copies["filepath"].str.split("/").str[0].value_counts().to_dict() == {
        "val": 6,
        "test": 6,
    }
    for name, original in zip(copies["filepath"], copies["detail"], strict=True):
        assert original.split("/")[0] == "train"
        assert original.split("/")[1] == name.split("/")[1]
        copy, source = grey(demo / name), grey(demo / original).astype(float)
        assert copy.mean() > source.mean()
        lighter = np.clip(np.rint(source * 1.1 + 12), 0, 255)
        assert any(
            np.array_equal(np.roll(lighter, (dy, dx), (0, 1))[3:-3, 3:-3], copy[3:-3, 3:-3])
            for dy in (-3, -2, -1, 1, 2, 3)
            for dx in (-3, -2, -1, 1, 2, 3)
        )


def test_unreadable_files_are_what_they_say_and_the_outlier_is_a_colour_photograph(demo, planted):
    bad = planted[planted["kind"] == "unreadable"]
    assert sorted(bad["detail"]) == ["empty", "not_an_image", "truncated"]
    for name, problem in zip(bad["filepath"], bad["detail"], strict=True):
        with pytest.raises(UnreadableImage) as caught:
            load_rgb(demo / name)
        assert caught.value.problem == problem
    (photograph,) = planted.loc[planted["kind"] == "outlier", "filepath"]
    pixels = np.asarray(load_rgb(demo / photograph), dtype=int)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).mean() > 10


def test_it_is_a_dataset_that_scans(demo, planted):
    catalog = scan(demo)
    assert catalog.n_images == 1797 + 12 + 3 + 1
    assert len(catalog.problems) == 2  # the truncated one shows only when it is decoded
    assert catalog.class_names == tuple("0123456789")
    assert (catalog.notes, catalog.skipped) == ([], {})
    shares = catalog.table["split"].value_counts(normalize=True)
    assert shares.to_dict() == pytest.approx({"train": 0.7, "val": 0.15, "test": 0.15}, abs=0.01)
    per_class = catalog.table.groupby(["split", "label"]).size()
    assert per_class.min() >= 20


def test_file_names_say_nothing_about_the_plants(demo, planted):
    numbers = sorted(int(path.stem) for path in demo.glob("*/*/*.png"))
    assert numbers == list(range(1813))
    of_plants = planted["filepath"].str.extract(r"(\d{4})\.png")[0].astype(int)
    assert 600 < of_plants.mean() < 1200


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(demo, tmp_path):
    (tmp_path / "again").mkdir()  # an empty folder may be there
    write_digits(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(demo)
    other = write_digits(tmp_path / "other", seed=1)
    assert set(other["filepath"]) != set(write_digits(demo)["filepath"])
    assert len(other) == 106
    write_digits(tmp_path / "other", seed=0)  # an older demo dataset is replaced
    assert contents(tmp_path / "other") == contents(demo)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "other"]


def test_what_is_there_already_is_left_untouched_and_mended_when_incomplete(demo, planted):
    times = {path: path.stat().st_mtime_ns for path in demo.rglob("*")}
    pd.testing.assert_frame_equal(write_digits(demo), planted)
    assert times == {path: path.stat().st_mtime_ns for path in demo.rglob("*")}
    before = contents(demo)
    next(demo.glob("train/3/*.png")).unlink()
    write_digits(demo)
    assert contents(demo) == before


def test_other_peoples_folders_are_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match=r"Expected a new folder .*found the file .*Choose another"):
        write_digits(tmp_path / "file")
    mine = tmp_path / "mine"
    (mine / "train" / "3").mkdir(parents=True)
    (mine / "train" / "3" / "0001.png").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"found other files: 'train/3/0001\.png'\. Choose another"):
        write_digits(mine)
    (mine / "planted.csv").write_text("filepath,kind,detail\n")
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match=r"found other files: 'thesis\.txt'\. Choose another"):
        write_digits(mine)
    assert (mine / "thesis.txt").read_text() == "years of work"


def test_a_failure_leaves_what_was_there(demo, tmp_path, monkeypatch):
    target = tmp_path / "digits"
    shutil.copytree(demo, target)
    before = contents(target)

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("curate.data.digits.write_json", fail)
    with pytest.raises(OSError, match="disk full"):
        write_digits(target, seed=1)
    assert contents(target) == before
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]
