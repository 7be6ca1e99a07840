"""The one pass over the images: decode once, then embed the image and its transformed views."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from curate.data.images import UnreadableImage, load_rgb
from curate.data.statistics import image_stats, thumbnail
from curate.data.views import apply_view
from curate.findings import Bools, Floats
from curate.inference.embedder import Embedder, Output
from curate.progress import Progress, log, silent

SPEED_AFTER = 2.0
"""Seconds after which the speed so far is worth telling."""


@dataclass
class Pass:
    """What one pass found; rows are the images given, less those that could not be decoded.

    Attributes:
        readable: (n_given,) False where decoding failed.
        problems: (n_given,) per unreadable image, its (problem, detail).
        embeddings: (n, d) float32.
        logits: (n, n_classes) float32, in the embedder's class order, or None.
        views: per view name, (n, d) float32.
        thumbnails: (n, 32, 32) uint8.
        stats: one row an image.
    """

    readable: Bools
    problems: dict[int, tuple[str, str]]
    embeddings: Floats
    logits: Floats | None
    views: dict[str, Floats]
    thumbnails: NDArray[np.uint8]
    stats: pd.DataFrame


@dataclass
class _Decoded:
    """One image, ready for the model; or why it is not."""

    pixels: NDArray[np.uint8] | None = None
    thumbnail: NDArray[np.uint8] | None = None
    stats: dict[str, float] = field(default_factory=dict)
    problem: tuple[str, str] | None = None


def run_pass(
    paths: Sequence[str],
    embedder: Embedder,
    views: Sequence[str] = (),
    workers: int = 2,
    progress: Progress = silent,
) -> Pass:
    """Decode every image once and embed it, with its views, in the order given.

    Decoding runs in `workers` threads ahead of the model, at most a few batches ahead, so that
    memory is bounded by the batch size. A view is a symmetry of the square applied to the
    prepared pixels: an extra view costs a forward pass and no decoding.

    Args:
        paths: absolute file paths.
        embedder: what turns pixels into embeddings.
        views: names that `curate.data.views.apply_view` knows.
        workers: decoding threads.
        progress: shows one bar of images.
    """
    embedder.start(len(paths) * (1 + len(views)))
    batch_size = embedder.batch_size
    log.info(
        "embedding %d images x %d views with %s on %s, batches of %d, %d decoding threads",
        len(paths),
        1 + len(views),
        embedder.name,
        embedder.device,
        batch_size,
        workers,
    )
    readable = np.ones(len(paths), dtype=bool)
    problems: dict[int, tuple[str, str]] = {}
    outputs: list[Output] = []
    seen_by_view: dict[str, list[Floats]] = {view: [] for view in views}
    thumbnails: list[NDArray[np.uint8]] = []
    stats: list[dict[str, float]] = []
    start, told = time.perf_counter(), False
    with progress("embed", total=len(paths), unit="image") as bar:
        for first, decoded in _ahead(paths, embedder, batch_size, workers):
            for offset, item in enumerate(decoded):
                if item.problem is not None:
                    readable[first + offset] = False
                    problems[first + offset] = item.problem
            good = [item for item in decoded if item.pixels is not None]
            if good:
                pixels = np.stack([item.pixels for item in good if item.pixels is not None])
                outputs.append(embedder.forward(pixels))
                for view in views:
                    turned = np.stack([apply_view(image, view) for image in pixels])
                    seen_by_view[view].append(embedder.forward(turned).embeddings)
                thumbnails += [item.thumbnail for item in good if item.thumbnail is not None]
                stats += [item.stats for item in good]
            bar.update(len(decoded))
            elapsed = time.perf_counter() - start
            if not told and elapsed > SPEED_AFTER:
                done = first + len(decoded)
                left = (len(paths) - done) * elapsed / done
                log.info("%.0f images/s so far, about %.0f s left", done / elapsed, left)
                told = True
    return Pass(
        readable=readable,
        problems=problems,
        embeddings=_joined([out.embeddings for out in outputs]),
        logits=(
            _joined([out.logits for out in outputs if out.logits is not None])
            if outputs and outputs[0].logits is not None
            else None
        ),
        views={view: _joined(batches) for view, batches in seen_by_view.items()},
        thumbnails=(np.stack(thumbnails) if thumbnails else np.zeros((0, 32, 32), dtype=np.uint8)),
        stats=pd.DataFrame(stats),
    )


def _joined(batches: list[Floats]) -> Floats:
    return np.concatenate(batches) if batches else np.zeros((0, 1), dtype=np.float32)


def _ahead(
    paths: Sequence[str], embedder: Embedder, batch_size: int, workers: int
) -> Iterator[tuple[int, list[_Decoded]]]:
    """Decoded batches in order, with decoding at most three batches ahead."""

    def decode(path: str) -> _Decoded:
        try:
            image = load_rgb(Path(path))
        except UnreadableImage as error:
            return _Decoded(problem=(error.problem, error.detail))
        return _Decoded(
            pixels=embedder.prepare(image),
            thumbnail=thumbnail(image),
            stats=image_stats(np.asarray(image)),
        )

    waiting: deque[tuple[int, list[Future[Any]]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for first in range(0, len(paths), batch_size):
                chunk = paths[first : first + batch_size]
                waiting.append((first, [pool.submit(decode, path) for path in chunk]))
                if len(waiting) > 3:
                    done, futures = waiting.popleft()
                    yield done, [future.result() for future in futures]
            while waiting:
                done, futures = waiting.popleft()
                yield done, [future.result() for future in futures]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
