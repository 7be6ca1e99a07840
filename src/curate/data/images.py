"""Reading one image, the same way everywhere: upright, eight bits, three channels.

What counts as an image is decided by content, never by extension. Whatever is wrong with a file
becomes an `UnreadableImage` whose `problem` is one of `PROBLEM_KINDS`; Pillow's own errors and
warnings do not leave this module.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image

from curate.data.quiet import quiet

File = BytesIO | BufferedReader

PROBLEM_KINDS = (
    "empty",
    "not_an_image",
    "truncated",
    "damaged",
    "too_large",
    "permission",
    "unreadable",
    "bad_name",
    "missing",
    "no_label",
)
"""Why a file cannot be used. `damaged`: it begins like an image and cannot be decoded.
`unreadable`: the system fails to read it (a broken link, an input/output error). `bad_name`: its
name is not UTF-8, so that no table could hold it. `missing`: a manifest names it, and it is not
there. `no_label`: the label pattern does not match its path."""

MAX_PIXELS = 2**27
"""Images of more pixels are `too_large`: as RGB they would take more than 400 MB each."""

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM")
"""Formats that are looked for. Pillow knows more, but some of those start other programs (EPS) and
others take videos and data files for images (MPEG, HDF5)."""

_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*")

_IN_MEMORY = 2**25
"""Files of up to this many bytes are read whole."""

_HOLD_ORIENTATION = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
"""Keys of Pillow's `info` that may hold an orientation."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns an image of each EXIF orientation upright."""


class UnreadableImage(Exception):
    """One image that cannot be used; it becomes a row of the problems table, never a crash.

    Attributes:
        problem: one of `PROBLEM_KINDS`.
        detail: a phrase for a person.
    """

    def __init__(self, problem: str, detail: str) -> None:
        super().__init__(f"{problem}: {detail}")
        self.problem = problem
        self.detail = detail

    def __reduce__(self) -> tuple[type[UnreadableImage], tuple[str, str]]:
        # Worker processes send exceptions back; the default would pass only the message.
        return type(self), (self.problem, self.detail)


class Header(NamedTuple):
    """What a file says about itself.

    Attributes:
        width, height: the size in pixels once upright.
        format: Pillow's name of it, such as "JPEG".
        mode: Pillow's name of how pixels are stored, such as "RGB", "L" or "CMYK".
        exif_orientation: 1 (as stored) to 8; 1 where there is none or the EXIF data is broken.
        animated: whether there are more frames than the one that is read.
    """

    width: int
    height: int
    format: str
    mode: str
    exif_orientation: int
    animated: bool


def read_header(path: str | Path, max_pixels: int = MAX_PIXELS) -> Header:
    """Read an image's size without decoding its pixels.

    Raises:
        UnreadableImage: the file is no image, or its header is damaged, or it is too large.
    """
    with _opened(path, max_pixels) as (image, file):
        return _header(image, file)


def read_header_and_digest(path: str | Path, max_pixels: int = MAX_PIXELS) -> tuple[Header, str]:
    """Read an image's header, and the first 32 hex digits of the SHA-256 of the file's bytes.

    Raises:
        UnreadableImage: as `read_header`.
    """
    with _opened(path, max_pixels) as (image, file):
        header = _header(image, file)
        file.seek(0)
        return header, hashlib.file_digest(file, "sha256").hexdigest()[:32]


def read_whole(path: str | Path, max_pixels: int = MAX_PIXELS) -> tuple[Header, bytes]:
    """Read an image's header and the file's bytes, for a decoder other than Pillow.

    Raises:
        UnreadableImage: as `read_header`.
    """
    with _opened(path, max_pixels) as (image, file):
        header = _header(image, file)
        file.seek(0)
        return header, file.read()


def load_rgb(path: str | Path, max_pixels: int = MAX_PIXELS, least: int = 0) -> Image.Image:
    """Decode an image to upright 8-bit RGB.

    EXIF orientation is applied, transparency is laid on white, 16 bits are divided by 257, CMYK is
    converted without a colour profile, and of an animation the first frame is taken. With `least`
    a JPEG may come at a half to an eighth of its size, with no side shorter than that: faster.

    Raises:
        UnreadableImage: the file cannot be decoded completely.
    """
    with _opened(path, max_pixels) as (image, _):
        if least:
            image.draft(None, (least, least))
        image.load()
        # Pillow turns TIFFs itself while loading and then drops the tag, so ask afterwards.
        turn = _UPRIGHT.get(_orientation(image))
        rgb = _to_rgb(image)
        return rgb if turn is None else rgb.transpose(turn)


