"""The one pass over the images: decode once, then embed the image and its transformed views."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.data.images import MAX_PIXELS
from curate.data.photometric import PHOTOMETRIC, change
from curate.data.statistics import STATISTICS
from curate.data.views import apply_view
from curate.inference.decoding import IDENTITY, Decoded, Decoding, Work
from curate.inference.embedder import Embedder, Output
from curate.progress import Progress, log, silent
from curate.store.shards import Part, Shards

__all__ = ["IDENTITY", "Work", "array_name", "embed_into", "missing_work"]

SHARD_ROWS = 8192
SHARD_SECONDS = 20.0
"""A shard is written after this many rows or seconds: what a kill can lose."""

SPEED_AFTER = 2.0
"""Seconds after which the speed so far is worth telling."""

LASTING = frozenset({"damaged", "truncated", "not_an_image", "empty"})
"""Problems of the bytes themselves: they are noted, and the file is not decoded again."""


def array_name(view: str) -> str:
    """What the shards call the embeddings of a view."""
    return f"view_{view}" if view else "embeddings"


def missing_work(shards: Shards, work: Sequence[Work]) -> list[Work]:
    """What of `work` the shards lack: each content once, and nothing that cannot be decoded."""
    wanted: dict[str, Work] = {}
    for item in work:
        if shards.note(item.digest) is not None:
            continue
        lacking = tuple(v for v in item.views if not shards.has(array_name(v), item.digest))
        if lacking:
            known = wanted.setdefault(item.digest, item._replace(views=()))
            more = tuple(view for view in lacking if view not in known.views)
            wanted[item.digest] = known._replace(views=known.views + more)
    return list(wanted.values())


def embed_into(
    shards: Shards,
    work: Sequence[Work],
    embedder: Embedder,
    workers: int = 2,
    progress: Progress = silent,
    max_pixels: int = MAX_PIXELS,
    shard_rows: int = SHARD_ROWS,
) -> dict[str, tuple[str, str]]:
    """Embed what the shards lack of `work`, and write it there.

    Decoding runs ahead of the model, at most three batches (`curate.inference.decoding`), and a
    shard is written as soon as it is full, so that memory is bounded whatever the number of images.
    A view is a symmetry of the square, or a named change of light or sharpness, applied to the
    prepared pixels: an extra view costs a forward pass and no decoding. Beside embeddings (and
    logits, of a classifier) each image's thumbnail and statistics are kept.

    Args:
        shards: where rows are looked up and written.
        work: images and views; several with the same content are done once.
        embedder: what turns pixels into embeddings.
        workers: decoding threads.
        progress: shows one bar of images.
        max_pixels: larger images are not decoded.
        shard_rows: rows a shard.

    Returns:
        The problems that need not last, such as a file that may not be read now: digest ->
        (problem, detail). Those of the content itself are noted in the shards.
    """
    todo = missing_work(shards, work)
    if not todo:
        return {}
    n_forward = sum(len(item.views) for item in todo)
    embedder.start(n_forward)
    log.info(
        "embedding %d images, %d forward passes, with %s on %s, batches of %d, %d decoding threads",
        len(todo), n_forward, embedder.name, embedder.device, embedder.batch_size, workers,
    )  # fmt: skip
    writer = _Writer(shards, embedder, shard_rows)
    clock = _Clock(len(todo))
    try:
        with progress("embed", total=len(todo), unit="image") as bar:
            for decoded in Decoding(embedder, workers, max_pixels, clock.wait).ahead(todo):
                writer.take(decoded)
                bar.update()
                clock.tick()
        writer.finish()
    finally:
        writer.close()
    clock.tell_idle(embedder.device)
    return writer.problems


class _Writer:
    """Gathers pixels into full batches, and what the model says of them into shards."""

    def __init__(self, shards: Shards, embedder: Embedder, shard_rows: int) -> None:
        self.shards, self.embedder, self.shard_rows = shards, embedder, shard_rows
        self.problems: dict[str, tuple[str, str]] = {}
        self._queue: list[tuple[str, str, NDArray[np.uint8]]] = []
        self._facts: dict[str, tuple[Any, dict[str, float]]] = {}
        self._model = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._running: deque[tuple[list[tuple[str, str]], Future[Output]]] = deque()
        self._empty()

    def take(self, decoded: Decoded) -> None:
        """Queue one image and its views, and run the model when a batch is full."""
        digest = decoded.work.digest
        if decoded.problem is not None:
            if decoded.problem[0] in LASTING:
                self._notes[digest] = list(decoded.problem)
            else:
                self.problems[digest] = decoded.problem
            return
        assert decoded.pixels is not None
        for view in decoded.work.views:
            self._queue.append((view, digest, _seen(decoded.pixels, view)))
            if view == IDENTITY:
                self._facts[digest] = (decoded.thumbnail, decoded.stats)
        while len(self._queue) >= self.embedder.batch_size:
            self.forward()
        if self._rows >= self.shard_rows or time.perf_counter() - self._since > SHARD_SECONDS:
            self.flush()

    def forward(self) -> None:
        """Give the model one batch of what is queued, and keep what it said of the one before.

        The model runs in a thread of its own, so that it need not wait while the next batch is
        gathered.
        """
        batch = self._queue[: self.embedder.batch_size]
        pixels = np.stack([image for _, _, image in batch])
        del self._queue[: len(batch)]
        rows = [(view, digest) for view, digest, _ in batch]
        self._running.append((rows, self._model.submit(self.embedder.forward, pixels)))
        if len(self._running) > 1:
            self._keep_next()

    def finish(self) -> None:
        """Run the model on the last, smaller batch, and keep all that it said."""
        while self._queue:
            self.forward()
        while self._running:
            self._keep_next()

    def close(self) -> None:
        """Write what was computed, also where an error or a person ended the pass."""
        self._model.shutdown(wait=True, cancel_futures=True)
        for rows, future in self._running:
            if not future.cancelled() and future.exception() is None:
                self._keep(rows, future.result())
        self.flush()

    def _keep_next(self) -> None:
        rows, future = self._running.popleft()
        self._keep(rows, future.result())

    def _keep(self, rows: Sequence[tuple[str, str]], out: Output) -> None:
        for i, (view, digest) in enumerate(rows):
            self._put(array_name(view), digest, out.embeddings[i])
            if view == IDENTITY:
                small, stats = self._facts.pop(digest)
                self._put("thumbnails", digest, small)
                self._put("stats", digest, np.array([stats[name] for name in STATISTICS]))
                if out.logits is not None:
                    self._put("logits", digest, out.logits[i])
        self._rows += len(rows)

    def flush(self) -> None:
        """Write a shard of what the model has said since the last one."""
        if self._parts or self._notes:
            parts: dict[str, Part] = {
                name: ([digest for digest, _ in rows], np.stack([row for _, row in rows]))
                for name, rows in self._parts.items()
            }
            self.shards.add(parts, self._notes)
        self._empty()

    def _put(self, name: str, digest: str, row: Any) -> None:
        self._parts.setdefault(name, []).append((digest, row))

    def _empty(self) -> None:
        self._parts: dict[str, list[tuple[str, Any]]] = {}
        self._notes: dict[str, Any] = {}
        self._rows, self._since = 0, time.perf_counter()


def _seen(pixels: NDArray[np.uint8], view: str) -> NDArray[np.uint8]:
    if view == IDENTITY:
        return pixels
    return change(pixels, view) if view in PHOTOMETRIC else apply_view(pixels, view)


class _Clock:
    """Tells how fast the pass goes, and whether the model waited for pixels."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.waited = total, 0, 0.0
        self.start, self.told = time.perf_counter(), False

    def tick(self) -> None:
        """Count one image; say the speed once it can be told."""
        self.done += 1
        elapsed = time.perf_counter() - self.start
        if not self.told and elapsed > SPEED_AFTER:
            self.told = True
            left = (self.total - self.done) * elapsed / self.done
            log.info("%.0f images/s so far, about %.0f s left", self.done / elapsed, left)

    def wait(self, seconds: float) -> None:
        """Add to the time that the model waited for an image."""
        self.waited += seconds

    def tell_idle(self, device: str) -> None:
        """Warn where a GPU stood idle for more than half of the time."""
        elapsed = time.perf_counter() - self.start
        if not device.startswith("cpu") and elapsed > SPEED_AFTER and self.waited > elapsed / 2:
            log.warning(
                "the GPU waited for decoded images %.0f %% of the time: raise --workers, use more "
                "CPU cores, or smaller files", 100 * self.waited / elapsed,
            )  # fmt: skip
