"""``curate export``: what was found and decided, as what a trainer takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from curate.cli.serving import database_option

FIFTYONE = "fiftyone"
"""A format that is no file: views of the run's dataset in the App."""


@click.command()
@click.argument("run_dir", metavar="[RUN]", required=False, type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), help="A new directory.")
@click.option("--check", type=click.Path(path_type=Path), metavar="DIR",
              help="Compare an export and its images with what was written; no RUN.")  # fmt: skip
@click.option("--format", "formats", multiple=True, metavar="NAME",
              help="parquet, jsonl, imagefolder, timm, huggingface, webdataset, keras, folds or "
              "fiftyone, beside the lists as CSV; may be repeated.")  # fmt: skip
@click.option("--link", default="symlink", show_default=True, metavar="HOW",
              help="How images get into folders: symlink, hardlink or copy.")  # fmt: skip
@click.option("--preset", metavar="NAME", help="Of the schedule: easy-to-hard (the default), "
              "sketch-winner, self-paced, random-pacing, anti or none.")  # fmt: skip
@click.option("--curriculum", type=click.Path(path_type=Path), metavar="FILE",
              help="What `curate curriculum --to FILE` wrote; no other choices.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="Of the training.  [default: 15]")
@click.option("--pacing", metavar="HOW", help="step (the default), linear or root.")
@click.option("--tiers", type=click.IntRange(2), help="How many.  [default: 3]")
@click.option("--balance", metavar="HOW", help="Of the classes: none, inverse or effective.")
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE",
              help="An augmentation policy to go with it; by default the run's own.")  # fmt: skip
@click.option("--no-policy", is_flag=True, help="No augmentation.")
@click.option("--folds", type=click.IntRange(2), metavar="K",
              help="Lists for cross-validation too; groups and copies stay together.")  # fmt: skip
@click.option("--submission", type=click.Path(path_type=Path), metavar="SAMPLE.csv",
              help="A competition's sample file, to fill with predictions for test.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@click.option("--json", "as_json", is_flag=True, help="Print curriculum.json.")
@database_option
def export(
    run_dir: Path | None, to: Path | None, check: Path | None, as_json: bool, **options: Any
) -> None:
    """Write what a trainer takes from RUN, with what people decided in the App.

    Images are named where they lie, or linked or copied into folders. Nothing of yours is moved or
    changed. Written aside, then put in place whole; the same run gives the same bytes.

    \b
    Examples:
      curate export runs/pets --to exports/pets
      curate export runs/pets --to exports/pets --format imagefolder --link hardlink
      curate export runs/pets --to exports/pets --submission sample_submission.csv
      curate export --check exports/pets
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    if check is not None:
        if run_dir is not None or to is not None:
            raise click.UsageError("--check takes an export alone; leave RUN and --to out.")
        _check(check, as_json)
        return
    if run_dir is None or to is None:
        raise click.UsageError("Give RUN and --to DIR, or --check DIR.")
    from curate.app.database import check_database
    from curate.pipeline.export import check_target, export
    from curate.progress import bars
    from curate.remedies.formats import check_formats
    from curate.store.run import Run

    run = Run(run_dir)
    run.check_complete()
    formats = options.pop("formats")
    check_formats(formats, more=[FIFTYONE])
    check_target(to, options["overwrite"], run)
    check_database()
    from curate.app.decisions import collect

    collect(run)
    about = export(
        run, to, formats=[one for one in formats if one != FIFTYONE], progress=bars,
        **_chosen(**options),
    )  # fmt: skip
    views = _views(run, to) if FIFTYONE in formats else []
    if as_json:
        click.echo(json.dumps(about, indent=2))
    else:
        _tell(to, about, views)


def _chosen(
    curriculum: Path | None, preset: str | None, epochs: int | None, tiers: int | None,
    pacing: str | None, balance: str | None, policy: Path | None, no_policy: bool, **rest: Any,
) -> dict[str, Any]:  # fmt: skip
    """The options as `curate.pipeline.export.export` takes them."""
    from curate.pipeline.curriculum import read_plan
    from curate.remedies.tiering import Tiering

    if policy is not None and no_policy:
        raise click.UsageError("--policy and --no-policy contradict each other; give one of them.")
    choices: dict[str, Any] = {
        "preset": preset, "epochs": epochs, "pacing": pacing, "balance": balance,
        "tiering": None if tiers is None else Tiering(tiers),
    }  # fmt: skip
    given = {name: value for name, value in choices.items() if value is not None}
    if curriculum is not None:
        if given:
            raise click.UsageError(
                "--curriculum says all of the schedule; leave out "
                f"{', '.join('--' + name.replace('tiering', 'tiers') for name in given)}."
            )
        given = {"plan": read_plan(curriculum)}
    return {**rest, **given, "policy": policy, "with_policy": not no_policy}


def _views(run: Any, to: Path) -> list[str]:
    """Show the export in the run's dataset; returns the names of its views."""
    from curate.app.exported import show_export
    from curate.pipeline.exporting.stages import stages_of, states_of
    from curate.progress import bars

    folder = to.expanduser().resolve()
    return show_export(run, stages_of(folder), states_of(folder), bars)


def _check(folder: Path, as_json: bool) -> None:
    from dataclasses import asdict

    from curate.pipeline.exporting.check import check_export
    from curate.progress import bars

    found = check_export(folder, bars)
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    click.echo(
        f"{folder.resolve()}: {found.files} files and {found.images} images are as they were "
        f"({found.read / 1e6:,.1f} MB read)"
    )


def _tell(to: Path, about: dict[str, Any], views: list[str]) -> None:
    """Say what was written."""
    target = to.expanduser().resolve()
    click.echo(f"{target}: {about['decisions']} decisions of people carried out")
    click.echo(", ".join(f"{name} {count}" for name, count in about["counts"].items()))
    spans = [
        f"{stage['start_epoch']}-{stage['end_epoch']} {'+'.join(stage['tiers'])}"
        for stage in about["stages"][:5]
    ]
    more = len(about["stages"]) - len(spans)
    more_said = f", and {more} more stages" if more else ""
    click.echo(f"schedule {about['preset']}, epochs {', '.join(spans)}{more_said}")
    if about["policy"]:
        click.echo(f"policy {target / about['policy']}")
    for name in about["options"]["formats"][1:]:
        click.echo(f"{name} {target / name}")
    if filled := about["submission"]:
        columns = ", ".join(filled["columns"][:3]) + (", ..." if filled["columns"][3:] else "")
        click.echo(
            f"submission {target / filled['file']}: {filled['rows']} rows by "
            f"{filled['id_column']!r}, {columns} = {filled['said']}"
        )
    if views:
        click.echo(f"in the App: {', '.join(views)}")
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
