"""The orientation detector, on made-up embeddings in which "up" is a direction."""

from dataclasses import replace

import numpy as np
import pytest

from curate.detectors.differences import fold_numbers, posterior_of
from curate.detectors.orientation import Orientation
from curate.findings import Evidence
from curate.numerics.discriminant import Discriminant

N, D = 240, 24
TURNS = ("", "rot90", "rot180", "rot270")
MIRRORED = ("hflip", "transpose", "vflip", "transverse")  # each followed by the same quarter turns
NAMES = (*TURNS, *MIRRORED)


def embed(turns: np.ndarray, seed: int = 0, handed: float = 0.0, upright: float = 1.0) -> dict:
    """Embeddings of images that are already turned by `turns` quarters, and of all their views.

    Quarter k has a direction of its own beside the image's content; `handed` adds one for mirror
    images; `upright` (n,) scales how much of its stance an image shows.
    """
    rng = np.random.default_rng(seed)
    n = len(turns)
    stance = 3 * np.linalg.qr(rng.normal(size=(D, 5)))[0].T
    content = 3 * rng.normal(size=(n, D))

    def one(quarters: np.ndarray, mirror: float) -> np.ndarray:
        noise = 0.3 * rng.normal(size=(n, D))
        shown = np.reshape(upright, (-1, 1)) * stance[quarters % 4] + mirror * handed * stance[4]
        return (content + shown + noise).astype(np.float32)

    views = {name: one(turns + k, 0.0) for k, name in enumerate(TURNS)}
    # A mirrored view of an image that lies on its side lies on its other side.
    return views | {"hflip": one(-turns, 1.0), "vflip": one(2 - turns, 1.0)}


def evidence_of(views: dict, labels: np.ndarray | None = None, **more: object) -> Evidence:
    n = len(views[""])
    labels = np.arange(n) % 3 if labels is None else labels
    return Evidence(
        np.array([f"id{i:04d}" for i in range(n)]),
        labels,
        np.full(n, "train"),
        ("ball", "cat", "dog"),
        embeddings=views[""],
        view_embeddings={name: views[name] for name in Orientation.views},
        **more,
    )


def planted(**where: list[int]) -> np.ndarray:
    turns = np.zeros(N, dtype=int)
    for name, rows in where.items():
        turns[rows] = {"left": 1, "down": 2, "right": 3}[name]
    return turns


def test_turned_images_are_flagged_with_the_turn_that_rights_them():
    turns = planted(left=[5, 50], down=[7, 100, 200], right=[9])
    findings = Orientation().detect(evidence_of(embed(turns)))
    table = findings.table
    assert np.flatnonzero(table["flagged"]).tolist() == [5, 7, 9, 50, 100, 200]
    assert table["suggestion"][[5, 50]].tolist() == ["rot270"] * 2
    assert table["suggestion"][[7, 100, 200]].tolist() == ["rot180"] * 3
    assert table["suggestion"][9] == "rot90"
    assert "upside-down" in table["reason"][7]
    assert "turned to the left" in table["reason"][5]
    assert findings.info["estimated_share"]["upside-down"] == pytest.approx(3 / N, abs=0.005)
    assert findings.info["expected_turned"] == pytest.approx(6, abs=1)
    low, high = findings.info["precision_interval"]
    assert 0.9 < low < findings.info["precision"] <= high
    assert not findings.info["abstained_classes"]


def test_nothing_is_flagged_where_nothing_is_turned():
    findings = Orientation().detect(evidence_of(embed(np.zeros(N, dtype=int))))
    assert not findings.table["flagged"].any()
    assert findings.info["expected_turned"] < 1
    assert "precision" not in findings.info


def test_a_flip_is_told_from_a_half_turn_where_classes_are_handed():
    views = embed(planted(down=[7]), handed=1.0)
    flipped = embed(planted(), handed=1.0, seed=0)
    # Row 8 is a vertical flip: its vflip is the image as it was, its rot180 the mirror image.
    swaps = {"": "vflip", "vflip": "", "hflip": "rot180", "rot180": "hflip"}
    for name, source in swaps.items():
        views[name][8] = flipped[source][8]
    table = Orientation().detect(evidence_of(views)).table
    assert table["suggestion"][[7, 8]].tolist() == ["rot180", "vflip"]


def test_a_class_without_a_right_way_up_is_abstained_from_by_name():
    labels = np.arange(N) % 3
    turns = planted(down=[7, 100])
    turns[labels == 0] = np.random.default_rng(1).integers(0, 4, (labels == 0).sum())
    findings = Orientation().detect(evidence_of(embed(turns), labels))
    assert list(findings.info["abstained_classes"]) == ["ball"]
    assert findings.info["abstained_classes"]["ball"] < 0.75
    assert np.flatnonzero(findings.table["flagged"]).tolist() == [7, 100]


