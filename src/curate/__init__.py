"""curate: find the hard cases of an image classifier, see them, and train on what was found."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["Run", "__version__", "analyze", "export"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that importing curate costs nothing."""
    if name == "Run":
        from curate.store.run import Run

        return Run
    if name == "analyze":
        from curate.pipeline.analyze import analyze

        return analyze
    if name == "export":
        from curate.pipeline.export import export

        return export
    raise AttributeError(f"module 'curate' has no attribute {name!r}")
