"""``curate export``: what was found and decided, as curriculum splits."""

from __future__ import annotations

import json
from pathlib import Path

import click

from curate.cli.serving import database_option


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), required=True, help="A new directory.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@click.option("--epochs", type=click.IntRange(3), default=15, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print curriculum.json.")
@database_option
def export(run_dir: Path, to: Path, overwrite: bool, epochs: int, as_json: bool) -> None:
    """Write curriculum splits of RUN, with what people decided in the App.

    Example: curate export runs/pets --to exports/pets
    """
    from curate.app.database import check_database
    from curate.pipeline.export import check_target, export
    from curate.store.run import Run

    run = Run(run_dir)
    run.check_complete()
    check_target(to, overwrite, run)
    check_database()
    from curate.app.decisions import collect

    collect(run)
    about = export(run, to, overwrite, epochs)
    if as_json:
        click.echo(json.dumps(about, indent=2))
        return
    counts = about["counts"]
    click.echo(f"{to.resolve()}: {about['decisions']} decisions of people carried out")
    click.echo(", ".join(f"{name} {count}" for name, count in counts.items()))
    for split, scores in about["scores"].items():
        before, after = scores.get("before"), scores.get("after")
        if before is None:
            click.echo(f"{split}: unlabelled but for {after['n']} images that people labelled")
        elif after is None:
            click.echo(f"{split}: every image was excluded by people")
        elif before != after:
            click.echo(
                f"{split} accuracy before people's decisions {before['accuracy']:.4f} of "
                f"{before['n']} images, after {after['accuracy']:.4f} of {after['n']}"
            )
