"""``curate runs``: which runs there are, what is in one, and which can go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

FOLDER = click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))


@click.group()
def runs() -> None:
    """List runs, show one, or take away what is no longer needed.

    \b
    Example:
      curate runs list
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace


@runs.command("list")
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_command(folder: Path, as_json: bool) -> None:
    """List the runs in and below FOLDER (default: runs), the latest first.

    \b
    Example:
      curate runs list runs
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.pipeline.runs import list_runs
    from curate.pipeline.runs_text import list_text

    found = list_runs(folder)
    if as_json:
        click.echo(json.dumps([run.as_json() for run in found], indent=2))
    else:
        click.echo(list_text(found, folder))


@runs.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(run_dir: Path, as_json: bool) -> None:
    """Show how RUN was made, what came out, and where its bytes and seconds went.

    \b
    Example:
      curate runs show runs/pets
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.pipeline.runs import listed
    from curate.pipeline.runs_text import shown, shown_text
    from curate.store.run import Run

    run = Run(run_dir)
    found = shown(run, listed(run.path))
    click.echo(json.dumps(found, indent=2) if as_json else shown_text(found))


@runs.command()
@FOLDER
@click.option(
    "--older-than", type=click.FloatRange(0), default=7.0, show_default=True, metavar="DAYS",
    help="Interrupted runs go when nothing was written to them for so long.",
)  # fmt: skip
@click.option(
    "--keep", type=click.IntRange(1), metavar="N",
    help="Of the finished runs on the same data, keep the latest N only.",
)  # fmt: skip
@click.option("--shards", is_flag=True, help="Also what saves a second look when images are added.")
@click.option("--with-decisions", is_flag=True, help="Also runs with decisions of a person.")
@click.option("--yes", is_flag=True, help="Take it away; without it, only say what would go.")
@click.option("--json", "as_json", is_flag=True, help="Print what goes as JSON.")
def prune(folder: Path, yes: bool, as_json: bool, **options: Any) -> None:
    """Take away what is no longer needed in and below FOLDER; without --yes, only say what.

    Interrupted runs, what killed processes left, and with --keep old runs. A run in work, or with
    decisions, stays. Datasets in FiftyOne stay as well, and are named.

    \b
    Example:
      curate runs prune runs --keep 3
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.pipeline.runs import remove, superfluous
    from curate.pipeline.runs_text import prune_text

    found = superfluous(folder, **options)
    if yes:
        remove(found)
    if as_json:
        listed = [
            {"path": str(one.path), "why": one.why, "bytes": one.size, "dataset": one.dataset}
            for one in found
        ]
        click.echo(json.dumps({"removed": yes, "items": listed}, indent=2))
    else:
        click.echo(prune_text(found, folder, yes))
