"""How often a policy recommends what it should not, and what it should: prints a table.

    python tests/bench/policy_null.py DATA ... --weights FILE [--rows 400] [--draws 20]

On real embeddings, of labelled train and val images that are split anew in each draw, so that the
two are alike. Null: no image is changed, and detectors flag the same 4 % of either. Whatever is
recommended then is a gain on images as they are, or an error; how it fares on images that had no
say (a third of all, kept apart) tells which. Planted: a share of the new val images is replaced by
changed copies, of which detectors flag 80 %; the transform should be recommended, and first.

Embeddings are reduced to their 256 principal components, which makes dozens of draws affordable.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from material import KEPT, MODEL, analysed

from curate.findings import Evidence, Ints
from curate.inference.augmented import Change, CopyWork, embed_copies, gather_copies
from curate.numerics.folds import assign_folds
from curate.numerics.intervals import wilson
from curate.numerics.kin import kin
from curate.pipeline.evidence import load_evidence
from curate.pipeline.models import Model
from curate.pipeline.settings import Settings
from curate.recipe.transforms import TRANSFORMS, render
from curate.remedies.augmented import Augmented, Measured
from curate.remedies.dosing import Dose
from curate.remedies.expectation import excess_of
from curate.remedies.gain import Gain, gains
from curate.remedies.prevalence import Prevalence
from curate.remedies.probing import Probes
from curate.remedies.refitting import Refitting
from curate.store.shards import Shards

PLANTS = ("vertical_flip", "brightness_contrast", "blur")
"""At their largest level."""
SHARES = (0.1, 0.3, 1.0)
COMPONENTS = 256
FALSELY, TRULY = 0.04, 0.8
"""The shares of images as they are, and of changed ones, that a detector flags."""


@dataclass(frozen=True)
class World:
    """The images of one dataset and their copies."""

    evidence: Evidence
    rows: Ints
    copies: dict[str, list[Augmented]]


def levels_of(name: str) -> tuple[float, ...]:
    """Two levels of a graded transform, to halve the work."""
    return TRANSFORMS[name].levels[1::2] or TRANSFORMS[name].levels


def world(data: Path, weights: Path, n_rows: int) -> World:
    """Embed the copies of some labelled train and val images; kept, so that it is done once."""
    run = analysed(data, weights)
    evidence = load_evidence(run)
    names = [name for name, known in TRANSFORMS.items() if not known.batch]
    changes = [Change(name, level) for name in names for level in levels_of(name)]
    own = np.flatnonzero((evidence.splits != "test") & evidence.labelled)
    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(own)[:n_rows])
    paths = run.table("samples").set_index("sample_id")["filepath"].loc[evidence.sample_ids]
    digests = run.table("catalog").set_index("sample_id")["content_digest"]
    digests = digests.loc[evidence.sample_ids]
    shards = Shards(KEPT / f"{data.name}-copies")
    work = [CopyWork(paths.iloc[i], digests.iloc[i], tuple(changes)) for i in rows]
    settings = Settings.of(data, model=MODEL, weights=weights, device="cpu")
    problems = embed_copies(shards, work, Model(settings, evidence.class_names).load(), render, 0)
    assert not problems, problems
    own = digests.iloc[rows].tolist()
    embedded = gather_copies(shards, [own] * len(changes), changes, 0)
    found: dict[str, list[Augmented]] = {name: [] for name in names}
    for change, E in zip(changes, embedded, strict=True):
        found[change.transform].append(Augmented(change.transform, change.level, rows, E))
    return World(evidence, rows, found)


def reduced(w: World) -> World:
    """The same in the principal components of the images as they are."""
    assert w.evidence.embeddings is not None
    X = np.asarray(w.evidence.embeddings[w.rows], dtype=np.float64)
    mean = X.mean(axis=0)
    basis = np.linalg.svd(X - mean, full_matrices=False)[2][:COMPONENTS].T

    def down(E: np.ndarray) -> np.ndarray:
        return ((np.asarray(E, dtype=np.float64) - mean) @ basis).astype(np.float32)

    copies = {
        name: [replace(one, embeddings=down(one.embeddings)) for one in some]
        for name, some in w.copies.items()
    }
    return World(replace(w.evidence, embeddings=down(w.evidence.embeddings)), w.rows, copies)


def draw(w: World, seed: int) -> tuple[Evidence, Ints, Ints]:
    """New splits: a half train, a sixth val, and a third that has no say."""
    rng = np.random.default_rng(seed)
    e = w.evidence
    units = kin(e, np.zeros(len(e), dtype=np.int64))
    shuffled = rng.permutation(np.unique(units[w.rows]))
    place = np.empty(units.max() + 1)
    place[shuffled] = np.linspace(0, 1, len(shuffled))
    where = place[units[w.rows]]
    splits = np.full(len(e), "test", dtype="<U5")
    splits[w.rows[where < 1 / 2]] = "train"
    splits[w.rows[(where >= 1 / 2) & (where < 2 / 3)]] = "val"
    apart, val = w.rows[where >= 2 / 3], w.rows[(where >= 1 / 2) & (where < 2 / 3)]
    train = np.flatnonzero(splits == "train")
    folds = np.full(len(e), -1, dtype=np.int32)
    folds[train], _ = assign_folds(e.labels[train], units[train].astype(str), 5, rng)
    return replace(e, splits=splits, folds=folds, seed=seed), val, apart


def share(hits: int, n: int) -> Measured:
    return Measured(hits / n, wilson(hits, n), n)


def prevalences(
    n_train: int,
    n_val: int,
    rng: np.random.Generator,
    shown: tuple[str, ...] = (),
    n_shown: int = 0,
) -> dict[str, Prevalence]:
    """What a detector of each symptom says, which is wrong now and then."""
    found = {}
    for symptom in sorted({s for known in TRANSFORMS.values() for s in known.shown_by}):
        n_true = n_shown if symptom in shown else 0
        train = share(int(rng.binomial(n_train, FALSELY)), n_train)
        hits = rng.binomial(n_val - n_true, FALSELY) + rng.binomial(n_true, TRULY)
        held = share(int(hits), n_val)
        excess = excess_of(train, held).measured
        found[symptom] = Prevalence(symptom, "val", "made", train, held, excess)
    return found


def measured(
    w: World, evidence: Evidence, prevalence: Mapping[str, Prevalence]
) -> tuple[Probes, dict[str, Gain]]:
    probes = Probes.of(evidence)
    doses = {name: [Dose(tuple(one.level for one in some), 0.5)] for name, some in w.copies.items()}
    return probes, gains(evidence, probes, w.copies, doses, prevalence)


def recommended(found: Mapping[str, Gain]) -> list[str]:
    worth = [name for name, gain in found.items() if gain.corrected[0] > 0]
    return sorted(worth, key=lambda name: -found[name].expected.estimate)


def null(w: World, draws: int) -> str:
    """One line: what was recommended although nothing was planted, and how it did elsewhere."""
    some, kinds, fared = 0, dict[str, int](), []
    for seed in range(draws):
        evidence, val, apart = draw(w, seed)
        rng = np.random.default_rng([seed, 1])
        n_train = int((evidence.splits == "train").sum())
        probes, found = measured(w, evidence, prevalences(n_train, len(val), rng))
        names = recommended(found)
        some += bool(names)
        assert evidence.embeddings is not None
        for name in names:
            kinds[name] = kinds.get(name, 0) + 1
            refit = Refitting(probes).refit(w.copies[name], 0.5)
            labels, E = evidence.labels[apart], evidence.embeddings[apart]
            after = (refit.taught.predictions(E, apart) == labels).mean()
            fared.append(after - (refit.control.predictions(E, apart) == labels).mean())
    low, high = wilson(some, draws)
    elsewhere = f"{np.mean(fared):+.3f}" if fared else ""
    return f"{some:4d} of {draws} ({low:.2f} to {high:.2f})  elsewhere {elsewhere:7s} {kinds or ''}"


def planted(w: World, name: str, q: float, draws: int) -> str:
    """One line: how often it was recommended, and first, with flags and without."""
    source = w.copies[name][-1]
    counts = np.zeros(4, dtype=int)
    for seed in range(draws):
        evidence, val, _ = draw(w, seed)
        rng = np.random.default_rng([seed, 2])
        changed = np.sort(rng.permutation(val)[: round(q * len(val))])
        assert evidence.embeddings is not None
        X = evidence.embeddings.copy()
        X[changed] = source.embeddings[np.searchsorted(w.rows, changed)]
        # The planted images have no copies of their own: those at hand are of the originals.
        copies = {
            other: [
                Augmented(
                    one.transform,
                    one.level,
                    one.rows[~np.isin(one.rows, changed)],
                    one.embeddings[~np.isin(one.rows, changed)],
                )
                for one in some
            ]
            for other, some in w.copies.items()
        }
        world = World(replace(evidence, embeddings=X), w.rows, copies)
        n_train = int((evidence.splits == "train").sum())
        shown = TRANSFORMS[name].shown_by
        for i, prevalence in enumerate((
            prevalences(n_train, len(val), rng, shown, len(changed)),
            prevalences(n_train, len(val), rng),
        )):  # fmt: skip
            names = recommended(measured(world, world.evidence, prevalence)[1])
            counts[2 * i] += name in names
            counts[2 * i + 1] += names[:1] == [name]
    return "  ".join(f"{count:3d}" for count in counts) + f"  of {draws}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--only", choices=["embed", "null", "planted"])
    args = parser.parse_args()
    for data in args.data:
        start = time.perf_counter()
        w = reduced(world(data, args.weights, args.rows))
        print(f"{data.name}: {len(w.rows)} images, {time.perf_counter() - start:.0f} s", flush=True)
        if args.only in (None, "null"):
            print(f"{data.name:10s} null  {null(w, args.draws)}", flush=True)
        if args.only in (None, "planted"):
            print("                       flagged: taken first  not flagged: taken first")
            for name in PLANTS:
                for q in SHARES:
                    line = planted(w, name, q, max(args.draws // 4, 1))
                    print(f"{data.name:10s} {name:20s} {q:4.0%}: {line}", flush=True)


if __name__ == "__main__":
    main()
