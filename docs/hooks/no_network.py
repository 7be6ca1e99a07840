"""A hook of mkdocs: the build fails where a page would fetch something from another host."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.exceptions import PluginError

FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^\"'> ]+"
    r"|<link\b(?![^>]*rel=[\"']?canonical)[^>]*\bhref=[\"']?(?:https?:)?//[^\"'> ]+"
    r"|class=\"mermaid\""  # the theme fetches what draws it
)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Called by mkdocs with each page as it is written."""
    if found := FETCHED.search(output):
        raise PluginError(
            f"Expected {page.file.src_uri} to need no other host, found {found[0]!r}. Put the file "
            "into docs/assets."
        )
    return output
