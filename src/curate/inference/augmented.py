"""The pass over changed copies of images: decode once, change in many ways, embed every copy."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.data.images import MAX_PIXELS, UnreadableImage, load_rgb
from curate.findings import Floats
from curate.inference.decoding import Decoding, Work
from curate.inference.embedder import Embedder
from curate.inference.passes import LASTING, SPEED_AFTER
from curate.progress import Progress, log, silent
from curate.store.shards import Shards

VERSION = 1
"""Raised when the same file, model, transform, level and seed give another row."""

ARRAY = "copies"
"""What the shards call the embeddings of changed copies."""

SHARD_ROWS = 4096
SHARD_SECONDS = 20.0
"""A shard is written after this many rows or seconds: what a kill can lose."""

Pixels = NDArray[np.uint8]
Render = Callable[[str, Pixels, float, int], Pixels]
"""`curate.recipe.transforms.render`: name, pixels, magnitude, seed -> changed pixels."""


class Change(NamedTuple):
    """One transform at one level."""

    transform: str
    level: float


class CopyWork(NamedTuple):
    """One image, and how its copies are to be changed."""

    path: str
    digest: str
    changes: tuple[Change, ...]


class _Copy(NamedTuple):
    """One copy to make: its key, its image's prepared pixels, the change, and the seed of it."""

    key: str
    pixels: Pixels
    change: Change
    seed: int


def copy_key(digest: str, change: Change, seed: int) -> str:
    """By what a copy's embedding is known: the file's content, transform, level and seed."""
    return f"{digest}/{change.transform}/{change.level:g}/{seed}"


def gather_copies(
    shards: Shards, digests: Sequence[Sequence[str]], changes: Sequence[Change], seed: int
) -> list[Floats]:
    """Per change the (m, d) float32 embeddings of the copies of some images.

    Args:
        shards: where they are.
        digests: per change those of its images.
        changes: what was done to them.
        seed: of the draws.

    Raises:
        KeyError: one is not there, see `embed_copies`.
    """
    keys = [
        copy_key(digest, change, seed)
        for change, own in zip(changes, digests, strict=True)
        for digest in own
    ]
    if not keys:
        return [np.empty((0, 1), dtype=np.float32) for _ in changes]
    out = np.empty((len(keys), *shards.shape(ARRAY)), dtype=np.float32)
    shards.gather(ARRAY, keys, out)  # all at once: shards are read whole
    return np.split(out, np.cumsum([len(own) for own in digests])[:-1])


def missing_copies(shards: Shards, work: Iterable[CopyWork], seed: int) -> list[CopyWork]:
    """What of `work` the shards lack: each content once, and nothing that cannot be decoded."""
    wanted: dict[str, CopyWork] = {}
    for item in work:
        if shards.note(item.digest) is not None:
            continue
        lacking = tuple(
            change
            for change in item.changes
            if not shards.has(ARRAY, copy_key(item.digest, change, seed))
        )
        if lacking:
            known = wanted.get(item.digest, item._replace(changes=()))
            more = tuple(change for change in lacking if change not in known.changes)
            wanted[item.digest] = known._replace(changes=known.changes + more)
    return list(wanted.values())


def embed_copies(
    shards: Shards,
    work: Sequence[CopyWork],
    embedder: Embedder,
    render: Render,
    seed: int,
    workers: int = 2,
    progress: Progress = silent,
    max_pixels: int = MAX_PIXELS,
    shard_rows: int = SHARD_ROWS,
) -> dict[str, tuple[str, str]]:
    """Embed what the shards lack of `work`, and write it there.

    An image is decoded and prepared for the model once; its copies are made of the prepared pixels
    in threads, at most two batches ahead of the model, and a shard is written as soon as it is
    full, so that memory is bounded whatever the number of images and changes. A transform draws
    its sign and place from the run's seed and the image, the same at every level, so that a curve
    over levels is about the level and not about the draw.

    Args:
        shards: where rows are looked up and written.
        work: images and changes; several with the same content are done once.
        embedder: what turns pixels into embeddings.
        render: changes pixels.
        seed: of the draws.
        workers: threads that decode, and threads that change.
        progress: shows one bar of copies.
        max_pixels: larger images are not decoded.
        shard_rows: rows a shard.

    Returns:
        The problems that need not last, such as a file that is gone: digest -> (problem, detail).
        Those of the content itself are noted in the shards.
    """
    todo = missing_copies(shards, work, seed)
    n = sum(len(item.changes) for item in todo)
    if not todo:
        return {}
    embedder.start(n)
    log.info(
        "embedding %d changed copies of %d images with %s on %s, batches of %d, %d threads%s",
        n, len(todo), embedder.name, embedder.device, embedder.batch_size, workers,
        _time_needed(embedder, todo[0].path, n, max_pixels),
    )  # fmt: skip
    gatherer = _Gatherer(shards, shard_rows)
    with (
        ThreadPoolExecutor(workers, thread_name_prefix="change") as threads,
        ThreadPoolExecutor(1, thread_name_prefix="model") as model,
        progress("changed copies", total=n, unit="copy") as bar,
    ):
        copies = _copies(todo, embedder, seed, workers, max_pixels, gatherer)
        changed = _ahead(threads, lambda copy: _render(render, copy), copies,
                         2 * embedder.batch_size)  # fmt: skip
        batches = _ahead(model, lambda batch: _forward(embedder, batch),
                         _batches(changed, embedder.batch_size), 1)  # fmt: skip
        speed = _Speed(n)
        try:
            for keys, embeddings in batches:
                gatherer.take(keys, embeddings)
                bar.update(len(keys))
                speed.tell(len(keys))
        finally:
            gatherer.flush()
    return gatherer.problems


