"""Which tiers a training run sees at which epochs."""

from __future__ import annotations

from typing import Any


def staged_schedule(epochs: int = 15) -> list[dict[str, Any]]:
    """Three equal stages: easy; then easy and medium; then all that is not under review.

    The evidence for order alone is thin: it helps with short budgets and noisy labels, and hardly
    in long runs (Wu et al. 2021, "When do curricula work?"). Compare with a run without it.

    Returns:
        Stages with `start_epoch` (included), `end_epoch` (excluded) and `tiers`.
    """
    first, second = epochs // 3, 2 * epochs // 3
    return [
        {"start_epoch": 0, "end_epoch": first, "tiers": ["easy"]},
        {"start_epoch": first, "end_epoch": second, "tiers": ["easy", "medium"]},
        {"start_epoch": second, "end_epoch": epochs, "tiers": ["easy", "medium", "hard"]},
    ]
