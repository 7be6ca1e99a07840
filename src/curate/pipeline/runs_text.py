"""What `curate runs` says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from curate.pipeline.plain_text import cut, right, wrapped
from curate.pipeline.runs import Listed, Removal
from curate.pipeline.summary import columns
from curate.store.run import Run

SLOWEST = 5


def list_text(found: Sequence[Listed], folder: Path) -> str:
    """A line a run."""
    if not found:
        return f"No run in {folder}. `curate analyze DATA` makes one."
    heads = ["run", "model", "last written", "status", "images", "decided", "size", "val accuracy"]
    rows: list[list[Any]] = [
        [
            _short(run.path, folder), cut(run.model or "-"),
            f"{datetime.fromtimestamp(run.changed):%Y-%m-%d %H:%M}", cut(run.status),
            "-" if run.images is None else f"{run.images:,}", f"{run.decisions:,}",
            _megabytes(run.size), _accuracy(run.val_accuracy, run.val_interval),
        ]
        for run in found
    ]  # fmt: skip
    return columns(heads, right(heads, rows, 4))


def shown(run: Run, listed: Listed) -> dict[str, Any]:
    """All that `curate runs show` knows, for programs."""
    info = run.info
    return {
        **listed.as_json(),
        "seed": info.get("seed"),
        "settings": info.get("settings", {}),
        "versions": info.get("versions", {}),
        "inference": info.get("inference", {}),
        "counts": info.get("counts", {}),
        "found": {
            kind: told["flagged"]
            for kind, told in info.get("detectors", {}).items()
            if told.get("flagged")
        },
        "scores": {
            split: {
                key: scores.get(key)
                for key in ("n", "accuracy", "accuracy_interval", "macro_f1", "macro_f1_interval")
            }
            for split, scores in run.scores().items()
            if scores
        },
        "seconds": {name: stage["seconds"] for name, stage in info.get("stages", {}).items()},
        "dataset": info.get("dataset"),
    }


def shown_text(found: dict[str, Any]) -> str:
    """The same for a person."""
    seconds = sorted(found["seconds"].items(), key=lambda one: -one[1])
    slowest = ", ".join(f"{name} {spent:,.1f}" for name, spent in seconds[:SLOWEST])
    looked = found["inference"]
    settings = {
        key: value
        for key, value in found["settings"].items()
        if key != "source" and value not in (None, [], False)
    }
    lines = [
        f"{found['run']}: {found['status']}, last written {found['changed']}",
        f"data: {found['data']}",
        f"model: {looked.get('model', found['model'])} on {looked.get('device', 'nothing yet')}",
        "settings: " + ", ".join(f"{key} {value}" for key, value in settings.items()),
        "versions: " + ", ".join(f"{name} {at}" for name, at in found["versions"].items()),
        "images: " + ", ".join(f"{n:,} {what}" for what, n in found["counts"].items()),
        *(
            f"{split}: accuracy {_accuracy(scores['accuracy'], scores['accuracy_interval'])}, "
            f"macro F1 {_accuracy(scores['macro_f1'], scores['macro_f1_interval'])} on "
            f"{scores['n']:,} images"
            for split, scores in found["scores"].items()
        ),
        "found: " + (", ".join(f"{kind} {n:,}" for kind, n in found["found"].items()) or "nothing"),
        f"decided: {found['decisions']:,} images",
        f"size: {_megabytes(found['bytes'])}",
        f"seconds: {sum(spent for _, spent in seconds):,.1f} in all; {slowest or 'none'}",
        f"dataset in FiftyOne: {found['dataset'] or 'none'}",
    ]
    return "\n".join(line for text in lines for line in wrapped(text, "    ", whole_words=True))


def prune_text(found: Sequence[Removal], folder: Path, removed: bool) -> str:
    """What went, or would go."""
    if not found:
        return f"Nothing in {folder} has to go."
    lines = [f"{_megabytes(one.size):>12}  {one.path}: {one.why}" for one in found]
    total = _megabytes(sum(one.size for one in found))
    lines.append(f"{'took away' if removed else 'would take away'} {total}")
    names = [one.dataset for one in found if one.dataset]
    if names:
        lines.append(f"their datasets stay in FiftyOne: {', '.join(names)}")
    if not removed:
        lines.append("Nothing was removed; give the same command with --yes for that.")
    return "\n".join(lines)


def _short(path: Path, folder: Path) -> str:
    try:
        return str(folder / path.relative_to(folder.resolve()))
    except ValueError:
        return str(path)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _accuracy(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None or interval is None:
        return "-"
    return f"{value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}]"
