"""Changed copies of a run's images: which are made of which images, and what is kept of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from curate.errors import PolicyError, listed
from curate.findings import Evidence, Ints
from curate.inference.augmented import (
    VERSION,
    Change,
    CopyWork,
    Render,
    embed_copies,
    gather_copies,
    missing_copies,
)
from curate.numerics.balanced import balanced_sample, in_turns
from curate.pipeline.embedding import SHARDS_VERSION
from curate.pipeline.run_model import model_of, settings_of
from curate.progress import Progress, log
from curate.recipe import transforms
from curate.recipe.transforms import TRANSFORMS, render
from curate.remedies.augmented import Augmented
from curate.remedies.probing import evaluated
from curate.store.run import Run, cache_key
from curate.store.shards import Shards

SAMPLE = 240
"""Held-out images of which copies are made at every level of every transform."""

TIMES, ON_OFF_TIMES = 3, 4
"""So many times `SAMPLE` are the train images of which a transform's copies are made, its levels
taking turns: a probe learns little from few copies. A transform that is on or off has one level to
pay for; of held-out images, too, it is judged on so many times as many, since such are the ones
that swap labels. With 20 transforms about 35,000 copies, which took 15 ms of CPU each with a small
network: four to five minutes on two cores."""

MOST_MISSING = 0.05
"""Images that may be gone since the analysis before it is an error; the rest stand for them."""


@dataclass(frozen=True)
class Sample:
    """The images that copies are made of.

    Attributes:
        train: row numbers, classes taking turns, in the order of drawing.
        held_out: the same of the images on which augmentations are judged.
        on: what these are, such as "val".
        each: so many of the held-out ones are changed at every level.
    """

    train: Ints
    held_out: Ints
    on: str
    each: int

    @classmethod
    def of(cls, evidence: Evidence, each: int) -> Sample:
        """Draw by the evidence's seed; a larger sample holds the smaller one.

        Raises:
            PolicyError: no train image has a label.
        """
        train = np.flatnonzero((evidence.splits == "train") & evidence.labelled)
        if not len(train):
            raise PolicyError(
                "Expected labelled train images, to learn what an augmentation would teach, found "
                "none. Run `curate analyze` on data with labels in train."
            )
        held_out, on = evaluated(evidence)
        if on != "val":
            log.warning(
                "no labelled image in val: augmentations are judged on train, out of fold; test "
                "is left alone, since what is chosen by it could not be tested on it"
            )
            held_out = held_out[:0]  # they are among train
        most = each * ON_OFF_TIMES
        return cls(
            _drawn(evidence, train, most, "train"), _drawn(evidence, held_out, most, "held out"),
            on, each,
        )  # fmt: skip

    def rows(self, evidence: Evidence, n_levels: int) -> list[Ints]:
        """Per level the (m,) rows of which a transform's copies are made, ascending."""
        on_off = n_levels == 1
        most = -(-self.each * (ON_OFF_TIMES if on_off else TIMES) // n_levels)
        turns = in_turns(evidence.labels[self.train], n_levels, most)
        held_out = self.held_out[: self.each * (ON_OFF_TIMES if on_off else 1)]
        return [np.union1d(self.train[turn], held_out) for turn in turns]


@dataclass(frozen=True)
class Plan:
    """One transform to be judged: its levels, and how its copies are made.

    Attributes:
        name: of the plan, such as that of the transform.
        levels: rising.
        render: makes the copies; None for `curate.recipe.transforms.render`, with `key` or `name`.
        key: by what its copies are kept, where that is not the name.
    """

    name: str
    levels: tuple[float, ...]
    render: Render | None = None
    key: str = ""

    @classmethod
    def known(cls, name: str) -> Plan:
        """A transform of ours at the levels at which it is judged."""
        return cls(name, TRANSFORMS[name].levels)

    @property
    def transform(self) -> str:
        """The name of ours that its copies are known by; another where it has none of ours."""
        return self.key or self.name

    def changes(self) -> list[Change]:
        """What the shards know its copies by."""
        return [Change(self.transform, level) for level in self.levels]


class Copies(Mapping[str, list[Augmented]]):
    """Per plan its copies, one entry a level, read from the run's cache when they are asked for.

    So only one transform's embeddings are in memory at a time.
    """

    def __init__(
        self, shards: Shards, evidence: Evidence, plans: Sequence[Plan],
        rows: Mapping[str, Sequence[Ints]],
    ) -> None:  # fmt: skip
        self._shards, self._evidence, self._rows = shards, evidence, rows
        self._plans = {plan.name: plan for plan in plans}

    def __getitem__(self, name: str) -> list[Augmented]:
        plan, rows, evidence = self._plans[name], self._rows[name], self._evidence
        assert evidence.digests is not None
        digests = [evidence.digests[own].astype(str).tolist() for own in rows]
        changes = plan.changes()
        found = gather_copies(self._shards, digests, changes, evidence.seed)
        return [
            Augmented(name, change.level, own, embeddings)
            for change, own, embeddings in zip(changes, rows, found, strict=True)
        ]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)


