import numpy as np
import pytest
from scipy.stats import entropy

from curate.findings import Neighbors
from curate.numerics.centring import centred
from curate.numerics.neighbors import knn
from curate.numerics.scores import hardness, image_scores, mistakenness, uniqueness

PROBS = np.array([[1.0, 0.0], [0.5, 0.5], [0.2, 0.8]])


def test_hardness_is_the_entropy() -> None:
    np.testing.assert_allclose(hardness(PROBS), [0, np.log(2), entropy([0.2, 0.8])])


def test_mistakenness_by_hand() -> None:
    labels = np.array([0, 1, 0, 1])
    probs = np.array([[1.0, 0.0], [1.0, 0.0], [0.2, 0.8], [0.2, 0.8]])
    np.testing.assert_allclose(mistakenness(labels, probs), [0, 1, 0.9, 0.1])


def test_mistakenness_by_entropy_is_half_where_the_model_knows_least() -> None:
    probs = np.full((2, 1000), 0.001)
    probs[1] = np.eye(1000)[3]
    found = mistakenness(np.array([5, 5]), probs, by_entropy=True)
    np.testing.assert_allclose(found, [0.5, 1], atol=0.001)


def test_an_unlabelled_image_has_no_mistakenness() -> None:
    assert np.isnan(mistakenness(np.array([-1]), PROBS[:1])).all()


def test_uniqueness_by_hand() -> None:
    distances = np.array([[0.0, 0.1, 0.2, 0.3], [0.9, 0.2, 0.4, 0.6], [0, 0, 0, 0]])
    graph = Neighbors(np.zeros((3, 4), dtype=int), distances)
    np.testing.assert_allclose(uniqueness(graph), [0.5, 1, 0])


@pytest.mark.parametrize("n", [0, 1, 4])
def test_few_images_are_all_unique(n: int) -> None:
    graph = knn(np.eye(max(n, 1), dtype=np.float32)[:n], 10)
    assert uniqueness(graph).tolist() == [1.0] * n


def test_equal_images_are_not_unique() -> None:
    points = np.ones((9, 4), dtype=np.float32)
    assert uniqueness(centred(knn(points, 8), points)).tolist() == [0] * 9


def test_centred_distances_are_those_of_centred_embeddings() -> None:
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(60, 8)) + 3).astype(np.float32)
    found = centred(knn(points, 59), points)
    direct = knn(points - points.mean(axis=0), 59)
    np.testing.assert_allclose(found.distances, direct.distances, atol=2e-5)
    # Rounding may swap two neighbours at nearly the same distance.
    assert (found.indices == direct.indices).mean() > 0.95


def test_a_row_at_the_mean_is_at_a_right_angle_to_the_others() -> None:
    points = np.array([[1, 3], [1, 1], [3, 3], [3, 1], [2, 2], [2, 2]], dtype=np.float32)
    found = centred(knn(points, 5), points)
    assert found.indices[4, 0] == 5
    np.testing.assert_allclose(found.distances[4], [0, 1, 1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(found.distances[0], [1, 1, 1, 1, 2], atol=1e-6)


def test_the_table_holds_the_three_and_its_input_is_left_alone() -> None:
    points = (np.random.default_rng(0).normal(size=(40, 5)) + 1).astype(np.float32)
    points.setflags(write=False)
    probs = np.tile([0.9, 0.1], (40, 1))
    graph = knn(points, 10)
    table = image_scores(np.arange(40) % 2, probs, graph, points)
    np.testing.assert_allclose(table["hardness"], entropy([0.9, 0.1]))
    np.testing.assert_allclose(table["mistakenness"], np.where(np.arange(40) % 2 == 0, 0.05, 0.95))
    assert table["uniqueness"].tolist() == uniqueness(centred(graph, points)).tolist()
    assert table["uniqueness"].max() == 1
