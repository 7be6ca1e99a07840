"""Small pictures as data, so that a page needs no other file."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from curate.data.images import UnreadableImage, load_rgb

SIDE = 192
"""Pixels of the longer side: as large as a card on a screen of twice the density needs."""

QUALITY = 72
"""Of WebP; below some 60 one begins to look at the compression."""

BUDGET = 4_500_000
"""Characters of all pictures of a page: with the rest it stays below ten megabytes."""

MISSING, LEFT_OUT = "picture not found", "left out: the page is full"


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        address: a ``data:`` address; empty where there is none.
        alt: what is to be seen, in words.
        without: why there is none.
    """

    address: str
    alt: str
    without: str = ""


class Pictures:
    """Makes small pictures of files, each once, as many as a page can hold.

    A file that is gone or cannot be decoded is said so in its place: a report is also made of a
    run whose images have been moved.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._left = budget
        self._made: dict[str, str] = {}

    def of(self, wanted: Sequence[tuple[str, str]]) -> list[Picture]:
        """Pictures of files in the order given.

        Args:
            wanted: of each its path and what is to be seen on it.
        """
        new = [path for path in dict.fromkeys(p for p, _ in wanted) if path not in self._made]
        if new and self._left > 0:
            with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
                self._made.update(zip(new, pool.map(address_of, new), strict=True))
        return [self._given(path, alt) for path, alt in wanted]

    def _given(self, path: str, alt: str) -> Picture:
        address = self._made.get(path)
        if address == "":
            return Picture("", alt, MISSING)
        if address is None or len(address) > self._left:
            return Picture("", alt, LEFT_OUT)
        self._left -= len(address)
        return Picture(address, alt)


def address_of(path: str) -> str:
    """A file as a small WebP in a ``data:`` address; empty where it cannot be read."""
    try:
        picture = load_rgb(path, least=SIDE)
    except UnreadableImage:
        return ""
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=QUALITY, method=2)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"
