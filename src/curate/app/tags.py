"""Who put which tag: the rule by which the tool's tags change and a person's stay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Merged(NamedTuple):
    """The tags a sample should carry, and those among them to remember as the tool's."""

    tags: list[str]
    remembered: list[str]


def merge_tags(
    tags: Iterable[str],
    remembered: Iterable[str],
    wanted: Iterable[str],
    *,
    resumed: bool = False,
) -> Merged:
    """Replace the tool's tags by `wanted` without touching what a person did.

    A person's tags are ``tags - remembered`` and stay. A tag that the tool put and a person took
    off (``remembered - tags``) is not put again for as long as the tool wants it.

    Args:
        tags: what the sample carries now.
        remembered: what the tool put there last time.
        wanted: what the tool would put there now.
        resumed: the last publish died between writing the tags and remembering them, so that a
            wanted tag which is there but not remembered is the tool's own.
    """
    tags, remembered, wanted = set(tags), set(remembered), set(wanted)
    by_person = tags - remembered
    taken_off = remembered - tags
    ours = wanted if resumed else wanted - by_person
    return Merged(sorted(by_person | (wanted - taken_off)), sorted(ours))


def persons_tags(tags: Iterable[str], remembered: Iterable[str]) -> set[str]:
    """The tags on a sample that a person put there."""
    return set(tags) - set(remembered)
