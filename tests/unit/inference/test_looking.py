from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from curate.inference.hog import Hog
from curate.inference.looking import Looked, Unread, look


def flipped(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels[::-1])


def test_chunks_batches_and_changes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    paths = []
    for i in range(11):
        path = tmp_path / f"{i}.png"
        Image.fromarray(rng.integers(0, 256, (20, 20), np.uint8)).save(path)
        paths.append(str(path))
    (tmp_path / "3.png").write_text("no picture")
    hog = Hog()
    hog.batch_size = 4
    parts = list(look(paths, hog, [flipped], workers=2, chunk=5))
    bad = [one for one in parts if isinstance(one, Unread)]
    good = [one for one in parts if isinstance(one, Looked)]
    assert [(one.row, one.problem) for one in bad] == [(3, "not_an_image")]
    assert [one.rows.tolist() for one in good] == [[0, 1, 2, 4, 5], [6, 7, 8, 9, 10]]
    for part in good:
        plain, changed = part.outputs
        assert plain.logits is None
        for at, row in enumerate(part.rows.tolist()):
            pixels = hog.prepare(Image.open(paths[row]).convert("RGB"))
            want = hog.forward(np.stack([pixels, flipped(pixels)])).embeddings
            np.testing.assert_allclose(plain.embeddings[at], want[0])
            np.testing.assert_allclose(changed.embeddings[at], want[1])


def test_no_paths_give_nothing() -> None:
    assert list(look([], Hog())) == []
