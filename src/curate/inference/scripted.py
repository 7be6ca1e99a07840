"""TorchScript files as models.

A TorchScript file is a program of torch's own operators with its weights. `torch.jit.load` runs
that program and nothing else: it imports nothing and unpickles no Python objects.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.errors import ModelError
from curate.inference.class_lists import check_classes, class_list_beside, class_list_in
from curate.inference.data_config import data_config
from curate.inference.embedder import Loaded
from curate.inference.trial import try_out
from curate.inference.weights import file_digest
from curate.progress import log

EXTENSIONS = (".pt", ".ts", ".torchscript")

METADATA = "config.json"
"""The extra file in the archive that holds the class list and the data config."""


def load_scripted(
    path: Path, class_names: tuple[str, ...] = (), img_size: int | None = None
) -> Loaded:
    """Read a TorchScript file.

    Two outputs are embeddings and logits. One is the embeddings or, where it has a column for every
    class of the file's list, the logits, and for want of others the embeddings too. The class list
    is in ``STEM.classes.txt`` or ``classes.txt`` beside the file, or in the archive's extra file
    ``config.json`` under `class_names`, beside timm's `mean`, `std`, `input_size`, `interpolation`
    and `crop_pct`: ``torch.jit.save(model, path, _extra_files={"config.json": json.dumps(...)})``.

    Args:
        path: of the file.
        class_names: the data's classes.
        img_size: height and width; None takes the file's, or 224.

    Raises:
        ModelError: the file is none of TorchScript, a forward pass fails, it gives something else,
            or the class list differs.
    """
    import torch

    if not path.is_file():
        raise ModelError(f"Expected a TorchScript file at {path}, found none. Check the path.")
    extra: dict[str, Any] = {METADATA: ""}
    try:
        with warnings.catch_warnings():
            # torch calls TorchScript deprecated; there are files of it nevertheless.
            warnings.simplefilter("ignore")
            load: Any = torch.jit.load
            model = load(str(path), map_location="cpu", _extra_files=extra).eval()
    except (RuntimeError, ValueError, OSError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise ModelError(
            f"Expected TorchScript in {path}, found something else ({first}). Save the model by "
            "torch.jit.save; a state dict goes with --model NAME and --weights or --checkpoint."
        ) from error
    meta = _parsed(extra[METADATA], path)
    config = data_config(meta, str(path), img_size)
    trial = try_out(model, config["input_size"], str(path))
    names = named_classes(path, meta, class_names, trial.n_logits, trial.form == "pair")
    if names is not None and trial.form == "single":
        log.warning(
            "%s gives logits alone, which are poor embeddings: let it give (embeddings, logits)",
            path,
        )
    return Loaded(trial.network(model, names is not None), config, file_digest(path), names)


def named_classes(
    path: Path,
    meta: Mapping[str, Any],
    class_names: tuple[str, ...],
    n_logits: int | None,
    has_own_logits: bool,
) -> tuple[str, ...] | None:
    """The classes of a model file's logits, or None where it gives embeddings alone.

    Args:
        path: of the file; a list beside it is preferred to the one inside.
        meta: the file's metadata.
        class_names: the data's classes.
        n_logits: columns of the output that may be logits.
        has_own_logits: it is logits, whatever its width.

    Raises:
        ModelError: the list has another length than the logits, or differs from the data's.
    """
    names = class_list_beside(path) or class_list_in(meta, path)
    if names is None:
        log.info(
            "%s names no classes (%s.classes.txt beside it): it is used as a backbone",
            path, path.stem,
        )  # fmt: skip
        return None
    if n_logits != len(names):
        if has_own_logits:
            raise ModelError(
                f"Expected {len(names)} logits from {path}, one for each class of its list, found "
                f"{n_logits}. Correct the list."
            )
        log.info(
            "%s gives %s numbers for %d classes: they are used as embeddings",
            path, n_logits, len(names),
        )  # fmt: skip
        return None
    way_out = f"take the class list away from {path.name} to use it as a backbone"
    return check_classes(names, class_names, path, way_out)


def _parsed(text: str | bytes, path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise ModelError(
            f"Expected JSON in the extra file {METADATA} of {path}, found a fault: {error}. "
            "Save it again."
        ) from error
    return found if isinstance(found, dict) else {}
