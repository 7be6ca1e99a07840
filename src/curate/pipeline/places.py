"""Keeping what is written apart from what is the user's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from curate.data.source import FIFTYONE
from curate.errors import InputError


def check_apart(
    target: Path,
    option: str,
    error: type[InputError],
    folder: Path | None,
    what: str = "the images",
) -> None:
    """Refuse a target inside a folder that is not ours, or around it.

    Args:
        target: where something will be written, absolute.
        option: the option that names it, for the message.
        error: what is raised.
        folder: the folder to keep out of; None is no folder.
        what: what lies there.
    """
    if folder is None:
        return
    place = folder.resolve()
    if target == place or place in target.parents or target in place.parents:
        raise error(
            f"Expected a directory for {option} apart from {what} in {place}, found {target}. "
            f"Choose another {option}."
        )


def check_holds_none(
    target: Path, option: str, error: type[InputError], filepaths: Iterable[str]
) -> None:
    """Refuse a target that holds images of the user's.

    Images of a manifest may lie anywhere, also beside the run, so only a target around one of
    them is wrong.
    """
    inside = str(target).rstrip(os.sep) + os.sep
    first = next((path for path in filepaths if path.startswith(inside)), None)
    if first is not None:
        raise error(
            f"Expected a directory for {option} without images of the data, found {first} in it. "
            f"Choose another {option}."
        )


def image_folder(source: dict[str, Any]) -> Path | None:
    """The folder that an analysis walked, from the source in `run.json`; None for a table."""
    data = source.get("data")
    if data is None or "manifests" in source or "given" in source or data.startswith(FIFTYONE):
        return None
    return Path(data)
