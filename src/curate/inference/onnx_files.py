"""ONNX files as models, read and run by OpenVINO on the CPU."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from curate.errors import ModelError
from curate.inference.data_config import data_config
from curate.inference.embedder import Output
from curate.inference.engines import compiled_for_cpu, joined, padded
from curate.inference.onnx_graph import GraphInput, find_outputs, input_of, normalise_inside
from curate.inference.scripted import named_classes
from curate.inference.weights import file_digest
from curate.progress import log

EXTENSION = ".onnx"

SIDE = 224
"""Height and width of the images where nobody says them."""


class OnnxEngine:
    """Runs an ONNX graph; one of a fixed batch size in batches of that size, the last one padded.

    Args:
        compiled: an OpenVINO model that takes (b, height, width, channels) uint8.
        batch: the graph's own batch size, or None for any.
        embeddings, logits: which outputs these are; None for no logits.
        is_softmax: the logits are probabilities.
    """

    description = "cpu, float32, OpenVINO (ONNX file)"

    def __init__(
        self,
        compiled: Any,
        batch: int | None,
        embeddings: int,
        logits: int | None,
        is_softmax: bool = False,
    ) -> None:
        self._compiled, self._batch = compiled, batch
        self._embeddings, self._logits, self._is_softmax = embeddings, logits, is_softmax

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Run one batch."""
        size = self._batch or len(batch)
        return joined([self._run(batch[i : i + size]) for i in range(0, len(batch), size)])

    def _run(self, batch: NDArray[np.uint8]) -> Output:
        n = len(batch)
        out = self._compiled(np.ascontiguousarray(padded(batch, self._batch or n)))
        embeddings = np.array(out[self._embeddings], dtype=np.float32)[:n]
        if embeddings.ndim == 4:
            embeddings = embeddings.mean(axis=(2, 3))
        if self._logits is None:
            return Output(embeddings, None)
        logits = np.array(out[self._logits], dtype=np.float32)[:n]
        if self._is_softmax:
            logits = np.log(np.maximum(logits, np.float32(1e-12)))
        return Output(embeddings, logits)


class OnnxModel(NamedTuple):
    """An ONNX file, ready to run; for the other fields see `curate.inference.embedder.Loaded`."""

    engine: OnnxEngine
    config: dict[str, Any]
    digest: str
    class_names: tuple[str, ...] | None


def load_onnx(
    path: Path, class_names: tuple[str, ...] = (), img_size: int | None = None
) -> OnnxModel:
    """Read an ONNX file: one input of images, and embeddings, logits, or both.

    Images are (b, channels, height, width) or (b, height, width, channels) floats, which are
    normalised as for ImageNet unless the file's metadata holds timm's `mean` and `std` as JSON (and
    `interpolation`, `crop_pct`); a graph of bytes gets bytes. The size is the graph's; where it
    leaves that open, `img_size` or the metadata's `input_size`, else 224. Two outputs are
    embeddings and logits, in this order unless they are so named. One is the embeddings or, where
    it has a column for every class of the file's list (``STEM.classes.txt`` beside it, or metadata
    `class_names`), the logits: the embeddings are then what enters the graph's last layer.

    Args:
        path: of the file.
        class_names: the data's classes.
        img_size: height and width, for a graph that leaves them open.

    Raises:
        ModelError: the file cannot be read or run, takes or gives something else, or the class list
            differs.
    """
    import openvino

    if not path.is_file():
        raise ModelError(f"Expected an ONNX file at {path}, found none. Check the path.")
    try:
        model = openvino.Core().read_model(path)
    except RuntimeError as error:
        raise ModelError(
            f"Expected an ONNX model in {path}, found something else ({_last_line(error)}). "
            "Export it again."
        ) from error
    meta, taken = _metadata(model), input_of(model, path)
    size = _size(taken, meta, path, img_size)
    if taken.is_bytes:  # its own normalisation is inside
        meta |= {"mean": [0.0] * size[0], "std": [1.0] * size[0]}
    config = data_config({**meta, "input_size": size}, str(path))
    try:
        normalise_inside(model, taken, config)
        places = find_outputs(model, path)
        compiled = compiled_for_cpu(model)
        black = np.zeros((taken.batch or 2, *size[1:], size[0]), np.uint8)
        out = [np.asarray(array) for array in compiled(black).values()]
    except RuntimeError as error:
        raise ModelError(
            f"Expected to run {path} on images of {size[1]} x {size[2]}, found "
            f"{_last_line(error)}. Give its own size as --img-size, or export it again."
        ) from error
    last, has_own_logits = out[places.logits], len(out) - (places.before_last is not None) > 1
    _check_shapes([out[places.embeddings], last], len(black), path)
    n_logits = last.shape[1] if last.ndim == 2 else None
    names = named_classes(path, meta, class_names, n_logits, has_own_logits)
    embeddings, is_softmax = places.embeddings, _is_softmax(last)
    if names is not None and not has_own_logits:
        if places.before_last is None:
            log.warning(
                "%s gives logits alone, which are poor embeddings: export (embeddings, logits)",
                path,
            )
        else:
            embeddings = places.before_last
    logits = None if names is None else places.logits
    engine = OnnxEngine(compiled, taken.batch, embeddings, logits, is_softmax)
    return OnnxModel(engine, config, onnx_digest(path), names)


def onnx_digest(path: Path) -> str:
    """Digest of an ONNX file and of those that hold its weights, 32 hex digits.

    These are named after it (``model.onnx.data``, ``model.onnx_data``, ``model.data``), as torch's
    and Hugging Face's exporters do; those of other names are not known.
    """
    files = [
        file
        for file in sorted(path.parent.iterdir())
        if file.is_file() and (file.name.startswith(path.name) or file.name == f"{path.stem}.data")
    ]
    return hashlib.sha256("\n".join(map(file_digest, files)).encode()).hexdigest()[:32]


def _metadata(model: Any) -> dict[str, Any]:
    """The file's metadata, parsed where they are JSON."""
    found: dict[str, Any] = {}
    if model.has_rt_info(["framework"]):
        for key, text in model.get_rt_info(["framework"]).value.items():
            try:
                found[str(key)] = json.loads(text)
            except (TypeError, ValueError):
                found[str(key)] = text
    return found


def _size(
    taken: GraphInput, meta: dict[str, Any], path: Path, img_size: int | None
) -> tuple[int, int, int]:
    """(channels, height, width) of the images."""
    if taken.size is not None and img_size not in (None, taken.size):
        raise ModelError(
            f"Expected --img-size {taken.size}, the only one that {path} takes, found {img_size}. "
            "Leave it out, or export the model with an open height and width."
        )
    stated = meta.get("input_size")
    side = taken.size or img_size or (stated[-1] if isinstance(stated, list) and stated else SIDE)
    return taken.channels, side, side


def _check_shapes(outputs: list[NDArray[Any]], n: int, path: Path) -> None:
    shapes = [output.shape for output in outputs]
    if any(len(shape) not in (2, 4) or shape[0] != n for shape in shapes):
        raise ModelError(
            f"Expected {path} to give (batch, n) outputs, found {shapes} for {n} images. Export "
            "the pooled embeddings or the logits."
        )


def _is_softmax(out: NDArray[Any]) -> bool:
    if out.ndim != 2 or out.shape[1] < 2:
        return False
    return bool((out >= 0).all() and np.allclose(out.sum(axis=1), 1, atol=1e-3))


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
