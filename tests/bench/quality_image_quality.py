"""Planted faults of quality: found among what is flagged, and where 2 % of the others would be.

The detector sees nothing but statistics and facts of files, so that faults are planted in memory:
2 % of the images are changed, encoded as their file was, and measured again. Real data have faults
of their own, so the others that are flagged are told apart: for the planted fault ("others so"),
and for any. "at 2 % of others" is the recall if the properties that stand for the fault were cut
where 2 % of the images without it lie beyond: what the ranking is worth, wherever the limit lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from material import Row, analysed, evidence
from PIL import Image, ImageFilter

from curate.data.images import load_rgb
from curate.data.statistics import STATISTICS, image_stats
from curate.detectors.image_quality import ImageQuality
from curate.detectors.qualities import QUALITIES, known_numbers
from curate.findings import Bools, Evidence, Floats

PLANTED = 0.02
SEEDS = (0, 1)
Fault = Callable[[Image.Image], Image.Image]


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """Every fault in every dataset where it changes anything, and what is flagged of none."""
    for name in ("sketch7", "masks3", "sports11"):
        known, paths = evidence(analysed(data / name, weights))
        share = float(ImageQuality().detect(known).table["flagged"].mean())
        peers = {"fixed limits": float(_fixed_limits(known).mean())}
        planted = f"nothing, {name}"
        yield Row("image_quality", planted, "flagged", share, "<= 0.05", share <= 0.05, peers)
        usable = FAULTS if name != "sketch7" else {f: FAULTS[f] for f in FAULTS if f not in WHITE}
        for fault, change in usable.items():
            runs = [_run(known, paths, fault, change, seed) for seed in SEEDS]
            recall, so, extra, cut, fixed = np.mean(runs, axis=0)
            planted = f"2 % {fault}, {name}"
            yield Row(
                "image_quality", planted, "recall of the flagged", float(recall),
                ">= 0.9", bool(recall >= 0.9),
                {"fixed limits": float(fixed), "at 2 % of others": float(cut),
                 "others so": float(so), "others": float(extra)},
            )  # fmt: skip


def _run(
    known: Evidence, paths: pd.Series[str], fault: str, change: Fault, seed: int
) -> tuple[float, float, float, float, float]:
    rng, n = np.random.default_rng(seed), len(known)
    assert known.image_stats is not None
    assert known.file_facts is not None
    stats, files = known.image_stats.copy(), known.file_facts.copy()
    chosen = rng.choice(n, max(1, round(PLANTED * n)), replace=False)
    for row in chosen.tolist():
        image = change(load_rgb(paths[row]))
        buffer = BytesIO()
        if files.loc[row, "mode"] == "L":
            image = image.convert("L")
        image.save(buffer, str(files.loc[row, "format"]), quality=90)
        found = image_stats(np.asarray(Image.open(buffer).convert("RGB")))
        stats.loc[row, list(STATISTICS)] = [found[name] for name in STATISTICS]
        files.loc[row, ["width", "height", "size_bytes"]] = [*image.size, buffer.tell()]
    faulty = replace(known, image_stats=stats, file_facts=files)
    table = ImageQuality().detect(faulty).table
    flagged = table["flagged"].to_numpy()
    others = np.setdiff1d(np.arange(n), chosen)
    fixed = _fixed_limits(faulty)
    excess = _excess(faulty, NAMED[fault])
    so = np.array([any(f": {name}" in why for name in NAMED[fault]) for why in table["reason"]])
    cut = np.sort(excess[others])[-max(1, round(0.02 * len(others)))]
    return (
        float(flagged[chosen].mean()), float(so[others].mean()), float(flagged[others].mean()),
        float((excess[chosen] > cut).mean()), float(fixed[chosen].mean()),
    )  # fmt: skip


def _excess(known: Evidence, faults: tuple[str, ...]) -> Floats:
    """(n,) by the properties that stand for a fault."""
    table = known_numbers(known)
    worst = np.zeros(len(known))
    for quality in QUALITIES:
        if quality.fault in faults:
            worst = np.maximum(worst, quality.excess(table, ImageQuality().reach))
    return worst


def _fixed_limits(known: Evidence) -> Bools:
    """Limits that are the same for all data, as CleanVision and FiftyOne's plugin have them."""
    stats, files = known.image_stats, known.file_facts
    assert stats is not None
    assert files is not None
    aspect = files["width"] / files["height"]
    side = np.sqrt(files["width"] * files["height"])
    low, high = side.quantile(0.25), side.quantile(0.75)
    return np.asarray(
        (stats["brightest"] < 0.32) | (stats["darkest"] > 0.95) | (stats["sharpness"] < 100)
        | (stats["entropy"] < 0.3 * 8) | (stats["contrast"] < 0.05)
        | (np.minimum(aspect, 1 / aspect) < 0.35) | (stats["chroma"] == 0)
        | (side < low - 3 * (high - low)) | (side > high + 3 * (high - low))
    )  # fmt: skip


def _blur(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(2.0, min(image.size) / 80)))


def _pale(image: Image.Image) -> Image.Image:
    middle = float(np.asarray(image.convert("L")).mean())
    return image.point(lambda value: middle + 0.2 * (value - middle))


def _empty(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(image.width).normal(0, 2, (image.height, image.width, 3))
    colour = np.asarray(image).mean(axis=(0, 1))
    return Image.fromarray(np.clip(colour + noise, 0, 255).astype(np.uint8))


def _strip(image: Image.Image) -> Image.Image:
    height = max(2, image.height // 4)
    top = (image.height - height) // 2
    return image.crop((0, top, image.width, top + height))


def _bars(image: Image.Image) -> Image.Image:
    pixels = np.array(image)
    bar = max(1, int(0.15 * image.height))
    pixels[:bar] = pixels[-bar:] = 0
    return Image.fromarray(pixels)


FAULTS: dict[str, Fault] = {
    "blurred": _blur,
    "darkened to a quarter": lambda image: image.point(lambda value: value * 0.25),
    "over-exposed 2.5 times": lambda image: image.point(lambda value: min(255, value * 2.5)),
    "contrast to a fifth": _pale,
    "nearly empty": _empty,
    "a sixth of the size": lambda image: image.resize(
        (image.width // 6 + 1, image.height // 6 + 1)
    ),
    "strips, a quarter high": _strip,
    "grey": lambda image: image.convert("L").convert("RGB"),
    "black bars of 15 %": _bars,
}

NAMED = {
    "blurred": ("blurred",),
    "darkened to a quarter": ("dark",),
    "over-exposed 2.5 times": ("over-exposed", "bright"),
    "contrast to a fifth": ("low contrast",),
    "nearly empty": ("low information", "low contrast"),
    "a sixth of the size": ("small",),
    "strips, a quarter high": ("wide",),
    "grey": ("grey among colour",),
    "black bars of 15 %": ("border",),
}
"""What the detector calls each of them."""

WHITE = ("over-exposed 2.5 times", "grey")
"""What changes nothing in black on white."""
