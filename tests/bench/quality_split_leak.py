"""Copies of train images planted in test: are they found, and is the score corrected?

One kind of copy and all together, in two datasets. Right is a test image that was planted. What
the data hold of their own is left out: images of val and test that some copy of an own image in
another split is found of before anything is planted (masks3: looked at, they are copies).
The peers are fiftyone.brain's `compute_leaky_splits` at its default distance on the same
embeddings, and equal perceptual hashes across splits. The corrected score is compared with the
accuracy on the test images that were there before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from brain import THRESHOLD, database
from material import MODEL, Row, analysed, evidence
from quality_near_duplicate import CHANGES, TARGET, _encoded, phash

from curate.data.images import load_rgb
from curate.data.statistics import thumbnail
from curate.detectors.split_leak import SplitLeak
from curate.findings import Bools, Evidence, Findings
from curate.inference.backbone import load_embedder
from curate.inference.probe import out_of_fold
from curate.numerics.copies import find_copies
from curate.numerics.neighbors import knn

EACH = 20
"""Copies of a kind."""

SEEDS = (0, 1)
SETS = ("sports11", "masks3")


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """Recall and precision among val and test, then the score with and without the leaks."""
    with database():
        for name in SETS:
            clean, paths = evidence(analysed(data / name, weights))
            own = SplitLeak().detect(clean).table["flagged"].to_numpy()
            share = float(own[clean.splits != "train"].mean())
            yield Row("split_leak", f"nothing, {name}", "flagged of val, test", share, "", True, {})
            embedder = load_embedder(MODEL, weights, None, clean.class_names, "cpu", 32, None)
            before = np.array([phash(load_rgb(path)) for path in paths])
            for seed in SEEDS:
                rng = np.random.default_rng(seed)
                train = rng.permutation(np.flatnonzero(clean.splits == "train"))
                source = train[: EACH * len(CHANGES)]
                kind = np.repeat(list(CHANGES), EACH)[: len(source)]
                made = [_copy(paths[row], how, rng) for row, how in zip(source, kind, strict=True)]
                embedder.start(len(made))
                vectors = np.concatenate([
                    embedder.forward(np.stack([embedder.prepare(x) for x in made[i : i + 32]]))[0]
                    for i in range(0, len(made), 32)
                ])  # fmt: skip
                small = np.stack([thumbnail(one) for one in made])
                hashes = np.array([phash(one) for one in made])
                for wanted in (*CHANGES, "together"):
                    which = np.flatnonzero((kind == wanted) | (wanted == "together"))
                    grown = _grown(clean, source[which], vectors[which], small[which])
                    both = np.concatenate([before, hashes[which]])
                    what = f"{wanted} in {name}, seed {seed}"
                    yield from _judged(what, clean, grown, own, both, wanted == "together")


def _copy(path: str, how: str, rng: np.random.Generator) -> Any:
    changed = CHANGES[how](load_rgb(path), rng)
    form = "PNG" if Path(path).suffix.lower() == ".png" else "JPEG"
    return changed if how == "JPEG q50" else _encoded(changed, form, 90)


def _grown(clean: Evidence, source: Any, vectors: Any, small: Any) -> Evidence:
    """The clean images and behind them the copies, in test, with the labels of what they copy."""
    n = len(source)
    embeddings = np.concatenate([clean.embeddings, vectors]).astype(np.float32)
    names = np.array([f"planted{i:05d}" for i in range(n)])
    grown = replace(
        clean,
        sample_ids=np.r_[clean.sample_ids, names],
        labels=np.r_[clean.labels, clean.labels[source]],
        splits=np.r_[clean.splits, np.full(n, "test")],
        digests=np.r_[clean.digests, names],
        embeddings=embeddings,
        neighbors=knn(embeddings, 50),
        thumbnails=np.concatenate([clean.thumbnails, small]),
        copies=None,
        pred_probs=None,
        file_facts=None,
        groups=None,
    )
    return replace(grown, copies=find_copies(grown))


def _judged(
    what: str, clean: Evidence, grown: Evidence, own: Bools, hashes: Any, scored: bool
) -> Iterator[Row]:
    planted = np.arange(len(grown)) >= len(clean)
    counted = (grown.splits != "train") & ~np.r_[own, np.zeros(planted.sum(), dtype=bool)]
    grown = replace(grown, pred_probs=_probe(grown, clean) if scored else None)
    found = SplitLeak().detect(grown)
    equal = np.zeros(len(grown), dtype=bool)
    for value in np.unique(hashes):
        same = hashes == value
        equal |= same & (len(set(grown.splits[same])) > 1)
    sets = {
        "ours": found.table["flagged"].to_numpy(), f"fiftyone {THRESHOLD}": _leaky(grown),
        "equal phash": equal,
    }  # fmt: skip
    recall = {who: float(flags[planted].mean()) for who, flags in sets.items()}
    precision = {
        who: float((flags & planted).sum() / max((flags & counted).sum(), 1))
        for who, flags in sets.items()
    }
    for measure, values in (("recall", recall), ("precision", precision)):
        mine = values.pop("ours")
        if measure == "precision" and "precision" in found.info:
            values["stated"] = found.info["precision"]
            values["at least"] = found.info["precision_interval"][0]
        yield Row("split_leak", what, measure, mine, f">= {TARGET}", mine >= TARGET, values)
    if scored:
        yield _corrected(what, clean, grown, own, found)


def _corrected(what: str, clean: Evidence, grown: Evidence, own: Bools, found: Findings) -> Row:
    """Is the corrected accuracy that of the test images which have no copy in train?"""
    told = next(one for one in found.info["scores"] if one["split"] == "test")
    n = len(clean)
    assert grown.pred_probs is not None
    right = grown.pred_probs.argmax(axis=1) == grown.labels
    truth = float(right[:n][(clean.splits == "test") & clean.labelled & ~own].mean())
    corrected, whole = told["corrected"], told["all"]["accuracy"]
    return Row(
        "split_leak", what, "corrected accuracy", corrected, "nearer the truth",
        abs(corrected - truth) <= abs(whole - truth),
        {"the truth": truth, "with leaks": whole, "on leaked": told["leaked"]["accuracy"]},
    )  # fmt: skip


def _probe(grown: Evidence, clean: Evidence) -> Any:
    """Probabilities as the pipeline has them: of a probe that learnt train, test held out."""
    train = grown.splits == "train"
    return out_of_fold(
        grown.embeddings, grown.labels, train, grown.sample_ids.astype(str),
        len(clean.class_names), 5, np.random.default_rng(0),
    ).pred_probs  # fmt: skip


def _leaky(known: Evidence) -> Bools:
    """What fiftyone.brain takes for a leak, at its default distance."""
    from curate.app.database import load_fiftyone

    fo = load_fiftyone()
    import fiftyone.brain as brain

    dataset = fo.Dataset("leaks-bench", overwrite=True)
    dataset.add_samples(
        [
            fo.Sample(filepath=f"/nowhere/{i}.jpg", split=str(split))
            for i, split in enumerate(known.splits)
        ],
        progress=False,
    )
    # fiftyone.brain centres the array that it is given in place.
    near = brain.compute_similarity(
        dataset, embeddings=np.array(known.embeddings), backend="sklearn", brain_key="near"
    )
    leaks = brain.compute_leaky_splits(dataset, "split", similarity_index=near)
    found = np.isin(np.array(dataset.values("id")), leaks.leak_ids)
    dataset.delete()
    return np.asarray(found)
