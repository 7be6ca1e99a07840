"""Text in GitHub's Markdown: whatever is in a name, it is shown as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from curate.report.statement import Statement

LONGEST = 600
"""Characters of a sentence or cell: a page that scrolls sideways is not read."""

_SPECIAL = re.compile(r"([\\`*_\[\]|~#$])")
_LIST = re.compile(r"^(\d*)([-+=.)])(?=\s|$)")
"""What begins a list or a headline where it is first in a line."""


_NO_BREAK = "&#8203;"
"""A space of no width: GitHub sees no name, number of an issue or address in what it parts."""


def escaped(text: str, longest: int = LONGEST) -> str:
    """Plain text, so that ``<script>`` and ``a|b`` show as they are written.

    HTML is escaped, Markdown's own characters get a backslash, line breaks and what cannot be
    printed become spaces. A zero-width space keeps ``@name``, ``#12``, ``http://`` and ``:bug:``
    from being turned into a person's notification, a link or a picture.
    """
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(words) > longest:
        words = words[: longest - 1] + "…"
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    words = _SPECIAL.sub(r"\\\1", words)
    words = _LIST.sub(r"\1\\\2", words)
    words = words.replace("@", f"@{_NO_BREAK}").replace("\\#", f"\\#{_NO_BREAK}")
    words = re.sub(r":(?=//|[\w+-]+:)", f":{_NO_BREAK}", words)
    return re.sub(r"www\.", f"www{_NO_BREAK}.", words, flags=re.IGNORECASE)


def code(text: str) -> str:
    """Text between backticks, one more than any run of them within it."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", words)), default=0))
    edge = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{edge}{words}{edge}{fence}"


def bullets(statements: Iterable[Statement], *, numbered: bool = False) -> str:
    """A list of sentences, each with its command below it."""
    lines = []
    for i, one in enumerate(statements, 1):
        start = f"{i}. " if numbered else "- "
        lines.append(start + escaped(one.text))
        if one.command:
            lines[-1] += "<br>"
            lines.append(" " * len(start) + code(one.command))
    return "\n".join(lines)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], longest: int = 120) -> str:
    """A table; cells are plain text."""
    lines = [heads, ["---"] * len(heads)]
    written = [f"| {' | '.join(line)} |" for line in lines]
    written += [f"| {' | '.join(escaped(cell, longest) for cell in row)} |" for row in rows]
    return "\n".join(written)