@pytest.mark.parametrize("n", [0, 1, 10])
def test_few_images_are_not_judged(n):
    findings = Orientation().detect(evidence_of(embed(np.zeros(n, dtype=int))))
    assert len(findings.table) == n
    assert (findings.table["score"] == 1).all()
    assert "fewer than" in findings.info["abstained"]


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_embeddings_that_show_no_stance_are_abstained_from(value):
    same = {name: np.full((60, D), value, dtype=np.float32) for name in NAMES}
    findings = Orientation().detect(evidence_of(same))
    assert not findings.table["flagged"].any()
    assert "no class reaches" in findings.info["abstained"]


def test_noise_is_abstained_from():
    rng = np.random.default_rng(0)
    noise = {name: rng.normal(size=(N, D)).astype(np.float32) for name in NAMES}
    findings = Orientation().detect(evidence_of(noise))
    assert not findings.table["flagged"].any()
    assert "no class reaches" in findings.info["abstained"]


def test_unlabelled_images_and_classes_of_one_are_judged_too():
    labels = np.full(N, -1)
    labels[0] = 1
    table = Orientation().detect(evidence_of(embed(planted(down=[7])), labels)).table
    assert np.flatnonzero(table["flagged"]).tolist() == [7]
    assert "'unlabelled'" in table["reason"][7]


def test_more_dimensions_than_images_and_than_are_kept(monkeypatch):
    monkeypatch.setattr("curate.detectors.differences.MAX_DIMENSIONS", 200)
    views = embed(planted(down=[3])[:60])
    rotation = np.random.default_rng(0).normal(size=(D, 250)).astype(np.float32)
    wide = {name: view @ rotation for name, view in views.items()}
    table = Orientation().detect(evidence_of(wide)).table
    assert table["rank"][3] == 1
    assert table["flagged"][3]


def test_rows_may_come_in_any_order():
    evidence = evidence_of(embed(planted(down=[7], left=[9])))
    order = np.random.default_rng(0).permutation(N)
    assert evidence.embeddings is not None and evidence.view_embeddings is not None
    shuffled = replace(
        evidence,
        sample_ids=evidence.sample_ids[order],
        labels=evidence.labels[order],
        embeddings=evidence.embeddings[order],
        view_embeddings={name: view[order] for name, view in evidence.view_embeddings.items()},
    )
    one, other = Orientation().detect(evidence), Orientation().detect(shuffled)
    assert one.table.iloc[order].reset_index(drop=True).equals(other.table)
    assert one.info == other.info


def test_rows_of_all_views_may_be_named():
    evidence = evidence_of(embed(planted(down=[7], left=[9])))
    every = replace(evidence, view_rows=dict.fromkeys(Orientation.views, np.arange(N)))
    one, other = Orientation().detect(evidence), Orientation().detect(every)
    assert one.table.equals(other.table)
    assert one.info == other.info


def test_copies_and_groups_share_a_fold():
    evidence = evidence_of(embed(np.zeros(N, dtype=int)))
    digests = np.array([f"d{i // 2}" for i in range(N)])
    groups = np.array(["", *["g"] * 9, *[""] * (N - 10)])
    folds = fold_numbers(replace(evidence, digests=digests, groups=groups), 5)
    assert len(set(folds[1:10])) == 1
    assert (folds[10::2] == folds[11::2]).all()
    assert np.bincount(folds).min() > N / 5 - 12


def test_the_shares_of_the_states_are_found_by_em():
    up, axis = np.full(100, 8.0), np.full(100, 8.0)
    up[:10] = -8
    posterior, share = posterior_of(up, axis, np.zeros(100))
    assert share == pytest.approx([0.9, 0.1, 0, 0], abs=0.01)
    assert posterior.sum(1) == pytest.approx(np.ones(100))
    assert posterior[:, 1].argsort()[-10:].max() < 10


def test_a_discriminant_never_saw_the_row_it_scores():
    # One row alone in its direction: only weights from the row itself could score it.
    X = np.zeros((40, 3), dtype=np.float32)
    X[:, 0] = 1 + 0.1 * np.random.default_rng(0).normal(size=40)
    X[7] = [0, 0, 5]
    probe = Discriminant(np.arange(40) % 4, np.zeros(40, dtype=int), 1)
    score = probe.fit(X).log_odds
    assert abs(score[7]) < 1e-3 * np.median(score)
    assert (np.delete(score, 7) > 0).all()
