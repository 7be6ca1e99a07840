"""Waiting until the App has said all that it has to say."""

from __future__ import annotations

import re
from typing import Any

WATCHED = re.compile("operators/|graphql")


class Events:
    """The questions to the server, of the panel and the grid, that are not answered yet."""

    def __init__(self, page: Any) -> None:
        self.page, self.open = page, set()
        page.on("request", lambda one: self.open.add(one) if WATCHED.search(one.url) else None)
        for end in ("requestfinished", "requestfailed"):
            page.on(end, lambda one: self.open.discard(one))

    def settle(self) -> None:
        """Wait until there was none for a second: an answer that comes late undoes a click."""
        quiet = 0
        while quiet < 10:
            self.page.wait_for_timeout(100)
            quiet = 0 if self.open else quiet + 1
