"""Which images an operator is about: the open one, the selected ones, or those of the view."""

from __future__ import annotations

from typing import Any, NamedTuple

from curate.app.names import ID_FIELD

ASK_FROM = 100
"""More images than this are changed only after a question."""


class Target(NamedTuple):
    """The images, and how they were meant.

    Attributes:
        ids: their sample ids.
        meant: "open", "selected", or "view" when nothing is selected.
    """

    ids: list[str]
    meant: str

    @property
    def asks(self) -> bool:
        """Whether a person must say yes: many images, or a view that nobody selected one by one."""
        return len(self.ids) > ASK_FROM or (self.meant == "view" and bool(self.ids))

    @property
    def text(self) -> str:
        """``the 3 selected images``."""
        n = len(self.ids)
        images = "image" if n == 1 else "images"
        words = {"open": f"the open {images}", "selected": f"the {n:,} selected {images}"}
        return words.get(self.meant, f"all {n:,} {images} of the view")


def target(ctx: Any) -> Target:
    """The images that a person means now; those that are not curate's are left out."""
    if ctx.current_sample:
        view, meant = ctx.dataset.select(ctx.current_sample), "open"
    elif ctx.selected:
        view, meant = ctx.dataset.select(ctx.selected), "selected"
    else:
        view, meant = ctx.view, "view"
    return Target([one for one in view.values(ID_FIELD) if one is not None], meant)


def counted(n: int) -> str:
    """``1 image``, ``1,234 images``."""
    return f"{n:,} image" if n == 1 else f"{n:,} images"
