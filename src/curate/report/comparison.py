"""A comparison of runs as one page: what became better, what worse, and on which images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from curate.board.difference import difference
from curate.report.comparison_rows import classes, found, p_text, slices
from curate.report.numbers import count, number
from curate.report.page import Page, Section, fragment, page_html
from curate.report.pictures import Pictures

MOST = 48
"""Images of a gallery: eight rows of a wide screen."""


@dataclass(frozen=True)
class Changed:
    """An image that one of two models has right.

    Attributes:
        filepath: where it lies.
        label: what it is.
        a, b: what it was and is taken for.
        p_a, p_b: the probability of its label before and after.
        found: kinds that the first run flags it for.
    """

    filepath: str
    label: str
    a: str
    b: str
    p_a: float
    p_b: float
    found: tuple[str, ...] = ()


@dataclass(frozen=True)
class Both:
    """What a page shows of a pair of runs that its report has no room for.

    Attributes:
        fixed, broken: images, largest change of the label's probability first.
        confusion_a, confusion_b: (k, k) counts, rows labels, columns predictions.
    """

    fixed: Sequence[Changed]
    broken: Sequence[Changed]
    confusion_a: NDArray[np.int64]
    confusion_b: NDArray[np.int64]


@dataclass(frozen=True)
class _Card:
    image: Changed
    picture: Any
    file: str


def comparison_page(
    report: Mapping[str, Any], pairs: Sequence[Both], costs: Sequence[Mapping[str, str]]
) -> str:
    """The page's whole text.

    Args:
        report: ``comparison.json``, see `curate.pipeline.comparing.files`.
        pairs: one for each of its `comparisons`.
        costs: per model `model`, `parameters`, `speed` and `weights` in words.
    """
    pictures = Pictures()
    several = len(pairs) > 1
    sections = [_models(report, costs)]
    for i, (one, both) in enumerate(zip(report["comparisons"], pairs, strict=True), 1):
        sections += _sections(one, both, report["classes"], i if several else 0, pictures)
    sections.append(_made(report))
    names = [one["name"] for one in report["runs"]]
    title = f"{names[1]} against {names[0]}" if not several else f"{len(names)} runs compared"
    images = count(report["images"], f"{report['split']} image")
    return page_html(
        Page(
            title,
            f"{images} that all runs share. Before is {names[0]}; intervals are 95 % ones.",
            tuple(sections),
            fragment(
                "comparison_lead.html", comparisons=report["comparisons"], vote=report.get("vote")
            ),
        )
    )  # fmt: skip


def _models(report: Mapping[str, Any], costs: Sequence[Mapping[str, str]]) -> Section:
    models = [{**one, **cost} for one, cost in zip(report["models"], costs, strict=True)]
    return Section(
        "models", "The models", fragment("comparison_models.html", models=models),
        "Each by itself on these images. Two intervals that overlap do not mean that there is no "
        "difference: the comparison below goes image by image and sees more.",
        "Models",
    )  # fmt: skip


def _sections(
    one: Mapping[str, Any], both: Both, names: Sequence[str], number_: int, pictures: Pictures
) -> Iterable[Section]:
    mark, after = (f"-{number_}", f" in {one['b']}") if number_ else ("", "")
    yield _gallery(f"fixed{mark}", f"Fixed{after}", "wrong before and right after", both.fixed,
                   pictures)  # fmt: skip
    yield _gallery(f"broken{mark}", f"Broken{after}", "right before and wrong after", both.broken,
                   pictures)  # fmt: skip
    yield Section(
        f"found{mark}", f"What became of the findings{after}", found(one["findings"]),
        "What the first run found, and how many of these images are right now.",
        f"Findings{after}",
    )  # fmt: skip
    yield Section(
        f"classes{mark}", f"Class by class{after}", classes(one["per_class"]),
        "The class that changed most surely comes first.", f"Classes{after}",
    )  # fmt: skip
    if one["slices"]:
        yield Section(
            f"slices{mark}", f"Slice by slice{after}", slices(one["slices"]),
            "By the columns that came with the images, and the weak slices of the first run.",
            f"Slices{after}",
        )  # fmt: skip
    yield Section(
        f"confusion{mark}", f"What is taken for what: the difference{after}",
        _confusion(one, both, names), short=f"Confusion{after}",
    )  # fmt: skip


def _gallery(
    anchor: str, title: str, what: str, images: Sequence[Changed], pictures: Pictures
) -> Section:
    shown = images[:MOST]
    made = pictures.of([(one.filepath, f"{one.label}, before {one.a}, after {one.b}")
                        for one in shown])  # fmt: skip
    cards = [
        _Card(one, picture, "/".join(Path(one.filepath).parts[-3:]))
        for one, picture in zip(shown, made, strict=True)
    ]
    said = f"{count(len(images), 'image')} {what}, the largest change of probability first."
    if len(images) > MOST:
        said += f" Shown are the first {MOST}; `curate compare --to DIR` lists all."
    return Section(
        anchor, f"{title}: {number(len(images))}",
        fragment("comparison_images.html", cards=cards), said, title,
    )  # fmt: skip


def _confusion(one: Mapping[str, Any], both: Both, names: Sequence[str]) -> Markup:
    drawn = difference(both.confusion_a, both.confusion_b, names)
    most = max(int(np.abs(drawn.change).max(initial=0)), 1)
    rows = [
        [
            {"a": int(a), "b": int(b), "change": int(change), "gain": int(gain),
             "share": 0.15 + 0.85 * abs(int(change)) / most}
            for a, b, change, gain in zip(*row, strict=True)
        ]
        for row in zip(drawn.a, drawn.b, drawn.change, drawn.gain, strict=True)
    ]  # fmt: skip
    cells = [
        {**cell, "p": p_text(cell["p_adjusted"])} for cell in one["confusions"] if cell["change"]
    ]
    made = fragment("comparison_confusion.html", names=drawn.names, rows=rows, cells=cells)
    if drawn.whole:
        return made
    return made + Markup("<p class='note'>{} of {} classes: those that changed most.</p>").format(
        len(drawn.names), number(drawn.classes)
    )


def _made(report: Mapping[str, Any]) -> Section:
    labels, matched = report["labels"], report["matched"]["runs"]
    facts = [(one["name"], one["run"]) for one in report["runs"]]
    facts += [
        (f"not shared, {name}", f"{number(one['not_shared'])} of {number(one['images'])} images")
        for name, one in matched.items()
        if one["not_shared"]
    ]
    facts.append(("labels", labels["text"]))
    if labels["differing"]:
        facts.append(("runs disagree on", count(labels["differing"], "label")))
    if report["draws"] < report["images"]:
        facts.append(("counted as", f"{number(report['draws'])} draws: a group counts once"))
    notes = [
        *report["notes"],
        "Images are compared in pairs: accuracy by McNemar's exact test, macro F1 and calibration "
        "by a bootstrap over groups; p values of classes, slices and findings are corrected for "
        "their number (Holm)",
        "One run each: the difference is that of two trained models, not of two ways to train",
    ]
    return Section(
        "made", "How this was made", fragment("comparison_made.html", facts=facts, notes=notes),
        short="How",
    )  # fmt: skip
