"""`curate inspect` as a person types it: facts of real files, to stdout, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from curate.data.images import load_rgb
from curate.data.statistics import image_stats
from shapes import write_shapes

HEAVY = {"torch", "fiftyone", "sklearn", "timm", "umap", "faiss", "cleanlab", "openvino"}


def inspect(*args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "curate", "inspect", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def facts(*args: str | Path) -> dict[str, Any]:
    done = inspect(*args, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Shapes with a broken image, a copy across splits, a turned one, a hidden file."""
    root = write_shapes(tmp_path / "data", {"train": 20, "val": 6, "test": 6})
    broken = root / "train/disc/000.png"
    broken.write_bytes(broken.read_bytes()[:1500])
    shutil.copy(root / "train/square/001.png", root / "val/square/copy.png")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    with Image.open(root / "train/stripes/002.png") as image:
        image.rotate(90).save(root / "train/stripes/turned.jpg", exif=exif)
    (root / "train/disc/.hidden").write_bytes(b"x")
    return root


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_page_and_that_nothing_is_written(data: Path) -> None:
    before = everything(data.parent)
    done = inspect(data)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("98 images = train 60 + val 19 + test 18 + 1 problems, 3 classes")
    assert max(map(len, lines)) <= 100
    for words in (
        "problem truncated: 1: train/disc/000.png",
        "val/square/copy.png",
        "train/stripes/turned.jpg",
        "Pixels of all 97 readable images were measured.",
    ):
        assert words in done.stdout
    assert everything(data.parent) == before


def test_json_has_every_image_once_and_the_numbers_of_the_files(data: Path) -> None:
    found = facts(data)
    counts = found["counts"]
    assert counts["images"] == counts["readable"] + counts["problems"] == 98
    assert found["problems"]["truncated"]["examples"] == ["train/disc/000.png"]
    assert found["identical"]["across_splits"] == {"groups": 1, "images": 2}
    assert found["identical"]["examples"][0]["files"] == [
        "train/square/001.png", "val/square/copy.png",
    ]  # fmt: skip
    assert found["files"]["turned_by_exif"]["examples"] == ["train/stripes/turned.jpg"]
    assert found["files"]["formats"] == {"PNG": 96, "JPEG": 1}
    assert found["skipped"] == {"hidden": 1}
    readable = [p for p in sorted(data.rglob("*.*")) if p.name not in ("000.png", ".hidden")]
    readable += [p for p in data.rglob("000.png") if p.parent != data / "train/disc"]
    bright = [image_stats(np.asarray(load_rgb(path)))["brightness"] for path in readable]
    assert found["pixels"]["statistics"]["brightness"]["p50"] == pytest.approx(
        float(np.median(bright)), rel=1e-4
    )


def test_a_sample_is_seeded_and_says_what_it_is(data: Path) -> None:
    first, again = facts(data, "--sample", "30"), facts(data, "--sample", "30")
    other = facts(data, "--sample", "30", "--seed", "1")
    assert first == again
    assert first["pixels"]["statistics"] != other["pixels"]["statistics"]
    assert first["pixels"]["measured"] + first["pixels"]["undecodable"]["images"] == 30
    assert first["pixels"]["sampled"] is True
    assert len(first["pixels"]["statistics"]["entropy"]["median_interval"]) == 2
    assert facts(data, "--sample", "all")["pixels"]["sampled"] is False


def test_a_class_with_a_shortcut_is_named(data: Path) -> None:
    for path in data.rglob("disc/*.png"):
        if path != data / "train/disc/000.png":
            with Image.open(path) as image:
                image.convert("RGB").save(path.with_suffix(".jpg"))
            path.unlink()
    named = {about["label"]: about["reasons"] for about in facts(data)["odd_classes"]}
    texts = [reason["text"] for reason in named["disc"] if reason["kind"] == "format"]
    assert texts[0].startswith("all 31 images are JPEG; of the other classes' images 1 of 66")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nowhere"], "nowhere"),
        (["--sample", "0", "."], "expected all or a number of at least 1, found '0'"),
        (["--sample", "many", "."], "found 'many'"),
        (["--val-fraction", "2", "."], "--val-fraction"),
        (["."], "Expected"),
    ],
)
def test_bad_input_ends_with_2_and_one_message(
    args: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = inspect(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_nothing_heavy_is_imported(data: Path) -> None:
    code = (
        "import sys; from curate.cli import cli, run; code = run(cli, sys.argv[1:]); "
        "sys.stderr.write(' '.join(sys.modules)); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "inspect", str(data)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "curate.pipeline.inspect" in done.stderr
    assert not HEAVY & set(done.stderr.split())
