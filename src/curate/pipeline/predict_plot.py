"""Pictures with what was predicted of them, as one drawing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from curate.data.images import UnreadableImage, load_rgb
from curate.errors import InputError
from curate.palette import OTHER, RIGHT, WRONG
from curate.pipeline.plain_text import cut
from curate.pipeline.predict import Predicted, Predictions
from curate.progress import log
from curate.store.files import atomic

SUFFIXES = (".png", ".svg")

COLUMNS = 4
MOST = 40
"""Pictures of a drawing: beyond, nobody could read it."""

SHOWN = 3
"""Classes of each picture."""

SIDE = 256
"""Pixels of a picture's longer side."""

CELL = (3.0, 3.6)
"""Inches of a picture with its bars."""


def check_plotting() -> None:
    """Say now that nothing can be drawn.

    Raises:
        InputError: there is no matplotlib.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"Expected matplotlib for --plot, found none ({error}). Install it: pip install "
            "matplotlib."
        ) from error


def write_plot(made: Predictions, path: Path) -> None:
    """Draw the pictures that could be read in a grid, each with its likeliest classes.

    What is far from training has a frame and a word. The file is written whole or not at all.

    Args:
        made: of `curate.pipeline.predict.Prediction.of`, while its files are still there.
        path: ends in .png or .svg.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    drawn = made.read[:MOST]
    if len(made.read) > MOST:
        log.warning("the first %d of %d pictures are drawn", MOST, len(made.read))
    across = min(COLUMNS, len(drawn))
    down = -(-len(drawn) // across)
    figure = Figure(figsize=(CELL[0] * across, CELL[1] * down), layout="constrained")
    grid = figure.add_gridspec(2 * down, across, height_ratios=[3, 1] * down)
    for place, one in enumerate(drawn):
        row, column = divmod(place, across)
        _draw_picture(figure.add_subplot(grid[2 * row, column]), one)
        _draw_bars(figure.add_subplot(grid[2 * row + 1, column]), one)
    kind = path.suffix.lower().removeprefix(".")
    # A fixed salt and no date: the same pictures give the same bytes.
    about = {"Date": None} if kind == "svg" else {"Software": None}
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": "curate"}), atomic(path) as file:
        # A class name in a script that the font lacks is drawn as boxes; the table has it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(file, format=kind, dpi=100, metadata=about)


def _draw_picture(axes: Any, one: Predicted) -> None:
    try:
        image = load_rgb(one.path)
        image.thumbnail((SIDE, SIDE))
        axes.imshow(image)
    except UnreadableImage as error:  # it was readable when it was predicted
        axes.text(0.5, 0.5, error.problem, ha="center", va="center", transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set(color=WRONG if one.far else OTHER, linewidth=4 if one.far else 0.5)
    name = cut(one.image.rstrip("/").rsplit("/", 1)[-1], 32)
    title = f"{name}\nfar from training" if one.far else name
    axes.set_title(title, fontsize=8, color=WRONG if one.far else "black", parse_math=False)


def _draw_bars(axes: Any, one: Predicted) -> None:
    for place, (name, probability) in enumerate(one.classes[:SHOWN]):
        axes.barh(place, probability, color=RIGHT if place == 0 else OTHER, height=0.85)
        axes.text(
            0.02, place, f"{cut(name, 24)}  {probability:.3f}", va="center", fontsize=8,
            parse_math=False,
        )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(SHOWN - 0.5, -0.5), xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
