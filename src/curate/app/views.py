"""Saved views: one click to the images worth looking at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from curate.app import clicks
from curate.app.content import Content
from curate.app.names import ID_FIELD, LABELS, UNLABELLED_TAG
from curate.progress import log
from curate.store.schema import TIER_NAMES


def found_view(kind: str) -> str:
    """The name of the saved view of a kind of finding."""
    return f"found: {kind}"


def save_views(dataset: Any, content: Content, ours: list[str]) -> list[str]:
    """Save the tool's views, replace those it saved before, and leave people's alone.

    Args:
        dataset: the dataset of the run.
        content: what the run says.
        ours: names of the views that an earlier publish saved.

    Returns:
        The names saved now.
    """
    from fiftyone.core.utils import to_slug

    for name in ours:
        if dataset.has_saved_view(name):
            dataset.delete_saved_view(name)
    names = set(dataset.list_saved_views())
    slugs = {to_slug(name) for name in names}
    saved = []
    for name, view, description in _views(dataset, content):
        if name in names:
            log.warning("publish: a person's saved view is called %r; ours is left out", name)
            continue
        # A slug keeps only ASCII letters and digits, so that two class names can share one.
        unique, number = name, 1
        while to_slug(unique) in slugs:
            number += 1
            unique = f"{name} ({number})"
        dataset.save_view(unique, view, description=description)
        slugs.add(to_slug(unique))
        saved.append(unique)
    return saved


def _views(dataset: Any, content: Content) -> Iterator[tuple[str, Any, str]]:
    for kind, count in content.flagged.items():
        if count:
            said = f"{count} images flagged as {kind}, worst first"
            yield found_view(kind), clicks.found(dataset, kind), said
    for kind, ids in content.audits.items():
        view = dataset.select_by(ID_FIELD, ids, ordered=True)
        said = f"tag each of these {len(ids)} images {kind}:yes or {kind}:no"
        yield f"audit: {kind}", view, said
    for label, guess, count in content.confusions:
        view = clicks.taken_for(dataset, label, guess)
        yield f"confused: {label} as {guess}", view, f"{count} images of {label} taken for {guess}"
    if count := content.labels.count(None):
        # An image that a person labels in the App leaves the view.
        view = dataset.match_tags(UNLABELLED_TAG).exists(LABELS, False)
        yield "unlabelled", view, f"{count} images without a label"
    tiers = content.columns["tier"].values
    for tier in TIER_NAMES:
        if count := tiers.count(tier):
            view = clicks.of_tier(dataset, tier)
            yield f"tier: {tier}", view, f"{count} training images of tier {tier}, hardest first"