def augmented_copies(
    run: Run, evidence: Evidence, plans: Sequence[Plan], sample: Sample, options: Mapping[str, Any],
    progress: Progress,
) -> Copies:  # fmt: skip
    """Embed changed copies of the sample's images.

    What the run's cache holds is not embedded again, whatever else is asked this time; the model is
    loaded only if something is missing.

    Args:
        run: finished.
        evidence: of it.
        plans: what to make.
        sample: of which images.
        options: device, batch_size, workers; None or absent ones as the analysis had them.
        progress: shows one bar.

    Raises:
        PolicyError: more than `MOST_MISSING` of the images are gone or were changed.
        ModelError: the run's model cannot be had, or is not the same any more.
    """
    shards = Shards(_home(run))
    wanted = {plan.name: sample.rows(evidence, len(plan.levels)) for plan in plans}
    work = _work(run, evidence, plans, wanted)
    passing: dict[str, tuple[str, str]] = {}
    missing = missing_copies(shards, work, evidence.seed)
    if missing:
        settings = settings_of(run, options)
        passing = _changed_files(run, missing)
        _check_missing(passing, work)
        n_copies = sum(len(item.changes) for item in missing)
        log.info("%d changed copies of %d images are to be made", n_copies, len(missing))
        passing |= embed_copies(
            shards, [item for item in missing if item.digest not in passing],
            model_of(run, settings), _renderer(plans), evidence.seed,
            settings.workers or min(16, os.cpu_count() or 1), progress, settings.source.max_pixels,
        )  # fmt: skip
        for other in shards.folder.parent.glob("*"):
            if other != shards.folder:  # of another model, or another version of the library
                shutil.rmtree(other)
        _check_missing(passing, work)
        if passing:
            paths = [item.path for item in missing if item.digest in passing]
            log.warning("%d images are left out, they cannot be read now: %s",
                        len(passing), listed(paths))  # fmt: skip
    assert evidence.digests is not None
    known = np.array([d not in passing and shards.note(d) is None for d in evidence.digests])
    rows = {name: [of[known[of]] for of in levels] for name, levels in wanted.items()}
    return Copies(shards, evidence, plans, rows)


def _drawn(evidence: Evidence, rows: Ints, n: int, which: str) -> Ints:
    groups = None if evidence.groups is None else evidence.groups[rows]
    rng = evidence.rng(f"policy, {which}")
    drawn: Ints = rows[balanced_sample(evidence.labels[rows], n, rng, groups)]
    return drawn


def _work(
    run: Run, evidence: Evidence, plans: Sequence[Plan], wanted: Mapping[str, Sequence[Ints]]
) -> list[CopyWork]:
    """Every image once, with all that is to be made of it."""
    assert evidence.digests is not None
    paths = run.table("catalog").set_index("sample_id")["filepath"]
    changes: dict[int, list[Change]] = {}
    for plan in plans:
        for change, rows in zip(plan.changes(), wanted[plan.name], strict=True):
            for row in rows.tolist():
                changes.setdefault(row, []).append(change)
    ids = evidence.sample_ids
    return [
        CopyWork(str(paths[ids[row]]), str(evidence.digests[row]), tuple(those))
        for row, those in sorted(changes.items())
    ]


def _changed_files(run: Run, work: Sequence[CopyWork]) -> dict[str, tuple[str, str]]:
    """Files that are gone, or of another size than they were when the run was made."""
    sizes = run.table("catalog").set_index("filepath")["size_bytes"]
    found = {}
    for item in work:
        path = Path(item.path)
        if not path.is_file():
            found[item.digest] = ("missing", item.path)
        elif path.stat().st_size != sizes[item.path]:
            found[item.digest] = ("changed since the analysis", item.path)
    return found


def _check_missing(passing: Mapping[str, tuple[str, str]], work: Sequence[CopyWork]) -> None:
    if len(passing) <= MOST_MISSING * len(work):
        return
    kinds: dict[str, int] = {}
    for problem, _ in passing.values():
        kinds[problem] = kinds.get(problem, 0) + 1
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    raise PolicyError(
        f"Expected the images of the run as they were when it was made, found {len(passing)} of "
        f"{len(work)} otherwise ({told}): "
        f"{listed(item.path for item in work if item.digest in passing)}. Put them back, or run "
        "`curate analyze` again."
    )


def _renderer(plans: Sequence[Plan]) -> Render:
    own = {plan.transform: plan.render for plan in plans if plan.render is not None}

    def make(name: str, pixels: Any, level: float, seed: int) -> Any:
        return own.get(name, render)(name, pixels, level, seed)

    return make


def _home(run: Run) -> Path:
    """The cache of this model's copies; what is rendered depends on the library too."""
    inference = run.info.get("inference", {})
    model = inference.get("weights_digest") or inference.get("model", run.info["settings"]["model"])
    rendered = [transforms.VERSION, version("albumentations")]
    key = cache_key("augmented", VERSION, SHARDS_VERSION, model, *rendered)
    return run.path / "cache" / "augmented" / key[:16]
