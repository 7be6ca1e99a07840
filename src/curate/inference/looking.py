"""A pass over pictures that belong to no run: nothing is kept, and changed copies count too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curate.data.images import MAX_PIXELS
from curate.findings import Floats, Ints
from curate.inference.decoding import Decoding, Work
from curate.inference.embedder import Embedder, Output
from curate.progress import Progress, log, silent

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels], Pixels]
"""Prepared pixels -> changed pixels of the same shape."""

CHUNK = 1024
"""Pictures whose outputs are given back together."""


@dataclass(frozen=True)
class Looked:
    """What the model says of some pictures.

    Attributes:
        rows: (m,) their places among the paths, ascending.
        outputs: of the pictures as they are, then of each change.
    """

    rows: Ints
    outputs: tuple[Output, ...]


@dataclass(frozen=True)
class Unread:
    """A picture that could not be read."""

    row: int
    problem: str
    detail: str


def look(
    paths: Sequence[str],
    embedder: Embedder,
    changes: Sequence[Change] = (),
    workers: int = 2,
    progress: Progress = silent,
    max_pixels: int = MAX_PIXELS,
    chunk: int = CHUNK,
) -> Iterator[Looked | Unread]:
    """Run the model on pictures, and on changed copies of each.

    Decoding runs ahead of the model (`curate.inference.decoding`); a change is applied to the
    prepared pixels, so that it costs a forward pass and no decoding. Memory is bounded by a chunk.

    Args:
        paths: of the files.
        embedder: what turns pixels into embeddings and logits.
        changes: one copy each.
        workers: decoding threads.
        progress: shows one bar of pictures.
        max_pixels: larger pictures are not decoded.
        chunk: pictures whose outputs are given back together.
    """
    if not paths:
        return
    embedder.start(len(paths) * (1 + len(changes)))
    log.info(
        "%d pictures, %d forward passes each, with %s on %s",
        len(paths), 1 + len(changes), embedder.name, embedder.device,
    )  # fmt: skip
    work = [Work(path, str(row), ()) for row, path in enumerate(paths)]
    gathered = _Gathered(embedder, changes)
    with progress("predict", total=len(paths), unit="image") as bar:
        for decoded in Decoding(embedder, workers, max_pixels, lambda _: None).ahead(work):
            row = int(decoded.work.digest)
            bar.update()
            if decoded.problem is not None:
                yield Unread(row, *decoded.problem)
                continue
            assert decoded.pixels is not None
            gathered.take(row, decoded.pixels)
            if len(gathered.rows) >= chunk:
                yield gathered.finish()
        if gathered.rows:
            yield gathered.finish()


class _Gathered:
    """Pictures in batches, and what the model said of those before."""

    def __init__(self, embedder: Embedder, changes: Sequence[Change]) -> None:
        self._embedder, self._changes = embedder, changes
        self._empty()

    def take(self, row: int, pixels: Pixels) -> None:
        """Add a picture, and run the model when a batch is full."""
        self.rows.append(row)
        self._waiting.append(pixels)
        if len(self._waiting) >= self._embedder.batch_size:
            self._forward()

    def finish(self) -> Looked:
        """Run the model on what is left, and give back all since the last time."""
        if self._waiting:
            self._forward()
        done = Looked(np.array(self.rows), tuple(_joined(parts) for parts in self._parts))
        self._empty()
        return done

    def _forward(self) -> None:
        self._parts[0].append(self._embedder.forward(np.stack(self._waiting)))
        for parts, change in zip(self._parts[1:], self._changes, strict=True):
            copies = np.stack([change(one) for one in self._waiting])
            parts.append(self._embedder.forward(copies))
        self._waiting.clear()

    def _empty(self) -> None:
        self.rows: list[int] = []
        self._waiting: list[Pixels] = []
        self._parts: list[list[Output]] = [[] for _ in range(1 + len(self._changes))]


def _joined(parts: Sequence[Output]) -> Output:
    logits: list[Floats] = [one.logits for one in parts if one.logits is not None]
    return Output(
        np.concatenate([one.embeddings for one in parts]),
        np.concatenate(logits) if logits else None,
    )
