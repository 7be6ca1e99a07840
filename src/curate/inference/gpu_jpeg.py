"""JPEG files decoded, resized and cropped on the device that runs the model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate.data.images import Header
from curate.data.statistics import LONGEST_SIDE, THUMBNAIL_SIDE
from curate.progress import log

LUMA = (0.299, 0.587, 0.114)
"""ITU-R 601, as Pillow's grey."""

END, SCAN = b"\xff\xd9", b"\xff\xda"


class Pixels(NamedTuple):
    """One image, thrice.

    It is (size, size, channels) as the model takes it, (h, w, 3) averaged down, and grey
    as `curate.data.statistics.thumbnail` makes it.
    """

    prepared: NDArray[np.uint8]
    reduced: NDArray[np.uint8]
    thumbnail: NDArray[np.uint8]


class JpegDecoder:
    """Decodes JPEG files by nvJPEG, through torchvision, and prepares them where they are.

    The pixels differ from those of Pillow: nvJPEG rounds its cosine transform and spreads colour
    otherwise, and a resize by torch rounds otherwise, by a level or two of 256. Whether that
    matters to a model is for the caller to measure.

    Args:
        device: a torch device.
        steps: what makes a (3, h, w) uint8 tensor the size that the model takes.
        channels: 3, or 1 for a model of grey images.
    """

    def __init__(self, device: Any, steps: Sequence[Callable[[Any], Any]], channels: int) -> None:
        self._device, self._steps, self._channels = device, steps, channels

    @classmethod
    def where_it_works(
        cls, device: Any, steps: Sequence[Callable[[Any], Any]], channels: int
    ) -> JpegDecoder | None:
        """A decoder that has decoded a small file, or None, said in the log."""
        decoder = cls(device, steps, channels)
        buffer = BytesIO()
        Image.new("RGB", (64, 48), (200, 30, 90)).save(buffer, "JPEG")
        try:
            decoder._ready(decoder._decode([_tensor(buffer.getvalue())])[0])
        except Exception as error:  # noqa: BLE001 (a torchvision without nvJPEG raises many things)
            log.info("JPEG files are decoded on the CPU: %s", str(error).splitlines()[0])
            return None
        return decoder

    @staticmethod
    def takes(header: Header, content: bytes) -> bool:
        """Whether this is a file that can be left to the device.

        It must be an upright JPEG of one or three channels, and whole: nvJPEG fills what is
        missing with grey and says nothing, so that the end must follow the last scan.
        """
        plain = header.format == "JPEG" and header.mode in ("RGB", "L")
        return plain and header.exif_orientation == 1 and content.rfind(END) > content.rfind(SCAN)

    def decode(self, contents: Sequence[bytes]) -> list[Pixels | None]:
        """Decode files together; None for one that the device cannot decode."""
        encoded = [_tensor(content) for content in contents]
        return [None if one is None else self._ready(one) for one in self._decoded(encoded)]

    def _decoded(self, encoded: Sequence[Any]) -> list[Any]:
        """(3, h, w) tensors on the device; where one of several fails, each is tried alone."""
        try:
            return self._decode(encoded)
        except RuntimeError:
            if len(encoded) == 1:
                return [None]
            return [self._decoded([one])[0] for one in encoded]

    def _decode(self, encoded: Sequence[Any]) -> list[Any]:
        from torchvision.io import ImageReadMode, decode_jpeg

        with warnings.catch_warnings():
            # torchvision 0.29 announces that decoding moves to another package; where it is gone,
            # the CPU decodes.
            warnings.simplefilter("ignore", DeprecationWarning)
            found: list[Any] = decode_jpeg(
                list(encoded), mode=ImageReadMode.RGB, device=self._device
            )
        return found

    def _ready(self, pixels: Any) -> Pixels:
        import torch

        prepared = pixels
        for step in self._steps:
            prepared = step(prepared)
        if self._channels == 1:
            prepared = prepared.float().mean(dim=0, keepdim=True).to(torch.uint8)
        grey = torch.tensor(LUMA, device=pixels.device) @ pixels.float().flatten(1)
        small = torch.nn.functional.interpolate(
            grey.reshape(1, 1, *pixels.shape[1:]),
            (THUMBNAIL_SIDE, THUMBNAIL_SIDE),
            mode="bilinear",
            antialias=True,
        )
        factor = -(-max(pixels.shape[1:]) // LONGEST_SIDE)
        if factor > 1:  # as Pillow's reduce, which averages whole blocks and those at the edge
            blocks = torch.nn.functional.avg_pool2d(
                pixels[None].float(), factor, ceil_mode=True, count_include_pad=False
            )
            pixels = (blocks[0] + 0.5).floor().to(torch.uint8)
        thumbnail = _on_host(small[0].round().clamp(0, 255).to(torch.uint8))[:, :, 0]
        return Pixels(_on_host(prepared), _on_host(pixels), thumbnail)


def _tensor(content: bytes) -> Any:
    import torch

    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _on_host(tensor: Any) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = np.ascontiguousarray(tensor.permute(1, 2, 0).cpu().numpy())
    return array
