"""Every command and every piece of Python in README and docs/, run as it is printed.

Pages share a folder, in the order of the table of contents: README first. What they call data/pets
is a few drawn shapes. Blocks that cannot run here carry ``<!-- not run: REASON -->``, which this
test counts; of them the options are checked. The tutorials are in test_tutorials.py, so that two
processes can share the work.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from doc_blocks import ROOT, blocks, check_options, pages
from running import run_page

from curate.cli import cli

PAGES = [page.relative_to(ROOT).as_posix() for page in pages()]


@pytest.mark.parametrize("page", [page for page in PAGES if "/tutorials/" not in page])
def test_what_a_page_says_works(home: Path, page: str) -> None:
    run_page(ROOT / page)


def test_what_is_not_run_says_why_and_uses_options_that_exist() -> None:
    all_blocks = [block for page in pages() for block in blocks(page)]
    skipped = [block for block in all_blocks if block.reason]
    run = [b for b in all_blocks if b.language in ("sh", "python") and not (b.reason or b.title)]
    for block in skipped:
        for line in block.commands() if block.language == "sh" else ():
            words = shlex.split(line, comments=True)
            if "curate" in words:
                arguments = [w for w in words[words.index("curate") + 1 :] if w != "&"]
                try:
                    check_options(cli, arguments)
                except click.UsageError as error:
                    raise AssertionError(f"{block}: {line}: {error.message}") from error
        for test in re.findall(r"tests/[\w/]+(?:\.py)?", block.reason):
            assert (ROOT / test).exists(), f"{block}: {test}"
    print(f"\n{len(run)} blocks are run, {len(skipped)} are not:")
    for block in skipped:
        print(f"  {block}: {block.reason}")
    assert len(skipped) < len(run) / 2


def test_options_and_commands_named_in_the_text_exist() -> None:
    context = click.Context(cli)
    names = set(cli.list_commands(context))
    first_page = (ROOT / "docs" / "index.md").read_text("utf-8")
    assert all(f"`curate {name}`" in first_page for name in names)
    known = {"--help", "--version", "--verbose", "--quiet"}
    for name in names:
        command = cli.get_command(context, name)
        assert command is not None
        inner = list(command.commands.values()) if isinstance(command, click.Group) else [command]
        known |= {o for one in inner for p in one.params for o in (*p.opts, *p.secondary_opts)}
    for page in pages():
        for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", page.read_text("utf-8")):
            words = code.split()
            if words[:1] == ["curate"] and len(words) > 1 and re.fullmatch("[a-z]+", words[1]):
                assert words[1] in names, f"{page.name}: `{code}`"
            if words[:1] == ["curate"] or code.startswith("--"):
                for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code):
                    assert option in known, f"{page.name}: `{code}`"
