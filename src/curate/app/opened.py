"""The run behind a dataset of FiftyOne."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.app.names import MARK
from curate.board.opening import Board, open_path
from curate.errors import RunError


def open_run(info: Mapping[str, Any]) -> Board:
    """The board of the run that a dataset shows; read again only when the run has changed.

    Args:
        info: `dataset.info`.

    Raises:
        RunError: the dataset is not curate's, or its run is gone or not finished.
    """
    path = info.get(MARK, {}).get("run")
    if not path:
        raise RunError(
            "Expected a dataset that `curate analyze` made, found another. Open one of those in "
            "the App, or analyse this one: curate analyze fiftyone:NAME."
        )
    return open_path(Path(path))
