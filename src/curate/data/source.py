"""What a person says about where the images are and how to read what is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curate.data.images import MAX_PIXELS
from curate.errors import DataError

MAX_PROBLEM_SHARE = 0.05
"""A larger share of unreadable images stops a run: then something is wrong with the folder."""

FIFTYONE = "fiftyone:"
"""Prefix of a source that is an existing FiftyOne dataset: ``fiftyone:NAME``."""


@dataclass(frozen=True)
class Source:
    """Where the images, their classes, splits and groups come from.

    Attributes:
        data: a folder of images, or ``fiftyone:NAME``; None where manifests say everything.
        manifests: tables of images (CSV, TSV, Parquet, JSONL), read instead of walking `data`.
        image_root: what the manifests' paths are relative to; default `data`, then the manifest's
            own folder.
        path_column, label_column, split_column, group_column: columns of the manifests, by name;
            None finds the usual ones (but never a group).
        dataset_type: read `data` by FiftyOne's importer of this name.
        label_pattern: regular expression on the path below the root, whose named group ``label``
            is the class; its other named groups become metadata.
        group_pattern: the same for ``group``.
        class_names: a CSV or JSON file from class ids to names.
        val_fraction, test_fraction: shares of the images without a split that are held out.
        max_pixels: larger images are problems.
        max_problems: the largest share of images with problems that does not stop a run.
    """

    data: str | None = None
    manifests: tuple[Path, ...] = ()
    image_root: Path | None = None
    path_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    group_column: str | None = None
    dataset_type: str | None = None
    label_pattern: str | None = None
    group_pattern: str | None = None
    class_names: Path | None = None
    val_fraction: float = 0.0
    test_fraction: float = 0.0
    max_pixels: int = MAX_PIXELS
    max_problems: float = MAX_PROBLEM_SHARE

    def __post_init__(self) -> None:
        """Check what can be checked without looking at a file.

        Raises:
            DataError: options that contradict each other or lie outside their range.
        """
        if self.data is None and not self.manifests:
            raise DataError("Expected DATA or --manifest, found neither. Give one of them.")
        for option, value in (("val", self.val_fraction), ("test", self.test_fraction)):
            if not 0 <= value < 1:
                raise DataError(
                    f"Expected --{option}-fraction of at least 0 and below 1, found {value:g}. "
                    "0.15 holds out 15 %."
                )
        if self.val_fraction + self.test_fraction >= 1:
            raise DataError(
                f"Expected something left to train on, found --val-fraction {self.val_fraction:g} "
                f"and --test-fraction {self.test_fraction:g}. Give smaller ones."
            )
        if self.max_pixels < 1:
            raise DataError(f"Expected --max-pixels of at least 1, found {self.max_pixels}.")
        if not 0 <= self.max_problems <= 1:
            raise DataError(
                f"Expected --max-problems between 0 and 1, found {self.max_problems:g}. "
                "It is a share: 0.05 is 5 %."
            )
        if self.group_column and self.group_pattern:
            raise DataError(
                "Expected --group-column or --group-pattern, found both. Give one of them."
            )
        if self.dataset_type and (self.manifests or self.is_fiftyone):
            raise DataError(
                "Expected --dataset-type with a folder, found it with "
                f"{'--manifest' if self.manifests else self.data}. Leave it out."
            )

    @property
    def is_fiftyone(self) -> bool:
        """Whether the source is an existing FiftyOne dataset."""
        return self.data is not None and self.data.startswith(FIFTYONE)

    @property
    def name(self) -> str:
        """A short name, for the run's default folder."""
        if self.data is None:
            return self.manifests[0].expanduser().absolute().parent.name or "data"
        return self.data.removeprefix(FIFTYONE) if self.is_fiftyone else Path(self.data).name

    def as_json(self) -> dict[str, Any]:
        """Plain values for `run.json`; what was left at its default is left out."""
        plain = {
            key: str(value) if isinstance(value, Path) else value
            for key, value in asdict(self).items()
            if value != getattr(type(self), key)
        }
        if self.manifests:
            plain["manifests"] = [str(path) for path in self.manifests]
        return plain
