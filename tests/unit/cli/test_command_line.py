"""The `curate` command itself: its help, and every way that a command can end."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click
import numpy as np
import pytest

from curate import __version__
from curate.cli import COMMANDS, cli, run
from curate.errors import CurateError, DataError

HEAVY = ("pandas", "numpy", "torch", "fiftyone", "sklearn", "pyarrow", "timm", "umap")


def curate(*args: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "curate", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload]


def ending(work: Callable[[], object]) -> int:
    """The exit code of a command that does this."""

    @click.command()
    def command() -> None:
        work()

    return run(command, [])


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["-h"], []])
def test_help_imports_no_command_and_nothing_heavy(args: list[str]) -> None:
    code = (
        "import sys; from curate.cli import cli, run; run(cli, sys.argv[1:]); "
        "sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=True
    )
    modules = set(done.stderr.split())
    assert "curate.cli" in modules
    assert not modules & {*HEAVY, *(where.partition(":")[0] for where, _ in COMMANDS.values())}


def test_help_lists_every_command() -> None:
    done = curate("--help")
    assert done.returncode == 0
    for name, (_, line) in COMMANDS.items():
        assert f"  {name}" in done.stdout
        assert line in done.stdout


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_where_the_table_says_and_has_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where, _, attribute = COMMANDS[name][0].partition(":")
    assert getattr(import_module(where), attribute).name == name
    assert run(cli, [name, "--help"]) == 0
    assert f"Usage: curate {name}" in capsys.readouterr().out


def test_version() -> None:
    assert curate("--version").stdout.startswith(f"curate {__version__}\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["--nonsense"], "No such option"),
        (["doctor", "--nonsense"], "No such option"),
        (["-v", "-q", "doctor"], "contradict each other"),
    ],
)
def test_wrong_usage_ends_with_2(
    args: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(cli, args) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(("error", "code"), [(CurateError("Expected a."), 1), (DataError("b"), 2)])
def test_errors_of_ours_are_one_line_with_their_exit_code(
    error: CurateError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise error

    assert ending(work) == code
    assert capsys.readouterr().err == f"error: {error}\n"


def test_interruption_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise KeyboardInterrupt

    assert ending(work) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_the_unexpected_is_shown_in_full_and_ends_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ending(lambda: {}["missing"]) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "KeyError: 'missing'" in err
    assert "`curate doctor`" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "write",
    [lambda: Path("/dev/full").write_text("a"), lambda: np.zeros(100_000).tofile("/dev/full")],
    ids=["python", "numpy"],
)
def test_a_full_disk_is_told_without_a_traceback(
    write: Callable[[], object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(write) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: Expected room to write")
    assert "Traceback" not in err


def test_a_closed_folder_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        # Root may write anywhere, so the system's answer is given here.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))

    assert ending(work) == 1
    assert capsys.readouterr().err == (
        f"error: Expected to be allowed to use {tmp_path}, found: Permission denied. "
        "Change its permissions, or choose another place.\n"
    )


def test_verbose_shows_where_an_error_comes_from(tmp_path: Path) -> None:
    done = curate("-v", "app", str(tmp_path))
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: Expected a run directory")


@pytest.mark.parametrize("flush", [True, False], ids=["while writing", "at the end"])
def test_a_closed_pipe_gives_no_traceback(flush: bool) -> None:
    code = (
        "import click, sys\n"
        "from curate.cli import run\n"
        "@click.command()\n"
        "def talk():\n"
        "    sys.stdin.read()\n"
        f"    print('x' * 200_000 if {flush} else 'x')\n"
        "sys.exit(run(talk, []))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(b"")
    assert err == b""
    assert process.returncode == 1


def test_a_broken_pipe_elsewhere_is_not_hidden() -> None:
    code = (
        "import click, sys\n"
        "from curate.cli import run\n"
        "@click.command()\n"
        "def work():\n"
        "    raise BrokenPipeError(32, 'to a worker')\n"
        "sys.exit(run(work, []))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "BrokenPipeError: [Errno 32] to a worker" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_results_that_cannot_be_written_are_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "curate", "--help"],
            stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("error: Expected room to write the results")
    assert len(done.stderr.splitlines()) == 1


def test_quiet_leaves_only_warnings(tmp_path: Path) -> None:
    code = (
        "import logging, sys\n"
        "from curate.cli import cli, run\n"
        "run(cli, [*sys.argv[1:], 'doctor', '--help'])\n"
        "log = logging.getLogger('curate')\n"
        "log.info('said'); log.warning('warned')"
    )

    def stderr(*flags: str) -> str:
        command = [sys.executable, "-c", code, *flags]
        return subprocess.run(command, capture_output=True, text=True, check=True).stderr

    assert stderr("-q") == "warned\n"
    assert stderr() == "said\nwarned\n"
