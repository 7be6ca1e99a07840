"""The GPU's way of decoding, with torchvision's decoder on the CPU in the place of nvJPEG."""

from __future__ import annotations

import hashlib
import logging
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data

from curate.data.images import load_rgb, read_whole
from curate.inference import decoding
from curate.inference.backbone import Backbone, load_embedder
from curate.inference.decoding import IDENTITY, Decoded, Decoding, Work
from curate.inference.gpu_jpeg import JpegDecoder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_file(timm.create_model("test_efficientnet", num_classes=0).state_dict(), path)
    return path


@pytest.fixture
def backbone(weights: Path) -> Backbone:
    """A small model that believes that it can have its files decoded elsewhere."""
    found = load_embedder("test_efficientnet", weights=weights, device="cpu", batch_size=4)
    assert isinstance(found, Backbone)
    steps = found._geometry
    found.jpeg_decoder = JpegDecoder.where_it_works(torch.device("cpu"), steps, 3)
    assert found.jpeg_decoder is not None
    return found


def photographs() -> list[Image.Image]:
    whole = [Image.fromarray(data.astronaut()), Image.fromarray(data.chelsea())]
    return [whole[i % 2].crop((10 * i, 5 * i, 300 + 7 * i, 260 + 3 * i)) for i in range(12)]


@pytest.fixture
def work(tmp_path: Path) -> list[Work]:
    """Twelve photographs: most are JPEG files, and five are what is left to Pillow."""
    items = []
    for i, image in enumerate(photographs()):
        path = tmp_path / f"{i:02d}.jpg"
        buffer = BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        options = {3: {"exif": exif}, 5: {"progressive": True}}.get(i, {})
        image = {4: image.convert("CMYK"), 6: image.convert("L")}.get(i, image)
        image.save(buffer, "PNG" if i == 2 else "JPEG", **options)
        content = buffer.getvalue()
        content = {7: content[: len(content) // 2], 8: b"no image"}.get(i, content)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()[:32]
        items.append(Work(str(path), digest, (IDENTITY,) if i != 9 else ("vflip",)))
    return items


def by(way: str, backbone: Backbone, work: list[Work], workers: int = 2) -> list[Decoded]:
    how = Decoding(backbone, workers, 2**27, lambda _: None)
    if way == "gpu":
        assert backbone.jpeg_decoder is not None
        return list(how.by_gpu(work, backbone.jpeg_decoder))
    return list(how.by_threads(work))


@pytest.mark.parametrize("workers", [1, 3])
def test_the_two_ways_agree_row_by_row(backbone: Backbone, work: list[Work], workers: int) -> None:
    ours, theirs = by("threads", backbone, work), by("gpu", backbone, work, workers)
    assert [one.work for one in theirs] == [one.work for one in ours] == work
    assert [one.problem for one in theirs] == [one.problem for one in ours]
    assert [i for i, one in enumerate(theirs) if one.problem] == [7, 8]
    for own, other in zip(ours, theirs, strict=True):
        if own.problem:
            continue
        assert own.pixels is not None
        assert other.pixels is not None
        assert other.pixels.shape == own.pixels.shape
        assert other.pixels.dtype == np.uint8
        assert np.abs(other.pixels.astype(int) - own.pixels).mean() < 0.5
        assert sorted(other.stats) == sorted(own.stats)
        assert (own.thumbnail is None) == (other.thumbnail is None)
        if own.thumbnail is not None:
            assert other.thumbnail is not None
            assert np.abs(other.thumbnail.astype(int) - own.thumbnail).mean() < 0.5
            for name in ("brightness", "contrast"):
                assert other.stats[name] == pytest.approx(own.stats[name], abs=0.01)


def test_which_files_are_left_to_the_decoder(backbone: Backbone, work: list[Work]) -> None:
    taken = [
        i for i, item in enumerate(work) if i != 8 and JpegDecoder.takes(*read_whole(item.path))
    ]
    assert taken == [0, 1, 5, 6, 9, 10, 11]


def test_a_reduced_picture_is_pillows(backbone: Backbone, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.fromarray(data.astronaut()).resize((701, 517)).save(path, quality=95)
    assert backbone.jpeg_decoder is not None
    found = backbone.jpeg_decoder.decode([path.read_bytes()])[0]
    assert found is not None
    image = load_rgb(path)
    assert np.abs(found.reduced.astype(int) - np.asarray(image.reduce(3))).max() <= 1


def test_one_file_that_cannot_be_decoded_spoils_no_other(backbone: Backbone) -> None:
    buffer = BytesIO()
    photographs()[0].save(buffer, "JPEG")
    good = buffer.getvalue()
    assert backbone.jpeg_decoder is not None
    found = backbone.jpeg_decoder.decode([good, b"\xff\xd8\xff\xd9", good])
    assert [one is None for one in found] == [False, True, False]


def test_both_ways_are_timed_and_every_image_comes_once(
    backbone: Backbone, work: list[Work], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(decoding, "TRIAL_SECONDS", 0.01)
    caplog.set_level(logging.INFO, "curate")
    found = list(Decoding(backbone, 1, 2**27, lambda _: None).ahead(work * 10))
    assert [one.work for one in found] == work * 10
    assert "goes on" in caplog.text


def test_pixels_that_change_what_the_model_says_are_not_used(
    backbone: Backbone, work: list[Work], caplog: pytest.LogCaptureFixture
) -> None:
    backbone.jpeg_decoder = JpegDecoder(torch.device("cpu"), [lambda x: 255 - x[:, :160, :160]], 3)
    found = list(Decoding(backbone, 1, 2**27, lambda _: None).ahead(work))
    assert "too much; not used" in caplog.text
    for own, other in zip(by("threads", backbone, work), found, strict=True):
        np.testing.assert_array_equal(own.pixels, other.pixels)


def test_without_the_decoder_pillow_decodes_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "curate")
    if torch.cuda.is_available():
        pytest.skip("this machine has the device that must be absent")
    assert JpegDecoder.where_it_works(torch.device("cuda", 0), [], 3) is None
    assert "decoded on the CPU" in caplog.text
