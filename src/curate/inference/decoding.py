"""Images made ready for the model ahead of it: by threads, or JPEG files by the GPU."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.data.images import UnreadableImage, load_rgb, read_whole
from curate.data.statistics import image_stats, thumbnail
from curate.inference.embedder import Embedder
from curate.inference.engines import MIN_COSINE_HALF, agree
from curate.inference.gpu_jpeg import JpegDecoder, Pixels
from curate.progress import log

IDENTITY = ""
"""The view that is the image itself."""

BATCHES_AHEAD = 3
"""How far decoding may be ahead of the model."""

TRIAL_SECONDS = 2.0
"""How long each way of decoding is timed."""

WORTH_CHANGING = 1.05
"""The GPU decodes if that is so much faster: in the same time, the CPU's pixels are preferred."""

COMPARED = 16
"""Images on which the two ways have to agree."""


class Work(NamedTuple):
    """One image to embed.

    Attributes:
        path: of the file.
        digest: of its bytes.
        views: names that `curate.data.views.apply_view` or `curate.data.photometric.change` know,
            and `IDENTITY`.
    """

    path: str
    digest: str
    views: tuple[str, ...]


@dataclass
class Decoded:
    """One image, ready for the model; or why it is not."""

    work: Work
    pixels: NDArray[np.uint8] | None = None
    thumbnail: NDArray[np.uint8] | None = None
    stats: dict[str, float] = field(default_factory=dict)
    problem: tuple[str, str] | None = None


@dataclass(frozen=True)
class Decoding:
    """How images are decoded.

    Attributes:
        embedder: prepares them.
        workers: threads.
        max_pixels: larger images are not decoded.
        waited: told the seconds that the model waited for an image.
    """

    embedder: Embedder
    workers: int
    max_pixels: int
    waited: Callable[[float], None]

    def ahead(self, todo: Sequence[Work]) -> Iterator[Decoded]:
        """Decoded images in order, at most `BATCHES_AHEAD` batches ahead of who asks.

        Where the GPU can decode, each way runs for its first seconds with the model behind it, and
        the faster one goes on, if the model gives the same for the pixels of both (cosine 0.999).
        """
        jpeg = self.embedder.jpeg_decoder
        if jpeg is None or not self._agrees(todo, jpeg):
            yield from self.by_threads(todo)
            return
        left, rates = iter(todo), dict[str, float]()
        ways: dict[str, Callable[[Iterable[Work]], Iterator[Decoded]]] = {
            "the CPU": self.by_threads,
            "the GPU": partial(self.by_gpu, jpeg=jpeg),
        }
        for name, way in ways.items():
            started, n = time.perf_counter(), 0
            for decoded in way(_for_seconds(left, TRIAL_SECONDS)):
                yield decoded
                n += 1
            rates[name] = n / (time.perf_counter() - started)
        gains = rates["the GPU"] > WORTH_CHANGING * rates["the CPU"]
        chosen = "the GPU" if gains else "the CPU"
        told = ", ".join(f"by {name} {rate:.0f} images/s" for name, rate in rates.items())
        log.info("decoding %s: %s goes on", told, chosen)
        yield from ways[chosen](left)

    def by_threads(self, todo: Iterable[Work]) -> Iterator[Decoded]:
        """Decode by Pillow in threads."""
        with _Pool(self.workers, BATCHES_AHEAD * self.embedder.batch_size, self.waited) as pool:
            yield from pool.in_order(self._by_pillow, todo)

    def by_gpu(self, todo: Iterable[Work], jpeg: JpegDecoder) -> Iterator[Decoded]:
        """Read files in threads, and decode JPEGs together on the GPU; Pillow does the others."""
        size = self.embedder.batch_size
        read = partial(self._read, jpeg=jpeg)
        with (
            _Pool(self.workers, size, _not_told) as readers,
            _Pool(1, BATCHES_AHEAD - 1, _not_told) as gpu,
            _Pool(self.workers, size, self.waited) as measurers,
        ):
            found = _batches(readers.in_order(read, todo), size)
            decoded = gpu.in_order(partial(self._on_gpu, jpeg=jpeg), found)
            yield from measurers.in_order(_measured, chain.from_iterable(decoded))

    def _by_pillow(self, item: Work) -> Decoded:
        try:
            image = load_rgb(item.path, self.max_pixels)
        except UnreadableImage as error:
            return Decoded(item, problem=(error.problem, error.detail))
        pixels = self.embedder.prepare(image)
        if IDENTITY not in item.views:
            return Decoded(item, pixels)
        return Decoded(item, pixels, thumbnail(image), image_stats(np.asarray(image)))

    def _read(self, item: Work, jpeg: JpegDecoder) -> Decoded | _Read:
        try:
            header, content = read_whole(item.path, self.max_pixels)
        except UnreadableImage as error:
            return Decoded(item, problem=(error.problem, error.detail))
        return _Read(item, content) if jpeg.takes(header, content) else self._by_pillow(item)

    def _on_gpu(
        self, found: list[Decoded | _Read], jpeg: JpegDecoder
    ) -> list[Decoded | _Unmeasured]:
        encoded = [one for one in found if isinstance(one, _Read)]
        pixels = iter(jpeg.decode([one.content for one in encoded]) if encoded else [])
        ready: list[Decoded | _Unmeasured] = []
        for one in found:
            if isinstance(one, Decoded):
                ready.append(one)
                continue
            got = next(pixels)
            if got is None:
                ready.append(self._by_pillow(one.work))
            else:
                ready.append(_Unmeasured(one.work, got))
        return ready

    def _agrees(self, todo: Sequence[Work], jpeg: JpegDecoder) -> bool:
        """Whether the model says the same of a few images, whoever decoded them."""
        few = [one for one in map(partial(self._read, jpeg=jpeg), todo[: 4 * COMPARED])
               if isinstance(one, _Read)][:COMPARED]  # fmt: skip
        if not few:
            return False
        ours = [self._by_pillow(one.work).pixels for one in few]
        both = [
            (own, got.prepared)
            for own, got in zip(ours, jpeg.decode([one.content for one in few]), strict=True)
            if own is not None and got is not None
        ]
        if not both:
            return False
        want, got = (self.embedder.forward(np.stack(side)) for side in zip(*both, strict=True))
        same = agree(want._replace(logits=None), got._replace(logits=None), MIN_COSINE_HALF)
        if not same:
            log.warning("pixels decoded by the GPU change this model's outputs too much; not used")
        return same


