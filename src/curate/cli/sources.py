"""The options that say where the images are, shared by every command that reads images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from curate.cli.completion import file_names

SOME_PATH = click.Path(path_type=Path)

OPTIONS = (
    click.option("--manifest", "manifests", type=SOME_PATH, multiple=True,
                 help="A table of images (CSV, TSV, Parquet, JSONL) in place of folders; again "
                 "for more."),
    click.option("--image-root", type=SOME_PATH,
                 help="What the manifest's paths are relative "
                 "to.  [default: DATA, or its own folder]"),
    click.option("--path-column", help="Of the manifest, if it is called nothing usual."),
    click.option("--label-column", help="The same for the class; of fiftyone:NAME, the field."),
    click.option("--split-column", help="The same for train, val, test."),
    click.option("--group-column", help="The column that says which images belong together."),
    click.option("--dataset-type", help="Read DATA by FiftyOne's importer of this name."),
    click.option("--label-pattern", help="A regular expression on the path below DATA; its group "
                 "(?P<label>...) is the class, its other named groups become columns."),
    click.option("--group-pattern", help="The same with (?P<group>...): one person, one video."),
    click.option("--class-names", type=SOME_PATH, help="CSV or JSON from class ids to names."),
    click.option("--val-fraction", type=float, default=0.0, help="Hold out this share as val."),
    click.option("--test-fraction", type=float, default=0.0, help="Hold out this share as test."),
    click.option("--max-pixels", type=int,
                 help="Larger images are problems.  [default: 134217728]"),
    click.option("--max-problems", type=float,
                 help="Share of problems that stops.  [default: 0.05]"),
)  # fmt: skip


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add DATA and the options of a source to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return click.argument("data", required=False, shell_complete=file_names)(command)


def given_table(source: Any) -> Any:
    """The images of a FiftyOne dataset as a table; None for a source that is files.

    Raises:
        InputError: no database answers, or there is no such dataset.
    """
    if source.is_fiftyone:
        from curate.app.sources import read_dataset
        from curate.data.source import FIFTYONE

        return read_dataset(source.data.removeprefix(FIFTYONE), source.label_column)
    if source.dataset_type:
        from curate.app.sources import import_dataset

        return import_dataset(Path(source.data), source.dataset_type, source.label_column)
    return None


def chosen(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, so that defaults stay in one place."""
    return {key: value for key, value in options.items() if value is not None}
