"""``curate completion``: the script by which a shell completes curate's command lines."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_CURATE_COMPLETE"
"""What the script sets when it asks `curate` for the words that could follow."""


def file_names(ctx: click.Context, option: click.Parameter, begun: str) -> list[CompletionItem]:
    """Complete paths, for what may be a path or something else, such as an address."""
    return [CompletionItem(begun, type="file")]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what SHELL has to read to complete commands, options and file names.

    Nothing is installed: the line in your shell's own start file does that, and taking it out
    again undoes it.

    \b
    Examples:
      eval "$(curate completion bash)"                  in ~/.bashrc
      eval "$(curate completion zsh)"                   in ~/.zshrc, after compinit
      curate completion fish > ~/.config/fish/completions/curate.fish
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    made_by = get_completion_class(shell)
    assert made_by is not None, f"click has no completion for {shell}"
    root = ctx.find_root()
    click.echo(made_by(root.command, {}, "curate", VARIABLE).source())
