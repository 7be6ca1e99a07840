"""The model of an analysis: what identifies it, without loading it where that can be avoided."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from curate.errors import ClusterError, ModelError
from curate.inference.embedder import Embedder
from curate.pipeline.settings import Settings


class Model:
    """The embedder that the settings ask for, loaded once and only when it is needed."""

    def __init__(self, settings: Settings, class_names: tuple[str, ...]) -> None:
        """Remember what to load.

        Args:
            settings: the options.
            class_names: the dataset's classes.
        """
        self._settings, self._class_names = settings, class_names
        self._embedder: Embedder | None = None

    def load(self) -> Embedder:
        """The embedder.

        Raises:
            ModelError: it cannot be had; see `curate.inference.backbone.load_embedder`.
        """
        if self._embedder is None:
            from curate.inference.backbone import load_embedder

            self._embedder = load_embedder(**arguments(self._settings, self._class_names))
        return self._embedder

    def key(self) -> list[str]:
        """What decides its outputs: name, size, and digests of weights and class lists; no path."""
        from curate.inference import onnx_files, scripted
        from curate.inference.weights import file_digest

        s = self._settings
        size = str(s.img_size or "")
        if _is_code(s.model):
            # Only importing and calling it tells which weights it has.
            return ["module", size, self.load().digest]
        given = s.checkpoint or s.weights
        if Path(s.model).suffix.lower() in (*scripted.EXTENSIONS, onnx_files.EXTENSION):
            given = Path(s.model).expanduser()
        if given is None:
            # The hub serves one set of weights a name and timm version.
            return [s.model, size, "none" if s.model == "hog" else version("timm")]
        if not given.is_file():
            raise ModelError(f"Expected a weights file at {given}, found none. Check the path.")
        is_onnx = given.suffix.lower() == onnx_files.EXTENSION
        digest = onnx_files.onnx_digest if is_onnx else file_digest
        lists = [given.with_name(name) for name in (f"{given.stem}.classes.txt", "classes.txt")]
        return [
            "file" if str(given) == str(Path(s.model).expanduser()) else s.model, size,
            "checkpoint" if s.checkpoint else "weights", digest(given), version("timm"),
            *(file_digest(path) for path in lists if path.is_file()),
        ]  # fmt: skip


def arguments(settings: Settings, class_names: tuple[str, ...]) -> dict[str, Any]:
    """What `curate.inference.backbone.load_embedder` is called with."""
    s = settings
    return {
        "name": s.model, "weights": s.weights, "checkpoint": s.checkpoint,
        "class_names": class_names, "device": s.device, "batch_size": s.batch_size,
        "img_size": s.img_size,
    }  # fmt: skip


def check_predictions(settings: Settings) -> None:
    """Say that a file of predictions is missing before any work.

    Raises:
        ModelError: there is none at a path.
    """
    for path in settings.predictions:
        if not path.is_file():
            raise ModelError(
                f"Expected a file of predictions at {path}, found none. Check the path."
            )


def check_engine(settings: Settings) -> None:
    """Say before any work that an engine cannot be had.

    Raises:
        ClusterError: options of a cluster without one.
        ModelError: Ray is not installed.
    """
    if settings.engine == "ray":
        from curate.inference.ray_engine import check_ray

        check_ray()
    elif (settings.ray_address, settings.ray_actors, settings.ray_gpus) != (None, None, None):
        raise ClusterError(
            "Expected --engine ray beside --ray-address, --ray-actors or --ray-gpus, found "
            f"--engine {settings.engine}. Add it, or leave them out."
        )


def predictions_key(settings: Settings) -> list[str]:
    """Digests of the files of predictions."""
    from curate.inference.prediction_files import files_of
    from curate.inference.weights import file_digest

    return [file_digest(file) for path in settings.predictions for file in files_of(path)]


def _is_code(name: str) -> bool:
    from curate.inference.modules import is_import_path

    return is_import_path(name)
