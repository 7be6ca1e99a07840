"""``curate predict``: classes of any pictures, and whether they are like anything trained on."""

from __future__ import annotations

import json
from pathlib import Path

import click

from curate.cli.completion import file_names
from curate.cli.machine import machine_options

A_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("images", nargs=-1, metavar="IMAGES...", shell_complete=file_names)
@click.option(
    "--run",
    "run_dir",
    type=A_FILE,
    help="Predict by a run's own model: its classifier, or the probe of its embeddings.",
)
@click.option(
    "--checkpoint",
    type=A_FILE,
    help="Predict by a trained classifier: weights with their class list, TorchScript or ONNX.",
)
@click.option(
    "--model",
    help="Of the checkpoint, where it does not say: a timm name, or package.module:factory.",
)
@click.option("--img-size", type=click.IntRange(1),
              help="Pixels, for --checkpoint.  [default: its own]")  # fmt: skip
@click.option(
    "--list",
    "lists",
    type=A_FILE,
    multiple=True,
    metavar="FILE",
    help="A text file of pictures, one path or address a line; again for more.",
)
@click.option("--to", type=A_FILE, help="Write a CSV file, a row a picture.")
@click.option("--plot", type=A_FILE, help="Draw the pictures with their classes: .png or .svg.")
@click.option("--overwrite", is_flag=True, help="Replace earlier files at --to and --plot.")
@click.option(
    "--tta",
    is_flag=True,
    help="Average over copies changed in ways that leave every class as it is, by the "
    "evidence of `curate policy RUN`; without that, over none.",
)
@click.option(
    "--false-alarms",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Share of ordinary pictures that may be called far from training.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds until an address that does not answer is given up.",
)
@machine_options("as the analysis, or auto")
@click.option("--json", "as_json", is_flag=True, help="Print the predictions as JSON.")
def predict(
    images: tuple[str, ...], run_dir: Path | None, checkpoint: Path | None, model: str | None,
    img_size: int | None, lists: tuple[Path, ...], to: Path | None, plot: Path | None,
    overwrite: bool, tta: bool, false_alarms: float, timeout: float, device: str | None,
    batch_size: int | None, workers: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Predict pictures: files, folders, patterns in quotes, http and https addresses.

    Each picture's five likeliest classes, with probabilities that are calibrated on held-out
    images where a run is known; it is said on which, or that they are not calibrated. With --run
    a picture far from everything trained on is warned about, and the train images nearest to it
    are named. What cannot be read is listed.

    \b
    Examples:
      curate predict photos/ --run runs/sports
      curate predict ball.jpg 'web/*.png' --run runs/sports --to ball.csv --plot ball.png
      curate predict --list addresses.txt --run runs/sports --tta
      curate predict photos/ --checkpoint best.safetensors --model efficientnet_b0
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.pipeline.predict import Prediction
    from curate.pipeline.predict_inputs import pictures
    from curate.pipeline.predict_text import predictions_json, predictions_text, write_csv
    from curate.progress import bars
    from curate.store.run import Run

    if (run_dir is None) == (checkpoint is None):
        raise click.UsageError("Give --run RUN or --checkpoint FILE, and not both.")
    if run_dir is not None and (model is not None or img_size is not None):
        raise click.UsageError("--model and --img-size are of a --checkpoint; a run has its own.")
    if overwrite and to is None and plot is None:
        raise click.UsageError("--overwrite replaces --to and --plot; give one of them.")
    run = None if run_dir is None else Run(run_dir)
    outputs = [path for path in (to, plot) if path is not None]
    with pictures(images, lists, timeout, outputs) as asked:
        to_csv, to_plot = _targets(to, plot, overwrite, {one.path for one in asked}, run_dir)
        made = Prediction(
            run, checkpoint, model=model, img_size=img_size, device=device,
            batch_size=batch_size, tta=tta, false_alarms=false_alarms,
        ).of(asked, workers, bars)  # fmt: skip
        if to_csv is not None:
            write_csv(made, to_csv)
        if to_plot is not None:
            from curate.pipeline.predict_plot import write_plot

            write_plot(made, to_plot)
    if as_json:
        click.echo(json.dumps(predictions_json(made), indent=2, ensure_ascii=False,
                              allow_nan=False))  # fmt: skip
        return
    click.echo(predictions_text(made))
    for written in (to_csv, to_plot):
        if written is not None:
            click.echo(f"\nwritten: {written}")


def _targets(
    to: Path | None, plot: Path | None, overwrite: bool, inputs: set[str], run_dir: Path | None
) -> tuple[Path | None, Path | None]:
    """The files to write, if they can be written without harm."""
    from curate.pipeline.predict_files import check_file
    from curate.pipeline.predict_plot import SUFFIXES, check_plotting

    to_csv = None if to is None else check_file(to, "--to", (".csv",), overwrite, inputs, run_dir)
    to_plot = None
    if plot is not None:
        to_plot = check_file(plot, "--plot", SUFFIXES, overwrite, inputs, run_dir)
        check_plotting()
    return to_csv, to_plot
