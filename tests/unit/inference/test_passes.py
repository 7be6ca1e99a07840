from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curate.data.images import load_rgb
from curate.data.photometric import change
from curate.data.statistics import STATISTICS, image_stats
from curate.data.views import apply_view
from curate.inference import decoding
from curate.inference.embedder import Output
from curate.inference.hog import Hog
from curate.inference.passes import IDENTITY, Work, array_name, embed_into
from curate.store.shards import Shards


class Counting(Hog):
    """HOG that counts the images it is given, and can be made to fail."""

    def __init__(self, fail_after: int = 10**9) -> None:
        self.seen, self.started, self.fail_after = 0, 0, fail_after

    def start(self, n_forward: int) -> None:
        self.started += 1

    def forward(self, batch: np.ndarray) -> Output:
        if self.seen + len(batch) > self.fail_after:
            raise KeyboardInterrupt
        self.seen += len(batch)
        return super().forward(batch)


@pytest.fixture
def work(tmp_path: Path) -> list[Work]:
    """Nine pictures of several sizes, of which the fifth cannot be decoded; two views each."""
    rng = np.random.default_rng(0)
    items = []
    for i in range(9):
        path = tmp_path / "images" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40 + i, 50, 3), np.uint8)).save(path)
        if i == 4:
            path.write_bytes(path.read_bytes()[:1000])
        items.append(as_work(path))
    return items


def as_work(path: Path, views: tuple[str, ...] = (IDENTITY, "vflip", "rot90")) -> Work:
    return Work(str(path), hashlib.sha256(path.read_bytes()).hexdigest()[:32], views)


def gathered(shards: Shards, work: list[Work], name: str = "embeddings") -> np.ndarray:
    digests = [item.digest for item in work if shards.note(item.digest) is None]
    out = np.zeros((len(digests), *shards.shape(name)))
    shards.gather(name, digests, out)
    return out


def test_every_image_and_view_is_embedded_as_on_its_own(work, tmp_path) -> None:
    shards, hog = Shards(tmp_path / "shards"), Hog()
    assert embed_into(shards, work, hog) == {}
    assert shards.note(work[4].digest)[0] == "truncated"
    good = [item for i, item in enumerate(work) if i != 4]
    for view in (IDENTITY, "vflip", "rot90"):
        found = gathered(shards, good, array_name(view))
        for row, item in enumerate(good):
            pixels = hog.prepare(load_rgb(item.path))
            turned = apply_view(pixels, view) if view else pixels
            np.testing.assert_array_equal(found[row], hog.forward(turned[None]).embeddings[0])
    stats = image_stats(np.asarray(load_rgb(good[2].path)))
    assert gathered(shards, good, "stats")[2].tolist() == [stats[name] for name in STATISTICS]


def test_named_changes_of_light_are_views_too(work, tmp_path) -> None:
    shards, hog = Shards(tmp_path / "shards"), Hog()
    views = (IDENTITY, "blurred", "low_contrast")
    embed_into(shards, [item._replace(views=views) for item in work[:3]], hog)
    for view in views[1:]:
        found = gathered(shards, work[:3], array_name(view))
        pixels = change(hog.prepare(load_rgb(work[1].path)), view)
        np.testing.assert_array_equal(found[1], hog.forward(pixels[None]).embeddings[0])


@pytest.mark.parametrize(("batch_size", "workers", "rows"), [(1, 1, 1), (3, 4, 5), (100, 2, 10**6)])
def test_batches_workers_and_shards_change_nothing(work, tmp_path, batch_size, workers, rows):
    reference, other = Shards(tmp_path / "a"), Shards(tmp_path / "b")
    embed_into(reference, work, Hog(), workers=1)
    hog = Hog()
    hog.batch_size = batch_size
    embed_into(other, work, hog, workers=workers, shard_rows=rows)
    for name in ("embeddings", "thumbnails", "stats", "view_vflip"):
        np.testing.assert_array_equal(gathered(reference, work, name), gathered(other, work, name))


def test_what_was_interrupted_goes_on_where_it_was(work, tmp_path) -> None:
    stopped, shards = Counting(fail_after=9), Shards(tmp_path / "shards")
    stopped.batch_size = 3
    with pytest.raises(KeyboardInterrupt):
        embed_into(shards, work, stopped, workers=1, shard_rows=6)
    resumed = Counting()
    embed_into(Shards(tmp_path / "shards"), work, resumed, workers=1)
    assert stopped.seen == 9
    assert stopped.seen + resumed.seen == 8 * 3


def test_a_second_pass_embeds_only_what_is_new(work, tmp_path) -> None:
    shards = Shards(tmp_path / "shards")
    embed_into(shards, work, Hog())
    again = Counting()
    embed_into(shards, work, again)
    assert (again.seen, again.started) == (0, 0)

    moved = Path(work[0].path).rename(tmp_path / "elsewhere.png")
    changed = Path(work[1].path)
    Image.new("RGB", (30, 30), (200, 10, 10)).save(changed)
    now = [as_work(moved), as_work(changed), *work[2:]]
    embed_into(shards, now, again)
    assert again.seen == 3
    embed_into(shards, [as_work(changed, (IDENTITY, "vflip", "rot180"))], again)
    assert again.seen == 4


def test_the_same_content_is_embedded_once(work, tmp_path) -> None:
    counting = Counting()
    shards = Shards(tmp_path / "shards")
    twice = [work[0], work[0]._replace(path=work[0].path, views=(IDENTITY, "hflip"))]
    embed_into(shards, twice, counting)
    assert counting.seen == 4
    assert gathered(shards, twice).shape[0] == 2


def test_each_image_is_decoded_once(work, tmp_path, monkeypatch) -> None:
    opened: list[str] = []

    def counting(path: str, max_pixels: int) -> Image.Image:
        opened.append(path)
        return load_rgb(path, max_pixels)

    monkeypatch.setattr(decoding, "load_rgb", counting)
    shards = Shards(tmp_path / "shards")
    embed_into(shards, work, Hog())
    embed_into(shards, work, Hog())
    assert sorted(opened) == sorted(item.path for item in work)


def test_a_problem_that_may_pass_is_told_and_tried_again(work, tmp_path) -> None:
    shards = Shards(tmp_path / "shards")
    found = embed_into(shards, work[:2], Hog(), max_pixels=50 * 40)
    assert found == {work[1].digest: ("too_large", found[work[1].digest][1])}
    assert embed_into(shards, work[:2], Hog()) == {}
    assert shards.has("embeddings", work[1].digest)


def test_no_images_are_no_rows(tmp_path) -> None:
    counting = Counting()
    assert embed_into(Shards(tmp_path / "shards"), [], counting) == {}
    assert not (tmp_path / "shards").exists()
