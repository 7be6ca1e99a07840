"""Where `curate predict` may write."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from curate.errors import InputError


def check_file(
    given: Path, option: str, suffixes: Sequence[str], overwrite: bool, inputs: Collection[str],
    run_dir: Path | None,
) -> Path:  # fmt: skip
    """The absolute path of a file that may be written.

    Args:
        given: as asked.
        option: that names it, for the message.
        suffixes: that it may have.
        overwrite: replace an earlier file.
        inputs: pictures that are read; none of them is ever replaced.
        run_dir: nothing is written into the run.

    Raises:
        InputError: another suffix, a file or folder that is there, a place that is not ours.
    """
    target = given.expanduser().resolve()
    if target.suffix.lower() not in suffixes:
        raise InputError(
            f"Expected a file name that ends in {' or '.join(suffixes)} for {option}, found "
            f"{given.name!r}. Choose another."
        )
    if target.is_dir():
        raise InputError(f"Expected a file for {option}, found the folder {target}.")
    if os.fspath(target) in {os.path.realpath(one) for one in inputs if one}:
        raise InputError(
            f"Expected a new file for {option}, found {target}, which is one of the pictures to "
            f"predict. Choose another {option}."
        )
    if run_dir is not None and run_dir.expanduser().resolve() in target.parents:
        raise InputError(
            f"Expected a file for {option} apart from the run {run_dir}, found {target}. Choose "
            f"another {option}."
        )
    if target.exists() and not overwrite:
        raise InputError(
            f"Expected a new file for {option}, found {target}. Choose another, or replace it "
            "with --overwrite."
        )
    return target
