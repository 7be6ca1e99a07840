from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import norm

from curate.data.statistics import THUMBNAIL_SIDE, thumbnail
from curate.numerics.alignment import residual
from curate.numerics.copies import MOST, find_copies, usual
from curate.numerics.copy_groups import components, without_chains
from curate.numerics.framing import best_framing
from curate.numerics.neighbors import knn
from made_evidence import make_evidence


def pictures(n: int, seed: int = 0) -> np.ndarray:
    """(n, 160, 160) smooth random pictures."""
    noise = np.random.default_rng(seed).normal(size=(n, 160, 160))
    smooth = gaussian_filter(noise, (0, 5, 5), mode="wrap")
    return (smooth / smooth.std() * 35 + 110).clip(0, 255)


def thumbnails(stack: np.ndarray) -> np.ndarray:
    return np.stack([thumbnail(Image.fromarray(picture.astype(np.uint8))) for picture in stack])


def between(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The residual of each left picture and the right one of its place."""
    n = len(left)
    stack = np.concatenate([left, right])
    return residual(stack, best_framing(stack, np.arange(n), n + np.arange(n)))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda x: x, id="same"),
        pytest.param(lambda x: np.clip(x * 1.2, 0, 255), id="brighter"),
        pytest.param(lambda x: x[:, ::-1], id="mirrored"),
        pytest.param(lambda x: x[8:152, 8:152], id="crop of the centre"),
        pytest.param(lambda x: x[:144, 16:], id="crop of a corner"),
        pytest.param(lambda x: x[14:150, 3:139], id="crop of 85 %"),
        pytest.param(lambda x: x[:144, ::-1][:, 5:149], id="crop and mirror"),
        pytest.param(lambda x: x[3:, 5:], id="moved"),
    ],
)
def test_a_changed_copy_shares_its_pixels_in_both_directions(change) -> None:
    originals = pictures(5)
    copies = np.stack([change(picture) for picture in originals])
    one, other = thumbnails(originals), thumbnails(copies)
    assert between(one, other).max() < MOST
    assert between(other, one).max() < MOST


def test_other_pictures_do_not_share_pixels_and_flat_ones_do() -> None:
    left, right = thumbnails(pictures(20, 1)), thumbnails(pictures(20, 2))
    assert between(left, right).min() > 0.2
    flat = np.full((1, THUMBNAIL_SIDE, THUMBNAIL_SIDE), 9, np.uint8)
    assert between(flat, flat + 100)[0] == 0
    assert between(flat, left[:1])[0] > 0.5


def test_look_alikes_of_one_outline_are_told_apart_by_their_detail() -> None:
    outline = np.zeros((160, 160))
    outline[30:130, 50:110] = 150
    fine = np.random.default_rng(4).normal(size=(2, 160, 160))
    drawn = 50 + outline + 60 * gaussian_filter(fine, (0, 2, 2)) / 0.1 / 4
    one, other = thumbnails(drawn[:1].clip(0, 255)), thumbnails(drawn[1:].clip(0, 255))
    assert best_framing(np.concatenate([one, other]), np.array([0]), np.array([1])).alike > 0.8
    assert between(one, other)[0] > 3 * MOST


def evidence_with_copies():
    """Sixty pictures; rows 50-54 are crops of rows 0-4, and row 55 is row 5 in the mirror.

    The embedding has the crops near their originals and knows nothing of the mirror.
    """
    evidence = make_evidence(60)
    originals = pictures(60)
    small = thumbnails(originals)
    small[50:55] = thumbnails(1.1 * originals[:5, 4:148, 10:154].clip(0, 230))
    small[55] = small[5][:, ::-1]
    embeddings = np.random.default_rng(3).normal(size=(60, 16)).astype(np.float32)
    embeddings[50:55] = embeddings[:5] + 0.1
    graph = knn(embeddings, 10)
    assert 55 not in graph.indices[5]
    return replace(evidence, embeddings=embeddings, neighbors=graph, thumbnails=small)


def test_finds_planted_copies_and_nothing_else() -> None:
    copies = find_copies(evidence_with_copies())
    found = set(zip(copies.a[copies.confirmed], copies.b[copies.confirmed], strict=True))
    assert found == {(i, 50 + i) for i in range(6)}
    assert np.isfinite(copies.distances[copies.confirmed]).all()


def test_equal_bytes_are_a_pair_whatever_the_embedding_says() -> None:
    evidence = evidence_with_copies()
    digests = evidence.digests.astype(object)
    digests[[7, 33]] = "same bytes"
    copies = find_copies(replace(evidence, digests=digests.astype(str)))
    where = (copies.a == 7) & (copies.b == 33)
    assert where.sum() == 1
    assert copies.identical[where].all()
    assert copies.confirmed[where].all()
    assert copies.residuals[where] == 0


def test_a_chain_of_pairs_is_cut_and_a_star_is_kept() -> None:
    """Rows 0-4 are a film whose ends differ; rows 5-8 are one picture, joined through row 5."""
    film = pictures(2, 5)
    share = np.linspace(0, 1, 5)[:, None, None]
    stack = thumbnails((1 - share) * film[:1] + share * film[1:])
    stack = np.concatenate([stack, np.repeat(thumbnails(pictures(1, 6)), 4, axis=0)])
    pairs = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [5, 6], [5, 7], [5, 8]])
    ids = np.array([f"{i}" for i in range(9)])
    sure = without_chains(
        pairs, np.ones(7, bool), np.full(7, 0.01), np.zeros(7, bool), ids, stack, 0.02
    )
    group = components(9, pairs[sure])
    assert group[0] != group[4]
    assert len(set(group[5:])) == 1
    assert sure[4:].all()
    assert not sure[:4].all()


def test_two_stars_of_one_picture_become_one() -> None:
    """Rows 0 and 3 have two partners each, and are copies themselves through rows 2 and 3."""
    stack = np.repeat(thumbnails(pictures(1, 6)), 6, axis=0)
    pairs = np.array([[0, 1], [0, 2], [2, 3], [3, 4], [3, 5]])
    ids = np.array([f"{i}" for i in range(6)])
    none = np.zeros(5, bool)
    sure = without_chains(pairs, np.ones(5, bool), np.zeros(5), none, ids, stack, 0.02)
    assert sure.all()


@pytest.mark.parametrize(
    ("n", "spread", "threshold"),
    [
        pytest.param(400, 0.3, 0.1, id="far from all look-alikes: as far as pairs are aligned"),
        pytest.param(400, 0.5, None, id="to where none of the look-alikes comes by chance"),
        pytest.param(400, 0.8, MOST, id="look-alikes as near as copies"),
        pytest.param(40, 0.3, MOST, id="too few look-alikes to tell"),
    ],
)
def test_what_counts_beyond_a_plain_copy(n: int, spread: float, threshold: float | None) -> None:
    residuals = 0.5 * np.exp(spread * norm.ppf((np.arange(n) + 0.5) / n))
    pairs = np.arange(2 * n).reshape(n, 2)
    residuals[residuals <= MOST] = 2 * MOST
    typical, found = usual(pairs, residuals, 2 * n, 3.0)
    low, middle = np.quantile(np.log(residuals), [0.16, 0.5])
    if threshold is None:
        threshold = np.exp(middle + norm.ppf(0.05 / (2 * n)) * (middle - low))
        assert MOST < threshold < 0.1
    assert typical == pytest.approx(0.5, rel=0.01)
    assert found == pytest.approx(threshold)
