"""A comparison as text for a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curate.comparison.change import BETTER, WORSE
from curate.numerics.paired import LEVEL
from curate.pipeline.comparing.models import NOT_RECORDED, in_words
from curate.pipeline.plain_text import cut, right, wrapped
from curate.pipeline.summary import columns
from curate.report.numbers import with_interval

MOST_ROWS = 8
"""Classes, slices, findings and confusions that are printed; comparison.json has all."""


def comparison_text(report: dict[str, Any]) -> str:
    """The report of `curate.pipeline.compare.compare_runs`, in words and tables."""
    lines = wrapped(_head(report))
    lines += [line for note in report["notes"] for line in wrapped(f"note: {note}", "  ")]
    lines += ["", _models(report["models"])]
    for one in report["comparisons"]:
        lines += ["", *_comparison(one)]
    if "vote" in report:
        lines += ["", *_vote(report["vote"])]
    return "\n".join(lines)


def _head(report: dict[str, Any]) -> str:
    matched, labels = report["matched"], report["labels"]
    n, draws = report["images"], report["draws"]
    text = f"{n} {report['split']} images that all runs share"
    if draws < n:
        text += f", {draws} groups of which each counts as one draw"
    left = [
        f"{one['not_shared']} of {one['images']} in {name} are not"
        for name, one in matched["runs"].items()
        if one["not_shared"]
    ]
    text += "".join(f"; {one}" for one in left) + ". "
    if labels["differing"]:
        text += f"The labels differ for {labels['differing']} of them: used are {labels['text']}. "
    for name, one in labels.get("under_each", {}).items():
        text += f"Accuracy of {name}: {one['text']}. "
    said = [
        f"{labels[key]} {what}"
        for key, what in (
            ("decided", "labels are as people decided"),
            ("excluded", "images were excluded by people"),
            ("unlabelled", "have no label and do not count"),
        )
        if labels[key]
    ]
    return (text + "; ".join(said) + "." * bool(said)).strip()


def _models(models: Sequence[dict[str, Any]]) -> str:
    heads = ["name", "accuracy (95 %)", "macro F1 (95 %)", "calibration error"]
    rows = [
        [
            cut(one["name"]),
            with_interval(one["accuracy"], one["accuracy_interval"]),
            with_interval(one["macro_f1"], one["macro_f1_interval"]),
            f"{one['expected_calibration_error']:.3f}",
        ]
        for one in models
    ]
    cost_heads = ["name", "model", "pixels", "parameters", "images/s", "weights"]
    costs = [
        [
            cut(one["name"]),
            cut(one["model"]),
            NOT_RECORDED if one["img_size"] is None else str(one["img_size"]),
            in_words(one["parameters"], ""),
            in_words(one["images_per_second"], "images/s"),
            in_words(one["weights_bytes"], "B"),
        ]
        for one in models
        if "model" in one
    ]
    return (
        columns(heads, right(heads, rows, 3))
        + "\n\n"
        + columns(cost_heads, right(cost_heads, costs, 2))
    )


def _comparison(one: dict[str, Any]) -> list[str]:
    lines = [f"{one['b']} against {one['a']}"]
    verdict = one["verdict"]
    for text in (verdict["text"], verdict["macro_f1"], verdict["calibration"]):
        lines += wrapped(f"  {text}", "    ")
    lines.append(
        f"  fixed {one['fixed']}, broken {one['broken']}, right in both {one['both_right']}, "
        f"wrong in both {one['both_wrong']}"
    )
    lines += _classes(one["per_class"])
    lines += _parts("slices", one["slices"])
    lines += _found(one["findings"])
    cells = [
        f"{cell['label']} as {cell['pred_label']} {cell['a']} -> {cell['b']}"
        + ("*" if cell["p_adjusted"] < LEVEL else "")
        for cell in one["confusions"][:MOST_ROWS]
        if cell["change"]
    ]
    if cells:
        lines += wrapped("  confusions (* more than chance): " + ", ".join(cells), "    ")
    return lines


def _classes(classes: Sequence[dict[str, Any]]) -> list[str]:
    changed = [one for one in classes if one["fixed"] or one["broken"]]
    changed.sort(key=lambda one: (one["p_value"], -abs(one["f1"]["change"])))
    if not changed:
        return ["  no image of any class changed"]
    shown = sum(one["p_adjusted"] < LEVEL for one in classes)
    title = f"  classes: {shown} of {len(classes)} changed by more than chance (Holm)"
    heads = ["class", "images", "F1 A", "F1 B", "change (95 %)", "fixed", "broken", "p (Holm)"]
    rows: list[list[Any]] = [
        [
            cut(one["class"]), one["images"], f"{one['f1']['a']:.3f}", f"{one['f1']['b']:.3f}",
            _change(one["f1"]["change"], one["f1"]["interval"]), one["fixed"], one["broken"],
            _p(one["p_adjusted"]),
        ]
        for one in changed[:MOST_ROWS]
    ]  # fmt: skip
    return [title, *_indented(columns(heads, rows)), *_more(changed)]


def _parts(title: str, parts: Sequence[dict[str, Any]]) -> list[str]:
    if not parts:
        return []
    ranked = sorted(parts, key=lambda one: (one["p_value"] is None, one["p_value"] or 0.0))
    heads = ["slice", "images", "right A", "right B", "change (95 %)", "p (Holm)"]
    rows: list[list[Any]] = [
        [
            cut(one["name"], 30), one["images"], one["right_a"], one["right_b"],
            _change(one["change"], one["interval"]),
            "chosen by A" if one["p_adjusted"] is None else _p(one["p_adjusted"]),
        ]
        for one in ranked[:MOST_ROWS]
    ]  # fmt: skip
    return [f"  {title}", *_indented(columns(heads, rows)), *_more(ranked)]


def _found(findings: Sequence[dict[str, Any]]) -> list[str]:
    if not findings:
        return []
    lines = [
        f"  of {one['images']} images with {one['name']} in A, {one['right_a']} were right and "
        f"{one['right_b']} are right in B"
        for one in findings
        if one["verdict"] in (BETTER, WORSE)
    ]
    ranked = sorted(findings, key=lambda one: (one["p_value"] is None, one["p_value"] or 0.0))
    heads = ["found in A", "images", "right A", "right B", "share in B (95 %)", "still found",
             "p (Holm)"]  # fmt: skip
    rows: list[list[Any]] = [
        [
            cut(one["name"], 34), one["images"], one["right_a"], one["right_b"],
            with_interval(one["right_b"] / one["images"], one["right_b_interval"]),
            "not looked for" if one["still_found"] is None else str(one["still_found"]),
            "chosen by A" if one["p_adjusted"] is None else _p(one["p_adjusted"]),
        ]
        for one in ranked[:MOST_ROWS]
    ]  # fmt: skip
    lines += [f"    {line}" for line in columns(heads, right(heads, rows, 5)).splitlines()]
    lines += _more(ranked)
    if any(one["chosen_by_mistakes_of_a"] for one in findings):
        lines += wrapped(
            "    chosen by A: by its own mistakes, which are partly chance; some of them turn "
            "right in any other model, so no verdict is drawn", "    ",
        )  # fmt: skip
    return lines


def _vote(vote: dict[str, Any]) -> list[str]:
    gain = vote["gain"]
    lines = [f"{gain['b']} against {gain['a']} (chosen {vote['chosen']})"]
    lines += wrapped(f"  {gain['verdict']['text']}", "    ")
    lines += wrapped(f"  {gain['verdict']['macro_f1']}", "    ")
    lines.append(f"  fixed {gain['fixed']}, broken {gain['broken']}")
    weights = vote["weights"]
    if weights is not None:
        told = ", ".join(
            f"{name} {weight:.2f} ({weights['least_over_folds'][name]:.2f} to "
            f"{weights['largest_over_folds'][name]:.2f} over folds)"
            for name, weight in weights["fitted"].items()
        )
        low, high = weights["log_loss_gain_interval"]
        used = "are used" if weights["supported"] else "are not used, all count the same"
        lines += wrapped(
            f"  weights of least log loss: {told}; on images left out they lower it by "
            f"{weights['log_loss_gain']:+.4f} ({low:+.4f} to {high:+.4f}), so they {used}", "    ",
        )  # fmt: skip
    return lines


def _change(change: float, interval: Sequence[float] | None) -> str:
    if interval is None:
        return f"{change:+.3f} (not known)"
    return f"{change:+.3f} ({interval[0]:+.3f} to {interval[1]:+.3f})"


def _p(value: float) -> str:
    return "< .0001" if value < 1e-4 else f"{value:.2g}"


def _indented(table: str) -> list[str]:
    return [f"    {line}" for line in table.splitlines()]


def _more(rows: Sequence[Any]) -> list[str]:
    rest = len(rows) - MOST_ROWS
    return [f"    and {rest} more: see comparison.json"] if rest > 0 else []
