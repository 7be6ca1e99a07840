"""`curate completion`: the scripts, read by the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from curate.cli import cli, run
from curate.cli.completion import SHELLS

ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def told(script: str, *shell: str) -> list[str]:
    """What a shell prints when it runs this."""
    command = [*shell, "-c", script]
    done = subprocess.run(
        command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def in_bash(*words: str) -> list[str]:
    """What bash would offer for the last of these words."""
    typed = " ".join(f"'{word}'" for word in words)
    return told(
        'eval "$(curate completion bash)"\n'
        f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; COMPREPLY=()\n"
        f"$(complete -p curate | sed 's/.*-F \\([^ ]*\\).*/\\1/') curate\n"
        'printf "%s\\n" "${COMPREPLY[@]}"',
        "bash",
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_printed_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli, ["completion", shell]) == 0
    said = capsys.readouterr().out
    assert f"_CURATE_COMPLETE={shell}_complete" in said


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(cli, ["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["curate", "ana"], ["analyze"]),
        (["curate", "analyze", "--det"], ["--detectors"]),
        (["curate", "completion", ""], ["bash", "zsh", "fish"]),
    ],
    ids=["a command", "an option", "a choice"],
)
def test_bash_completes(words: list[str], offered: list[str]) -> None:
    assert in_bash(*words) == offered


@pytest.mark.parametrize("command", ["analyze", "predict", "app"])
def test_paths_are_left_to_the_shell(command: str) -> None:
    asked = {"COMP_WORDS": f"curate {command} dat", "COMP_CWORD": "2"}
    environment = {**ENVIRONMENT, **asked, "_CURATE_COMPLETE": "bash_complete"}
    done = subprocess.run(["curate"], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "file,dat\n"


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_takes_the_script() -> None:
    setup = 'autoload -Uz compinit; compinit -D -u; eval "$(curate completion zsh)"; '
    assert told(f"{setup} print $_comps[curate]", "zsh", "-f") == ["_curate_completion"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes() -> None:
    script = 'curate completion fish | source; complete -C "curate ana"'
    offered = told(script, "fish", "--no-config")
    assert [line.partition("\t")[0] for line in offered] == ["analyze"]
