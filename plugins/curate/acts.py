"""Decisions as operators: in the toolbar, in the operator browser, and by `ctx.trigger`.

Each says how many images it changed, and asks before it changes many (see `targets`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone.operators as foo
import fiftyone.operators.types as types

from curate.app.deciding import (
    ACCEPTED,
    accept,
    decide,
    reject,
    relabels,
    turns,
    undo,
    verdicts,
)
from curate.data.views import VIEWS
from curate.errors import ExportError
from curate.store.journal import Change
from curate.store.run import Run

from .common import board_of
from .targets import Target, counted, target
from .telling import done, told

Ids = Sequence[str]
UPRIGHT = "as the finding says"


@dataclass(frozen=True)
class Act:
    """One kind of decision.

    Attributes:
        name, label, icon: of the operator.
        did: what it did, after a count of images: ``3 images marked hard``.
        changes: run, sample ids and what was asked in the form -> the changes.
        ask: adds what the form asks to it; None asks nothing.
        toolbar: whether it has a button above the grid.
    """

    name: str
    label: str
    icon: str
    did: str
    changes: Callable[[Run, Ids, dict[str, Any]], list[Change]]
    ask: Callable[[Any, types.Object], None] | None = None
    toolbar: bool = False


class Decision(foo.Operator):
    """An `Act` as FiftyOne knows it; the subclasses made below say which one."""

    act: Act

    @property
    def config(self) -> foo.OperatorConfig:
        """Its name in fiftyone.yml, and how it is listed."""
        return foo.OperatorConfig(
            name=self.act.name,
            label=f"curate: {self.act.label}",
            icon=self.act.icon,
            dynamic=True,
            view_target=False,
        )

    def resolve_placement(self, ctx: Any) -> types.Placement | None:
        """A button above the grid, where there is to be one."""
        if not self.act.toolbar:
            return None
        asks = self.act.ask is not None
        button = types.Button(label=self.act.label, icon=self.act.icon, prompt=asks)
        return types.Placement(types.Places.SAMPLES_GRID_ACTIONS, button)

    def resolve_input(self, ctx: Any) -> types.Property:
        """Which images, what else is to be known, and whether a person is sure."""
        form = types.Object()
        found = target(ctx)
        form.view("which", types.Notice(label=_which(found)))
        if self.act.ask is not None:
            self.act.ask(ctx, form)
        if found.asks:
            form.bool("sure", label=f"Yes, change {found.text}", default=False)
        return types.Property(form, view=types.View(label=self.act.label))

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Decide, and say so."""
        with told(ctx):
            found = target(ctx)
            if not found.ids:
                raise ExportError(
                    "Expected images, found an empty view. Select some, or clear the view."
                )
            if found.asks and not ctx.params.get("sure"):
                ctx.prompt(self.uri, params=dict(ctx.params))
                return {"images": 0, "asked": len(found.ids)}
            run = board_of(ctx).run
            changes = self.act.changes(run, found.ids, ctx.params)
            events = decide(run, ctx.dataset, changes)
            changed = len({event.sample_id for event in events})
            rest = len(found.ids) - changed
            text = f"{counted(changed)} {self.act.did}"
            if rest:
                text += f"; {counted(rest)} unchanged"
            done(ctx, text, changed)
            return {"images": changed, "said": text}


class Undo(foo.Operator):
    """Take back the last act of the plugin."""

    @property
    def config(self) -> foo.OperatorConfig:
        """Its name in fiftyone.yml, and how it is listed."""
        return foo.OperatorConfig(
            name="undo", label="curate: undo the last decision", icon="undo", view_target=False
        )

    def resolve_placement(self, ctx: Any) -> types.Placement:
        """A button above the grid."""
        button = types.Button(label="undo", icon="undo", prompt=False)
        return types.Placement(types.Places.SAMPLES_GRID_ACTIONS, button)

    def execute(self, ctx: Any) -> dict[str, Any]:
        """Take back, and say what."""
        with told(ctx):
            events, kept = undo(board_of(ctx).run, ctx.dataset)
            changed = len({event.sample_id for event in events})
            actions = ", ".join(sorted({event.action for event in events}))
            text = f"taken back on {counted(changed)}: {actions}" if events else "nothing to undo"
            if kept:
                text += f"; {counted(kept)} decided again since, left as they are"
            done(ctx, text, changed)
            return {"images": changed, "said": text}


