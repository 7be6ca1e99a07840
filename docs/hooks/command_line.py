"""A hook of mkdocs: the page of the command line, as mkdocs-click leaves it, put right.

Examples are shown as code: click keeps their lines apart by a control character, which mkdocs-click
takes out. And an option without a default has an empty cell, not click's own mark of "unset".
"""

from __future__ import annotations

import re
from typing import Any

UNSET = "<code>Sentinel.UNSET</code>"
BLOCK = re.compile(r"<p>(Examples?:)\n(.*?)</p>", re.DOTALL)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Called by mkdocs with the finished HTML of each page."""
    if page.file.src_uri != "reference/cli.md":
        return html
    return BLOCK.sub(_as_code, html).replace(UNSET, "")


def _as_code(found: re.Match[str]) -> str:
    lines = [line.removeprefix("  ") for line in found[2].splitlines()]
    code = "\n".join(lines)
    return f"<p>{found[1]}</p>\n<pre><code>{code}</code></pre>"
