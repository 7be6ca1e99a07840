"""JSON files that say which program and which version wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.errors import InputError


def read_marked(
    path: Path, mark: str, version: int, what: str, error: type[InputError], cure: str
) -> dict[str, Any]:
    """Read one of our own files, which is there.

    Args:
        path: the file.
        mark: its ``format``.
        version: its ``schema_version``.
        what: what it holds, for the message, such as "a curriculum".
        error: what is raised.
        cure: what to do where it is not to be read, a sentence.

    Raises:
        InputError: of the class `error`: it is no JSON, another program's, or of another version.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as cause:
        raise error(f"Expected JSON in {path}, found something else ({cause}). {cure}") from cause
    if not isinstance(found, dict) or found.get("format") != mark:
        raise error(
            f'Expected {what} in {path} ("format": "{mark}"), found another program\'s file. {cure}'
        )
    if found.get("schema_version") != version:
        raise error(
            f"Expected schema version {version} in {path}, found "
            f"{found.get('schema_version')!r}. {cure}"
        )
    return found
