"""How an operator says what it did, or why it did not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from curate.errors import CurateError

log = logging.getLogger("curate")


@contextmanager
def told(ctx: Any) -> Iterator[None]:
    """Show an error that a person can do something about, log any, and let it rise."""
    try:
        yield
    except Exception as error:
        log.error("operator: %s: %s", type(error).__name__, error)
        if isinstance(error, CurateError):
            ctx.ops.notify(str(error), variant="error")
        raise


def done(ctx: Any, text: str, changed: int, variant: str | None = None) -> None:
    """Say what was done, and show the images anew if any has changed."""
    log.info("operator: %s", text)
    ctx.ops.notify(text, variant=variant or ("success" if changed else "info"))
    if changed:
        ctx.ops.reload_samples()
