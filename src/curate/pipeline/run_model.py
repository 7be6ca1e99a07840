"""The model that a run was analysed with, to look at more images with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from curate.errors import ModelError
from curate.inference.embedder import Embedder
from curate.pipeline.models import Model
from curate.pipeline.own_code import check_model
from curate.pipeline.settings import Settings
from curate.store.run import Run


def settings_of(run: Run, options: Mapping[str, Any]) -> Settings:
    """The settings of a run's analysis as far as its model goes, wherever its images came from.

    Args:
        run: finished.
        options: replace what the analysis had; None leaves it.
    """
    recorded = dict(run.info["settings"])
    recorded["source"] = {k: v for k, v in recorded["source"].items() if k != "given"}
    given = {name: value for name, value in options.items() if value is not None}
    return replace(Settings.from_json(recorded), **given)


def model_of(run: Run, settings: Settings) -> Embedder:
    """The run's model.

    Raises:
        ModelError: it cannot be had any more, is not the same, or is code that nobody named.
    """
    check_model(run.path, settings.model)
    embedder = Model(settings, tuple(run.info["classes"])).load()
    known = run.info.get("inference", {}).get("weights_digest")
    if known is not None and known != embedder.digest:
        raise ModelError(
            f"Expected the model that the run was analysed with ({settings.model}), found one with "
            "other weights or another preprocessing. Analyse again, or bring back the weights."
        )
    return embedder
