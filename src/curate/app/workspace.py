"""How the App is laid out when it opens: panels, sidebar and what the grid shows."""

from __future__ import annotations

from typing import Any

from curate.app.content import Content
from curate.app.names import (
    BRAIN_KEY,
    DECIDED_FIELD,
    EVAL_KEY,
    ID_FIELD,
    LABEL_FIELD,
    LABELS,
    PREDICTIONS,
    TAGS_FIELD,
    WORKSPACE,
)

EVALUATION_PANEL = "model_evaluation_panel_builtin"
PANEL = "curate"
"""The type of our own panel: the name it has in the plugin."""

OPENED = {"state": {"tab": "overview", "loaded": "overview"}}
"""What our panel keeps once its first tab is there. A panel's state is part of the workspace: if
this were not saved, the App would call the workspace "Unsaved" from its first sight on."""


def save_workspace(fo: Any, dataset: Any) -> None:
    """Save the workspace: images on the left, our panel on the right, FiftyOne's own behind them.

    The App lays the name of the workspace over the right end of the tabs, so there are two on each
    side: three would lie below it on a small screen.
    """
    grid, evaluation = fo.Panel(type="Samples", pinned=True), fo.Panel(type=EVALUATION_PANEL)
    ours, embeddings = fo.Panel(type=PANEL, state=OPENED), fo.Panel(type="Embeddings")
    # A space whose active child is not named renders empty.
    left = fo.Space(children=[grid, evaluation], active_child=grid.component_id)
    right = fo.Space(children=[ours, embeddings], active_child=ours.component_id)
    whole = fo.Space(
        children=[left, right], active_child=left.component_id, orientation="horizontal",
        sizes=[0.45, 0.55],
    )  # fmt: skip
    dataset.save_workspace(
        WORKSPACE, whole, description="Images, and beside them what was found", overwrite=True
    )


def arrange(fo: Any, dataset: Any, content: Content) -> None:
    """Group the sidebar by what a person asks, and show in the grid what helps to decide."""
    parts = ("score", "flagged", "type", "reason", "suggestion", "partner")
    findings = [
        [f"{kind}_{part}" for part in parts if f"{kind}_{part}" in content.columns]
        for kind in content.flagged
    ]
    groups = [
        ("tags", ["tags", "_label_tags"], True),
        ("labels", [LABELS, PREDICTIONS, "correct"], True),
        (
            "curriculum",
            ["tier", "difficulty", "margin", "hardness", "mistakenness", "uniqueness", "in_sample"],
            True,
        ),
        ("your columns", list(content.user_columns), True),
        *(
            (f"found: {kind}", names, False)
            for kind, names in zip(content.flagged, findings, strict=True)
        ),
        ("image facts", content.facts, False),
        (
            "metadata",
            [
                f"metadata.{name}"
                for name in ("width", "height", "size_bytes", "mime_type", "num_channels")
            ],
            False,
        ),
    ]
    groups = [group for group in groups if group[1]]
    placed = {path for _, paths, _ in groups for path in paths}
    rest = [
        name
        for name in (
            "filepath",
            "id",
            "created_at",
            "last_modified_at",
            EVAL_KEY,
            BRAIN_KEY,
            ID_FIELD,
            LABEL_FIELD,
            TAGS_FIELD,
            DECIDED_FIELD,
        )
        if name not in placed
    ]
    groups.append(("other", rest, False))
    dataset.app_config.sidebar_groups = [
        fo.SidebarGroupDocument(name=name, paths=paths, expanded=expanded)
        for name, paths, expanded in groups
    ]
    dataset.app_config.active_fields = fo.ActiveFields(paths=[LABELS, PREDICTIONS, "tier"])
    dataset.save()
