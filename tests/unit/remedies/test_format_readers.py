"""The programs that the formats are for read them, and find every image under its class."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from curate.recipe.schedule import make_schedule
from curate.remedies.formats import FORMATS, Content
from made_export import content_of, image

CLASSES = ["10", "2", "Zebra", "a/b", "test"]
"""Sorted as we do; timm would sort 2 before 10, and a folder called test is a trap."""

UNCLOSED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""These readers leave the files that they open to the garbage collector."""


@pytest.fixture
def content(tmp_path: Path) -> Content:
    """Forty images of five classes, with a webp, one without an extension and one to be turned."""
    rows = []
    for i in range(40):
        split = ["train", "train", "train", "val", "test"][i // 5 % 5]
        kind, name = {3: ("WEBP", "x.webp"), 7: ("PNG", "bare"), 9: ("GIF", "x.gif")}.get(
            i, ("PNG", f"{i % 3}.png")
        )
        rows.append(
            {
                "filepath": image(tmp_path / "train" / f"{i}" / name, i, kind),
                "split": split,
                "label": None if split == "test" and i % 4 == 0 else CLASSES[i % 5],
                "tier": ["easy", "medium", "hard"][i % 3] if split == "train" else None,
                "format": kind,
                "turn": "rot90" if i == 2 else "",
            }
        )
    return content_of(rows, CLASSES)


def wanted(table: pd.DataFrame) -> Counter[str]:
    return Counter(table["label"].dropna())


def test_torchvision_reads_each_split_and_stage(content, tmp_path):
    from torchvision.datasets import ImageFolder

    FORMATS["imagefolder"].write(tmp_path / "out", content)
    map_of = (tmp_path / "out" / "class_map.txt").read_text().splitlines()
    for part, rows in content.parts():
        dataset = ImageFolder(str(tmp_path / "out" / part), allow_empty=True)
        assert dataset.classes == sorted(map_of)
        assert len(dataset) == rows["label"].notna().sum()
        found = Counter(CLASSES[map_of.index(dataset.classes[c])] for c in dataset.targets)
        assert found == wanted(rows)
        assert all(dataset[i][0].mode == "RGB" for i in range(len(dataset)))
    stages = [len(list((tmp_path / "out" / f"train_stage{i}").rglob("*.*"))) for i in (1, 2, 3)]
    assert stages == sorted(stages) and stages[0] < stages[2]


@UNCLOSED
def test_timm_reads_each_split_and_stage_with_our_targets(content, tmp_path):
    from timm.data import create_dataset

    out = tmp_path / "out"
    FORMATS["timm"].write(out, content)
    for part, rows in content.parts():
        dataset = create_dataset(
            name="", root=str(out), split=part, class_map=str(out / "class_map.txt")
        )
        assert len(dataset) == rows["label"].notna().sum()
        assert Counter(dataset[i][1] for i in range(len(dataset))) == Counter(
            rows["target"].dropna().astype(int)
        )


@UNCLOSED
def test_hugging_face_reads_the_splits_with_their_metadata(content, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as a user would: its own dependencies' are not ours
        import datasets

        datasets.disable_progress_bars()
        FORMATS["huggingface"].write(tmp_path / "out", content)
        found = datasets.load_dataset(
            "imagefolder", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache")
        )
    for name, split in (("train", "train"), ("validation", "val"), ("test", "test")):
        rows, ours = found[name], content.of(split)
        assert len(rows) == len(ours)
        assert Counter(rows["label"]) == Counter(ours["label"].where(ours["label"].notna(), None))
        by_id = ours.set_index("sample_id")
        for row in rows:
            own = by_id.loc[row["sample_id"]]
            assert row["target"] == (None if pd.isna(own["target"]) else own["target"])
            with Image.open(own["filepath"]) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            wanted = np.rot90(pixels) if own["turn"] else pixels
            np.testing.assert_array_equal(np.asarray(row["image"].convert("RGB")), wanted)
    first = found["train"].filter(lambda row: 1 in row["stages"])
    assert set(first["sample_id"]) == set(content.stages[0]["sample_id"])


@UNCLOSED
def test_webdataset_reads_the_shards_of_each_stage(content, tmp_path):
    import json

    import webdataset as wds

    FORMATS["webdataset"].write(tmp_path / "out", content)
    about = json.loads((tmp_path / "out" / "shards.json").read_text())
    parts = [about["train"], about["val"], about["test"], *about["stages"]]
    tables = [content.of(split) for split in ("train", "val", "test")] + list(content.stages)
    for shards, rows in zip(parts, tables, strict=True):
        urls = [str(tmp_path / "out" / shard) for shard in shards]
        samples = list(wds.WebDataset(urls, shardshuffle=False).decode("pil"))
        assert {sample["__key__"] for sample in samples} == set(rows["sample_id"])
        by_id = rows.set_index("sample_id")
        for sample in samples:
            own = by_id.loc[sample["__key__"]]
            assert sample.get("cls") == (None if pd.isna(own["target"]) else own["target"])
            assert sample["json"]["label"] == (
                own["label"] if isinstance(own["label"], str) else None
            )
            picture = sample.get("png", sample.get("jpg"))
            assert picture.size == ((4, 6) if own["turn"] else (6, 4))


def test_a_shard_is_closed_when_it_is_full(content, tmp_path, monkeypatch):
    from curate.remedies.formats import webdataset

    monkeypatch.setattr(webdataset, "MAX_IMAGES", 3)
    FORMATS["webdataset"].write(tmp_path / "out", content)
    names = {path.name for path in (tmp_path / "out").glob("val-*.tar")}
    assert names == {"val-000000.tar", "val-000001.tar"} | {"val-000002.tar"} & names
    assert len(FORMATS["webdataset"].read(tmp_path / "out")) == len(content.kept)


def test_keras_finds_every_file_and_no_class_is_a_number(content, tmp_path):
    """By the rules of flow_from_dataframe: text columns, its extensions, paths by os.path.join."""
    out = tmp_path / "out"
    FORMATS["keras"].write(out, content)
    classes = (out / "classes.txt").read_text().splitlines()
    for part, rows in content.parts():
        table = pd.read_csv(out / f"{part}.csv", dtype=str, keep_default_na=False)
        assert list(table)[:2] == ["filename", "class"]
        assert Counter(table["class"][table["class"] != ""]) == wanted(rows)
        assert set(table["class"]) <= {*classes, ""}
        for name in table["filename"]:
            path = out / name
            assert path.suffix in (
                ".png",
                ".jpg",
                ".jpeg",
                ".bmp",
                ".ppm",
                ".tif",
                ".tiff",
                ".webp",
            )
            with Image.open(path) as picture:
                picture.load()


def test_what_pandas_reads_of_the_lists(content, tmp_path):
    """With no options but those for text: numbers are numbers, and Parquet knows by itself."""
    FORMATS["csv"].write(tmp_path / "csv", content)
    FORMATS["parquet"].write(tmp_path / "parquet", content)
    lists = pd.read_csv(tmp_path / "csv" / "train.csv", dtype={"label": str})
    typed = pd.read_parquet(tmp_path / "parquet" / "train.parquet")
    for table in (lists, typed):
        assert table["target"].dtype == np.int64
        assert table["difficulty"].dtype == table["weight"].dtype == np.float64
        assert table["label"].tolist() == content.of("train")["label"].tolist()


def test_a_schedule_by_shares_has_a_tree_a_stage(tmp_path):
    rows = [
        {"filepath": image(tmp_path / "in" / f"{i}.png", i), "label": "ab"[i % 2]}
        for i in range(20)
    ]
    schedule = make_schedule("easy-to-hard", 5, ["easy"], pacing="linear")
    content = content_of(rows, ["a", "b"], schedule=schedule)
    FORMATS["imagefolder"].write(tmp_path / "out", content)
    sizes = [len(stage) for stage in content.stages]
    assert sizes == sorted(sizes) and sizes[0] == 4 and sizes[-1] == 20
    for number, size in enumerate(sizes, start=1):
        assert len(list((tmp_path / "out" / f"train_stage{number}").glob("*/*.png"))) == size


def test_a_copy_is_on_the_disk_once_however_many_stages_have_it(content, tmp_path):
    from dataclasses import replace

    FORMATS["imagefolder"].write(tmp_path / "out", replace(content, link="copy"))
    paths = [path for path in (tmp_path / "out").glob("train*/*/*") if path.is_file()]
    inodes = {path.stat().st_ino for path in paths}
    assert len(inodes) == len(content.of("train")) < len(paths)
