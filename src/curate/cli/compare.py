"""``curate compare``: is one model better than another, on what, and is it more than chance?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from curate.cli.serving import Serving, serving_options


@click.command()
@click.argument("runs", metavar="RUN_A RUN_B [...]", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--split",
    type=click.Choice(["test", "val", "train"]),
    help="Of the images.  [default: the first of test, val, train with labels in every run]",
)
@click.option("--intersect", is_flag=True, help="Compare the shared images where others are not.")
@click.option(
    "--vote",
    type=click.Choice(["hard", "soft"]),
    help="Compare a vote of all runs with the best single one, too. Best single and weights are "
    "chosen on val where test is measured.",
)
@click.option(
    "--labels",
    type=click.Choice(["newest", "A", "B"]),
    default="newest",
    show_default=True,
    help="Where runs have other labels: people's newest decisions (else those of the last run), "
    "those of the first run, or those of the last.",
)
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="A new directory for comparison.json, fixed.csv, broken.csv, per_class.csv and the page "
    "comparison.html.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Write the page alone: one file with the images that were fixed and broken.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier comparison at --to, --report.")
@click.option(
    "--app/--no-app",
    "app",
    default=None,
    help='Save the views "fixed in B" and "broken in B" in the dataset of RUN_A, and open the App '
    "or do not. Without either no database is used, and tags that people gave in the App since the "
    "last command are not known.",
)
@serving_options
@click.option("--json", "as_json", is_flag=True, help="Print comparison.json.")
def compare(
    runs: tuple[Path, ...], split: str | None, intersect: bool, vote: str | None, labels: str,
    to: Path | None, report: Path | None, overwrite: bool, app: bool | None, serving: Serving,
    as_json: bool,
) -> None:  # fmt: skip
    """Compare the models of runs on the same images, the first with each of the others.

    Images are the same whose bytes are. Accuracy, macro F1, every class, slice and finding are
    compared in pairs, with 95 % intervals; nothing is called better that may as well be chance.

    \b
    Examples:
      curate compare runs/efficientnet runs/resnet50
      curate compare runs/fold0 runs/fold1 runs/fold2 --split test --vote soft
      curate compare runs/before runs/after --report after.html
      curate compare runs/before runs/after --to comparisons/after --app
    """  # noqa: D301 - click wants the control character itself, which keeps the lines apart
    from curate.pipeline.compare import compare_runs
    from curate.pipeline.comparing.files import changed_ids, check_place, write_comparison
    from curate.pipeline.comparing.page import check_file, page_of
    from curate.pipeline.comparing.text import comparison_text
    from curate.store.files import write_text
    from curate.store.run import Run

    if overwrite and to is None and report is None:
        raise click.UsageError(
            "--overwrite replaces what is at --to or --report; give one of them as well."
        )
    opened = [Run(one) for one in runs]
    serving = replace(serving, no_app=not app)
    target = None if to is None else check_place(to, overwrite, opened)
    file = None if report is None else check_file(report, overwrite)
    if app is not None:
        serving.check()
        from curate.app.decisions import collect

        for one in opened:
            collect(one)
    compared = compare_runs(
        opened, split=split, intersect=intersect, vote=vote, labels=labels
    )  # fmt: skip
    if target is not None or file is not None:
        page = page_of(compared)
        if target is not None:
            write_comparison(compared, target, page)
        if file is not None:
            write_text(file, page)
    views: list[str] = []
    if app is not None:
        from curate.app.compared import save_comparison_views

        dataset = serving.publish(opened[0])
        changed = {
            member.name: {which: changed_ids(compared, at, which) for which in ("fixed", "broken")}
            for at, member in enumerate(compared.members)
            if at
        }
        views = save_comparison_views(opened[0], changed)
    if as_json:
        click.echo(json.dumps(compared.report, indent=2, ensure_ascii=False))
    else:
        click.echo(comparison_text(compared.report))
        for place in filter(None, (target, file)):
            click.echo(f"\nwritten: {place}")
        if app is not None:
            told = ", ".join(f'"{view}"' for view in views) or "none, no image changed"
            click.echo(f"saved views of dataset {dataset}: {told}")
    serving.serve(opened[0])
