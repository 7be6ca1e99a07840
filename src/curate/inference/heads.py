"""A head of two layers in place of a timm model's linear one.

Import this file where it is used: it imports torch.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch

from curate.errors import ModelError


def classifier_names(model: Any) -> tuple[str, ...]:
    """Names of the layers that are a timm model's classifier."""
    found = model.pretrained_cfg.get("classifier") or ()
    return (found,) if isinstance(found, str) else tuple(found)


def is_of_head(name: str, heads: Collection[str]) -> bool:
    """Whether a parameter belongs to one of some layers."""
    return any(name.startswith(f"{head}.") for head in heads)


def put_mlp_head(model: Any) -> None:
    """Replace the linear classifier of a timm model by Linear-ReLU-Linear.

    The hidden layer is as wide as the features, so that nothing of them has to be left out. The
    parameters are called as before with ``.0.`` and ``.2.`` in the name.

    Raises:
        ModelError: the model does not end in one linear layer.
    """
    names = classifier_names(model)
    last = model.get_submodule(names[0]) if len(names) == 1 else None
    if not isinstance(last, torch.nn.Linear):
        what = f"{len(names)} classifiers" if last is None else type(last).__name__
        raise ModelError(
            f"Expected a model that ends in one linear layer for --head mlp, found {what}. Choose "
            "another model, or --head linear."
        )
    wide = last.in_features
    head = torch.nn.Sequential(
        torch.nn.Linear(wide, wide), torch.nn.ReLU(), torch.nn.Linear(wide, last.out_features)
    )
    above, _, name = names[0].rpartition(".")
    setattr(model.get_submodule(above), name, head)


def has_mlp_head(model: Any, parameters: Collection[str]) -> bool:
    """Whether names of parameters are those of a model with such a head.

    Args:
        model: as timm makes it.
        parameters: their names in a state dict.
    """
    names = classifier_names(model)
    return len(names) == 1 and {f"{names[0]}.{i}.weight" for i in (0, 2)} <= set(parameters)
