"""``curate analyze``: image folders to a run, a FiftyOne dataset and the App."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from curate.cli.machine import machine_options
from curate.cli.serving import Serving, app_options
from curate.cli.sources import SOME_PATH, chosen, given_table, source_options


def split_kinds(given: str | None) -> tuple[str, ...] | None:
    """``label_error,hard`` as a tuple; None where nothing was given."""
    if given is None:
        return None
    return tuple(kind.strip() for kind in given.split(",") if kind.strip())


@click.command()
@source_options
@click.option("--run", "run_dir", type=SOME_PATH,
              help="Where the run is written.  [default: runs/NAME]")  # fmt: skip
@click.option(
    "--model",
    help="A timm model, package.module:factory, a TorchScript (.pt, .ts) or "
    "ONNX file, or hog, which needs no weights.  [default: efficientnet_b0]",
)
@click.option("--weights", type=SOME_PATH, help="A backbone's state dict; its head is ignored.")
@click.option("--checkpoint", type=SOME_PATH, help="A trained classifier with its class list.")
@click.option("--img-size", type=click.IntRange(8),
              help="Pixels a side.  [default: the model's own]")  # fmt: skip
@click.option(
    "--predictions",
    type=SOME_PATH,
    multiple=True,
    help="Your own probabilities or logits (CSV, Parquet, npy, npz); several: their mean.",
)
@click.option(
    "--dynamics",
    type=SOME_PATH,
    help="What your training recorded (Parquet, CSV), a row an image and epoch: sample_id or "
    "filepath, epoch, logit_true, logit_other (the largest other), p_true, correct; and, if "
    "there, error_length (of p - one_hot) and label. The kind `hard` heeds it.",
)
@click.option(
    "--detectors",
    callback=lambda _context, _option, given: split_kinds(given),
    help="Kinds to look for, separated by commas.  [default: all]",
)
@click.option(
    "--all-views",
    is_flag=True,
    help="Embed every turned copy of every image: slower, "
    "and orientation is judged a little better.",
)
@click.option(
    "--with-decisions",
    is_flag=True,
    help="Go by the labels that people decided in the App on this run.",
)
@click.option("--folds", type=int, default=5, show_default=True, help="Of the out-of-fold probe.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of everything that is drawn by chance."
)
@machine_options("auto")
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="Where images are embedded: here, or on a Ray cluster.",
)  # fmt: skip
@click.option("--ray-address", help="Of a cluster, or auto; a new one on this machine without it.")
@click.option(
    "--ray-actors", type=click.IntRange(1), help="Models at work at a time [all that fit]."
)
@click.option("--ray-gpus", type=click.FloatRange(0), help="GPUs an actor, such as 0.5 [1 if any].")
@app_options
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def analyze(
    data: str | None, run_dir: Path | None, serving: Serving, as_json: bool, **options: Any
) -> None:  # fmt: skip
    """Find the hard cases among the images of DATA.

    DATA is a folder: train, val and test with a folder a class in each (a flat test folder is
    unlabelled), class folders alone, or any tree with --label-pattern. Or it is fiftyone:NAME, a
    dataset that FiftyOne knows. With --manifest it may be left out.

    \b
    Examples:
      curate analyze data/pets --model resnet50 --run runs/pets
      curate analyze data/flowers --val-fraction 0.15 --test-fraction 0.15
      curate analyze --manifest train.csv --manifest test.csv --image-root images
      curate analyze data/masks --group-pattern 'person_(?P<group>[0-9]+)'
    """  # noqa: D301 - click wants the control character itself, which keeps the lines apart
    analyze_and_show(data, run_dir, serving, as_json, **options)


def analyze_and_show(
    data: str | Path | None, run_dir: Path | None, serving: Serving, as_json: bool,
    after: Callable[[Any], str] | None = None, **options: Any,
) -> None:  # fmt: skip
    """Analyse, publish, print the summary (and what `after` adds), open the App.

    The database and the port are checked before any work, since nothing is more annoying than to
    learn of them after it.
    """
    from curate.pipeline.analyze import default_run, run_analysis
    from curate.pipeline.settings import Settings
    from curate.pipeline.summary import summary, summary_text
    from curate.progress import bars

    settings = Settings.of(data, **chosen(options))
    serving.check()
    given = given_table(settings.source)
    run = run_analysis(settings, run_dir or default_run(settings.source), bars, given)
    dataset = serving.publish(run)
    if as_json:
        click.echo(json.dumps({**summary(run), "dataset": dataset}, indent=2))
    else:
        click.echo(summary_text(run))
        if after is not None:
            click.echo("\n" + after(run))
        click.echo(f"\nrun: {run.path}\nFiftyOne dataset: {dataset}")
    if serving.no_app and not as_json:
        click.echo(f"open it with: curate app {run.path}")
    serving.serve(run)
