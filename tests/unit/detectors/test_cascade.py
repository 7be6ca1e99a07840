"""Orientation with the views of few images, on made-up embeddings in which "up" is a direction."""

from dataclasses import replace

import numpy as np
import pytest

from curate.detectors.cascade import VIEWS, sample_views, suspect_views
from curate.detectors.orientation import Orientation
from curate.findings import Evidence

N, D = 2400, 24
LEFT, DOWN, RIGHT = [5, 50], [7, 100, 2000], [9, 1200]


def embed(turns: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Embeddings of images that are already turned by `turns` quarters, and of all their views.

    Quarter k has a direction of its own beside the image's content, as large as that.
    """
    rng = np.random.default_rng(seed)
    n = len(turns)
    stance = 5 * np.linalg.qr(rng.normal(size=(D, 4)))[0].T
    content = rng.normal(size=(n, D))

    def one(quarters: np.ndarray) -> np.ndarray:
        noise = 0.3 * rng.normal(size=(n, D))
        return (content + stance[quarters % 4] + noise).astype(np.float32)

    views = {name: one(turns + k) for k, name in enumerate(("", "rot90", "rot180", "rot270"))}
    return views | {"hflip": one(-turns), "vflip": one(2 - turns)}


def turned() -> np.ndarray:
    turns = np.zeros(N, dtype=int)
    turns[LEFT], turns[DOWN], turns[RIGHT] = 1, 2, 3
    return turns


def evidence_of(views: dict[str, np.ndarray], seed: int = 0) -> Evidence:
    """All views of all images."""
    n = len(views[""])
    return Evidence(
        np.array([f"id{i:04d}" for i in range(n)]),
        np.arange(n) % 3,
        np.full(n, "train"),
        ("ball", "cat", "dog"),
        embeddings=views[""],
        view_embeddings={name: views[name] for name in VIEWS},
        seed=seed,
    )


def some(evidence: Evidence, rows: dict[str, np.ndarray]) -> Evidence:
    """Only these rows of the views."""
    views = evidence.view_embeddings or {}
    return replace(
        evidence, view_embeddings={v: views[v][rows[v]] for v in VIEWS}, view_rows=dict(rows)
    )


def cascade(evidence: Evidence) -> Evidence:
    """What two passes embed of an evidence that has everything."""
    first = sample_views(evidence.sample_ids, evidence.seed)
    second = suspect_views(some(evidence, first))
    for view in VIEWS:
        assert not np.isin(second[view], first[view]).any()
    return some(evidence, {v: np.union1d(first[v], second[v]) for v in VIEWS})


def test_few_images_are_viewed_in_full():
    ids = np.array([f"id{i}" for i in range(1000)])
    rows = sample_views(ids, 0)
    assert set(rows) == set(VIEWS)
    assert all(given.tolist() == list(range(1000)) for given in rows.values())
    everything = evidence_of({view: np.ones((1000, 2)) for view in ("", *VIEWS)})
    assert all(not len(given) for given in suspect_views(some(everything, rows)).values())


def test_the_sample_is_of_a_fixed_size_and_depends_on_ids_and_seed_alone():
    ids = np.array([f"id{i}" for i in range(30_000)])
    rows = sample_views(ids, 0)
    assert len(rows["hflip"]) == 500
    assert len(rows["vflip"]) == len(rows["rot90"])
    assert len(np.union1d(rows["vflip"], rows["rot180"])) == 1000
    assert len(np.intersect1d(rows["rot270"], rows["rot90"])) == 500
    assert 650 < len(rows["rot90"]) < 850
    order = np.random.default_rng(0).permutation(len(ids))
    shuffled = sample_views(ids[order], 0)
    for view in VIEWS:
        assert (np.diff(shuffled[view]) > 0).all()
        assert set(ids[order][shuffled[view]]) == set(ids[rows[view]])
    assert set(sample_views(ids, 1)["hflip"]) != set(rows["hflip"])


def test_the_suspects_are_the_turned_and_few_others():
    evidence = evidence_of(embed(turned()))
    first = sample_views(evidence.sample_ids, 0)
    second = suspect_views(some(evidence, first))
    both = {view: np.union1d(first[view], second[view]) for view in VIEWS}
    assert np.isin(DOWN, both["vflip"]).all()
    assert np.isin(DOWN, both["rot180"]).all()
    for view in ("rot90", "rot180", "rot270"):
        assert np.isin([*LEFT, *RIGHT], both[view]).all()
    assert len(second["vflip"]) <= 0.12 * N
    assert len(second["rot90"]) <= 0.05 * N
    assert len(second["rot180"]) <= 0.17 * N
    assert not len(second["hflip"])


def test_turned_images_are_flagged_with_the_turn_that_rights_them():
    evidence = cascade(evidence_of(embed(turned())))
    findings = Orientation().detect(evidence)
    table = findings.table
    assert np.flatnonzero(table["flagged"]).tolist() == sorted([*LEFT, *DOWN, *RIGHT])
    assert set(table["suggestion"][DOWN]) == {"rot180"}
    assert set(table["suggestion"][LEFT]) == {"rot270"}
    assert set(table["suggestion"][RIGHT]) == {"rot90"}
    assert findings.info["views_per_image"] < 2
    assert findings.info["expected_turned"] == pytest.approx(7, abs=2)
    assert not findings.info["abstained_classes"]


def test_nothing_is_flagged_where_nothing_is_turned():
    findings = Orientation().detect(cascade(evidence_of(embed(np.zeros(N, dtype=int)))))
    assert not findings.table["flagged"].any()
    assert findings.info["expected_turned"] < 2


def test_an_image_without_a_turned_copy_is_not_flagged():
    evidence = evidence_of(embed(turned()))
    first = sample_views(evidence.sample_ids, 0)
    alone = np.setdiff1d(np.arange(N), np.concatenate(list(first.values())))
    down = np.intersect1d(alone, [*LEFT, *DOWN, *RIGHT])
    assert len(down)
    table = Orientation().detect(some(evidence, first)).table
    assert not table["flagged"][alone].any()
    assert (table["rank"][down] < 0.15 * N).all()


def test_a_class_without_a_right_way_up_is_abstained_from_by_name():
    turns = np.zeros(N, dtype=int)
    balls = np.arange(N) % 3 == 0
    turns[balls] = np.random.default_rng(1).integers(0, 4, balls.sum())
    cats = np.arange(1, N, 60)
    turns[cats] = 1
    evidence = cascade(evidence_of(embed(turns)))
    findings = Orientation().detect(evidence)
    assert list(findings.info["abstained_classes"]) == ["ball"]
    assert not findings.table["flagged"][balls].any()
    # Six hundred balls look turned, and must not crowd the cats out of the suspects.
    assert evidence.view_rows is not None
    for view in ("rot90", "rot180", "rot270"):
        assert np.isin(cats, evidence.view_rows[view]).all()


def test_noise_is_abstained_from():
    rng = np.random.default_rng(0)
    noise = {view: rng.normal(size=(N, D)).astype(np.float32) for view in ("", *VIEWS)}
    evidence = cascade(evidence_of(noise))
    assert evidence.view_rows is not None
    assert len(evidence.view_rows["rot180"]) <= 1000, "nothing beyond the sample is worth a look"
    findings = Orientation().detect(evidence)
    assert not findings.table["flagged"].any()
    assert "no class reaches" in findings.info["abstained"]


def test_rows_may_come_in_any_order():
    evidence = evidence_of(embed(turned()))
    order = np.random.default_rng(0).permutation(N)
    assert evidence.embeddings is not None and evidence.view_embeddings is not None
    shuffled = replace(
        evidence,
        sample_ids=evidence.sample_ids[order],
        labels=evidence.labels[order],
        embeddings=evidence.embeddings[order],
        view_embeddings={name: view[order] for name, view in evidence.view_embeddings.items()},
    )
    one, other = (Orientation().detect(cascade(each)) for each in (evidence, shuffled))
    assert one.table.iloc[order].reset_index(drop=True).equals(other.table)
    assert one.info == other.info


def test_images_that_turn_out_unreadable_do_not_change_the_sample():
    evidence = evidence_of(embed(turned()))
    first = sample_views(evidence.sample_ids, 0)
    left = np.setdiff1d(np.arange(N), first["hflip"][:40])
    assert evidence.embeddings is not None and evidence.view_embeddings is not None
    without = replace(
        evidence,
        sample_ids=evidence.sample_ids[left],
        labels=evidence.labels[left],
        embeddings=evidence.embeddings[left],
        view_embeddings={name: view[left] for name, view in evidence.view_embeddings.items()},
    )
    rows = {view: np.flatnonzero(np.isin(left, first[view])) for view in VIEWS}
    second = suspect_views(some(without, rows))
    both = {view: np.union1d(rows[view], second[view]) for view in VIEWS}
    table = Orientation().detect(some(without, both)).table
    flagged = left[np.flatnonzero(table["flagged"])]
    assert flagged.tolist() == sorted(np.intersect1d(left, [*LEFT, *DOWN, *RIGHT]))


def test_more_dimensions_than_are_kept(monkeypatch):
    monkeypatch.setattr("curate.detectors.differences.MAX_DIMENSIONS", 100)
    rotation = np.random.default_rng(0).normal(size=(D, 150)).astype(np.float32)
    wide = {name: view[:1300] @ rotation for name, view in embed(turned()).items()}
    table = Orientation().detect(cascade(evidence_of(wide))).table
    assert (table["rank"][[5, 7, 9, 50, 100, 1200]] <= 6).all()
