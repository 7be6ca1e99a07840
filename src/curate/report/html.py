"""The report of a run as one HTML file."""

from __future__ import annotations

from pathlib import Path

from curate.board.opening import Board
from curate.board.overview import overview
from curate.report.given import Given
from curate.report.lead import lead
from curate.report.numbers import count
from curate.report.page import Page, page_html
from curate.report.pictures import Pictures
from curate.report.sections.augmentation import augmentation
from curate.report.sections.confusion import confusion
from curate.report.sections.data import data
from curate.report.sections.distribution import distribution
from curate.report.sections.failures import failures
from curate.report.sections.found import found
from curate.report.sections.made import made
from curate.report.sections.map import image_map
from curate.report.sections.scores import scores
from curate.report.sections.tiers import tiers_and_schedule
from curate.report.sections.training import training


def html(board: Board, given: Given) -> str:
    """The whole file; sections that a run has nothing for are left out."""
    pictures = Pictures()
    sections = (
        scores(board), confusion(board), failures(board, pictures), found(board, pictures),
        image_map(board), distribution(board), tiers_and_schedule(board, given),
        augmentation(given), training(given), data(board), made(board),
    )  # fmt: skip
    view = overview(board)
    name = Path(str(board.run.info.get("data") or board.run.path)).name
    model = f", model {view.model}" if view.model else ""
    return page_html(
        Page(
            f"Report of {name}",
            f"{count(view.images, 'image')}, {count(view.classes, 'class', 'classes')}{model}",
            tuple(section for section in sections if section is not None),
            lead(board),
            "Made by curate. The images and their labels have not been changed.",
        )
    )
