"""A run's main numbers as a few tables of HTML, as notebooks display them.

For a page with pictures there is `curate.pipeline.report`.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from curate.pipeline.summary import summary
from curate.report.numbers import with_interval
from curate.store.run import Run


def summary_html(run: Run) -> str:
    """What the analysis of a run came to; a run that was interrupted says so.

    Every name and text of the data is escaped: a class may be called ``<script>``.
    """
    title = f"<p><b>curate run</b> <code>{escape(str(run.path))}</code></p>"
    if run.info.get("status") != "complete":
        return title + "<p>not finished: the same analysis again goes on where it was</p>"
    found = summary(run)
    counts = found["counts"]
    parts = [
        title,
        _text(
            f"{counts['samples']:,} images, {found['classes']} classes, model {found['model']}"
            + (f"; {counts['problems']:,} problems" if counts["problems"] else "")
        ),
        _table(
            ["split", "images", "accuracy (95 %)", "macro F1 (95 %)"],
            [
                [
                    split, f"{one['n']:,}",
                    with_interval(one["accuracy"], one["accuracy_interval"]),
                    with_interval(one["macro_f1"], one["macro_f1_interval"]),
                ]
                for split, one in found["metrics"].items()
            ],
        ),
        _table(
            ["finding", "images flagged"],
            [[kind, f"{n:,}"] for kind, n in sorted(found["flagged"].items()) if n],
        ),
    ]  # fmt: skip
    if not any(found["flagged"].values()):
        parts.append(_text("nothing was flagged"))
    parts += [_text(line) for line in (*found["first_notes"], *found["headlines"])]
    if found["skipped_detectors"]:
        skipped = [f"{kind} ({why})" for kind, why in found["skipped_detectors"].items()]
        parts.append(_text("skipped: " + ", ".join(skipped)))
    return "\n".join(parts)


def _text(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table, its first column to the left; nothing where there are no rows."""
    if not rows:
        return ""
    body = "".join(
        "<tr>"
        + "".join(
            f"<td style='text-align:{'right' if at else 'left'}'>{escape(str(cell))}</td>"
            for at, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    head = "".join(f"<th scope='col'>{escape(one)}</th>" for one in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
