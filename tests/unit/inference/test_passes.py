from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curate.data.images import load_rgb
from curate.data.views import apply_view
from curate.inference.hog import Hog
from curate.inference.passes import run_pass


@pytest.fixture
def folder(tmp_path: Path) -> list[str]:
    """Nine pictures of several sizes, of which the fifth cannot be decoded."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(9):
        path = tmp_path / f"{i}.png"
        pixels = rng.integers(0, 256, (40 + i, 50, 3), np.uint8)
        Image.fromarray(pixels).save(path)
        paths.append(str(path))
    data = Path(paths[4]).read_bytes()
    Path(paths[4]).write_bytes(data[: len(data) // 2])
    return paths


def test_rows_follow_the_paths_less_what_cannot_be_decoded(folder: list[str]) -> None:
    hog = Hog()
    done = run_pass(folder, hog, views=("vflip", "rot90"))
    assert done.readable.tolist() == [i != 4 for i in range(9)]
    assert done.problems[4][0] == "truncated"
    good = [path for i, path in enumerate(folder) if i != 4]
    assert len(done.stats) == len(done.thumbnails) == len(done.embeddings) == 8
    for row, path in enumerate(good):
        pixels = hog.prepare(load_rgb(path))
        np.testing.assert_array_equal(done.embeddings[row], hog.forward(pixels[None]).embeddings[0])
        for view, values in done.views.items():
            turned = apply_view(pixels, view)
            np.testing.assert_array_equal(values[row], hog.forward(turned[None]).embeddings[0])


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 1), (3, 4), (100, 2)])
def test_batches_and_workers_change_nothing(
    folder: list[str], batch_size: int, workers: int
) -> None:
    reference = run_pass(folder, Hog(), workers=1)
    hog = Hog()
    hog.batch_size = batch_size
    done = run_pass(folder, hog, workers=workers)
    np.testing.assert_array_equal(done.embeddings, reference.embeddings)
    np.testing.assert_array_equal(done.thumbnails, reference.thumbnails)


def test_each_image_is_decoded_once(folder: list[str], monkeypatch) -> None:
    from curate.inference import passes

    opened: list[str] = []

    def counting(path: Path) -> Image.Image:
        opened.append(str(path))
        return load_rgb(path)

    monkeypatch.setattr(passes, "load_rgb", counting)
    run_pass(folder, Hog(), views=("vflip", "rot180"))
    assert sorted(opened) == sorted(folder)


def test_no_images_are_no_rows() -> None:
    done = run_pass([], Hog(), views=("vflip",))
    assert len(done.embeddings) == len(done.thumbnails) == len(done.views["vflip"]) == 0
