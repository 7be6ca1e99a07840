"""A curriculum as text: its tiers, why, and its schedule drawn over the epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from curate.pipeline.plain_text import cut, number, wrapped
from curate.pipeline.summary import columns
from curate.remedies.tiering import REVIEW

MOST_COLUMNS = 60
MOST_CLASSES = 20
MOST_STAGES = 12
LEGEND = "(# all of the tier, + half or more, . less)"


def curriculum_text(found: Mapping[str, Any]) -> str:
    """What `curate.pipeline.curriculum_facts.curriculum_facts` says, in at most 100 columns."""
    lines = wrapped(f"tiers: {found['tiering']['described']}")
    lines += ["", _by_class(found), "", _by_type(found)]
    often = found["oversampled"]
    if often["images"]:
        lines += wrapped(
            f"rare images that are drawn more than once an epoch: {often['images']}, up to "
            f"{often['most']:g} times, sqrt(others / rare) of their class"
        )
    held = found["tiers"][REVIEW]
    if held:
        lines += wrapped(
            f"under review, and in no epoch until somebody has decided in the App: {held}"
        )
    lines += ["", *wrapped(f"schedule {found['preset']}: {found['summary']}", "  ")]
    if found["source"]:
        lines += wrapped(f"  source: {found['source']}", "    ")
    lines += ["", *_drawing(found), "", _stages(found["stages"]), ""]
    lines += _policy(found["policy"])
    for name, epoch in list(found["late_classes"].items())[:MOST_CLASSES]:
        lines += wrapped(f"{name} has no image in the first epochs: it joins at epoch {epoch}")
    most = max(stage["most_often"] for stage in found["stages"])
    if most > max(often["most"], 1):
        lines += wrapped(f"balanced classes: the image drawn most often is drawn {most:g} times")
    lines += ["", *wrapped(found["evidence"])]
    for control in found["controls"]:
        lines += wrapped(f"  {control['preset']}: {control['summary']}", "    ")
    return "\n".join(lines)


def _by_class(found: Mapping[str, Any]) -> str:
    """Images of each class in each tier; of many classes those with most that come late."""
    names = list(found["tiers"])
    rows = list(found["classes"].items())
    more = len(rows) - MOST_CLASSES
    if more > 0:
        late = names[-2:]
        rows.sort(key=lambda row: -sum(row[1][name] for name in late))
        rows = rows[:MOST_CLASSES]
    table = [[cut(name), *(counts[tier] for tier in names)] for name, counts in rows]
    table.append(["all", *(found["tiers"][tier] for tier in names)])
    text = columns(["class", *names], table)
    return text + (f"\n({more} more classes; those with most late images are shown)" * (more > 0))


def _by_type(found: Mapping[str, Any]) -> str:
    names = list(found["tiers"])
    rows = [
        [kind.replace("_", " "), *(counts[tier] for tier in names)]
        for kind, counts in found["types"].items()
    ]
    return columns(["why", *names], rows)


def _drawing(found: Mapping[str, Any]) -> list[str]:
    """The epochs from left to right: how much of each tier, which policy, which learning rate."""
    epochs, stages = found["epochs"], found["stages"]
    wide = max(1, MOST_COLUMNS // epochs)
    shown = [i * epochs // min(epochs, MOST_COLUMNS) for i in range(min(epochs, MOST_COLUMNS))]
    at = [next(s for s in stages if s["start_epoch"] <= e < s["end_epoch"]) for e in shown]
    tiers = [name for name in found["tiers"] if name != REVIEW]
    width = max(len("images"), *(len(name) for name in tiers))

    def line(head: str, cell: Callable[[Any], str]) -> str:
        return f"{head:<{width}}  {''.join(cell(stage) * wide for stage in at)}".rstrip()

    marks = {epoch: str(epoch) for epoch in {stage["start_epoch"] for stage in stages}}
    lines = [f"{'epoch':<{width}}  {_marked(marks, shown, wide, epochs)}"]
    for name in tiers:
        text = line(name, partial(_amount, name=name, totals=found["tiers"]))
        lines.append(f"{text:<{width + 2 + wide * len(at)}}  {found['tiers'][name]}")
    if found["policy"]:
        lines.append(line("policy", lambda stage: _last_digit(stage["policy_stage"])))
    rates = {stage["start_epoch"]: f"x{stage['lr_scale']:.2g}" for stage in stages
             if stage["lr_factor"] != 1 or stage["start_epoch"] == 0}  # fmt: skip
    lines.append(f"{'lr':<{width}}  {_marked(rates, shown, wide, epochs)}")
    if any(stage["order"] != "difficulty" for stage in stages):
        kinds = {"random": "in random order", "reverse": "hardest first", "loss": "lowest loss"}
        used = {kinds[stage["order"]] for stage in stages if stage["order"] in kinds}
        lines.append(f"{'':<{width}}  chosen {', '.join(sorted(used))}")
    lines.append(f"{'':<{width}}  {LEGEND}")
    return lines


def _amount(stage: Mapping[str, Any], name: str, totals: Mapping[str, int]) -> str:
    """How much of a tier a stage trains on, as one character."""
    if stage["by_tier"] is None:
        return "?"
    part = stage["by_tier"].get(name, 0) / max(totals[name], 1)
    return "#" if part >= 1 else "+" if part >= 0.5 else "." if part > 0 else " "


def _last_digit(policy_stage: int | None) -> str:
    return "-" if policy_stage is None else str(policy_stage)[-1]


def _marked(marks: Mapping[int, str], shown: Sequence[int], wide: int, epochs: int) -> str:
    """Texts at their epochs, as far as there is room between them."""
    text = ""
    for i, epoch in enumerate(shown):
        following = shown[i + 1] if i + 1 < len(shown) else epochs
        mark = next((marks[e] for e in range(epoch, following) if e in marks), None)
        free = len(text) <= i * wide - (1 if text else 0)
        if mark is not None and free:
            text = text.ljust(i * wide) + mark
    return text


def _stages(stages: Sequence[Mapping[str, Any]]) -> str:
    """A row a stage; of many, some."""
    step = -(-len(stages) // MOST_STAGES)
    shown = [stage for i, stage in enumerate(stages) if i % step == 0 or i == len(stages) - 1]
    rows = [
        [
            f"{stage['start_epoch']}-{stage['end_epoch'] - 1}",
            "+".join(stage["tiers"]) if len(stage["tiers"]) < 5
            else f"{stage['tiers'][0]}..{stage['tiers'][-1]}",
            f"{stage['share']:.0%}", number(stage["images"]), number(stage["drawn"]),
            "-" if stage["policy_stage"] is None else str(stage["policy_stage"]),
            f"x{stage['lr_scale']:.2g}", stage["balance"],
        ]
        for stage in shown
    ]  # fmt: skip
    heads = ["epochs", "tiers", "share", "images", "drawn", "policy", "lr", "balance"]
    more = f"\n({len(stages) - len(shown)} stages between them are left out)"
    return columns(heads, rows) + more * (len(shown) < len(stages))


def _policy(policy: Mapping[str, Any] | None) -> list[str]:
    if policy is None:
        return ["no augmentation policy: `curate policy RUN` recommends one"]
    lines = wrapped(f"policy: {policy['file']}", whole_words=True)
    for i, steps in enumerate(policy["stages"]):
        lines += wrapped(f"  {i}: {'; '.join(steps) or 'no augmentation'}", "     ")
    return lines
