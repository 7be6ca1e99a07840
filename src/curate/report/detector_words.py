"""What the detectors say of the dataset as a whole, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from curate.board.overview import KindRow
from curate.report.numbers import number, percent

WORTH_SAYING = 0.02
"""A share of labels that may be wrong, and that nobody should be surprised by later."""

MOST = 2
"""Lines of one kind; the rest is in `run.json`."""


def headlines(detectors: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Sentences with their intervals, of the kinds that have something to say.

    Args:
        detectors: `detectors` of `run.json`: kind -> what it says besides the single images.
    """
    return [f"{kind}: {line}" for kind in _TOLD for line in words_of(detectors, kind)]


def words_of(detectors: Mapping[str, Mapping[str, Any]], kind: str) -> list[str]:
    """The same of one kind, at most `MOST` sentences; none where it has nothing to say."""
    info = detectors.get(kind)
    return list(_TOLD[kind](info))[:MOST] if info and kind in _TOLD else []


def found_words(row: KindRow) -> str:
    """How many were found of a kind, how many of these are right, and how many are judged."""
    if not row.flagged:
        return "nothing found"
    parts = []
    if row.precision is not None and row.interval is not None:
        who = "judged by people" if row.source == "audit" else "the detector's own estimate"
        low, high = (percent(end) for end in row.interval)
        parts.append(f"{percent(row.precision)} right [{low}, {high}], {who}")
    parts.append(f"{number(row.judged)} of {number(row.flagged)} judged")
    return "; ".join(parts)


def _label_error(info: Mapping[str, Any]) -> Iterator[str]:
    low, high = info["noise_rate_interval"]
    if info["flagged"]:
        least, most = info["precision_interval"]
        yield (
            f"about {info['noise_rate']:.1%} [{low:.1%}, {high:.1%}] of the labels are wrong; of "
            f"the {info['flagged']} flagged, {info['precision']:.0%} [{least:.0%}, "
            f"{most:.0%}] are expected to be"
        )
    elif high > WORTH_SAYING:
        yield (
            f"none of the labels can be said to be wrong, though between {low:.1%} and {high:.1%} "
            "of them may be"
        )


def _split_leak(info: Mapping[str, Any]) -> Iterator[str]:
    for score in info.get("scores", []):
        leaked, whole, clean = score["leaked"], score["all"], score["clean"]
        if leaked["images"] and clean["images"]:
            low, high = clean["interval"]
            yield (
                f"{score['split']} accuracy is {clean['accuracy']:.3f} [{low:.3f}, {high:.3f}] "
                f"without its {leaked['images']} leaked images, {whole['accuracy']:.3f} with them"
            )


def _split_shift(info: Mapping[str, Any]) -> Iterator[str]:
    return (pair["says"] for pair in info["pairs"] if pair["differs"])


def _shortcut(info: Mapping[str, Any]) -> Iterator[str]:
    return (one["says"] for one in info["shortcuts"])


def _weak_slice(info: Mapping[str, Any]) -> Iterator[str]:
    for one in info["slices"]:
        low, high = one["interval"]
        yield (
            f"{one['text']}: accuracy {one['accuracy']:.2f} [{low:.2f}, {high:.2f}] on "
            f"{one['support']} images, {one['rest_accuracy']:.2f} on others of their classes"
        )


def _confusable(info: Mapping[str, Any]) -> Iterator[str]:
    for pair in info["pairs"]:
        low, high = pair["rate_interval"]
        why = f" ({', '.join(pair['causes'])})" if pair["causes"] else ""
        yield (
            f"{pair['class_a']} and {pair['class_b']} are mixed up, {pair['rate']:.1%} "
            f"[{low:.1%}, {high:.1%}]: {pair['verdict']}{why}"
        )


_TOLD = {
    "label_error": _label_error,
    "split_leak": _split_leak,
    "split_shift": _split_shift,
    "shortcut": _shortcut,
    "weak_slice": _weak_slice,
    "confusable": _confusable,
}
"""In the order in which a person should hear of them: first what makes the scores untrue."""
