"""The main use case: image folders in, a run with metrics, findings, a map and tiers out."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from curate.data.catalog import Catalog, scan
from curate.data.source import Source
from curate.detectors import Detector, cascade, chosen_detectors
from curate.errors import InputError, ModelError, RunError
from curate.pipeline import embedding, stages
from curate.pipeline.decided import retier, take_labels
from curate.pipeline.dynamics import GivenDynamics
from curate.pipeline.evidence import copies_of, detect_all, evidence_of, graph_of
from curate.pipeline.inspect import facts_of
from curate.pipeline.models import Model, check_engine, check_predictions, predictions_key
from curate.pipeline.own_code import check_model, note_model
from curate.pipeline.places import check_apart, check_holds_none, image_folder
from curate.pipeline.report import written_or_told
from curate.pipeline.results import in_sample, write_metrics, write_tiers_and_samples
from curate.pipeline.settings import Settings
from curate.pipeline.stages import Stages
from curate.progress import Progress, log, silent
from curate.store.files import write_json
from curate.store.locking import FILE as LOCK
from curate.store.locking import working
from curate.store.run import Run, cache_key, check_target

VERSIONS = ("curate", "torch", "timm", "scikit-learn", "umap-learn", "cleanlab", "numpy", "pandas")


def analyze(
    data: str | Path | None = None,
    run: str | Path | None = None,
    *,
    table: pd.DataFrame | None = None,
    **options: Any,
) -> Run:
    """Analyse images: the Python form of ``curate analyze`` without the App.

    Args:
        data: a folder of images, see `curate.data.layout.list_folder`; may be left out where
            `manifests` or `table` name every image.
        run: where the run is written; default ``runs/NAME`` for data called NAME.
        table: the images as a table in memory, with the columns of a manifest.
        **options: the fields of `curate.data.source.Source` and of
            `curate.pipeline.settings.Settings`, and `progress`.

    Returns:
        The finished run.

    Raises:
        InputError: the data, the model or the run cannot be used; nothing was written.
    """
    progress: Progress = options.pop("progress", silent)
    if data is None and table is not None:
        data = "."
    settings = Settings.of(data, **options)
    return run_analysis(
        settings, Path(run) if run else default_run(settings.source), progress, table
    )


def reanalyze(run: Run, progress: Progress = silent) -> Run:
    """Analyse the images of a run again as it was, with the labels that people decided.

    What was embedded is not embedded again. The decisions stay as they are, and samples.parquet
    keeps the labels of the source; scores, findings and tiers follow what people said.

    Raises:
        RunError: the run was made of a table in memory, which only its maker has.
        InputError: the data cannot be used any more.
        ModelError: its model is code that nobody named here.
    """
    check_model(run.path, run.info["settings"]["model"])
    settings = replace(
        Settings.from_json(run.info["settings"]), with_decisions=True,
        # A cluster is for the pass over images, which is done; and a run's word is no reason to
        # send anything to an address.
        engine="local", ray_address=None, ray_actors=None, ray_gpus=None,
    )  # fmt: skip
    return run_analysis(settings, run.path, progress)


def default_run(source: Source) -> Path:
    """``runs/NAME`` in the working directory."""
    return Path("runs") / source.name


def run_analysis(
    settings: Settings, target: Path, progress: Progress, given: pd.DataFrame | None = None
) -> Run:
    """Do what `settings` ask for, stage by stage; finished stages are taken from the run."""
    target = target.expanduser().resolve()
    check_target(target)
    _check_folds(settings)
    source = settings.source
    if given is None:
        check_apart(target, "--run", RunError, image_folder(source.as_json()))
    old = Run(target) if (target / "run.json").is_file() else None
    before = old.table("catalog") if old else None
    catalog = scan(source, given, before, progress, settings.seed)
    check_holds_none(target, "--run", RunError, catalog.table["filepath"])
    first_notes = _first_notes(catalog, old, before)
    for note in [*first_notes, *catalog.notes]:
        log.warning("%s", note)
    if old:
        _check_same_data(old, catalog)
    detectors = chosen_detectors(settings.detectors)
    views = embedding.wanted_views(detectors)
    check_predictions(settings)
    check_engine(settings)
    dynamics = GivenDynamics(settings, catalog.table)
    dynamics.check(old)
    model = Model(settings, catalog.class_names)
    # Which turned copies are embedded depends on seed and groups; where all are, on nothing.
    whole = settings.all_views or len(catalog.table) <= cascade.ALL_BELOW
    looked = "all" if whole else [settings.seed, catalog.table["group"].tolist()]
    parts = [model.key(), list(views.items()), looked, catalog.class_names, *_contents(catalog)]
    key = cache_key("embed", embedding.VERSION, parts, [])
    if old is None or not old.is_done("embed", key):
        model.load()  # before anything is written: what is wrong with it ends here
    recorded = settings.as_json()
    if given is not None:
        recorded["source"]["given"] = len(given)
    fresh = old is None
    run = Run.create(target)
    with working(run.path, "curate analyze"):
        try:
            run.save(
                status="running", settings=recorded, data=str(catalog.root),
                seed=settings.seed, classes=list(catalog.class_names),
                versions={name: version(name) for name in VERSIONS},
            )  # fmt: skip
            note_model(run.path, settings.model)
            run.write_table("catalog", catalog.table)
            done = Stages(run)

            workers = settings.workers or min(16, os.cpu_count() or 1)
            done.do(
                "embed", embedding.VERSION, parts, [], embedding.files(run, views),
                lambda: embedding.embed(
                    run, catalog, model.load(), views, workers, settings, progress
                ),
            )  # fmt: skip
        except InputError:
            # Bad images are known only after decoding: a run that holds nothing yet is taken away.
            if fresh:
                (target / "cache" / "catalog.parquet").unlink(missing_ok=True)
                shutil.rmtree(target / "cache" / "shards", ignore_errors=True)
                (target / "run.json").unlink(missing_ok=True)
                (target / LOCK).unlink(missing_ok=True)
            raise
        _rest(run, done, catalog, settings, detectors, dynamics, progress)
        run.save(first_notes=first_notes, status="complete")
        written_or_told(run)
    return run


def _rest(
    run: Run, done: Stages, catalog: Catalog, settings: Settings, detectors: dict[str, Detector],
    dynamics: GivenDynamics, progress: Progress,
) -> None:  # fmt: skip
    """The stages after the pass over the images."""
    names = catalog.class_names
    decode_problems = run.table("decode_problems")
    run.write_table("problems", embedding.all_problems(catalog, decode_problems))
    table = embedding.readable(catalog.table, decode_problems)
    rows = table["sample_id"].tolist()
    judged = take_labels(run, table, settings.with_decisions)
    labels = stages.label_numbers(judged["label"], names)
    done.do(
        "neighbors", 1, stages.NEIGHBORS, ["embed"],
        ["cache/neighbor_indices.npy", "cache/neighbor_distances.npy"],
        lambda: stages.neighbors(run, rows, progress),
    )  # fmt: skip
    copies = cache(lambda: copies_of(run, judged, labels, names))  # asked for by two stages
    done.do(
        "probabilities", 2,
        [settings.folds, settings.seed, table["group"].tolist(), predictions_key(settings),
         *([labels.tolist()] if settings.with_decisions else [])],
        ["embed", "neighbors"], ["probs.npy", "cache/folds.npy"],
        lambda: stages.probabilities(run, judged, names, settings, progress, copies()),
    )  # fmt: skip
    probs = np.asarray(run.array("probs", rows))
    done.do(
        "metrics", 1, settings.seed, ["probabilities"], ["metrics.json"],
        lambda: write_metrics(run, table, labels, probs, names, settings.seed),
    )  # fmt: skip
    options = {
        kind: [detector.version, asdict(detector)]  # type: ignore[call-overload]
        for kind, detector in detectors.items()
    }
    recorded = dynamics.take_in(done)
    done.do(
        "detect", 1, [options, settings.seed], ["neighbors", "probabilities", *recorded],
        ["findings.parquet"],
        lambda: detect_all(
            run,
            evidence_of(
                run, judged, labels, names, embedding.wanted_views(detectors),
                list(catalog.metadata), copies(), settings.seed,
            ),
            detectors,
            progress,
        ),
    )  # fmt: skip
    done.do(
        "projection", 1, settings.seed, ["neighbors"], ["projection.npy"],
        lambda: stages.projection(run, rows, settings.seed, progress),
    )  # fmt: skip
    done.do(
        # samples.parquet repeats what the source says, which may differ from the last time.
        "tiers", 4, _written_as_given(table, catalog), ["detect"],
        ["tiers.parquet", "samples.parquet"],
        lambda: write_tiers_and_samples(
            run, table, labels, probs, catalog, graph_of(run, rows)
        ),
    )  # fmt: skip
    done.do(
        "facts", 1, [_written_as_given(table, catalog), len(run.table("problems"))], ["embed"],
        ["facts.json"],
        lambda: write_json(
            run.path / "facts.json", facts_of(catalog, run.table("image_stats"), decode_problems)
        ),
    )  # fmt: skip
    if not run.table_path("decisions").exists():
        run.write_table("decisions", run.table("decisions"))
    if run.table_path("decided").exists():
        retier(run)  # they were made of tiers that may be others now
    run.save(
        counts={"images": catalog.n_images, "samples": len(rows),
                "problems": len(run.table("problems"))},
        skipped_files=catalog.skipped, notes=list(catalog.notes), cached_stages=done.cached,
        metadata=catalog.metadata,
        in_sample=in_sample(run, table, settings),
    )  # fmt: skip


def _first_notes(catalog: Catalog, old: Run | None, before: pd.DataFrame | None) -> list[str]:
    """The sentences about groups; those of the last time where nothing of them has changed."""
    columns = ["filepath", "split", "label", "group"]
    if old is None or before is None or "first_notes" not in old.info:
        return catalog.first_notes
    same = before[columns].equals(catalog.table[columns])
    return list(old.info["first_notes"]) if same else catalog.first_notes


def _written_as_given(table: pd.DataFrame, catalog: Catalog) -> list[Any]:
    """What samples.parquet repeats of the source beside the images' contents."""
    own = table[["filepath", "split", "label", "group", *catalog.metadata]]
    return [catalog.metadata, own.astype("string").fillna("").to_numpy().tolist()]


def _check_folds(settings: Settings) -> None:
    if settings.folds < 2:
        raise ModelError(
            f"Expected at least 2 folds, found {settings.folds}. Leave out --folds for 5."
        )


def _contents(catalog: Catalog) -> list[list[str]]:
    """What the cache must know of the images: which they are, and their bytes; not their paths."""
    return [catalog.table["sample_id"].tolist(), catalog.table["content_digest"].tolist()]


def _check_same_data(old: Run, catalog: Catalog) -> None:
    """Refuse to analyse other images into a run: its decisions belong to the images it has.

    The same folder, or a source that still holds half of the run's images, is the same data.
    """
    if old.info.get("data") in (None, str(catalog.root)):
        return
    before = old.table("catalog")[["sample_id", "content_digest"]]
    now = catalog.table[["sample_id", "content_digest"]]
    if len(before) and len(before.merge(now)) * 2 < len(before):
        raise RunError(
            f"Expected the images of {old.info['data']} for the run {old.path}, found others in "
            f"{catalog.root}. Choose another --run."
        )
