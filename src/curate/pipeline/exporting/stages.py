"""What an export's lists and stages hold, for whoever shows them."""

from __future__ import annotations

from pathlib import Path

from curate.pipeline.exporting.exported import read_export
from curate.recipe.curriculum import read_curriculum
from curate.remedies.formats.content import stage_rows


def stages_of(folder: Path) -> list[tuple[str, list[str]]]:
    """Of each stage what it is, in words, and the sample ids that it trains on as it begins."""
    found = read_curriculum(folder)
    ids = found.table["sample_id"].to_numpy()
    return [
        (
            f"epochs {stage.start_epoch} to {stage.end_epoch - 1}, {', '.join(stage.tiers)}"
            + (f", {stage.share:.0%} of each class" if stage.share < 1 else ""),
            ids[rows].tolist(),
        )
        for stage, rows in zip(
            found.schedule.stages,
            stage_rows(found.table, found.schedule, found.seed),
            strict=True,
        )
    ]


def states_of(folder: Path) -> dict[str, str]:
    """Of each image the list that has it (train, val or test), or why none has."""
    images = read_export(folder).images
    states = images["split"].where(images["state"] == "kept", images["state"])
    return dict(zip(images["sample_id"], states, strict=True))