class _Read(NamedTuple):
    """A JPEG file for the GPU, with its bytes."""

    work: Work
    content: bytes


class _Unmeasured(NamedTuple):
    """An image that the GPU decoded, and what it made of it."""

    work: Work
    pixels: Pixels


def _measured(one: Decoded | _Unmeasured) -> Decoded:
    if isinstance(one, Decoded):
        return one
    prepared, reduced, small = one.pixels
    if IDENTITY not in one.work.views:
        return Decoded(one.work, prepared)
    return Decoded(one.work, prepared, small, image_stats(reduced))


class _Pool:
    """Threads whose results come in order, with a bounded number under way."""

    def __init__(self, workers: int, most: int, waited: Callable[[float], None]) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="decode")
        self._most, self._waited = max(1, most), waited

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def in_order(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """What `work` makes of each item."""
        waiting: deque[Future[Any]] = deque()
        for item in items:
            waiting.append(self._threads.submit(work, item))
            if len(waiting) > self._most:
                yield self._result(waiting.popleft())
        while waiting:
            yield self._result(waiting.popleft())

    def _result(self, future: Future[Any]) -> Any:
        asked = time.perf_counter()
        found = future.result()
        self._waited(time.perf_counter() - asked)
        return found


def _not_told(_: float) -> None:
    """The model does not wait for this pool."""


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


def _for_seconds(items: Iterator[Work], seconds: float) -> Iterator[Work]:
    """Items for so long; the rest stays in the iterator."""
    started = time.perf_counter()
    for item in items:
        yield item
        if time.perf_counter() - started > seconds:
            return
