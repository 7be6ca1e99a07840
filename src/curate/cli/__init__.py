"""The command line: one command a file, each imported only when it is called.

Exit codes: 0 fine, 1 a failure of ours, 2 wrong input, 130 interrupted.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import select
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from curate.errors import CurateError
from curate.progress import log, show_logs

COMMANDS = {
    "analyze": ("curate.cli.analyze:analyze", "Find the hard cases in folders of images."),
    "app": ("curate.cli.app:app", "Open the App on a run again."),
    "audit": ("curate.cli.audit:audit", "Judge a sample of findings: how often are they right?"),
    "compare": ("curate.cli.compare:compare", "Compare models: what was fixed, what broke?"),
    "completion": ("curate.cli.completion:completion", "Print the completion script of a shell."),
    "curriculum": ("curate.cli.curriculum:curriculum", "Draw who is trained on when, and why."),
    "demo": ("curate.cli.demo:demo", "Analyse real digits with planted faults."),
    "diff": ("curate.cli.diff:diff", "Say what changed between two exports, and why."),
    "doctor": ("curate.cli.doctor:doctor", "Check this installation and say each cure."),
    "export": ("curate.cli.export:export", "Write curriculum splits, with people's decisions."),
    "inspect": ("curate.cli.inspect:inspect", "Say what a dataset holds, without a model."),
    "plugin": ("curate.cli.plugin:plugin", "Install or remove the panel in FiftyOne's App."),
    "policy": ("curate.cli.policy:policy", "Recommend augmentations, with the evidence."),
    "predict": ("curate.cli.predict:predict", "Predict pictures from anywhere, by a run's model."),
    "report": ("curate.cli.report:report", "Write a run as one page, for those without the App."),
    "runs": ("curate.cli.runs:runs", "List runs, show one, take away what is not needed."),
    "train": ("curate.cli.train:train", "Train a model on an export, and make a run of it."),
    "verify": ("curate.cli.verify:verify", "Say whether policy and curriculum help."),
}
"""Command name -> where it lies, and its line in ``curate --help``."""

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


class LazyGroup(click.Group):
    """A group that knows its commands' names and help lines without importing them."""

    def __init__(
        self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **options: Any
    ) -> None:
        """Make the group.

        Args:
            *args: of `click.Group`.
            lazy: command name -> ("module:attribute", one line of help).
            **options: of `click.Group`.
        """
        super().__init__(*args, **options)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted({*self.lazy, *self.commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in the help text, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in sorted(self.lazy.items())])


def _version(ctx: click.Context, option: click.Parameter, asked: bool) -> None:
    from curate.cli.versions import show_version

    show_version(ctx, option, asked)


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
              help="Show the versions that matter, curate's own first, and exit.")  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="Say more, and show where errors come from.")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors on stderr.")
def cli(verbose: bool, quiet: bool) -> None:
    """Find the hard cases of an image classifier, see them, and train on what was found.

    Results go to stdout, progress and messages to stderr.
    """
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet contradict each other; give one of them.")
    show_logs(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)


def main() -> NoReturn:
    """The `curate` command: never returns, never shows a traceback for what a person can mend."""
    if "_CURATE_COMPLETE" in os.environ:
        cli.main(prog_name="curate")  # click's shell completion answers, and exits
    sys.exit(run(cli))


def run(group: click.Command, args: Sequence[str] | None = None) -> int:
    """Run a command line and turn every way it can end into an exit code.

    Args:
        group: the command.
        args: its arguments; those of the process by default.
    """
    try:
        code = _invoke(group, sys.argv[1:] if args is None else args)
        sys.stdout.flush()
    except CurateError as error:
        log.debug("".join(traceback.format_exception(error)))
        code = _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        code = _fail("interrupted", 130)
    except OSError as error:
        code = _os_error(error)
    except Exception as error:  # noqa: BLE001 - the last stop: whatever it is, it is told in full
        code = _unexpected(error)
    _drain()
    return code


def _invoke(group: click.Command, args: Sequence[str]) -> int:
    try:
        with group.make_context("curate", list(args)) as ctx:
            group.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return 0


def _os_error(error: OSError) -> int:
    """A full disk and a closed folder are told in a line; the rest is unexpected."""
    if error.errno == errno.EPIPE and _stdout_is_closed():
        return 1  # as in `curate ... | head`: nobody reads what we would say
    place = f" {error.filename}" if error.filename else ""
    # numpy leaves out errno when a write falls short.
    if error.errno in FULL_DISK or re.search(r"\d+ requested and \d+ written", str(error)):
        return _fail(
            f"Expected room to write{place or ' the results'}, found the disk full or the quota "
            "used up. Free some space and run the same command again: finished stages stay.",
            1,
        )
    if error.errno in NOT_ALLOWED:
        return _fail(
            f"Expected to be allowed to use{place or ' a file'}, found: {error.strerror}. "
            "Change its permissions, or choose another place.",
            1,
        )
    return _unexpected(error)


def _unexpected(error: Exception) -> int:
    sys.stderr.write("".join(traceback.format_exception(error)))
    return _fail(
        f"unexpected {type(error).__name__}. `curate doctor` tells whether the installation is "
        "at fault; if it is not, this is a defect of curate, and the lines above say where.",
        1,
    )


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"error: {message}\n")
    return code


def _stdout_is_closed() -> bool:
    """Whether the reader of our stdout has gone."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (AttributeError, OSError, ValueError):
        return True  # not a real file, or no poll on this system


def _drain() -> None:
    """Keep Python from complaining, as it ends, about output that nobody can take."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


__all__ = ["cli", "main", "run"]