@contextmanager
def _opened(path: str | Path, max_pixels: int) -> Iterator[tuple[Image.Image, File]]:
    """Open an image; any failure in the block becomes an `UnreadableImage`."""
    try:
        with quiet, open(path, "rb", buffering=0) as raw:  # noqa: PTH123 - a Path costs as much
            # Pillow reads in small steps: from memory that is several times faster.
            small = os.fstat(raw.fileno()).st_size <= _IN_MEMORY
            file: File = BytesIO(raw.read()) if small else BufferedReader(raw)
            yield _identify(file, max_pixels), file
    except UnreadableImage:
        raise
    except Exception as error:  # a damaged file makes Pillow's plugins raise almost anything
        raise _explain(error) from error


def _identify(file: File, max_pixels: int) -> Image.Image:
    start = file.read(12)
    if not start:
        raise UnreadableImage("empty", "the file has no bytes")
    file.seek(0)
    try:
        image = Image.open(file, formats=_formats())
    except Image.DecompressionBombError as error:
        raise UnreadableImage("too_large", "Pillow's own pixel limit is exceeded") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if start.startswith(_SIGNATURES) or (start[:4], start[8:]) == (b"RIFF", b"WEBP"):
            raise UnreadableImage("damaged", "it begins like an image, then breaks off") from error
        raise UnreadableImage(
            "not_an_image", "its content is of no image format that can be read"
        ) from error
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadableImage(
            "too_large", f"{width} x {height} pixels, more than the limit of {max_pixels:,}"
        )
    return image


@cache
def _formats() -> tuple[str, ...]:
    """Those of `FORMATS` that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _explain(error: Exception) -> UnreadableImage:
    text = str(error) or type(error).__name__
    if isinstance(error, PermissionError):
        return UnreadableImage("permission", "the file may not be read")
    if isinstance(error, OSError) and error.errno is not None:
        # An errno means that the system failed, not the decoder.
        return UnreadableImage("unreadable", error.strerror or text)
    if isinstance(error, MemoryError):
        return UnreadableImage("too_large", "there is not enough memory to decode it")
    if isinstance(error, EOFError) or "truncated" in text.lower():
        return UnreadableImage("truncated", text)
    return UnreadableImage("damaged", text)


def _header(image: Image.Image, file: File) -> Header:
    mode, kind = image.mode, str(image.format)
    if kind == "PNG" and _has_late_metadata(image, file):
        image.load()
    width, height = image.size
    if kind == "TIFF":
        # Some versions of Pillow report a turned TIFF's upright size, some the stored one.
        tags = image.tag_v2  # type: ignore[attr-defined]
        width, height = tags[256], tags[257]
    orientation = _orientation(image)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    # An MPO holds a second view of one picture, not a film.
    animated = kind != "MPO" and bool(getattr(image, "is_animated", False))
    return Header(int(width), int(height), kind, mode, orientation, animated)


def _has_late_metadata(image: Image.Image, file: File) -> bool:
    """Whether a PNG keeps its orientation behind its pixels, where opening it does not look."""
    if not isinstance(file, BytesIO) or any(key in image.info for key in _HOLD_ORIENTATION):
        return False
    content = file.getvalue()
    return any(mark in content for mark in (b"eXIf", b"Raw profile type exif", b"adobe.xmp"))


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (as stored) where there is none or the EXIF data is broken."""
    if image.format != "TIFF" and not any(key in image.info for key in _HOLD_ORIENTATION):
        return 1
    try:
        # The base class's method: that of PNG would decode the pixels to look for more metadata.
        found = int(Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - broken metadata raises anything and spoils no pixel
        return 1
    return found if found in _UPRIGHT else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_to_grey(image).convert("RGB")
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    return image.convert("RGB")


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    """Pillow's own convert() knows no LAB; its colour management does."""
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None  # None is returned only for work in place
    return converted


def _deep_to_grey(image: Image.Image) -> Image.Image:
    """Scale one channel of more than 8 bits: by a fixed rule where the range is known.

    Whole numbers up to 65,535 are divided by 257; floats within [0, 1] are multiplied by 255, those
    within [0, 255] are kept. Any other range is stretched from its own minimum to its maximum.
    """
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode != "F" and low >= 0 and high <= 65_535:
        values = values / 257
    elif low >= 0 and high <= 1:
        values = values * 255
    elif low < 0 or high > 255:
        values = (values - low) * (255 / max(high - low, 1e-12))
    return Image.fromarray(np.rint(values).astype(np.uint8))
