"""What the pixels of a dataset look like: percentiles of the statistics, of all or of a sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from curate.data.file_facts import percentiles, plain
from curate.data.statistics import SHOWN
from curate.numerics.intervals import Z95, wilson

GREY_SATURATION = 0.02
"""Below this mean saturation an image counts as grey. The chroma noise of a compressed grey
photograph stays below it; a faded or sepia one does not."""


def pixel_facts(table: pd.DataFrame, statistics: pd.DataFrame, failed: int = 0) -> dict[str, Any]:
    """Describe brightness, contrast, sharpness, entropy and saturation.

    Args:
        table: the readable images, with `sample_id` and `label`; those among them that were never
            decoded count as readable.
        statistics: one row a measured image, `sample_id` and at least the columns `SHOWN`.
        failed: how many images could not be decoded while measuring.

    Returns:
        Plain JSON values. Where only a sample was measured, medians and shares carry a 95 %
        interval; where all images were, there is nothing to estimate and the interval is None.
    """
    known = statistics.merge(table[["sample_id", "label"]], on="sample_id", validate="one_to_one")
    sampled, tried = len(known) < len(table), len(known) + failed
    grey = int((known["saturation"] < GREY_SATURATION).sum())
    about: dict[str, Mapping[str, Any]] = {
        name: {
            **percentiles(known[name]),
            "median_interval": median_interval(known[name]) if sampled else None,
        }
        for name in SHOWN
    }
    return {
        "measured": len(known),
        "of": len(table),
        "sampled": sampled,
        "statistics": about if len(known) else {},
        "grey": {"images": grey, **_share(grey, len(known), sampled)},
        "undecodable": {"images": failed, "tried": tried, **_share(failed, tried, sampled)},
        "by_class": {
            str(label): {
                "images": len(rows),
                **{name: plain(float(rows[name].median())) for name in SHOWN},
            }
            for label, rows in known.groupby("label")
        },
    }


def median_interval(values: ArrayLike) -> list[float | int | None] | None:
    """95 % interval of the median, by order statistics.

    Idea: how many of n independent values lie below the true median is Binomial(n, 1/2), whatever
    their distribution; so the values of rank k and n + 1 - k enclose it with probability
    1 - 2 P(B < k). The rank is that of the normal approximation, rounded outwards, which is never
    more than one off. Source: Conover, "Practical Nonparametric Statistics", 3rd ed., 3.2.

    A sample drawn without putting back is more exact than that; the interval is then too wide.

    Args:
        values: (n,) numbers.

    Returns:
        None for fewer than six values: they never enclose the median with 95 %.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    if n < 6:
        return None
    k = max(int(np.floor(n / 2 - Z95 * np.sqrt(n) / 2)), 1)
    return [plain(ordered[k - 1]), plain(ordered[n - k])]


def _share(count: int, n: int, sampled: bool) -> dict[str, Any]:
    """A share, and Wilson's interval where it is an estimate."""
    if n == 0:
        return {"share": None, "interval": None}
    interval = [plain(end) for end in wilson(count, n)] if sampled else None
    return {"share": plain(count / n), "interval": interval}
