"""What every export format must keep, whatever the images and classes are called."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from curate.errors import ExportError
from curate.remedies.formats import FORMATS, LINKS, Content, check_formats
from made_export import content_of, digest_of, image, tree

ONLY_TRAIN = {"folds"}
"""Formats that speak of the training images alone."""

LISTS = {"csv", "parquet", "jsonl", "folds"}
"""Formats that name images where they lie."""

AWKWARD = [
    "a/b", "..", ".", "con", "CON", "Con.jpg", "trailing dot.", "trailing space ", " leading",
    "%41", "a\\b", "naïve", "nai\u0308ve", "NAÏVE", "日本", "a,b", 'say "no"', "x;y", "tab\there",
    "NA", "7", "test", ".hidden", "-rf", "cat", "Cat", "\u2028", "null", "🐈",
]  # fmt: skip

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
base_names = (
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12)
    .filter(lambda name: name not in (".", ".."))
    .flatmap(lambda name: st.sampled_from([name, f"{name}.jpg", f"{name}.PNG", f"{name}.webp"]))
    .filter(lambda name: len(name.encode()) < 200)
)
class_lists = st.lists(
    st.one_of(st.sampled_from(AWKWARD), text), min_size=1, max_size=5, unique=True
)


@pytest.fixture(params=sorted(FORMATS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def facts(table: pd.DataFrame, with_tier: bool) -> Counter[tuple[str, ...]]:
    """How often each image is there as what."""
    return Counter(
        (
            digest_of(row.filepath),
            row.split,
            row.label if isinstance(row.label, str) else "-",
            *([row.tier if isinstance(row.tier, str) and row.tier else "-"] if with_tier else []),
        )
        for row in table.itertuples()
    )


def check_round_trip(name: str, content: Content, folder: Path) -> None:
    FORMATS[name].write(folder, content)
    found = FORMATS[name].read(folder)
    assert list(found) == ["filepath", "split", "label", "tier"]
    wanted = content.kept
    if name in ONLY_TRAIN:
        wanted = wanted[wanted["split"] == "train"]
    with_tier = bool(found["tier"].notna().any())
    assert facts(found, with_tier) == facts(wanted, with_tier)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    classes=class_lists,
    names=st.lists(base_names, min_size=2, max_size=6),
    link=st.sampled_from(LINKS),
    data=st.data(),
)
@example(
    classes=AWKWARD,
    names=["a.png", "a.png", "A.png", "ä.png", "a\u0308.png"],
    link="copy",
    data=None,
)
def test_what_is_written_is_read_back(name, classes, names, link, data):
    """Any class and file names, in any split, two of the same base name too."""
    with tempfile.TemporaryDirectory() as place:
        rows = []
        for i, base in enumerate(names):
            split = data.draw(st.sampled_from(["train", "val", "test"])) if data else "train"
            label = data.draw(st.sampled_from(classes)) if data else classes[i % len(classes)]
            rows.append(
                {
                    "filepath": image(Path(place) / "images" / str(i) / base, i),
                    "split": "train" if i < 2 else split,
                    # Every third held-out image is one that nobody has labelled.
                    "label": None if split == "test" and i % 3 == 2 else label,
                    "tier": ["easy", "medium", "hard"][i % 3]
                    if split == "train" or i < 2
                    else None,
                }
            )
        content = content_of(rows, classes, link=link, folds=2)
        folder = Path(place) / "out"
        try:
            check_round_trip(name, content, folder)
        except ExportError as error:
            assert "line break" in str(error)
            assert any("\n" in one or "\r" in one for one in classes)


def some_content(folder: Path, **options: object) -> Content:
    rows = []
    for i in range(24):
        split = ["train", "train", "train", "val", "test"][i % 5]
        label = ["b", "a/b", "Z"][i % 3]
        rows.append(
            {
                "filepath": image(folder / f"{split}{i}" / f"{i % 4}.png", i),
                "split": split,
                "label": None if i % 10 == 4 else label,
                "tier": ["easy", "medium", "hard", "review"][i % 4] if split == "train" else None,
                "dropped": split == "train" and i % 4 == 3,
                "turn": "rot90" if i == 5 else "",
            }
        )
    return content_of(rows, ["Z", "a/b", "b"], folds=2, **options)


@pytest.mark.parametrize("link", LINKS)
def test_the_same_content_gives_the_same_bytes_and_is_left_alone(name, link, tmp_path):
    content = some_content(tmp_path / "images", link=link)
    before, images = content.table.copy(deep=True), tree(tmp_path / "images")
    FORMATS[name].write(tmp_path / "one", content)
    shutil.copytree(tmp_path / "one", tmp_path / "kept", symlinks=True)
    FORMATS[name].write(tmp_path / "another name", content)
    assert tree(tmp_path / "one") == tree(tmp_path / "another name") == tree(tmp_path / "kept")
    assert {path.name for path in tmp_path.iterdir()} == {"images", "one", "kept", "another name"}
    pd.testing.assert_frame_equal(content.table, before)
    assert tree(tmp_path / "images") == images


def test_a_turn_is_carried_out_or_told(name, tmp_path):
    """Lists name images where they lie, and tell the turn; whoever places images turns them."""
    paths = [image(tmp_path / "in" / f"{i}.png", i) for i in range(2)]
    rows = [{"filepath": path, "label": "a", "turn": "rot90"} for path in paths]
    FORMATS[name].write(tmp_path / "out", content_of(rows, ["a"], folds=2))
    found = FORMATS[name].read(tmp_path / "out")
    if name in LISTS:
        told = b"".join(one.read_bytes() for one in (tmp_path / "out").rglob("*.*"))
        assert b"rot90" in told
    elif name != "webdataset":  # which the package itself reads in test_format_readers.py
        turned = {image_bytes(np.rot90(pixels_of(path))) for path in paths}
        assert {image_bytes(pixels_of(path)) for path in found["filepath"]} == turned


def pixels_of(path: str | Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def image_bytes(pixels: np.ndarray[Any, Any]) -> bytes:
    return np.ascontiguousarray(pixels).tobytes()


def test_no_format_has_what_is_dropped(name, tmp_path):
    content = some_content(tmp_path / "images")
    FORMATS[name].write(tmp_path / "out", content)
    found = FORMATS[name].read(tmp_path / "out")
    assert len(found) == len(content.of("train") if name in ONLY_TRAIN else content.kept)
    dropped = set(content.table.loc[content.table["dropped"], "content_digest"])
    assert dropped
    assert not dropped & {digest_of(path) for path in found["filepath"]}


def test_no_images_or_one_is_an_export_too(name, tmp_path):
    """But for folds, of which one image makes none."""
    one = {"filepath": image(tmp_path / "only.png", 1), "label": "cat"}
    for rows in ([], [one]):
        folder = tmp_path / f"of {len(rows)}"
        if name == "folds":
            with pytest.raises(ExportError, match="Expected 2 to"):
                FORMATS[name].write(folder, content_of(rows, ["cat"]))
        else:
            check_round_trip(name, content_of(rows, ["cat"]), folder)


def test_it_says_in_a_line_what_it_is(name):
    assert FORMATS[name].name == name
    assert 10 < len(FORMATS[name].summary) < 80


def test_an_unknown_format_is_refused_with_those_most_like_it():
    with pytest.raises(ExportError, match=r"found 'wds', 'imagefolders'\.") as error:
        check_formats(["csv", "wds", "imagefolders"])
    assert "Did you mean" not in str(error.value)
    with pytest.raises(ExportError, match="Did you mean imagefolder"):
        check_formats(["ImageFoldr"])
    check_formats([*FORMATS, "fiftyone"], more=["fiftyone"])
