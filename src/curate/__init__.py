"""curate: find the hard cases of an image classifier, see them, and train on what was found."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curate.api import Run, analyze
    from curate.pipeline.export import export
    from curate.recipe.applying import load_policy
    from curate.recipe.curriculum import read_curriculum
    from curate.training.dataset import CurriculumDataset
    from curate.training.sampler import CurriculumSampler
    from curate.training.timm_args import timm_args

__version__ = "0.1.0"
__all__ = [
    "CurriculumDataset",
    "CurriculumSampler",
    "Run",
    "__version__",
    "analyze",
    "export",
    "load_policy",
    "read_curriculum",
    "timm_args",
]

_HOMES = {
    "CurriculumDataset": "curate.training.dataset",
    "CurriculumSampler": "curate.training.sampler",
    "Run": "curate.api",
    "analyze": "curate.api",
    "export": "curate.pipeline.export",
    "load_policy": "curate.recipe.applying",
    "read_curriculum": "curate.recipe.curriculum",
    "timm_args": "curate.training.timm_args",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that importing curate costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'curate' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
