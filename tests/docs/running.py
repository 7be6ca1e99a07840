"""Runs the blocks of a page of the documentation, in a folder that pages share."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

from doc_blocks import ROOT, Block, blocks, check_options

from curate.cli import cli
from curate.cli import run as run_cli
from shapes import SHAPES, write_shapes

# What is given besides, where the page leaves it to the default: no App that waits for Ctrl-C,
# models that need no hub, one transform in place of twenty, few made pictures.
BESIDES: dict[str, list[tuple[str, ...]]] = {
    "analyze": [
        ("--no-app",), ("--model", "small_net:make"), ("--img-size", "32"), ("--workers", "1"),
    ],
    "audit": [("--no-app",)],
    "policy": [("--only", "vertical_flip"), ("--sample", "24")],
    "train": [
        ("--model", "test_resnet"), ("--no-pretrained",), ("--img-size", "32"),
        ("--workers", "0"), ("--epochs", "3"), ("--batch-size", "16"),
    ],
    "examples/make_sketches.py": [("--per-class", "10")],
    "examples/make_masks.py": [("--people", "12")],
}  # fmt: skip
QUICK = {"analyze": [("--detectors", "hard,label_error,near_duplicate")]}
"""And on the how-to pages: other kinds are looked for in the README's run and the tutorials'."""

INSTEAD = {"--img-size": ("--model",), "--only": ("--judge",)}
"""What makes an option of `BESIDES` superfluous."""

SMALL_NET = '''
import torch


def make():
    """Random filters: an embedding of 144 numbers, where the default has 1,280."""
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 16, 5, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(3)]
    return torch.nn.Sequential(*layers, torch.nn.Flatten())
'''

SERVES = ("app",)
"""Commands that serve until Ctrl-C: their options are checked here, tests/e2e runs them."""


def furnish(root: Path) -> None:
    """Lay out what the pages take as given: data/pets, three classes of drawn shapes; examples."""
    (root / "small_net.py").write_text(SMALL_NET)
    write_shapes(root / "drawn", {"train": 10, "val": 4, "test": 4})
    for shape, pet in zip(SHAPES, ("cat", "dog", "owl"), strict=True):
        for split in ("train", "val", "test"):
            (root / "data" / "pets" / split).mkdir(parents=True, exist_ok=True)
            (root / "drawn" / split / shape).rename(root / "data" / "pets" / split / pet)
    (root / "examples").symlink_to(ROOT / "examples")


def run_page(page: Path) -> None:
    """Run all blocks of a page in the current folder.

    Raises:
        AssertionError: a command failed; says where it stands and what it said.
    """
    for block in blocks(page):
        if block.reason:
            continue
        try:
            run_block(block)
        except Exception as error:
            raise AssertionError(f"{block}: {error}") from error


def run_block(block: Block) -> None:
    """Write what a block shows as a file, or run it."""
    if block.title:
        target = Path(block.title)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text + "\n", "utf-8")
    elif block.language == "sh":
        for line in block.commands():
            run_line(line, quick="/how-to/" in block.page)
    elif block.language == "python":
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})


def run_line(line: str, quick: bool = False) -> None:
    """Run one line of a shell block, and fail with what it said."""
    words = shlex.split(line, comments=True)
    plain = not any(set(word) <= set("|&;<>") for word in shell_words(line))
    if words[0] == "curate" and plain:
        check_options(cli, words[1:])
        if words[1] not in SERVES:
            run_command([words[1], *completed(words[1], words[2:], quick)], line)
        return
    if words[0] == "python" and plain:
        command = [sys.executable, *completed(words[1], words[1:])]
    else:
        command = ["bash", "-ec", line]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def run_command(arguments: list[str], line: str) -> None:
    """Run a command of ours in this process."""
    said, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        code = run_cli(cli, ["-q", *arguments])
    assert code == 0, f"{line}\n{said.getvalue()}\n{told.getvalue()}"


def completed(key: str, arguments: list[str], quick: bool = False) -> list[str]:
    """The arguments, and what `BESIDES` and `QUICK` add that they do not say."""
    if "--resume" in arguments:
        return arguments
    extras = [*BESIDES.get(key, []), *(QUICK.get(key, []) if quick else [])]
    said = set(arguments)
    left = [one for one in extras if not {one[0], *INSTEAD.get(one[0], ())} & said]
    return [*arguments, *(word for one in left for word in one)]


def shell_words(line: str) -> list[str]:
    """Words of a line, pipes and redirections as words of their own."""
    return list(shlex.shlex(line, posix=True, punctuation_chars="|&;<>"))
