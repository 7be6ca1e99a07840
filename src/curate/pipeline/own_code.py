"""Models that are code: imported by a run's word only where the user has named them before.

A run is a folder that somebody may have been given. Its ``run.json`` says which model it was
analysed with, and ``package.module:factory`` is code that is imported and called. So an analysis
notes in the user's own cache, not in the run, that the model of this run was named on the spot; a
run without such a note is not believed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from curate.errors import ModelError
from curate.inference.converted import cache_folder
from curate.inference.modules import is_import_path
from curate.progress import log
from curate.store.files import write_text

TRUST = "CURATE_TRUST_MODEL"
"""The environment variable by which a person trusts one model of a run that they were given."""


def note_model(run: Path, model: str) -> None:
    """Note that the user named this model for the run at this place; others need no note."""
    if is_import_path(model):
        try:
            write_text(_note(run, model), f"{run}\n{model}\n")
        except OSError as error:
            log.warning(
                "not noted that you named %s (%s): commands that look at more images by this run "
                "will ask for %s", model, error, TRUST,
            )  # fmt: skip


def check_model(run: Path, model: str) -> None:
    """Refuse to import what a run alone names.

    Raises:
        ModelError: the model is code, and there is neither a note of it nor the user's word.
    """
    if is_import_path(model) and not _note(run, model).is_file() and os.environ.get(TRUST) != model:
        raise ModelError(
            f"Expected a model that needs no code, or code that you named yourself, found the run "
            f"{run} to ask for {model}, which would be imported and called. If you trust it, set "
            f"{TRUST}={model}; a run of your own that was moved needs this, too."
        )


def _note(run: Path, model: str) -> Path:
    name = hashlib.sha256(f"{run}\n{model}".encode()).hexdigest()[:32]
    return cache_folder() / "named_models" / f"{name}.txt"
