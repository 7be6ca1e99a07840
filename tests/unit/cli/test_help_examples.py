"""Help of every command: an example that it can itself read, and options told in one way."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from curate.cli import cli

SHORT = {
    "--verbose": "-v", "--quiet": "-q", "--help": "-h",  # of curate itself
    "--images": "-n",
}  # fmt: skip
"""Every option with a short form; the same letter everywhere, and few of them."""


def every_command(
    group: click.Group = cli, names: tuple[str, ...] = ("curate",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it, groups included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*names, name), command
        if isinstance(command, click.Group):
            yield from every_command(command, (*names, name))


EVERY = dict(every_command())
BY_NAME = pytest.mark.parametrize("words", EVERY, ids=" ".join)


def examples(command: click.Command) -> list[str]:
    """The command lines after ``Example:`` or ``Examples:``, without what the shell does."""
    said = re.split(r"Examples?:\s", command.help or "", maxsplit=1)[1:]
    lines = [re.split(r" > |\s{3,}|\)\"", line.strip())[0] for line in "".join(said).splitlines()]
    return [line.removeprefix('eval "$(') for line in lines if "curate " in line]


@BY_NAME
def test_help_has_an_example_that_the_command_can_read(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))  # --database-uri sets it
    own = 0
    for line in examples(EVERY[words]):
        called = shlex.split(line)
        called = called[called.index("curate") :]  # after what may start it, such as torchrun
        command: click.Command = cli
        context = click.Context(cli, info_name="curate")
        rest = called[1:]
        while isinstance(command, click.Group):
            found = command.get_command(context, rest[0])
            assert found is not None, f"no command {rest[0]} in: {line}"
            command, name, rest = found, rest[0], rest[1:]
            context = click.Context(command, parent=context, info_name=name)
        command.make_context(name, rest, parent=context.parent)
        own += called[: len(words)] == [*words]
    assert own or isinstance(EVERY[words], click.Group), (
        f"no example of {' '.join(words)} in its help"
    )


@BY_NAME
def test_options_are_told_in_one_way(words: tuple[str, ...]) -> None:
    for option in EVERY[words].params:
        if not isinstance(option, click.Option) or option.hidden:
            continue
        long = [name for name in option.opts if name.startswith("--")]
        assert long, f"{option.opts} has no long form"
        short = [name for name in option.opts if not name.startswith("--")]
        assert short == ([SHORT[long[0]]] if long[0] in SHORT else [])
        help_text = option.help or ""
        assert help_text.partition("[default:")[0], f"{long[0]} is without a word of help"
        assert help_text[-1] in ".]", f"{long[0]} ends without a full stop: {help_text}"


def test_json_has_the_same_name_and_words_everywhere() -> None:
    """What --json prints is told as "Print ... ."."""
    for command in EVERY.values():
        for option in command.params:
            if "--json" in option.opts:
                assert isinstance(option, click.Option)
                assert re.fullmatch(r"Print .+\.", option.help or "")
                assert option.is_flag