def _which(found: Target) -> str:
    if not found.ids:
        return "There are no images in this view."
    hint = " (select images, or open one, for fewer)" if found.meant == "view" else ""
    return f"This changes {found.text}{hint}."


def _kinds(ctx: Any, names: Sequence[str] | None) -> list[str]:
    detectors = board_of(ctx).run.info.get("detectors", {})
    return [
        kind
        for kind, info in detectors.items()
        if info.get("flagged") and (names is None or kind in names)
    ]


def _ask_kind(names: Sequence[str] | None) -> Callable[[Any, types.Object], None]:
    def ask(ctx: Any, form: types.Object) -> None:
        choices = types.DropdownView()
        kinds = _kinds(ctx, names)
        for kind in kinds:
            choices.add_choice(kind, label=kind)
        form.enum("kind", choices.values(), label="finding", required=True, view=choices,
                  default=_kind_of_view(ctx, kinds))  # fmt: skip

    return ask


def _kind_of_view(ctx: Any, kinds: Sequence[str]) -> str | None:
    """The kind that the view shows, so that a person need not say it."""
    stages = str(ctx.request_params.get("view") or "")
    return next((kind for kind in kinds if f"{kind}_flagged" in stages), None)


def _ask_class(ctx: Any, form: types.Object) -> None:
    choices = types.AutocompleteView()
    for name in board_of(ctx).classes:
        choices.add_choice(name, label=name)
    form.enum("label", choices.values(), label="new label", required=True, view=choices)


def _ask_turn(ctx: Any, form: types.Object) -> None:
    choices = types.DropdownView()
    for name in (UPRIGHT, *VIEWS[1:]):
        choices.add_choice(name, label=name)
    form.enum("turn", choices.values(), label="turn", default=UPRIGHT, view=choices)


def _turned(run: Run, ids: Ids, params: dict[str, Any]) -> list[Change]:
    view = params.get("turn") or UPRIGHT
    return accept(run, "orientation", ids) if view == UPRIGHT else turns(ids, view)


def _forgotten(run: Run, ids: Ids, params: dict[str, Any]) -> list[Change]:
    return [*verdicts(ids, None), *relabels(ids, None), *turns(ids, None)]


ACTS = (
    Act("mark_hard", "hard", "fitness_center", "marked hard",
        lambda run, ids, _: verdicts(ids, "hard"), toolbar=True),
    Act("mark_easy", "easy", "sentiment_satisfied", "marked easy",
        lambda run, ids, _: verdicts(ids, "easy"), toolbar=True),
    Act("mark_exclude", "exclude", "block", "excluded",
        lambda run, ids, _: verdicts(ids, "exclude"), toolbar=True),
    Act("mark_ok", "ok", "check_circle", "said to be ok",
        lambda run, ids, _: verdicts(ids, "ok"), toolbar=True),
    Act("accept_label", "accept suggested label", "label", "relabelled as suggested",
        lambda run, ids, _: accept(run, "label_error", ids), toolbar=True),
    Act("set_label", "set label", "edit", "relabelled",
        lambda run, ids, asked: relabels(ids, asked["label"]), _ask_class),
    Act("turn_upright", "turn upright", "rotate_right", "to be turned",
        _turned, _ask_turn),
    Act("accept_finding", "accept a finding", "done_all", "changed as the finding advises",
        lambda run, ids, asked: accept(run, asked["kind"], ids),
        _ask_kind(tuple(ACCEPTED))),
    Act("reject_finding", "reject a finding", "remove_done", "said to be ok",
        lambda run, ids, asked: reject(run, asked["kind"], ids),
        _ask_kind(None)),
    Act("forget", "forget decisions", "clear", "without a decision again", _forgotten),
)  # fmt: skip
"""Every decision, in the order of the toolbar and of the operator browser."""

DECISIONS: list[type[Any]] = [
    *(type(f"Decide_{act.name}", (Decision,), {"act": act}) for act in ACTS),
    Undo,
]
