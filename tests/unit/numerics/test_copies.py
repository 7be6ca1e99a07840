from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as moved

from curate.data.statistics import THUMBNAIL_SIDE, thumbnail
from curate.numerics.alignment import residual
from curate.numerics.copies import find_copies
from curate.numerics.neighbors import knn
from made_evidence import make_evidence


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """(n, 128, 128) smooth random pictures."""
    noise = np.random.default_rng(seed).normal(size=(n, 128, 128))
    smooth = gaussian_filter(noise, (0, 6, 6), mode="wrap")
    return (smooth / smooth.std() * 40 + 110).clip(0, 255)


def thumbnails(stack: np.ndarray) -> np.ndarray:
    return np.stack([thumbnail(Image.fromarray(picture.astype(np.uint8))) for picture in stack])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda x: x, id="same"),
        pytest.param(lambda x: np.clip(x * 1.2, 0, 255), id="brighter"),
        pytest.param(lambda x: x[:, ::-1], id="mirrored"),
        pytest.param(lambda x: moved(x, (3, -2), mode="nearest"), id="moved"),
        pytest.param(lambda x: moved(x, (-5, 6), mode="nearest"), id="moved far"),
    ],
)
def test_a_changed_copy_shares_its_pixels(change) -> None:
    originals = pictures(5)
    copies = np.stack([change(picture) for picture in originals])
    assert residual(thumbnails(originals), thumbnails(copies)).max() < 0.02


def test_other_pictures_do_not_share_pixels_and_flat_ones_do() -> None:
    left, right = thumbnails(pictures(20, 1)), thumbnails(pictures(20, 2))
    assert residual(left, right).min() > 0.2
    flat = np.full((1, THUMBNAIL_SIDE, THUMBNAIL_SIDE), 9, np.uint8)
    assert residual(flat, flat + 100)[0] == 0
    assert residual(flat, left[:1])[0] > 0.5


def evidence_with_copies():
    """Sixty pictures, of which rows 50-54 are moved and brightened copies of rows 0-4."""
    evidence = make_evidence(60)
    originals = pictures(60)
    originals[50:55] = moved(originals[:5], (0, 2, 2), mode="nearest") * 1.1
    embeddings = np.random.default_rng(3).normal(size=(60, 16)).astype(np.float32)
    embeddings[50:55] = embeddings[:5] + 0.1
    return replace(
        evidence,
        embeddings=embeddings,
        neighbors=knn(embeddings, 10),
        thumbnails=thumbnails(originals.clip(0, 255)),
    )


def test_finds_planted_copies_and_nothing_else() -> None:
    copies = find_copies(evidence_with_copies())
    found = set(zip(copies.a[copies.confirmed], copies.b[copies.confirmed], strict=True))
    assert found == {(i, 50 + i) for i in range(5)}


def test_equal_bytes_are_a_pair_whatever_the_embedding_says() -> None:
    evidence = evidence_with_copies()
    digests = evidence.digests.astype(object)
    digests[[7, 33]] = "same bytes"
    copies = find_copies(replace(evidence, digests=digests.astype(str)))
    where = (copies.a == 7) & (copies.b == 33)
    assert where.sum() == 1
    assert copies.identical[where].all()
    assert copies.residuals[where] == 0
