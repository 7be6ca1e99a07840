"""Who is trained on, and when: the tiers, and the usual schedule drawn over its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from curate.board.curriculum import tiers
from curate.board.opening import Board
from curate.report.charts import Axis, Line, bar_chart
from curate.report.given import Given
from curate.report.page import Section, fragment
from curate.store.schema import TIER_NAMES


def tiers_and_schedule(board: Board, given: Given) -> Section | None:
    """Images of each tier by class, and what each epoch trains on; None without any tier."""
    shown = tiers(board)
    total = sum(shown.totals.values())
    if not total:
        return None
    most = max(int(shown.counts.sum(axis=1).max(initial=0)), 1)
    rows = [
        {
            "name": name,
            "counts": counts,
            "total": sum(counts),
            "parts": [
                (f"tier-{tier}", count / most)
                for tier, count in zip(TIER_NAMES, counts, strict=True)
            ],
        }
        for name, counts in zip(shown.names, shown.counts.tolist(), strict=True)
    ]
    plan = given.curriculum
    return Section(
        "tiers", "Tiers, and when each is trained on",
        fragment(
            "tiers.html", rows=rows, totals=shown.totals, total=total, classes=shown.classes,
            colours=[(tier, f"tier-{tier}") for tier in TIER_NAMES], plan=plan,
            chart=None if plan is None else schedule_chart(plan), why_not=given.no_curriculum,
        ),
        "A training image is easy, medium or hard by how surely the model tells it without having "
        "seen it; under review is what should be looked at before anything is trained on it.",
        "Tiers",
    )  # fmt: skip


def schedule_chart(plan: Mapping[str, Any]) -> Markup:
    """Images that each epoch trains on by tier, and the learning rate's factor over them."""
    stages, epochs = plan["stages"], int(plan["epochs"])
    bars = []
    said = []
    for stage in stages:
        by_tier = stage["by_tier"] or {"": stage["images"]}
        parts = [
            (f"tier-{name}" if name in TIER_NAMES else "other", float(count))
            for name, count in by_tier.items()
        ]
        bars.append((stage["start_epoch"], stage["end_epoch"], parts))
        words = ", ".join(f"{name} {count}".strip() for name, count in by_tier.items() if count)
        said.append(f"epochs {stage['start_epoch'] + 1} to {stage['end_epoch']}: {words}")
    highest = max(sum(height for _, height in parts) for _, _, parts in bars)
    largest = max(stage["lr_scale"] for stage in stages)
    x = [edge for stage in stages for edge in (stage["start_epoch"], stage["end_epoch"])]
    rates = [stage["lr_scale"] / largest for stage in stages for _ in range(2)]
    steady = len({round(rate, 6) for rate in rates}) == 1
    line = None if steady else Line("learning rate", "text", x, rates, dash="5 3")
    note = "" if steady else f"- - learning rate, from x{largest:g}"
    return bar_chart(
        "Images each epoch trains on: " + "; ".join(said), bars, Axis("epochs done", 0, epochs),
        Axis("images", 0, highest), line, note,
    )  # fmt: skip
