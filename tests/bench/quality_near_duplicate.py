"""How well copies are found: altered copies planted beside the originals, as test images.

A pair counts as right when both are copies of one image. What the data hold of their own is wrong,
unless the set is known for copies of its own (masks3: looked at, they are); there pairs of own
images, and of copies of such, count neither way.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from material import MODEL, Row, analysed, evidence
from PIL import Image, ImageEnhance, ImageOps
from scipy.fft import dctn

from curate.data.images import load_rgb
from curate.data.statistics import thumbnail
from curate.findings import Evidence
from curate.inference.backbone import load_embedder
from curate.numerics.copies import find_copies
from curate.numerics.copy_groups import components
from curate.numerics.neighbors import knn
from curate.numerics.stated import of_copies

TARGET = 0.95
SHARE = 0.05
"""Of the images that are copied, for each kind of copy."""

OWN_COPIES = {"masks3"}
FIFTYONE = 0.2
Pairs = set[tuple[int, int]]


def _encoded(image: Image.Image, form: str, quality: int) -> Image.Image:
    """The image after a file of it was written and read."""
    file = io.BytesIO()
    image.save(file, form, **({"quality": quality} if form == "JPEG" else {}))
    return Image.open(file).convert("RGB")


def _cropped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """90 % of each side, from anywhere."""
    width, height = round(0.9 * image.width), round(0.9 * image.height)
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


CHANGES: dict[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "JPEG q50": lambda image, _: _encoded(image, "JPEG", 50),
    "90 % crop": _cropped,
    "mirror": lambda image, _: ImageOps.mirror(image),
    "+20 % brightness": lambda image, _: ImageEnhance.Brightness(image).enhance(1.2),
}


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """Recall and precision of pairs, for each kind of copy and together."""
    for name in ("sports11", "masks3", "sketch7"):
        clean, paths = evidence(analysed(data / name, weights))
        embedder = load_embedder(MODEL, weights, None, clean.class_names, "cpu", 32, None)
        for seed in (0, 1) if name != "sketch7" else (0,):
            rng = np.random.default_rng(seed)
            source, kind, made = _plant(paths.tolist(), rng)
            embedder.start(len(made))
            vectors = np.concatenate([
                embedder.forward(np.stack([embedder.prepare(one) for one in made[i : i + 32]]))[0]
                for i in range(0, len(made), 32)
            ])  # fmt: skip
            hashes = np.array([phash(load_rgb(path)) for path in paths] + [phash(x) for x in made])
            small = np.stack([thumbnail(one) for one in made])
            for wanted in (*CHANGES, "together"):
                which = np.flatnonzero((kind == wanted) | (wanted == "together"))
                grown = _grown(clean, vectors[which], small[which])
                own = np.r_[np.arange(len(clean)), source[which]]
                picked = np.r_[hashes[: len(clean)], hashes[len(clean) + which]]
                yield from _judged(f"{wanted} in {name}, seed {seed}", grown, own, picked,
                                   name in OWN_COPIES)  # fmt: skip


def _plant(
    paths: list[str], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, list[Image.Image]]:
    """Row numbers of the originals, kinds of copy, and the copies; no original twice."""
    each = max(20, round(SHARE * len(paths)))
    source = rng.permutation(len(paths))[: each * len(CHANGES)]
    kind = np.repeat(list(CHANGES), each)[: len(source)]
    made = []
    for row, change in zip(source, kind, strict=True):
        changed = CHANGES[change](load_rgb(paths[row]), rng)
        form = "PNG" if Path(paths[row]).suffix.lower() == ".png" else "JPEG"
        made.append(changed if change == "JPEG q50" else _encoded(changed, form, 90))
    return source, kind, made


def _grown(clean: Evidence, vectors: np.ndarray, small: np.ndarray) -> Evidence:
    """The evidence of the clean images and the planted ones behind them."""
    n = len(vectors)
    embeddings = np.concatenate([clean.embeddings, vectors]).astype(np.float32)
    names = np.array([f"planted{i:05d}" for i in range(n)])
    grown = replace(
        clean,
        sample_ids=np.r_[clean.sample_ids, names],
        labels=np.r_[clean.labels, np.full(n, -1)],
        splits=np.r_[clean.splits, np.full(n, "test")],
        digests=np.r_[clean.digests, names],
        embeddings=embeddings,
        neighbors=knn(embeddings, 50),
        thumbnails=np.concatenate([clean.thumbnails, small]),
        copies=None,
    )
    return replace(grown, copies=find_copies(grown))


def _judged(
    what: str, grown: Evidence, own: np.ndarray, hashes: np.ndarray, spared: bool
) -> Iterator[Row]:
    copies, graph = grown.copies, grown.neighbors
    first = int((own == np.arange(len(own))).sum())
    ours = set(zip(copies.a[copies.confirmed].tolist(), copies.b[copies.confirmed].tolist(),
                   strict=True))  # fmt: skip
    near = np.argwhere(graph.distances < FIFTYONE)
    theirs = {_pair(row, graph.indices[row, k]) for row, k in near}
    equal: Pairs = set()
    for value in np.unique(hashes):
        same = np.flatnonzero(hashes == value)
        equal |= {_pair(a, b) for i, a in enumerate(same) for b in same[:i]}
    planted = {_pair(original, first + i) for i, original in enumerate(own[first:])}

    group = components(len(own), np.array(sorted(ours)).reshape(-1, 2))

    def counts(pair: tuple[int, int]) -> bool:
        one, other = own[list(pair)]
        return pair[1] >= first and (one == other or group[one] != group[other])

    def measured(found: Pairs) -> tuple[float, float]:
        found = {pair for pair in found if not spared or counts(pair)}
        return len(found & planted) / len(planted), len(found & planted) / max(len(found), 1)

    mine, fiftyone, equals = (measured(found) for found in (ours, theirs, equal))
    said = of_copies(copies, grown.labels, np.ones(len(copies.a), dtype=bool))
    stated = (
        {"stated": said["precision"], "at least": said["precision_interval"][0]} if said else {}
    )
    for i, measure in enumerate(("recall", "precision")):
        yield Row("near_duplicate", what, measure, mine[i], f">= {TARGET}", mine[i] >= TARGET,
                  {"fiftyone 0.2": fiftyone[i], "equal phash": equals[i],
                   **(stated if measure == "precision" else {})})  # fmt: skip


def _pair(a: int, b: int) -> tuple[int, int]:
    return (int(min(a, b)), int(max(a, b)))


def phash(image: Image.Image) -> int:
    """The 64-bit perceptual hash: signs about the median of the 8 x 8 lowest terms of a DCT."""
    grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=float)
    low = dctn(grey, norm="ortho")[:8, :8].ravel()
    return int("".join("1" if term else "0" for term in low > np.median(low)), 2)
