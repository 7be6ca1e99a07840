"""Small checks of files, for pre-commit: ``python .ci/tidy.py FILE ...``; prints what is wrong."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import yaml

LARGEST = 1_000_000
"""Bytes; a repository is no place for data."""


def faults(path: Path) -> list[str]:
    """What is wrong with one file."""
    content = path.read_bytes()
    found = []
    if len(content) > LARGEST:
        found.append(f"{len(content)} bytes, at most {LARGEST} are allowed")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return found  # an image
    if text and not text.endswith("\n"):
        found.append("no newline at the end")
    if text.endswith("\n\n"):
        found.append("blank lines at the end")
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            found.append(f"line {number}: trailing whitespace")
        if re.match(r"(<{7}|>{7}) ", line):
            found.append(f"line {number}: a merge conflict")
    try:
        if path.suffix == ".toml":
            tomllib.loads(text)
        elif path.suffix in (".yaml", ".yml"):
            yaml.safe_load(text)
        elif path.suffix == ".json":
            json.loads(text)
    except (ValueError, yaml.YAMLError) as error:
        found.append(f"cannot be read as {path.suffix[1:]}: {error}")
    return found


def main(names: list[str]) -> int:
    """Check files; 1 if anything is wrong."""
    lines = [f"{name}: {fault}" for name in names for fault in faults(Path(name))]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
