"""Probabilities of any pictures from a model that was trained here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import Dataset

from curate.data.images import UnreadableImage, load_rgb
from curate.errors import DataError
from curate.findings import Floats
from curate.store.files import atomic
from curate.training.preparing import prepare


class Pictures(Dataset[tuple[torch.Tensor]]):
    """Files as a model takes them: as they lie, resized, cut and normalised.

    Args:
        paths: of the files.
        config: timm's data config.
    """

    def __init__(self, paths: Sequence[str], config: Mapping[str, Any]) -> None:
        self._paths = list(paths)
        self._resized, self._to_tensor = prepare(None, config)

    def __len__(self) -> int:
        """How many."""
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor]:
        """One of them, alone in a tuple.

        Raises:
            DataError: it cannot be read.
        """
        path = self._paths[index]
        try:
            image = load_rgb(path)
        except UnreadableImage as error:
            raise DataError(
                f"Expected an image at {path}, found none that can be read: {error}. Leave it out "
                "of the export."
            ) from error
        return (self._to_tensor(self._resized(image)),)


def write_predictions(
    path: Path, images: Sequence[str], probs: Floats, classes: Sequence[str]
) -> None:
    """Write ``filepath`` and ``prob_CLASS`` columns, as ``curate analyze --predictions`` reads."""
    columns = {f"prob_{name}": pa.array(probs[:, i]) for i, name in enumerate(classes)}
    with atomic(path) as file:
        pq.write_table(pa.table({"filepath": pa.array(list(images), pa.string()), **columns}), file)
