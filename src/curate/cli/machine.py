"""The options that say on what to compute: they change how long it takes, not what is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from curate.cli.counts import CountOr


def machine_options(device: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """``--device``, ``--batch-size`` and ``--workers`` for a command.

    Args:
        device: which one is taken if none is named, in words.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option("--workers", type=CountOr("auto"), default="auto", show_default=True,
                         help="Threads that decode images."),
            click.option("--batch-size", type=CountOr("auto"), default="auto", show_default=True,
                         help="Images that the model is given at once."),
            click.option("--device", help=f"auto, cpu, cuda, cuda:1, mps.  [default: {device}]"),
        ):  # fmt: skip
            command = option(command)
        return command

    return decorate
