"""A comparison as one HTML file, with the images that were fixed and broken."""

from __future__ import annotations

from pathlib import Path

from curate.errors import ComparisonError
from curate.pipeline.compare import Compared
from curate.pipeline.comparing.files import changed_images
from curate.pipeline.comparing.models import in_words
from curate.pipeline.report import is_report
from curate.report.comparison import Both, Changed, comparison_page


def check_file(path: Path, overwrite: bool) -> Path:
    """The absolute file, or `ComparisonError` if a page cannot be written there.

    Args:
        path: as it was given.
        overwrite: replace an earlier page; another file is never replaced.
    """
    target = path.expanduser().resolve()
    if target.suffix.lower() not in (".html", ".htm"):
        raise ComparisonError(
            f"Expected a file that ends in .html for --report, found {target.name}. Name it so."
        )
    if target.is_dir():
        raise ComparisonError(f"Expected a file for --report, found the directory {target}.")
    if not target.exists():
        return target
    if not is_report(target):
        raise ComparisonError(
            f"Expected a new file for --report, found {target}, which curate did not write. It is "
            "not replaced: choose another."
        )
    if not overwrite:
        raise ComparisonError(
            f"Expected a new file for --report, found an earlier one at {target}. Choose another, "
            "or replace it with --overwrite."
        )
    return target


def page_of(compared: Compared) -> str:
    """The page's whole text."""
    pairs = [
        Both(
            _changed(compared, at, "fixed"), _changed(compared, at, "broken"),
            pair.confusion_a, pair.confusion_b,
        )
        for at, pair in enumerate(compared.pairs, 1)
    ]  # fmt: skip
    costs = [
        {
            "model": str(one.get("model") or "a vote"),
            "parameters": in_words(one.get("parameters"), ""),
            "speed": in_words(one.get("images_per_second"), "images/s"),
            "weights": in_words(one.get("weights_bytes"), "B"),
        }
        for one in compared.report["models"]
    ]
    return comparison_page(compared.report, pairs, costs)


def _changed(compared: Compared, at: int, which: str) -> list[Changed]:
    return [
        Changed(
            row["filepath"], row["label"], row["pred_a"], row["pred_b"], row["p_label_a"],
            row["p_label_b"], tuple(row["found_in_a"].split()),
        )
        for row in changed_images(compared, at, which).to_dict("records")
    ]  # fmt: skip
