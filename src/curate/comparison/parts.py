"""Parts of the images: slices, and what was found of the first run. Which of them got better?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.comparison.change import of_test
from curate.comparison.scores import Predicted, Task
from curate.findings import Ints
from curate.numerics.intervals import wilson_bounds
from curate.numerics.paired import clusters_of, holm, paired_difference, paired_p_value

SMALLEST = 5
"""Images below which a slice is left out: nothing could be shown of it."""

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Part:
    """Some of the images.

    Attributes:
        source: what it is a part by: a column, "weak_slice", or "finding".
        name: in words.
        rows: the images.
        by_mistakes: whether A's own predictions chose it. Such images are wrong in A partly by
            chance, and some of them turn right in any other model (regression towards the mean):
            no verdict is drawn.
        still_found: how many of them the same is found of in B; None where B was not asked.
    """

    source: str
    name: str
    rows: Ints
    by_mistakes: bool = False
    still_found: int | None = None


def compare_parts(
    task: Task, a: Predicted, b: Predicted, parts: Sequence[Part]
) -> list[dict[str, Any]]:
    """For each part how many of its images each model has right, and the paired change.

    The p values are of McNemar's exact test by groups, corrected by Holm for the parts on which a
    verdict is drawn.
    """
    right_a, right_b = a.right(task), b.right(task)
    rows: list[dict[str, Any]] = []
    for part in parts:
        own = np.asarray(part.rows, dtype=np.int64)
        was, now, clusters = right_a[own], right_b[own], task.clusters[own]
        change, interval = paired_difference(was, now, clusters)
        rows.append(
            {
                "source": part.source,
                "name": part.name,
                "images": len(own),
                "right_a": int(was.sum()),
                "right_b": int(now.sum()),
                "right_b_interval": list(share_interval(now, clusters)),
                "change": change,
                "interval": list(interval),
                "fixed": int((~was & now).sum()),
                "broken": int((was & ~now).sum()),
                "p_value": None if part.by_mistakes else paired_p_value(was, now, clusters),
                "chosen_by_mistakes_of_a": part.by_mistakes,
                "still_found": part.still_found,
            }
        )
    tested = [np.nan if row["p_value"] is None else row["p_value"] for row in rows]
    for row, q in zip(rows, holm(tested), strict=True):
        known = not np.isnan(q)
        row["p_adjusted"] = float(q) if known else None
        row["verdict"] = of_test(row["fixed"], row["broken"], float(q)) if known else None
    return rows


def share_interval(right: Any, clusters: Ints) -> tuple[float, float]:
    """95 % interval of a share: Wilson's, with the images counted as so many independent ones.

    The design effect (Kish 1965) is the variance of the share over clusters by that of as many
    independent images, 1 at least; where all are right or all wrong it cannot be seen, and the
    clusters count as the images.
    """
    hits = np.asarray(right, dtype=float)
    n, share = len(hits), float(hits.mean()) if len(hits) else 0.0
    if not n:
        return 0.0, 1.0
    numbers = clusters_of(clusters, n)
    g = int(numbers.max()) + 1
    size = float(n)
    if g < n:
        net = np.bincount(numbers, hits - share)
        plain = share * (1 - share) / n
        seen = float((net**2).sum()) / n**2 * g / max(g - 1, 1)
        size = n / max(1.0, seen / plain) if plain and g > 1 else float(g)
    low, high = wilson_bounds(share, size, Z95)
    return float(low), float(high)


def values_of(name: str, values: Sequence[Any], is_number: bool, most: int = 20) -> list[Part]:
    """The parts that one column makes: its values, or the thirds of its numbers.

    Args:
        name: of the column.
        values: (n,) None or NaN where an image has none.
        is_number: cut it in thirds, unless it has no more values than would be listed one by one.
        most: values that are listed, those of most images.
    """
    known = np.array([value is not None and value == value for value in values], dtype=bool)
    rows = np.flatnonzero(known)
    given: NDArray[Any] = np.array([values[row] for row in rows.tolist()], dtype=object)
    if not len(rows):
        return []
    distinct = len({str(value) for value in given})
    if is_number and distinct > THIRDS_ABOVE:
        numbers = given.astype(float)
        low, high = np.quantile(numbers, [1 / 3, 2 / 3])
        cuts = [
            (f"{name} up to {low:.4g}", numbers <= low),
            (f"{name} above {low:.4g}, up to {high:.4g}", (numbers > low) & (numbers <= high)),
            (f"{name} above {high:.4g}", numbers > high),
        ]
        found = [Part(name, text, rows[mask]) for text, mask in cuts]
    else:
        words = np.array([str(value) for value in given])
        names, counts = np.unique(words, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:most]
        found = [Part(name, f"{name} {names[i]}", rows[words == names[i]]) for i in order]
    return [part for part in found if len(part.rows) >= SMALLEST]


THIRDS_ABOVE = 6
"""A number of more different values is cut in thirds: fewer are stages, such as ages in decades."""
