"""Longer work as operators: tiers as decided, an export, and images like these.

What they need is imported when they run: FiftyOne imports every plugin before the first page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from curate.app.names import ID_FIELD
from curate.board.similar import similar
from curate.errors import ExportError
from curate.store.run import Run
from curate.store.schema import TIER_NAMES

from .common import board_of, described, log
from .report import OpenReport
from .targets import counted, target
from .telling import done, told


class Retier(foo.Operator):
    """Recompute the tiers with the decisions so far."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Its name in fiftyone.yml, and how it is listed."""
        return foo.OperatorConfig(
            name="retier", label="curate: recompute tiers", icon="layers", view_target=False
        )

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Carry out the decisions on the tiers, and show them."""
        from curate.app.decisions import collect
        from curate.app.publish import publish
        from curate.pipeline.decided import retier

        with told(ctx):
            run = board_of(ctx).run
            collect(run)
            counts = retier(run)
            publish(run)
            tiers = ", ".join(f"{tier} {counts[tier]:,}" for tier in TIER_NAMES)
            text = f"{counted(counts['moved'])} moved; train tiers now: {tiers}"
            done(ctx, text, counts["moved"])
            return {"images": counts["moved"], "said": text}


class Reanalyze(foo.Operator):
    """Analyse again with the labels that people decided."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Its name in fiftyone.yml, and how it is listed."""
        return foo.OperatorConfig(
            name="reanalyze", label="curate: analyse again with the decisions", icon="replay",
            execute_as_generator=True, view_target=False,
        )  # fmt: skip

    def execute(self, ctx: Any) -> Iterator[Any]:
        """Do it, in this process: what was embedded is not embedded again.

        A generator, so that the App says at once that it has begun; what it says is yielded.
        """
        yield ctx.ops.notify("analysing again with the decisions …")
        try:
            text = _analyse_again(board_of(ctx).run)
        except Exception as error:
            log.exception("operator: analyse again")
            yield ctx.ops.notify(described(error), variant="error")
            raise
        log.info("operator: %s", text)
        yield ctx.ops.notify(text, variant="success")
        yield ctx.ops.reload_dataset()


class Export(foo.Operator):
    """Write the curriculum splits."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Its name in fiftyone.yml, and how it is listed."""
        return foo.OperatorConfig(
            name="export", label="curate: export splits", icon="save_alt", view_target=False
        )

    def resolve_input(self, ctx: Any) -> types.Property:
        """Where to, and whether an earlier export may be replaced."""
        form = types.Object()
        form.str(
            "to",
            label="directory",
            description="A new directory, on the machine that serves the App.",
            default=str(_usual_place(board_of(ctx).run.path)),
            required=True,
        )
        form.bool("overwrite", label="replace an earlier export there", default=False)
        return types.Property(form, view=types.View(label="Export splits"))

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Read the decisions, write the splits."""
        from curate.app.decisions import collect
        from curate.pipeline.export import export

        with told(ctx):
            run = board_of(ctx).run
            to = ctx.params.get("to") or str(_usual_place(run.path))
            if not Path(to).expanduser().is_absolute():
                raise ExportError(
                    f"Expected a whole path, found {to!r}, which would be relative to where the "
                    "App was started. Begin it with / or ~."
                )
            collect(run)
            about = export(run, Path(to).expanduser(), bool(ctx.params.get("overwrite")))
            counts = about["counts"]
            text = (
                f"{counted(counts['train'] + counts['val'] + counts['test'])} written to {to}, "
                f"{about['decisions']} decisions carried out"
            )
            done(ctx, text, 0, variant="success")
            return {"to": to, "said": text, "counts": counts}


class Similar(foo.Operator):
    """Show the images most like the selected ones."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Its name in fiftyone.yml, and how it is listed."""
        return foo.OperatorConfig(
            name="find_similar", label="curate: find similar", icon="image_search",
            view_target=False,
        )  # fmt: skip

    def resolve_placement(self, ctx: Any) -> types.Placement:
        """A button above the grid."""
        button = types.Button(label="find similar", icon="image_search", prompt=False)
        return types.Placement(types.Places.SAMPLES_GRID_ACTIONS, button)

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Set the view to them, nearest first."""
        with told(ctx):
            found = target(ctx)
            if found.meant == "view" or not found.ids:
                raise ExportError("Expected an image to look around, found none. Select one.")
            near = similar(board_of(ctx), found.ids)
            ctx.ops.set_view(ctx.dataset.select_by(ID_FIELD, near, ordered=True))
            ctx.ops.clear_selected_samples()
            return {"images": len(near)}


def _analyse_again(run: Run) -> str:
    """Analyse with the decisions so far, publish, and say what is flagged differently."""
    from curate.app.decisions import collect
    from curate.app.publish import publish
    from curate.pipeline.analyze import reanalyze

    collect(run)
    before = _flagged(run)
    run = reanalyze(run)
    publish(run)
    kinds = ", ".join(
        f"{kind} {before.get(kind, 0)} → {count}"
        for kind, count in _flagged(run).items()
        if count != before.get(kind, 0)
    )
    return f"analysed again; flagged: {kinds or 'as before'}"


def _flagged(run: Run) -> dict[str, int]:
    return {kind: int(info["flagged"]) for kind, info in run.info["detectors"].items()}


def _usual_place(run: Path) -> Path:
    return run.parent / f"{run.name}-splits"


WORK: list[type[Any]] = [Retier, Reanalyze, Export, Similar, OpenReport]
