"""Indexes of the fields that views filter and sort by, so that a click need not read every image.

A sample with its logits and its vectors takes kilobytes; without an index MongoDB reads all of them
to find a dozen.
"""

from __future__ import annotations

import re
from typing import Any

from curate.app.content import Content
from curate.app.names import LABELS, PREDICTIONS
from curate.progress import log

MOST = 40
"""Indexes of ours at most: MongoDB allows 64 a collection, and FiftyOne and people have theirs."""

_OF_A_KIND = re.compile(r"(\w+)_flagged_1_\1_score_1")
"""How MongoDB calls the index of a kind."""


def create_indexes(dataset: Any, content: Content) -> list[str]:
    """Create those that are missing; returns the names of all of ours.

    For a kind of finding only the flagged images are in the index, in the order of their score:
    small, and cheap to keep while decisions are written.
    """
    label, guess = f"{LABELS}.label", f"{PREDICTIONS}.label"
    wanted: list[tuple[Any, dict[str, Any]]] = [
        ([(label, 1), (guess, 1), ("margin", 1)], {}),
        ([(guess, 1)], {}),
        ([("tier", 1), ("difficulty", -1)], {}),
        ("tags", {}),
    ]
    for kind, count in content.flagged.items():
        if count:
            flag = f"{kind}_flagged"
            spec = [(flag, 1), (f"{kind}_score", 1)]
            wanted.append((spec, {"partialFilterExpression": {flag: True}}))
    if len(wanted) > MOST:
        log.info("publish: %d kinds have no index of their own", len(wanted) - MOST)
    names = [dataset.create_index(spec, **options) for spec, options in wanted[:MOST]]
    for name in set(dataset.list_indexes()) - set(names):
        if _OF_A_KIND.fullmatch(name):
            dataset.drop_index(name)
    return names
