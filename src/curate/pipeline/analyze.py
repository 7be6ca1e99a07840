"""The main use case: image folders in, a run with metrics, findings, a map and tiers out."""

from __future__ import annotations

import os
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog, scan
from curate.detectors import DETECTORS
from curate.errors import InputError, ModelError, RunError
from curate.findings import stage_rng
from curate.numerics.metrics import classification_metrics
from curate.numerics.probabilities import margin
from curate.pipeline import stages
from curate.pipeline.evidence import detect_all, evidence_of
from curate.pipeline.settings import Settings
from curate.pipeline.stages import Stages
from curate.progress import Progress, log, silent
from curate.remedies.tiers import assign_tiers, difficulty_of
from curate.store.files import write_json
from curate.store.run import Run, cache_key, check_target
from curate.store.schema import SAMPLES

VERSIONS = ("curate", "torch", "timm", "scikit-learn", "umap-learn", "cleanlab", "numpy", "pandas")


def analyze(data: str | Path, run: str | Path | None = None, **options: Any) -> Run:
    """Analyse image folders: the Python form of ``curate analyze`` without the App.

    Args:
        data: a folder with train, val and test, each with one folder a class.
        run: where the run is written; default ``runs/NAME`` for data called NAME.
        **options: the fields of `curate.pipeline.settings.Settings`, and `progress`.

    Returns:
        The finished run.

    Raises:
        InputError: the data, the model or the run cannot be used; nothing was written.
    """
    progress: Progress = options.pop("progress", silent)
    settings = Settings(Path(data).expanduser().absolute(), **options)
    return run_analysis(settings, Path(run) if run else default_run(settings.data), progress)


def default_run(data: Path) -> Path:
    """``runs/NAME`` in the working directory."""
    return Path("runs") / data.resolve().name


def run_analysis(settings: Settings, target: Path, progress: Progress) -> Run:
    """Do what `settings` ask for, stage by stage; finished stages are taken from the run."""
    target = target.expanduser().resolve()
    check_target(target)
    _check_apart(settings.data, target)
    _check_folds(settings)
    old = Run(target) if (target / "run.json").is_file() else None
    catalog = scan(settings.data, old.table("catalog") if old else None, progress)
    for note in catalog.notes:
        log.warning("%s", note)
    if old:
        _check_same_data(old, catalog, settings.data)
    views, has_logits = stages.wanted_views(), settings.checkpoint is not None
    parts = [model_key(settings), views, catalog.class_names, *_contents(catalog)]
    key = cache_key("embed", stages.EMBED_VERSION, parts, [])
    embedder = None
    if old is None or not old.is_done("embed", key):
        from curate.inference.backbone import load_embedder

        embedder = load_embedder(
            settings.model, settings.weights, settings.checkpoint,
            catalog.class_names, settings.device, settings.batch_size,
        )  # fmt: skip
    fresh = old is None
    run = Run.create(target)
    try:
        run.save(
            status="running", settings=settings.as_json(), data=str(settings.data),
            seed=settings.seed, classes=list(catalog.class_names),
            versions={name: version(name) for name in VERSIONS},
        )  # fmt: skip
        run.write_table("catalog", catalog.table)
        done = Stages(run)

        def embed() -> None:
            assert embedder is not None
            workers = settings.workers or min(16, os.cpu_count() or 1)
            stages.embed(run, catalog, embedder, views, workers, progress)

        files = stages.embed_files(views, has_logits)
        done.do("embed", stages.EMBED_VERSION, parts, [], files, embed)
    except InputError:
        # Bad images are known only after decoding: a run that holds nothing yet is taken away.
        if fresh:
            (target / "cache" / "catalog.parquet").unlink(missing_ok=True)
            (target / "run.json").unlink(missing_ok=True)
        raise
    _rest(run, done, catalog, settings, views, progress)
    return run


def _rest(
    run: Run, done: Stages, catalog: Catalog, settings: Settings, views: tuple[str, ...],
    progress: Progress,
) -> None:  # fmt: skip
    """The stages after the pass over the images."""
    names = catalog.class_names
    decode_problems = run.table("decode_problems")
    run.write_table("problems", stages.all_problems(catalog, decode_problems))
    table = stages.readable(catalog.table, decode_problems)
    rows = table["sample_id"].tolist()
    labels = stages.label_numbers(table["label"], names)
    done.do(
        "neighbors", 1, stages.NEIGHBORS, ["embed"],
        ["cache/neighbor_indices.npy", "cache/neighbor_distances.npy"],
        lambda: stages.neighbors(run, rows, progress),
    )  # fmt: skip
    done.do(
        "probabilities", 1, [settings.folds, settings.seed, table["group"].tolist()], ["embed"],
        ["probs.npy", "cache/folds.npy"],
        lambda: stages.probabilities(run, table, names, settings, progress),
    )  # fmt: skip
    probs = np.asarray(run.array("probs", rows))
    done.do(
        "metrics", 1, settings.seed, ["probabilities"], ["metrics.json"],
        lambda: _metrics(run, table, labels, probs, names, settings.seed),
    )  # fmt: skip
    options = {
        kind: [detector.version, asdict(detector())]  # type: ignore[call-overload]
        for kind, detector in sorted(DETECTORS.items())
    }
    done.do(
        "detect", 1, [options, settings.seed], ["neighbors", "probabilities"],
        ["findings.parquet"],
        lambda: detect_all(
            run, evidence_of(run, table, labels, names, views, settings.seed), progress
        ),
    )  # fmt: skip
    done.do(
        "projection", 1, settings.seed, ["neighbors"], ["projection.npy"],
        lambda: stages.projection(run, rows, settings.seed, progress),
    )  # fmt: skip
    done.do(
        # samples.parquet names the files, which may lie elsewhere than the last time.
        "tiers", 1, table["filepath"].tolist(), ["detect"], ["tiers.parquet", "samples.parquet"],
        lambda: _tiers_and_samples(run, table, labels, probs, names, settings),
    )  # fmt: skip
    if not run.table_path("decisions").exists():
        run.write_table("decisions", run.table("decisions"))
    run.save(
        status="complete",
        counts={"images": catalog.n_images, "samples": len(rows),
                "problems": len(run.table("problems"))},
        skipped_files=catalog.skipped, notes=list(catalog.notes), cached_stages=done.cached,
        in_sample=_in_sample(table, settings),
    )  # fmt: skip


