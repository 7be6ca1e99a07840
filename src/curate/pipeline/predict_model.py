"""What predicts pictures: a run's model, its probe or its head; or a checkpoint on its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from curate.errors import ModelError, RunError
from curate.findings import Bools, Floats, Ints
from curate.inference.embedder import Embedder, Output
from curate.inference.refit import refit
from curate.numerics.probabilities import softmax
from curate.numerics.temperature import fit_temperature
from curate.numerics.temperature_interval import temperature_interval
from curate.pipeline.decided import judged_labels
from curate.pipeline.embedding import readable
from curate.pipeline.run_model import model_of, settings_of
from curate.pipeline.stages import fold_groups, has_logits, label_numbers
from curate.store.run import Run


@dataclass(frozen=True)
class Calibration:
    """What makes the probabilities honest on average.

    Attributes:
        text: one sentence; where nothing is known, that it is not.
        temperature: by which logits are divided; 1 where nothing is known.
        interval: its 95 % interval, None where not known.
        images: to which it was fitted; 0 where it was not.
    """

    text: str
    temperature: float = 1.0
    interval: tuple[float, float] | None = None
    images: int = 0


@dataclass(frozen=True)
class Predictor:
    """Turns the model's outputs into probabilities.

    Attributes:
        embedder: the model.
        name: of it, in words.
        class_names: the columns of the probabilities.
        probs: outputs of one batch -> (m, n_classes) probabilities.
        calibration: of these.
        max_pixels: larger images are not decoded; None for the usual limit.
        notes: sentences that a person should know.
    """

    embedder: Embedder
    name: str
    class_names: tuple[str, ...]
    probs: Callable[[Output], Floats]
    calibration: Calibration
    max_pixels: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """The images of a run, as far as predictions go; rows follow `embeddings`.

    Attributes:
        run: they are of.
        ids: sample ids.
        filepaths, labels_text: of the images.
        labels: (n,) class numbers that the run went by, -1 for none.
        splits, digests: of the images.
        folds: (n,) -1 for what was not trained on.
        embeddings: (n, d), a memory map.
        units: (n,) images of one group, or with the same bytes, share a number.
    """

    run: Run
    ids: list[str]
    filepaths: list[str]
    labels_text: list[str]
    labels: Ints
    splits: np.ndarray[Any, Any]
    digests: list[str]
    folds: Ints
    embeddings: Floats
    units: Ints

    @cached_property
    def split_of(self) -> dict[str, str]:
        """By the digest of a file's bytes the split that it is in; train where it is in several."""
        pairs = list(zip(self.digests, self.splits.tolist(), strict=True))
        return dict(sorted(pairs, key=lambda pair: pair[1] == "train"))

    @classmethod
    def of(cls, run: Run) -> Known:
        """Read a finished run.

        Raises:
            RunError: it is not finished, or has no labelled train image.
        """
        run.check_complete()
        table = judged_labels(run, readable(run.table("catalog"), run.table("decode_problems")))
        ids, names = table["sample_id"].tolist(), tuple(run.info["classes"])
        labels = label_numbers(table["label"], names)
        folds = np.asarray(run.array("cache/folds", ids)).astype(np.int64)
        if not (folds >= 0).any():
            raise RunError(
                f"Expected a run with labelled train images, to learn the classes from, found none "
                f"in {run.path}. Analyse data with train/CLASS/ images, or give --checkpoint."
            )
        return cls(
            run, ids, table["filepath"].tolist(), table["label"].fillna("").tolist(), labels,
            table["split"].to_numpy(dtype=str), table["content_digest"].tolist(), folds,
            run.array("embeddings", ids), fold_groups(table, labels)[0],
        )  # fmt: skip


def of_run(known: Known, **options: Any) -> Predictor:
    """The predictor of a run: its classifier's logits, or else the linear probe of its embeddings.

    Args:
        known: the run.
        **options: `device`, `batch_size`, as of an analysis.

    Raises:
        ModelError: the run's model cannot be had any more.
    """
    run = known.run
    settings = settings_of(run, options)
    embedder = model_of(run, settings)
    names = tuple(run.info["classes"])
    notes: tuple[str, ...] = ()
    if settings.predictions:
        notes = (
            "the run was given predictions, which say nothing of other images: these are "
            "predicted by what curate learnt from the embeddings itself",
        )
    most = settings.source.max_pixels
    if has_logits(run):
        assert embedder.class_names is not None
        order = [embedder.class_names.index(name) for name in names]
        calibration = _of_logits(known)

        def from_logits(out: Output) -> Floats:
            assert out.logits is not None
            return softmax(out.logits[:, order] / calibration.temperature)

        what = f"{settings.model}, its own classifier"
        return Predictor(embedder, what, names, from_logits, calibration, most, notes)
    info = run.info["probe"]
    probe = refit(known.embeddings, known.labels, known.folds, len(names), info)
    return Predictor(
        embedder, f"{info['method']} on the embeddings of {settings.model}", names,
        lambda out: probe.pred_probs(out.embeddings), _of_probe(known, bool(notes)), most, notes,
    )  # fmt: skip


