"""What an analysis is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from curate.data.source import FIFTYONE, Source
from curate.errors import RunError

DEFAULT_MODEL = "efficientnet_b0"
"""Small enough for a laptop's CPU, good enough to tell real photographs apart."""


@dataclass(frozen=True)
class Settings:
    """The options of one analysis.

    Attributes:
        source: where the images are and how to read what is there.
        model: "hog", any timm name, ``package.module:factory``, or a TorchScript or ONNX file.
        weights: a backbone's state dict, its head ignored.
        checkpoint: a trained classifier with its class list.
        img_size: height and width in pixels that the model is given; None takes its own.
        predictions: files of probabilities or logits that are used in place of the model's.
        dynamics: a file of training dynamics, see `curate.inference.dynamics_files`.
        detectors: kinds to look for; none for every kind.
        all_views: embed every turned copy of every image, not only of those that look turned.
        with_decisions: take the labels that people decided in place of the source's.
        folds: of the out-of-fold probe.
        seed: of everything random.
        device, batch_size, workers: how to run, without influence on what is found; None chooses.
        engine: "local", or "ray": the pass over the images on a cluster.
        ray_address, ray_actors, ray_gpus: see `curate.inference.ray_engine.Cluster`.
    """

    source: Source
    model: str = DEFAULT_MODEL
    weights: Path | None = None
    checkpoint: Path | None = None
    img_size: int | None = None
    predictions: tuple[Path, ...] = ()
    dynamics: Path | None = None
    detectors: tuple[str, ...] = ()
    all_views: bool = False
    with_decisions: bool = False
    folds: int = 5
    seed: int = 0
    device: str = "auto"
    batch_size: int | None = None
    workers: int | None = None
    engine: str = "local"
    ray_address: str | None = None
    ray_actors: int | None = None
    ray_gpus: float | None = None

    @classmethod
    def of(cls, data: str | Path | None, **options: Any) -> Settings:
        """Sort flat options into those of the source and those of the analysis.

        Args:
            data: a folder of images, or ``fiftyone:NAME``.
            **options: fields of `Source` and of this class, by name.

        Raises:
            TypeError: an option is neither's.
            DataError: the source's options contradict each other.
        """
        own = {field.name for field in fields(Source)}
        if data is not None and not str(data).startswith(FIFTYONE):
            data = Path(data).expanduser().absolute()
        source = Source(None if data is None else str(data), **_typed(options, Source))
        rest = {key: value for key, value in options.items() if key not in own}
        return cls(source, **{**rest, **_typed(rest, cls)})

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> Settings:
        """What `as_json` wrote, as it was.

        Raises:
            RunError: the images came from a table in memory, which is recorded nowhere.
        """
        source = dict(recorded["source"])
        if "given" in source:
            raise RunError(
                "Expected a run whose images are named by files, found one made of a table in "
                "memory. Analyse that table again: curate.analyze(..., with_decisions=True)."
            )
        return cls(
            **{**_typed(recorded, cls), "source": Source(**_typed(source, Source))},
        )

    def as_json(self) -> dict[str, Any]:
        """Plain values for `run.json`."""
        plain = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}
        plain["predictions"] = [str(path) for path in self.predictions]
        return {**plain, "source": self.source.as_json()}


def _typed(plain: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Paths and tuples as the fields of a dataclass want them."""
    wants = {field.name: str(field.type) for field in fields(kind)}
    return {name: _as(wants[name], value) for name, value in plain.items() if name in wants}


def _as(wanted: str, value: Any) -> Any:
    if value is None:
        return None
    if wanted.startswith("tuple"):
        value = (value,) if isinstance(value, str | Path) else value
        return tuple(Path(one) if "Path" in wanted else one for one in value)
    return Path(value) if "Path" in wanted else value
