"""How an export is written: one format a file, and the registry of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from curate.errors import ExportError, listed
from curate.remedies.formats.content import COLUMNS, LINKS, Content, Format, Link
from curate.remedies.formats.folds import Folds
from curate.remedies.formats.huggingface import HuggingFace
from curate.remedies.formats.keras import Keras
from curate.remedies.formats.manifests import Csv, Jsonl, Parquet
from curate.remedies.formats.trees import ImageFolder, Timm
from curate.remedies.formats.webdataset import WebDataset

FORMATS: Mapping[str, Format] = {
    one.name: one
    for one in (
        Csv(), Parquet(), Jsonl(), ImageFolder(), Timm(), HuggingFace(), WebDataset(), Keras(),
        Folds(),
    )
}  # fmt: skip
"""Every format by its name."""


def check_formats(names: Iterable[str], more: Iterable[str] = ()) -> None:
    """Refuse names of no format.

    Args:
        names: as asked for.
        more: further names that whoever asks knows.

    Raises:
        ExportError: a name is unknown; the ones most like it are named.
    """
    known = [*FORMATS, *more]
    unknown = [name for name in names if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0].lower(), known, n=3, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ExportError(
            f"Expected formats of {', '.join(known)}, found {listed(unknown)}.{hint} Give one of "
            "them."
        )


__all__ = ["COLUMNS", "FORMATS", "LINKS", "Content", "Format", "Link", "check_formats"]
