"""Real images with planted faults, embedded once, as evidence for the benches of quality.

A dataset is analysed by the real pipeline into a folder that is kept; a planted one is a copy by
hard links of which some files are changed, and starts from the run of the clean one, so that only
changed images are embedded: at most half of them, or it would count as other data.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from curate.findings import Evidence
from curate.pipeline.analyze import analyze
from curate.pipeline.evidence import load_evidence
from curate.store.run import Run

MODEL = "mobilenetv2_100"
KEPT = Path(os.environ.get("CURATE_BENCH", "~/.cache/curate-bench")).expanduser()
"""Where copies and runs are kept between benches; may be deleted at any time."""


class Row(NamedTuple):
    """One line of the table: what was measured, and what it has to be.

    Attributes:
        kind: of the finding.
        planted: what was planted in which data.
        measure: such as "AP".
        ours: the figure.
        target: what the figure has to be, in words; "" where there is only a peer to beat.
        met: whether it is.
        peers: name -> figure of others, on the same embeddings and probabilities.
    """

    kind: str
    planted: str
    measure: str
    ours: float
    target: str
    met: bool
    peers: dict[str, float]


Plant = Callable[[Path], None]
"""Changes files of a folder that is a private copy: unlink first, they are hard links."""


def analysed(data: Path, weights: Path, **options: object) -> Run:
    """The run of a dataset as it is; made once."""
    data = data.resolve()
    told = hashlib.sha256(str((data, sorted(options.items()))).encode()).hexdigest()[:8]
    name = f"{data.name}-{told}"
    return analyze(data, KEPT / name / "run", model=MODEL, weights=weights, **options)


def planted(data: Path, weights: Path, name: str, plant: Plant, **options: object) -> Run:
    """The run of a copy in which `plant` has changed files; made anew each time."""
    clean = analysed(data, weights)
    home = KEPT / f"{data.resolve().name}-{name}"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(data, home / "data", copy_function=_link_or_copy)
    shutil.copytree(clean.path, home / "run")
    plant(home / "data")
    return analyze(home / "data", home / "run", model=MODEL, weights=weights, **options)


def repaint(
    path: Path, change: Callable[[Image.Image], Image.Image], as_encoded: bool = False
) -> None:
    """Change one file of a private copy, close to how it was encoded: what was done to it shows.

    Args:
        path: of the file.
        change: takes and gives an RGB image.
        as_encoded: keep the mode, and of a JPEG the tables too, so that nothing but the picture
            tells the changed file from the others.
    """
    with Image.open(path) as image:
        image.load()
        form, changed = image.format, change(image.convert("RGB"))
        options: dict[str, object] = {"quality": 95} if form == "JPEG" else {}
        if as_encoded:
            changed = changed.convert(image.mode)
            if isinstance(image, JpegImageFile):
                options = {"qtables": image.quantization, "subsampling": get_sampling(image)}
    path.unlink()
    changed.save(path, format=form, **options)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def evidence(run: Run) -> tuple[Evidence, pd.Series]:
    """What a run knows, and the absolute path of each of its images."""
    found = load_evidence(run)
    paths = run.table("samples").set_index("sample_id")["filepath"]
    return found, paths.loc[found.sample_ids].reset_index(drop=True)
