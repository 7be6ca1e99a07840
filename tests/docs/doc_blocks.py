"""The fenced blocks of the documentation, in the order in which a person meets them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[a-z]*)(?: title=\"(?P<title>[^\"]+)\")?\s*$")
NOT_RUN = re.compile(r"^ *<!-- not run: (?P<reason>.+) -->$")
LISTED = re.compile(r"^ *- (?P<page>[\w/-]+\.md)$", re.M)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: relative to the repository.
        line: of the opening fence, from 1.
        language: "sh", "python", ... or "".
        title: a file that the block shows, "" for none.
        text: without the fences.
        reason: why it is not run; "" where it is.
    """

    page: str
    line: int
    language: str
    title: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> Iterator[str]:
        """The lines of a shell block without comments, continued lines joined."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if shlex.split(line, comments=True):
                yield line.strip()


def pages() -> list[Path]:
    """README first, then docs/ in the order of the table of contents, then what is not in it."""
    docs = ROOT / "docs"
    contents = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    listed = [docs / found["page"] for found in LISTED.finditer(contents)]
    return [ROOT / "README.md", *dict.fromkeys([*listed, *sorted(docs.rglob("*.md"))])]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page.

    Raises:
        ValueError: a fence is not closed, or a marker stands before no block.
    """
    lines = page.read_text("utf-8").splitlines()
    name, found, reason, at = page.relative_to(ROOT).as_posix(), [], "", 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        if opening is None:
            marker = NOT_RUN.match(lines[at])
            if reason and lines[at].strip():
                raise ValueError(f"{name}:{at + 1}: expected a block after its marker")
            reason = marker["reason"] if marker else reason
            at += 1
            continue
        start, indent = at, len(opening["indent"])
        while True:
            at += 1
            if at == len(lines):
                raise ValueError(f"{name}:{start + 1}: expected a closing fence")
            if lines[at].strip() == "```":
                break
        text = "\n".join(line[indent:] for line in lines[start + 1 : at])
        found.append(
            Block(name, start + 1, opening["language"], opening["title"] or "", text, reason)
        )
        reason, at = "", at + 1
    if reason:
        raise ValueError(f"{name}: expected a block after the last marker")
    return found


def check_options(command: click.Command, arguments: list[str]) -> None:
    """Parse arguments as the command line would, without doing anything.

    Raises:
        click.UsageError: an option, a choice or a command does not exist.
    """
    context = click.Context(command, info_name=command.name)
    if isinstance(command, click.Group):
        while arguments and arguments[0].startswith("-"):
            arguments = arguments[1:]
        if not arguments:
            return
        inner = command.get_command(context, arguments[0])
        if inner is None:
            raise click.UsageError(f"no such command {arguments[0]!r}")
        check_options(inner, arguments[1:])
        return
    given, _, parameters = command.make_parser(context).parse_args(list(arguments))
    for parameter in parameters:
        value = given.get(parameter.name or "")
        if isinstance(parameter.type, click.Choice) and isinstance(value, str):
            parameter.type.convert(value, parameter, context)
