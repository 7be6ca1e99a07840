from __future__ import annotations

import numpy as np
import pytest

from curate.inference.probe import out_of_fold


def clusters(n: int = 120, k: int = 3, spread: float = 1.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    points = np.eye(k, 6)[labels] * 3 + rng.normal(scale=spread, size=(n, 6))
    return points.astype(np.float32), labels


def gaussians():
    """Classes that overlap, in noise that is far from round: what LDA is made for."""
    rng = np.random.default_rng(0)
    labels = np.arange(600) % 6
    noise = rng.normal(size=(600, 40)) @ rng.normal(size=(40, 40)) / 3
    return (0.4 * rng.normal(size=(6, 40))[labels] + noise).astype(np.float32), labels


def run(points, labels, is_train=None, groups=None, k=3, folds=5, seed=0):
    n = len(labels)
    is_train = np.ones(n, bool) if is_train is None else is_train
    groups = np.arange(n) if groups is None else groups
    return out_of_fold(points, labels, is_train, groups, k, folds, np.random.default_rng(seed))


def test_predicts_well_and_repeats_itself() -> None:
    points, labels = clusters()
    is_train = np.arange(120) < 90
    probe = run(points, labels, is_train)
    assert probe.pred_probs.shape == (120, 3)
    np.testing.assert_allclose(probe.pred_probs.sum(axis=1), 1, atol=1e-5)
    assert (probe.pred_probs.argmax(1) == labels).mean() > 0.9
    assert set(probe.folds[is_train]) == set(range(5))
    assert set(probe.folds[~is_train]) == {-1}
    np.testing.assert_array_equal(probe.pred_probs, run(points, labels, is_train).pred_probs)


def test_random_labels_are_not_learnt_by_heart() -> None:
    """In-sample, 120 points in 100 dimensions would be predicted perfectly."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(120, 100)).astype(np.float32)
    labels = rng.permutation(120) % 3
    assert (run(points, labels).pred_probs.argmax(1) == labels).mean() < 0.5


def test_a_copy_in_another_fold_would_leak_and_does_not() -> None:
    """Pairs of equal rows with random labels: only a leak could predict them."""
    rng = np.random.default_rng(2)
    points = np.repeat(rng.normal(size=(60, 80)), 2, axis=0).astype(np.float32)
    labels = np.repeat(rng.permutation(60) % 3, 2)
    together = run(points, labels, groups=np.repeat(np.arange(60), 2))
    apart = run(points, labels)
    assert (together.pred_probs.argmax(1) == labels).mean() < 0.55
    assert (apart.pred_probs.argmax(1) == labels).mean() > 0.8


def test_small_classes_are_named_and_fewer_folds_are_said() -> None:
    points, labels = clusters(31)
    labels = np.where(np.arange(31) == 30, 3, labels)
    probe = run(points, labels, k=4)
    assert probe.info["classes_with_fewer_images_than_folds"] == [3]
    assert probe.pred_probs[30, 3] < 0.01
    few = run(*clusters(9), folds=5)
    assert few.info["n_folds"] == 3
    assert "3 folds instead of 5" in few.info["notes"][0]


def test_a_class_of_one_image_is_predicted_by_a_probe_that_never_saw_it() -> None:
    points, labels = clusters(61)
    labels[60] = 3
    probe = run(points, labels, k=4)
    assert probe.info["classes_unseen_in_a_fold"] == [3]
    assert probe.info["images_of_a_class_unseen"] == 1
    assert np.isfinite(probe.pred_probs).all()
    np.testing.assert_allclose(probe.pred_probs.sum(axis=1), 1, atol=1e-5)
    own = probe.pred_probs[60]
    # Half an image of nothing beside the n that the fold's probe saw.
    seen = (probe.folds != probe.folds[60]).sum()
    assert own[3] == pytest.approx(own[:3].min() / (2 * seen), rel=1e-3)
    assert probe.pred_probs[:60, 3].max() > own[3]


def test_classes_that_are_one_group_each_and_one_group_alone_still_have_probabilities() -> None:
    points, labels = clusters(30)
    for groups in (labels, np.zeros(30)):
        probe = run(points, labels, groups=groups)
        np.testing.assert_allclose(probe.pred_probs.sum(axis=1), 1, atol=1e-5)
        assert probe.info["images_of_a_class_unseen"] == 30
        assert probe.info["held_out_log_loss"] is None
    np.testing.assert_allclose(probe.pred_probs, 1 / 3, atol=1e-6)


def test_one_class_of_train_is_all_there_is() -> None:
    points, _ = clusters(20)
    probe = run(points, np.zeros(20, int), np.arange(20) < 15, k=2)
    assert (probe.pred_probs.argmax(1) == 0).all()
    assert np.isfinite(probe.pred_probs).all()


def test_equal_embeddings_give_the_shares_of_the_classes() -> None:
    labels = np.repeat([0, 1], [30, 10])
    probe = run(np.full((40, 8), 3.3, np.float32), labels, k=2)
    np.testing.assert_allclose(probe.pred_probs[:, 0], 0.75, atol=0.03)


def test_the_method_with_the_least_held_out_log_loss_is_used() -> None:
    """A ring around a blob, described by squares: no Gaussians, and logistic regression wins."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    radius = np.where(labels == 1, 2.0, 0.7) * np.exp(0.35 * rng.normal(size=400))
    points = np.exp(radius)[:, None] * np.array([[1.0, 0.5]]) + rng.normal(size=(400, 2)) * 0.3
    probe = run(points.astype(np.float32), labels, k=2)
    losses = {
        name: min(of.values()) for name, of in probe.info["held_out_log_loss_by_candidate"].items()
    }
    assert len(losses) == 5
    best = min(losses, key=losses.__getitem__)
    assert best == f"{probe.info['method']}, {probe.info['scaling']}"
    assert probe.info["method"] == "logistic regression"
    assert probe.info["not_tried"] == {}
    assert probe.info["held_out_log_loss"] == pytest.approx(losses[best], rel=1e-2)


def test_gaussians_are_left_to_a_closed_form() -> None:
    points, labels = gaussians()
    probe = run(points, labels, k=6)
    assert probe.info["method"] in ("shrinkage LDA", "ridge regression")


def test_logistic_regression_is_skipped_beyond_its_bound_and_it_is_said(monkeypatch) -> None:
    monkeypatch.setattr("curate.numerics.choice.LOGISTIC_WORK", 1e5)
    info = run(*clusters()).info
    assert info["method"] != "logistic regression"
    assert (
        "120 images x 6 features x 3 classes x 31 fits" in info["not_tried"]["logistic regression"]
    )


@pytest.mark.parametrize("shape", [(90, 200), (200, 40)])
def test_folds_and_probabilities_do_not_depend_on_the_number_of_cores(shape, monkeypatch) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(shape[0]) % 4
    points = rng.normal(size=shape).astype(np.float32)
    points[:, :4] += 3 * np.eye(4)[labels]
    found = []
    for cores in (1, 4):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        found.append(run(points, labels, k=4))
    np.testing.assert_array_equal(found[0].folds, found[1].folds)
    np.testing.assert_allclose(found[0].pred_probs, found[1].pred_probs, atol=1e-5)
    assert found[0].info["method"] == found[1].info["method"]


def test_a_memory_map_gives_the_same(tmp_path) -> None:
    points, labels = clusters()
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(run(points, labels).pred_probs, run(mapped, labels).pred_probs)


def test_held_out_probabilities_match_a_direct_fit_without_the_fold() -> None:
    """More rows than features: folds are subtracted, here the same rows are left out by hand."""
    from curate.numerics.linear import ClosedForms
    from curate.numerics.moments import fold_moments

    points, labels = gaussians()
    probe = run(points, labels, k=6)
    assert probe.info["method"] in ("shrinkage LDA", "ridge regression")
    scale = points.std(0, dtype=float)
    if probe.info["scaling"] == "as embedded":
        scale = np.full(40, np.sqrt((scale**2).mean()))
    for fold in range(5):
        rest, held = np.flatnonzero(probe.folds != fold), np.flatnonzero(probe.folds == fold)
        moments = fold_moments(
            points[rest], np.arange(len(rest)), labels[rest], np.zeros(len(rest), int), 6, 1
        )[0]
        pair = ClosedForms.of(moments, scale).solve(probe.info["regularisation"])
        logits = pair[probe.info["method"] == "ridge regression"].logits(points, held)
        logits = (logits / probe.info["temperature"]).astype(float)
        direct = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        np.testing.assert_allclose(probe.pred_probs[held], direct, atol=1e-4)