def of_checkpoint(
    checkpoint: Path,
    model: str | None = None,
    device: str = "auto",
    batch_size: int | None = None,
    img_size: int | None = None,
) -> Predictor:
    """The predictor of a trained classifier about whose data nothing is known.

    Args:
        checkpoint: weights with their class list, or a whole TorchScript or ONNX file.
        model: its architecture; None where the file says it, or is whole.
        device: as of an analysis.
        batch_size: the same.
        img_size: the same.

    Raises:
        ModelError: the file cannot be used, names no classes, or nobody says the architecture.
    """
    from curate.inference.backbone import load_embedder
    from curate.inference.described import described, is_whole_model
    from curate.inference.modules import is_import_path

    names, arch, trained_size = described(checkpoint)
    img_size = img_size or trained_size
    if is_whole_model(checkpoint):
        if model is not None:
            raise ModelError(
                f"Expected no --model with {checkpoint}, which is one itself, found {model}. Leave "
                "it out."
            )
        embedder = load_embedder(
            str(checkpoint), None, None, names, device, batch_size, img_size
        )  # fmt: skip
    elif model is None and arch is not None and is_import_path(arch):
        raise ModelError(
            f"Expected a timm name as the architecture in {checkpoint}, found {arch}, which would "
            f"be imported and called. If you trust it, name it yourself: --model {arch}."
        )
    elif (name := model or arch) is None:
        raise ModelError(
            f"Expected --model with {checkpoint}, which does not say its architecture: the timm "
            "name that it was trained as, such as efficientnet_b0, or package.module:factory."
        )
    else:
        embedder = load_embedder(name, None, checkpoint, names, device, batch_size, img_size)
    if embedder.class_names is None:
        raise ModelError(
            f"Expected a classifier in {checkpoint}, found a backbone: its outputs are not those "
            f"of {len(names)} classes. Give a trained classifier, or a run: --run."
        )

    def probs(out: Output) -> Floats:
        assert out.logits is not None
        return softmax(out.logits)

    text = (
        "not calibrated: nothing is known of images that the model was not trained on; a --run "
        "that was analysed with it would tell"
    )
    return Predictor(embedder, embedder.name, embedder.class_names, probs, Calibration(text))


def _of_logits(known: Known) -> Calibration:
    rows = np.flatnonzero((known.splits == "val") & (known.labels >= 0))
    if not len(rows):
        return Calibration(
            "not calibrated: the run has no labelled val images, and of train the classifier was "
            "presumably trained on"
        )
    logits = np.asarray(known.run.array("cache/logits", known.ids)[rows])
    found = fit_temperature(logits, known.labels[rows])
    interval = temperature_interval(logits, known.labels[rows], found, known.units[rows])
    text = f"calibrated on {len(rows)} val images of the run, {_in_words(found, interval)}"
    return Calibration(text, found, interval, len(rows))


def _of_probe(known: Known, given: bool) -> Calibration:
    info = known.run.info["probe"]
    temperature, rows = float(info["temperature"]), _judges(known)
    interval = None
    if len(rows) and not given:
        # At the temperature that was fitted, the logarithms of the probabilities are the logits.
        probs = np.asarray(known.run.array("probs", known.ids)[rows], dtype=np.float64)
        said = np.log(np.maximum(probs, np.finfo(np.float64).tiny))
        ends = temperature_interval(said, known.labels[rows], 1.0, known.units[rows])
        interval = None if ends is None else (ends[0] * temperature, ends[1] * temperature)
    text = (
        f"calibrated on {len(rows)} train images of the run, each predicted by a probe that had "
        f"not seen it, {_in_words(temperature, interval)}"
    )
    return Calibration(text, temperature, interval, len(rows))


def _judges(known: Known) -> Ints:
    """The train images to which the run's temperature was fitted: classes that others show too."""
    train = known.folds >= 0
    counts = np.zeros((int(known.folds.max()) + 1, int(known.labels.max()) + 1), dtype=np.int64)
    np.add.at(counts, (known.folds[train], known.labels[train]), 1)
    seen = counts.sum(axis=0) - counts > 0
    judges: Bools = train.copy()
    judges[train] = seen[known.folds[train], known.labels[train]]
    return np.flatnonzero(judges)


def _in_words(temperature: float, interval: tuple[float, float] | None) -> str:
    if interval is None:
        return f"temperature {temperature:.3g}"
    return f"temperature {temperature:.3g} (95 % {interval[0]:.3g} to {interval[1]:.3g})"
