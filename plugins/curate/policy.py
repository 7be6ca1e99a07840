"""Part of the tab Curriculum: the augmentation policy, and what it makes of the selected image."""

from __future__ import annotations

from typing import Any

import fiftyone.operators.types as types

from curate.board.opening import Board
from curate.board.policy import policy_of, policy_path
from curate.data.images import UnreadableImage
from curate.pipeline.policy_examples import examples, in_words
from curate.recipe.policy import Policy

from .common import board_of, changed, columns, dropdown, options, pick_image, text, told

EXAMPLES = 6


class PolicyPart:
    """Its events and its layout."""

    def pick_curriculum(self, ctx: Any) -> None:
        """Another image was selected in the grid, or opened."""
        pick_image(ctx, "policy_image")

    @told
    def choose_stage(self, ctx: Any) -> None:
        """Another stage of the policy."""
        changed(ctx, "policy", {"stage": _stage(ctx, _policy(board_of(ctx)))})

    def render_policy(self, ctx: Any, panel: types.Object) -> None:
        """Lay the part out."""
        board = board_of(ctx)
        policy = _policy(board)
        if policy is None:
            text(panel, "policy", f"no policy yet: `curate policy {board.run.path}`")
            return
        chosen = _stage(ctx, policy)
        stage = int(chosen)
        names = {
            str(i): f"stage {i + 1} of {len(policy.stages)}" for i in range(len(policy.stages))
        }
        # On one line of its own: an object that holds a control is sent whole at every event.
        dropdown(panel, "stage", "augmentation policy", names, chosen, self.choose_stage)
        steps = policy.stages[stage]
        if not steps:
            text(panel, "no_steps", "no augmentation in this stage")
        for i, step in enumerate(steps):
            text(panel, f"step_{i}", in_words(step))
            if step.reason:
                text(panel, f"step_{i}_why", f"— {step.reason}", variant="caption")
        if policy.left_out:
            left = ", ".join(one.transform.replace("_", " ") for one in policy.left_out)
            text(panel, "left_out", f"considered and left out: {left}")
        self._examples(panel, board, policy, stage, ctx.panel.state.get("policy_image"))

    def _examples(
        self, panel: types.Object, board: Board, policy: Policy, stage: int, sample_id: Any
    ) -> None:
        row = board.row_of.get(str(sample_id)) if sample_id else None
        if row is None:
            text(panel, "examples_hint", "Select an image to see what this stage makes of it.")
            return
        one = board.samples.iloc[row]
        label = one["label"] if isinstance(one["label"], str) else None
        path = str(one["filepath"])
        try:
            pictures = board.once(
                ("policy", _stamp(board), stage, sample_id),
                lambda: examples(policy, stage, path, label, range(EXAMPLES)),
            )
        except (UnreadableImage, FileNotFoundError) as problem:
            text(panel, "examples_gone", f"{path}: {problem}")
            return
        text(panel, "examples_title", f"{label or 'no label'}: {EXAMPLES} draws of this stage")
        cells = columns(panel, "examples", f"repeat({EXAMPLES}, minmax(0, 1fr))")
        style = {"width": "100%", "maxWidth": "120px", "objectFit": "contain"}
        for i, address in enumerate(pictures):
            view = types.ImageView(
                alt=f"stage {stage + 1}, draw {i + 1}", componentsProps={"image": {"style": style}}
            )
            cells.str(f"example_{i}", default=address, view=view)


def _policy(board: Board) -> Policy | None:
    return board.once(("policy", _stamp(board)), lambda: policy_of(board.run))


def _stamp(board: Board) -> int:
    path = policy_path(board.run)
    return path.stat().st_mtime_ns if path.is_file() else 0


def _stage(ctx: Any, policy: Policy | None) -> str:
    last = len(policy.stages) - 1 if policy else 0
    said = options(ctx, "policy").get("stage", str(last))
    return said if int(said) <= last else str(last)
