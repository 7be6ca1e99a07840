"""A number of things, or a word for having no number."""

from __future__ import annotations

from typing import Any

import click


class CountOr(click.ParamType[int | None]):
    """A positive number, or a word that stands for None, such as "auto" or "all"."""

    def __init__(self, word: str) -> None:
        """Take `word` for None."""
        self.word = word
        self.name = f"{word}|n"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        """Read one value."""
        if value is None or value == self.word:
            return None
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1:
            expected = f"expected {self.word} or a number of at least 1"
            self.fail(f"{expected}, found {value!r}", param, ctx)
        return number
