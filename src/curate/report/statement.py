"""What the first screen of a report says: sentences, each with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """One sentence in plain words.

    Attributes:
        text: with the interval of every estimate in it; plain text, neither HTML nor Markdown.
        command: what to type next, if anything.
        kind: of the findings that it is about, such as "label_error", if it is about one.
    """

    text: str
    command: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Headline:
    """What a person should know of a run who reads nothing else.

    Attributes:
        how_good: the scores that count, those of val and test.
        where_it_fails: classes, pairs of classes and groups of images that are surely worse than
            the rest, then what was found, kind by kind.
        what_first: what to do, the most urgent first.
    """

    how_good: tuple[Statement, ...]
    where_it_fails: tuple[Statement, ...]
    what_first: tuple[Statement, ...]