def model_key(settings: Settings) -> list[str]:
    """What identifies the embedder without loading it: name, kind and digest of its weights."""
    from curate.inference.weights import file_digest

    given = settings.checkpoint or settings.weights
    if given is None:
        # The hub serves one set of weights a name and timm version.
        return [settings.model, "none" if settings.model == "hog" else version("timm")]
    if not given.is_file():
        raise ModelError(f"Expected a weights file at {given}, found none. Check the path.")
    kind = "checkpoint" if settings.checkpoint else "weights"
    return [settings.model, kind, file_digest(given), version("timm")]


def _check_apart(data: Path, target: Path) -> None:
    """Refuse to write among the user's images, or around them."""
    place = data.resolve()
    if target == place or place in target.parents or target in place.parents:
        raise RunError(
            f"Expected a --run directory apart from the images in {place}, found {target}. "
            "Choose another --run."
        )


def _check_folds(settings: Settings) -> None:
    if settings.folds < 2:
        raise ModelError(
            f"Expected at least 2 folds, found {settings.folds}. Leave out --folds for 5."
        )


def _contents(catalog: Catalog) -> list[list[str]]:
    """What the cache must know of the images: which they are, and their bytes; not their paths."""
    return [catalog.table["sample_id"].tolist(), catalog.table["content_digest"].tolist()]


def _check_same_data(old: Run, catalog: Catalog, data: Path) -> None:
    """Refuse to analyse other images into a run: its decisions belong to the images it has.

    The same folder, or a folder that still holds half of the run's images, is the same data.
    """
    if old.info.get("data") in (None, str(data)):
        return
    before = old.table("catalog")[["sample_id", "content_digest"]]
    now = catalog.table[["sample_id", "content_digest"]]
    if len(before) and len(before.merge(now)) * 2 < len(before):
        raise RunError(
            f"Expected the images of {old.info['data']} for the run {old.path}, found others in "
            f"{data}. Choose another --run."
        )


def _metrics(
    run: Run, table: pd.DataFrame, labels: Any, probs: Any, names: tuple[str, ...], seed: int
) -> None:
    splits = {}
    for split in ("train", "val", "test"):
        rows = np.flatnonzero((table["split"] == split).to_numpy() & (labels >= 0))
        if len(rows):
            rng = stage_rng(seed, f"metrics-{split}")
            splits[split] = classification_metrics(labels[rows], probs[rows], names, rng)
    write_json(run.path / "metrics.json", {"classes": list(names), "splits": splits})


def _in_sample(table: pd.DataFrame, settings: Settings) -> dict[str, Any]:
    """Which rows the model behind the numbers has been trained on, and how."""
    if settings.checkpoint is None:
        return {"splits": [], "rows": 0, "why": "every row is predicted by a probe without it"}
    return {
        "splits": ["train"],
        "rows": int((table["split"] == "train").sum()),
        "why": "the checkpoint was presumably trained on train: its embeddings of these images "
        "are in-sample, though the probe that predicts them is out-of-fold",
    }


def _tiers_and_samples(
    run: Run, table: pd.DataFrame, labels: Any, probs: Any, names: tuple[str, ...],
    settings: Settings,
) -> None:  # fmt: skip
    """The last stage: tiers of the training images, and the table of all images."""
    gap = np.full(len(table), np.nan)
    known = np.flatnonzero(labels >= 0)
    gap[known] = margin(labels[known], probs[known])
    is_train = (table["split"] == "train").to_numpy()
    rows = np.flatnonzero(is_train & (labels >= 0))
    errors = run.table("findings").query("kind == 'label_error'").set_index("sample_id")
    errors = errors.reindex(table["sample_id"].iloc[rows])
    tiers = assign_tiers(
        table["sample_id"].to_numpy(dtype=str)[rows], labels[rows], gap[rows],
        errors["flagged"].fillna(False).to_numpy(dtype=bool),
        errors["reason"].fillna("").tolist(), names,
    )  # fmt: skip
    run.write_table("tiers", tiers)
    best = probs.argmax(axis=1)
    samples = table.assign(
        pred_label=[names[c] for c in best],
        confidence=probs[np.arange(len(probs)), best].astype(float),
        margin=gap,
        in_sample=is_train & (settings.checkpoint is not None),
        fold=np.asarray(run.array("cache/folds", table["sample_id"])),
        tier=table["sample_id"].map(tiers.set_index("sample_id")["tier"]),
        difficulty=difficulty_of(gap),
    )
    stats = run.table("image_stats").drop(columns="sample_id")
    run.write_table("samples", pd.concat([samples[list(SAMPLES)], stats], axis=1))
