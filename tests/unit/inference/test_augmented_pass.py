"""The pass over changed copies: what is made of which image, once, and again after a kill."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from curate.inference.augmented import (
    Change,
    CopyWork,
    copy_key,
    embed_copies,
    gather_copies,
    missing_copies,
)
from curate.inference.hog import Hog
from curate.recipe.transforms import render
from curate.store.shards import Shards

FLIP, TURN, MORE = Change("vertical_flip", 1.0), Change("rotate", 10.0), Change("rotate", 20.0)


class Counting(Hog):
    """Hog that counts its images."""

    batch_size = 8

    def __init__(self) -> None:
        self.seen = 0

    def forward(self, batch: Any) -> Any:
        self.seen += len(batch)
        assert len(batch) <= self.batch_size
        return super().forward(batch)


@pytest.fixture
def images(tmp_path: Path) -> list[CopyWork]:
    rng = np.random.default_rng(0)
    work = []
    for i in range(6):
        path = tmp_path / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (40, 48, 3), np.uint8)).save(path)
        work.append(CopyWork(str(path), f"digest{i}", (FLIP, TURN, MORE)))
    return work


def test_every_copy_is_what_its_transform_makes_of_the_prepared_image(
    images: list[CopyWork], tmp_path: Path
) -> None:
    hog = Counting()
    shards = Shards(tmp_path / "shards")
    assert embed_copies(shards, images, hog, render, seed=3) == {}
    assert hog.seen == 18
    flipped, turned = gather_copies(
        Shards(tmp_path / "shards"), [["digest4", "digest0"], ["digest1"]], [FLIP, TURN], 3
    )
    plain = [hog.prepare(Image.open(images[i].path).convert("RGB")) for i in (4, 0)]
    wanted = hog.forward(np.stack([image[::-1] for image in plain])).embeddings
    np.testing.assert_array_equal(flipped, wanted)
    assert turned.shape == (1, flipped.shape[1])
    assert not np.array_equal(turned[0], flipped[0])


def test_a_draw_is_of_the_image_and_the_seed_and_the_same_at_every_level(
    images: list[CopyWork], tmp_path: Path
) -> None:
    asked: list[tuple[str, float, int]] = []

    def told(name: str, pixels: Any, level: float, seed: int) -> Any:
        asked.append((name, level, seed))
        return pixels

    embed_copies(Shards(tmp_path / "a"), images, Hog(), told, seed=0, workers=1)
    seeds = {seed for name, _, seed in asked if name == "rotate"}
    assert len(seeds) == 6
    assert {seed for name, level, seed in asked if (name, level) == ("rotate", 20.0)} == seeds
    first = list(asked)
    asked.clear()
    embed_copies(Shards(tmp_path / "b"), images[::-1], Hog(), told, seed=0, workers=1)
    assert sorted(asked) == sorted(first)
    asked.clear()
    embed_copies(Shards(tmp_path / "c"), images, Hog(), told, seed=1, workers=1)
    assert not {seed for *_, seed in asked} & {seed for *_, seed in first}


def test_what_is_there_is_not_made_again(images: list[CopyWork], tmp_path: Path) -> None:
    shards = Shards(tmp_path / "shards")
    embed_copies(shards, [w._replace(changes=(FLIP,)) for w in images], Hog(), render, seed=0)
    hog = Counting()
    embed_copies(Shards(tmp_path / "shards"), images, hog, render, seed=0)
    assert hog.seen == 12
    again = Counting()
    embed_copies(Shards(tmp_path / "shards"), images, again, render, seed=0)
    assert again.seen == 0
    assert missing_copies(Shards(tmp_path / "shards"), images, 0) == []
    assert len(missing_copies(Shards(tmp_path / "shards"), images, 1)) == 6


def test_equal_files_are_done_once_with_all_that_is_asked_of_either(
    images: list[CopyWork], tmp_path: Path
) -> None:
    first = images[0]
    twice = [
        first._replace(changes=(FLIP,)),
        first._replace(path="copy.png", changes=(FLIP, TURN)),
    ]
    assert missing_copies(Shards(tmp_path / "s"), twice, 0) == [
        first._replace(changes=(FLIP, TURN))
    ]


def test_files_that_are_gone_are_told_and_broken_ones_are_remembered(
    images: list[CopyWork], tmp_path: Path
) -> None:
    Path(images[1].path).unlink()
    Path(images[2].path).write_bytes(b"no image at all")
    shards = Shards(tmp_path / "shards")
    problems = embed_copies(shards, images, Hog(), render, seed=0)
    assert set(problems) == {"digest1"}
    assert shards.note("digest2")[0] == "not_an_image"
    assert shards.has("copies", copy_key("digest3", FLIP, 0))
    assert [item.digest for item in missing_copies(shards, images, 0)] == ["digest1"]


def test_a_transform_that_changes_the_shape_is_a_fault(
    images: list[CopyWork], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="vertical_flip: expected"):
        embed_copies(
            Shards(tmp_path / "s"), images, Hog(), lambda _n, pixels, _l, _s: pixels[:9], seed=0
        )


PASS = """
import sys, time
from pathlib import Path
from curate.inference.augmented import Change, CopyWork, embed_copies
from curate.inference.hog import Hog
from curate.recipe.transforms import render
from curate.store.shards import Shards

class Slow(Hog):
    batch_size = 4

    def forward(self, batch):
        with open(sys.argv[2], "a") as log:
            log.write(f"{len(batch)}\\n")
        time.sleep(float(sys.argv[3]))
        return super().forward(batch)

root = Path(sys.argv[1])
changes = (Change("vertical_flip", 1.0), Change("rotate", 10.0))
work = [CopyWork(str(path), path.stem, changes) for path in sorted(root.glob("*.png"))]
embed_copies(Shards(root / "shards"), work, Slow(), render, 0, workers=1, shard_rows=12)
"""


def test_a_killed_pass_goes_on_with_what_its_shards_lack(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(24):
        picture = rng.integers(0, 256, (32, 32), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{i:02d}.png")
    log = tmp_path / "forwards.txt"

    def passed() -> int:
        return sum(map(int, log.read_text().split())) if log.exists() else 0

    def command(seconds: float) -> list[str]:
        return [sys.executable, "-c", PASS, str(tmp_path), str(log), str(seconds)]

    with subprocess.Popen(command(0.05)) as process:
        deadline = time.monotonic() + 120
        while passed() < 24:
            assert process.poll() is None, "ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    subprocess.run(command(0), check=True, timeout=120)

    changes = (Change("vertical_flip", 1.0), Change("rotate", 10.0))
    digests = [f"{i:02d}" for i in range(24)]
    each = [digests, digests]
    found = gather_copies(Shards(tmp_path / "shards"), each, changes, 0)
    whole = Shards(tmp_path / "whole")
    work = [CopyWork(str(tmp_path / f"{d}.png"), d, changes) for d in digests]
    embed_copies(whole, work, Hog(), render, 0)
    for ours, wanted in zip(found, gather_copies(whole, each, changes, 0), strict=True):
        np.testing.assert_array_equal(ours, wanted)
    # 48 rows are wanted; the kill may lose a shard of 12 rows and the batches under way.
    assert 48 <= passed() <= 48 + 12 + 3 * 4