class _Gatherer:
    """Gathers embeddings into shards, and the problems of images."""

    def __init__(self, shards: Shards, shard_rows: int) -> None:
        self._shards, self._shard_rows = shards, shard_rows
        self.problems: dict[str, tuple[str, str]] = {}
        self._empty()

    def take(self, keys: Sequence[str], embeddings: Floats) -> None:
        """Keep one batch, and write a shard where one is full."""
        self._keys += keys
        self._rows.append(embeddings)
        waited = time.perf_counter() - self._since
        if len(self._keys) >= self._shard_rows or waited > SHARD_SECONDS:
            self.flush()

    def note(self, digest: str, problem: tuple[str, str]) -> None:
        """Remember why an image has no copies."""
        if problem[0] in LASTING:
            self._notes[digest] = list(problem)
        else:
            self.problems[digest] = problem

    def flush(self) -> None:
        """Write a shard of what came since the last one."""
        if self._keys or self._notes:
            parts = {ARRAY: (self._keys, np.concatenate(self._rows))} if self._keys else {}
            self._shards.add(parts, self._notes)
        self._empty()

    def _empty(self) -> None:
        self._keys: list[str] = []
        self._rows: list[Floats] = []
        self._notes: dict[str, Any] = {}
        self._since = time.perf_counter()


class _Speed:
    """Says once how fast the pass goes, when it can be told."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._told = total, 0, False
        self._start = time.perf_counter()

    def tell(self, n: int) -> None:
        self._done += n
        elapsed = time.perf_counter() - self._start
        if not self._told and elapsed > SPEED_AFTER:
            self._told = True
            left = (self._total - self._done) * elapsed / self._done
            log.info("%.0f images/s so far, about %.0f s left", self._done / elapsed, left)


def _time_needed(embedder: Embedder, path: str, n: int, max_pixels: int) -> str:
    """How long the model alone will take, by two batches of one image; empty where that is soon."""
    if n < 20 * embedder.batch_size:
        return ""
    try:
        pixels = embedder.prepare(load_rgb(path, max_pixels))
    except UnreadableImage:  # it becomes a problem of the pass, which tells its speed later
        return ""
    batch = np.stack([pixels] * embedder.batch_size)
    embedder.forward(batch)  # the first one may compile
    started = time.perf_counter()
    embedder.forward(batch)
    seconds = n / len(batch) * (time.perf_counter() - started)
    return f", about {seconds:.0f} s" if seconds < 120 else f", about {seconds / 60:.0f} minutes"


def _copies(
    todo: Sequence[CopyWork], embedder: Embedder, seed: int, workers: int, max_pixels: int,
    gatherer: _Gatherer,
) -> Iterator[_Copy]:  # fmt: skip
    """Every copy to make, in order; images are decoded ahead."""
    changes = {item.digest: item.changes for item in todo}
    images = [Work(item.path, item.digest, ()) for item in todo]
    for decoded in Decoding(embedder, workers, max_pixels, lambda _: None).ahead(images):
        digest = decoded.work.digest
        if decoded.problem is not None:
            gatherer.note(digest, decoded.problem)
            continue
        assert decoded.pixels is not None
        for change in changes[digest]:
            own = _draw(digest, change.transform, seed)
            yield _Copy(copy_key(digest, change, seed), decoded.pixels, change, own)


def _draw(digest: str, transform: str, seed: int) -> int:
    """The seed of one image's changes by one transform."""
    text = f"{seed}/{digest}/{transform}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _render(render: Render, copy: _Copy) -> tuple[str, Pixels]:
    pixels = render(copy.change.transform, copy.pixels, copy.change.level, copy.seed)
    if pixels.shape != copy.pixels.shape or pixels.dtype != np.uint8:
        raise ValueError(
            f"{copy.change.transform}: expected {copy.pixels.shape} uint8, found {pixels.shape} "
            f"{pixels.dtype}"
        )
    return copy.key, pixels


def _forward(embedder: Embedder, batch: Sequence[tuple[str, Pixels]]) -> tuple[list[str], Floats]:
    pixels = np.stack([image for _, image in batch])
    return [key for key, _ in batch], embedder.forward(pixels).embeddings


def _ahead(
    threads: ThreadPoolExecutor, work: Callable[[Any], Any], items: Iterable[Any], most: int
) -> Iterator[Any]:
    """What `work` makes of each item, in order, at most `most` of them under way beside one."""
    waiting: deque[Future[Any]] = deque()
    try:
        for item in items:
            waiting.append(threads.submit(work, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch
