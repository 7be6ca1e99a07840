import copy
import io
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from curate.data.images import (
    PROBLEM_KINDS,
    UnreadableImage,
    load_rgb,
    read_header,
    read_header_and_digest,
)


def picture(size: tuple[int, int] = (40, 24)) -> Image.Image:
    """Four flat quarters, so that no compression and no turn goes unnoticed."""
    width, height = size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    pixels[: height // 2, : width // 2] = (250, 10, 10)
    pixels[: height // 2, width // 2 :] = (10, 200, 10)
    pixels[height // 2 :, : width // 2] = (10, 10, 250)
    pixels[height // 2 :, width // 2 :] = (240, 240, 20)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def assert_same(found: Image.Image, expected: Image.Image, tolerance: float = 0) -> None:
    """Equal size, and equal pixels on the median: compression blurs only the seams."""
    assert found.mode == "RGB"
    assert found.size == expected.size
    difference = np.abs(
        np.asarray(found, dtype=int) - np.asarray(expected.convert("RGB"), dtype=int)
    )
    assert np.quantile(difference, 0.8) <= tolerance


FORMATS = {
    "baseline.jpg": ("JPEG", picture(), {"quality": 95}, 6),
    "progressive.jpg": ("JPEG", picture(), {"quality": 95, "progressive": True}, 6),
    "grey.jpg": ("JPEG", picture().convert("L"), {"quality": 95}, 6),
    "cmyk.jpg": ("JPEG", picture().convert("CMYK"), {"quality": 95}, 12),
    "plain.png": ("PNG", picture(), {}, 0),
    "palette.png": ("PNG", picture().quantize(8), {}, 2),
    "bits.png": ("PNG", picture().convert("1"), {}, 0),
    "lossless.webp": ("WEBP", picture(), {"lossless": True}, 0),
    "plain.bmp": ("BMP", picture(), {}, 0),
    "plain.tiff": ("TIFF", picture(), {}, 0),
    "packed.tif": ("TIFF", picture(), {"compression": "tiff_lzw"}, 0),
    "still.gif": ("GIF", picture().quantize(8), {}, 2),
    "net.ppm": ("PPM", picture(), {}, 0),
    "wrong extension.png": ("JPEG", picture(), {"quality": 95}, 6),
    "no extension": ("PNG", picture(), {}, 0),
    "spaces and ünïcödé 猫.jpeg": ("PNG", picture(), {}, 0),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_by_content(tmp_path, name):
    kind, image, options, tolerance = FORMATS[name]
    path = tmp_path / name
    path.write_bytes(encoded(image, kind, **options))
    assert_same(load_rgb(path), image, tolerance)
    assert read_header(str(path))[:3] == (40, 24, kind)
    header, digest = read_header_and_digest(path)
    assert header == read_header(path)
    assert len(digest) == 32


def test_avif_is_read_where_pillow_can(tmp_path):
    from PIL import features

    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    (tmp_path / "a.avif").write_bytes(encoded(picture(), "AVIF", quality=95))
    assert_same(load_rgb(tmp_path / "a.avif"), picture(), 12)


TURNED_BACK = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", TURNED_BACK)
def test_exif_orientation_is_applied_to_pixels_and_size(tmp_path, kind, orientation):
    back = TURNED_BACK[orientation]
    stored = picture() if back is None else picture().transpose(back)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / "turned"
    path.write_bytes(encoded(stored, kind, exif=exif, quality=95))
    assert_same(load_rgb(path), picture(), 8)
    assert read_header(path)[:2] == (40, 24)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_is_ignored(tmp_path, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    (tmp_path / "a.jpg").write_bytes(encoded(picture(), "JPEG", exif=exif, quality=95))
    assert_same(load_rgb(tmp_path / "a.jpg"), picture(), 6)


def test_broken_exif_does_not_spoil_the_picture(tmp_path):
    (tmp_path / "a.jpg").write_bytes(
        encoded(picture(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", quality=95)
    )
    assert_same(load_rgb(tmp_path / "a.jpg"), picture(), 6)
    assert read_header(tmp_path / "a.jpg")[:2] == (40, 24)


def half_clear() -> Image.Image:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (255, 0, 0, 0))
    return image


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGBA", {}),
        ("LA", {}),
        ("P", {"transparency": b"\xff\x00"}),
        ("P", {"transparency": 1}),
        ("RGB", {"transparency": (0, 255, 0)}),
        ("L", {"transparency": 7}),
    ],
)
def test_transparency_is_laid_on_white(tmp_path, mode, options):
    if mode in ("RGBA", "LA"):
        image = half_clear().convert(mode)
    elif mode == "P":
        image = Image.new("P", (2, 1))
        image.putpalette([255, 0, 0, 0, 255, 0])
        image.putdata([0, 1])
    else:
        image = Image.new(mode, (2, 1), 76 if mode == "L" else (255, 0, 0))
        image.putpixel((1, 0), options["transparency"])
    path = tmp_path / "a.png"
    path.write_bytes(encoded(image, "PNG", **options))
    found = load_rgb(path)
    opaque = (76, 76, 76) if mode in ("LA", "L") else (255, 0, 0)
    assert [found.getpixel((x, 0)) for x in (0, 1)] == [opaque, (255, 255, 255)]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (np.array([[0, 25_700, 65_535]], np.uint16), "PNG", [0, 100, 255]),
        (np.array([[0, 25_700, 65_535]], np.uint16), "TIFF", [0, 100, 255]),
        (np.array([[0, 25_700, 65_535]], np.int32), "TIFF", [0, 100, 255]),
        (np.array([[-100_000, 0, 100_000]], np.int32), "TIFF", [0, 128, 255]),
        (np.array([[0, 0.2, 1]], np.float32), "TIFF", [0, 51, 255]),
        (np.array([[0, 51, 255]], np.float32), "TIFF", [0, 51, 255]),
        (np.array([[-10, 0, 10]], np.float32), "TIFF", [0, 128, 255]),
        (np.array([[0, np.nan, 1]], np.float32), "TIFF", [0, 0, 255]),
    ],
)
def test_deep_pixels_are_scaled_to_eight_bits(tmp_path, values, kind, expected):
    (tmp_path / "deep").write_bytes(encoded(Image.fromarray(values), kind))
    np.testing.assert_array_equal(np.asarray(load_rgb(tmp_path / "deep"))[0, :, 0], expected)


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((200, 0, 0), (0, 0, 200))]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        path = tmp_path / kind
        options = {"lossless": True} if kind == "WEBP" else {}
        path.write_bytes(
            encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        )
        assert load_rgb(path).getpixel((0, 0)) == (200, 0, 0), kind


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
JPEG, PNG = encoded(NOISE, "JPEG"), encoded(NOISE, "PNG")


@pytest.mark.parametrize(
    ("content", "at_header", "at_decode"),
    [
        (b"", "empty", "empty"),
        (b"hello, I am no picture\n", "not_an_image", "not_an_image"),
        (b"BMW made this file, not a bitmap", "not_an_image", "not_an_image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image", "not_an_image"),
        (PNG[:20], "damaged", "damaged"),
        (JPEG[:30], "damaged", "damaged"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "damaged", "damaged"),
        (PNG[: len(PNG) // 2], None, "truncated"),
        (JPEG[: len(JPEG) * 3 // 4], None, "truncated"),
        (PNG[:60] + bytes(20) + PNG[80:], None, "damaged"),
    ],
)
def test_each_fault_has_its_kind(tmp_path, content, at_header, at_decode):
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    if at_header is None:
        assert read_header(path)[:2] == (64, 64)
    else:
        with pytest.raises(UnreadableImage) as caught:
            read_header(path)
        assert caught.value.problem == at_header
    with pytest.raises(UnreadableImage) as caught:
        load_rgb(path)
    assert caught.value.problem == at_decode
    assert caught.value.detail
    assert str(tmp_path) not in caught.value.detail


def test_an_image_over_the_limit_is_refused_before_it_is_decoded(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    with pytest.raises(
        UnreadableImage, match="too_large: 64 x 64 pixels, more than the limit of 4,095"
    ):
        load_rgb(tmp_path / "a.png", max_pixels=4_095)
    assert load_rgb(tmp_path / "a.png", max_pixels=4_096).size == (64, 64)


@pytest.mark.parametrize("side", [12_000, 30_000])  # over our limit, over Pillow's own
def test_a_bomb_is_refused_by_its_header(tmp_path, side):
    size = side.to_bytes(4, "big") * 2
    check = zlib.crc32(b"IHDR" + size + PNG[24:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(PNG[:16] + size + PNG[24:29] + check + PNG[33:])
    for read in (read_header, load_rgb):
        with pytest.raises(UnreadableImage) as caught:
            read(tmp_path / "bomb.png")
        assert caught.value.problem == "too_large"


def test_what_the_system_cannot_read_is_unreadable(tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for path in (tmp_path / "link.png", tmp_path):
        with pytest.raises(UnreadableImage, match="unreadable: "):
            load_rgb(path)


def test_a_forbidden_file_says_so(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(PNG)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Not chmod: the tests may run as root, whom no mode stops.
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UnreadableImage, match="permission: the file may not be read"):
        read_header(tmp_path / "a.png")


def test_the_error_survives_a_copy_between_processes():
    error = copy.copy(UnreadableImage("truncated", "3 bytes missing"))
    assert (error.problem, error.detail) == ("truncated", "3 bytes missing")


def test_warnings_of_pillow_do_not_leak_and_filters_come_back(tmp_path, monkeypatch):
    # Each of these makes Pillow warn; the tests turn warnings into errors.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3_000)
    (tmp_path / "big.png").write_bytes(PNG)
    (tmp_path / "exif.jpg").write_bytes(encoded(picture(), "JPEG", exif=b"Exif\x00\x00MM\x00*"))
    before = list(warnings.filters)

    def read() -> None:
        for _ in range(20):
            failures.extend(path for path in tmp_path.iterdir() if load_rgb(path).mode != "RGB")

    failures: list[Path] = []
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert list(warnings.filters) == before


SOURCES = [
    encoded(picture(), "JPEG"),
    encoded(picture(), "PNG"),
    encoded(picture(), "WEBP"),
    encoded(picture().quantize(8), "GIF"),
    encoded(picture(), "TIFF", compression="tiff_lzw"),
    encoded(picture(), "BMP"),
]


@settings(deadline=None, max_examples=150)
@given(
    source=st.sampled_from(SOURCES),
    cut=st.floats(0, 1),
    junk=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=4),
)
def test_damage_of_any_kind_is_an_image_or_a_known_problem(tmp_path_factory, source, cut, junk):
    content = bytearray(source)
    for place, value in junk:
        content[int(place * len(content))] = value
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: int(cut * len(content))])
    for read in (read_header, load_rgb):
        try:
            result = read(path, max_pixels=10**6)
        except UnreadableImage as error:
            assert error.problem in PROBLEM_KINDS
            assert error.detail
        else:
            assert result is not None


@pytest.mark.parametrize(
    ("mode", "kind", "expected"),
    [("RGB", "JPEG", "RGB"), ("CMYK", "JPEG", "CMYK"), ("L", "PNG", "L"), ("P", "GIF", "P")],
)
def test_the_header_says_how_pixels_are_stored(tmp_path, mode, kind, expected):
    path = tmp_path / "a"
    picture().convert(mode).save(path, kind)
    header = read_header(path)
    assert (header.format, header.mode) == (kind, expected)
    assert (header.exif_orientation, header.animated) == (1, False)


def test_the_header_says_how_the_picture_is_turned_and_that_it_moves(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture().save(tmp_path / "turned.jpg", exif=exif)
    assert read_header(tmp_path / "turned.jpg").exif_orientation == 6
    picture().save(
        tmp_path / "moves.gif", save_all=True, append_images=[Image.new("RGB", (40, 24))]
    )
    assert read_header(tmp_path / "moves.gif").animated


def test_an_orientation_behind_the_pixels_of_a_png_counts_too(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    buffer = io.BytesIO()
    picture().save(buffer, "PNG", exif=exif.tobytes())
    content = buffer.getvalue()
    start = content.index(b"eXIf") - 4
    length = int.from_bytes(content[start : start + 4], "big") + 12
    chunk, end = content[start : start + length], content.index(b"IEND") - 4
    moved = content[:start] + content[start + length : end] + chunk + content[end:]
    (tmp_path / "late.png").write_bytes(moved)
    header = read_header(tmp_path / "late.png")
    assert load_rgb(tmp_path / "late.png").size == (24, 40)
    assert (header.width, header.height, header.exif_orientation) == (24, 40, 6)


def test_lab_colours_become_rgb(tmp_path):
    # L* = 100 % with a* = b* = 0 is white, L* = 0 is black; TIFF keeps a* and b* as signed bytes.
    lab = Image.merge("LAB", [Image.new("L", (4, 4), level) for level in (255, 128, 128)])
    lab.save(tmp_path / "white.tif")
    pixels = np.asarray(load_rgb(tmp_path / "white.tif"))
    assert pixels.min() >= 250
