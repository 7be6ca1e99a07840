"""The one pass over the images: decode once, then embed the image and its transformed views."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.data.images import MAX_PIXELS, UnreadableImage, load_rgb
from curate.data.statistics import STATISTICS, image_stats, thumbnail
from curate.data.views import apply_view
from curate.inference.embedder import Embedder
from curate.progress import Progress, log, silent
from curate.store.shards import Part, Shards

IDENTITY = ""
"""The view that is the image itself."""

SHARD_ROWS = 8192
SHARD_SECONDS = 20.0
"""A shard is written after this many rows or seconds: what a kill can lose."""

SPEED_AFTER = 2.0
"""Seconds after which the speed so far is worth telling."""

LASTING = frozenset({"damaged", "truncated", "not_an_image", "empty"})
"""Problems of the bytes themselves: they are noted, and the file is not decoded again."""


class Work(NamedTuple):
    """One image to embed.

    Attributes:
        path: of the file.
        digest: of its bytes.
        views: names that `curate.data.views.apply_view` knows, and `IDENTITY`.
    """

    path: str
    digest: str
    views: tuple[str, ...]


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

    Decoding runs in `workers` threads ahead of the model, at most three batches ahead, and a shard
    is written as soon as it is full, so that memory is bounded whatever the number of images. A
    view is a symmetry of the square applied to the prepared pixels: an extra view costs a forward
    pass and no decoding. Beside embeddings (and logits, of a classifier) each image's thumbnail and
    statistics are kept.

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
            for decoded in _ahead(todo, embedder, workers, max_pixels, clock):
                writer.take(decoded)
                bar.update()
                clock.tick()
        writer.finish()
    finally:
        # Also when a person interrupts: what was computed is kept.
        writer.flush()
    clock.tell_idle(embedder.device)
    return writer.problems


@dataclass
class _Decoded:
    """One image, ready for the model; or why it is not."""

    work: Work
    pixels: NDArray[np.uint8] | None = None
    thumbnail: NDArray[np.uint8] | None = None
    stats: dict[str, float] = field(default_factory=dict)
    problem: tuple[str, str] | None = None


class _Writer:
    """Gathers pixels into full batches, and what the model says of them into shards."""

    def __init__(self, shards: Shards, embedder: Embedder, shard_rows: int) -> None:
        self.shards, self.embedder, self.shard_rows = shards, embedder, shard_rows
        self.problems: dict[str, tuple[str, str]] = {}
        self._queue: list[tuple[str, str, NDArray[np.uint8]]] = []
        self._facts: dict[str, tuple[Any, dict[str, float]]] = {}
        self._empty()

    def take(self, decoded: _Decoded) -> None:
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
            turned = apply_view(decoded.pixels, view) if view else decoded.pixels
            self._queue.append((view, digest, turned))
            if view == IDENTITY:
                self._facts[digest] = (decoded.thumbnail, decoded.stats)
        while len(self._queue) >= self.embedder.batch_size:
            self.forward()
        if self._rows >= self.shard_rows or time.perf_counter() - self._since > SHARD_SECONDS:
            self.flush()

    def forward(self) -> None:
        """Run the model on one batch of what is queued."""
        batch = self._queue[: self.embedder.batch_size]
        out = self.embedder.forward(np.stack([pixels for _, _, pixels in batch]))
        del self._queue[: len(batch)]
        for i, (view, digest, _) in enumerate(batch):
            self._put(array_name(view), digest, out.embeddings[i])
            if view == IDENTITY:
                small, stats = self._facts.pop(digest)
                self._put("thumbnails", digest, small)
                self._put("stats", digest, np.array([stats[name] for name in STATISTICS]))
                if out.logits is not None:
                    self._put("logits", digest, out.logits[i])
        self._rows += len(batch)

    def finish(self) -> None:
        """Run the model on the last, smaller batch."""
        while self._queue:
            self.forward()

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

    def tell_idle(self, device: str) -> None:
        """Warn where a GPU stood idle for more than half of the time."""
        elapsed = time.perf_counter() - self.start
        if not device.startswith("cpu") and elapsed > SPEED_AFTER and self.waited > elapsed / 2:
            log.warning(
                "the GPU waited for decoded images %.0f %% of the time: raise --workers, use more "
                "CPU cores, or smaller files", 100 * self.waited / elapsed,
            )  # fmt: skip


def _ahead(
    todo: Sequence[Work], embedder: Embedder, workers: int, max_pixels: int, clock: _Clock
) -> Iterator[_Decoded]:
    """Decoded images in order, with decoding at most three batches ahead."""

    def decode(item: Work) -> _Decoded:
        try:
            image = load_rgb(item.path, max_pixels)
        except UnreadableImage as error:
            return _Decoded(item, problem=(error.problem, error.detail))
        pixels = embedder.prepare(image)
        if IDENTITY not in item.views:
            return _Decoded(item, pixels)
        return _Decoded(item, pixels, thumbnail(image), image_stats(np.asarray(image)))

    waiting: deque[Future[_Decoded]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for item in todo:
                waiting.append(pool.submit(decode, item))
                if len(waiting) > 3 * embedder.batch_size:
                    yield _result(waiting.popleft(), clock)
            while waiting:
                yield _result(waiting.popleft(), clock)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[_Decoded], clock: _Clock) -> _Decoded:
    asked = time.perf_counter()
    found = future.result()
    clock.waited += time.perf_counter() - asked
    return found
