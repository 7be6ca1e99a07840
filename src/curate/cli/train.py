"""``curate train``: a timm model on what was found, and a run of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from curate.cli.completion import file_names
from curate.cli.sources import OPTIONS, given_table

HEADS = click.Choice(["linear", "mlp"])
SCHEDULERS = click.Choice(["cosine", "step", "multistep", "plateau", "constant"])
LOSSES = click.Choice(["cross-entropy", "focal", "class-balanced"])


def _epochs(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected epochs as in 10,15, found {text!r}") from error


def _of_data(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how DATA is read."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


OF_DATA = tuple(one.name for one in click.command()(_of_data(lambda: None)).params)
"""Their names."""


@click.command()
@click.argument("source", metavar="[DATA|EXPORT|RUN]", required=False, shell_complete=file_names)
@click.option("--to", type=click.Path(path_type=Path), help="A new directory for all of it.")
@click.option("--resume", metavar="DIR", type=click.Path(path_type=Path),
              help="Go on with a training that was broken off; no other option.")  # fmt: skip
@click.option("--curriculum", metavar="FILE|PRESET", help="What `curate curriculum --to` wrote, "
              "or easy-to-hard, sketch-winner, self-paced, random-pacing, anti, none.  "
              "[default: the export's]")  # fmt: skip
@click.option("--policy", type=click.Path(),
              help="An augmentation policy.  [default: the curriculum's]")  # fmt: skip
@click.option("--no-policy", is_flag=True, help="No augmentation.")
@click.option("--model", help="A timm model.  [default: efficientnet_b0]")
@click.option("--pretrained/--no-pretrained", default=None, help="Begin with the hub's weights, or "
              "with random ones.  [default: pretrained]")  # fmt: skip
@click.option("--weights", type=click.Path(),
              help="Begin with a backbone's state dict; its head is ignored.")  # fmt: skip
@click.option("--checkpoint", type=click.Path(),
              help="Begin with a trained classifier of the same classes.")  # fmt: skip
@click.option("--head", type=HEADS, help="One layer, or Linear-ReLU-Linear.  [default: linear]")
@click.option("--freeze", metavar="WHAT", help="backbone (the head alone is trained), or of how "
              "many last blocks more than that is trained.  [default: none]")  # fmt: skip
@click.option("--img-size", type=click.IntRange(8),
              help="Pixels a side.  [default: the model's own]")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1),
              help="How long to train.  [default: as the schedule]")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(1), help="Images a step.  [default: 64]")
@click.option("--opt", metavar="NAME", help="timm's: adam, adamw, sgd, lamb, ...  [default: adamw]")
@click.option("--lr", type=float, help="Before the factors of the stages.  [default: 0.0005]")
@click.option("--weight-decay", type=float, help="Of the optimizer.  [default: 0.05]")
@click.option("--momentum", type=float, help="Of the optimizer.  [default: 0.9]")
@click.option("--sched", type=SCHEDULERS, help="Of the learning rate.  [default: cosine]")
@click.option("--warmup-epochs", type=click.IntRange(0), help="At a rising rate.  [default: 0]")
@click.option("--warmup-lr", type=float, help="Where the warm-up begins.  [default: 0.00001]")
@click.option("--min-lr", type=float, help="The lowest rate.  [default: 0]")
@click.option("--decay-epochs", type=click.IntRange(1), help="Of step.  [default: a third of all]")
@click.option("--decay-milestones", metavar="N,N,...", callback=_epochs,
              help="Of multistep.  [default: a half and three quarters of all]")  # fmt: skip
@click.option("--decay-rate", type=float, help="Of step, multistep and plateau.  [default: 0.1]")
@click.option("--patience-epochs", type=click.IntRange(0), help="Of plateau.  [default: 3]")
@click.option("--loss", type=LOSSES, help="What is minimised.  [default: cross-entropy]")
@click.option("--smoothing", type=float, help="Of the labels.  [default: 0]")
@click.option("--focal-gamma", type=float, help="Of focal.  [default: 2]")
@click.option("--beta", type=float, help="Of class-balanced.  [default: 0.999]")
@click.option("--grad-accum-steps", type=click.IntRange(1), help="Batches a step.  [default: 1]")
@click.option("--clip-grad", type=float, help="Largest norm of the gradients.  [default: none]")
@click.option("--model-ema/--no-model-ema", default=None,
              help="Average the weights.  [default: no]")  # fmt: skip
@click.option("--model-ema-decay", type=float, help="Of the averaged weights.  [default: 0.9998]")
@click.option("--patience", type=click.IntRange(0), help="Stop after so many epochs of the last "
              "stage without better val accuracy; 0: never.  [default: 0]")  # fmt: skip
@click.option("--amp/--no-amp", default=None, help="Mixed precision.  [default: on a GPU]")
@click.option("--channels-last", is_flag=True, default=None, help="Often faster for convolutions.")
@click.option("--compile", type=click.Choice(["off", "auto", "on"]), help="torch.compile; auto: if "
              "a few timed steps say that it pays, which another day may be otherwise.  "
              "[default: off]")  # fmt: skip
@click.option("--log-to", type=click.Choice(["wandb", "mlflow"]), multiple=True,
              help="Tell W&B or MLflow of every epoch; TensorBoard always is told.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0),
              help="Of everything random.  [default: the export's, else 0]")  # fmt: skip
@click.option("--device", help="auto, cpu, cuda, cuda:1 or mps.  [default: auto]")
@click.option("--workers", type=click.IntRange(0), help="Processes that load images; 0 for none "
              "beside the training itself.  [default: as many as cores, up to 16]")  # fmt: skip
@click.option("--folds", metavar="K", type=click.IntRange(2), help="Cross-validation: a model a "
              "fold, and out-of-fold probabilities of every training image.")  # fmt: skip
@click.option("--vote", type=click.Choice(["soft", "hard"]), default="soft", show_default=True,
              help="How the folds' models predict val and test together.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print result.json.")
@_of_data
def train(
    source: str | None, to: Path | None, resume: Path | None, curriculum: str | None,
    policy: str | None, no_policy: bool, folds: int | None, vote: str, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Train a timm model on an EXPORT, a RUN (it is exported first) or DATA, as a baseline.

    DATA and its options are those of `curate analyze`; without an analysis all images are trained
    on in every epoch. From an EXPORT or a RUN, images come in the order of the schedule, augmented
    as the policy says, and the learning rate falls where a stage begins. Best is the epoch with
    most images of val right. At the end the model predicts val and test, and a run of it is
    written, for `curate app` and `curate compare`. Tags that people gave in the App since the last
    command that looked there are not known: export first. Several GPUs share a training that
    torchrun starts.

    \b
    Examples:
      curate train data/pets --to trained/baseline --val-fraction 0.15
      curate train exports/pets --to trained/pets
      curate train exports/pets --to trained/plain --curriculum none --no-policy
      curate train runs/pets --to trained/head --freeze backbone --head mlp --epochs 10
      curate train runs/pets --to trained/folds --folds 5
      curate train --resume trained/pets
      torchrun --nproc-per-node 2 -m curate train exports/pets --to trained/pets
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    of_data = {name: given.pop(name) for name in OF_DATA if name in given}
    of_data = {name: value for name, value in of_data.items() if value}
    if resume is not None:
        if source or to or curriculum or policy or no_policy or folds or given or of_data:
            raise click.UsageError("--resume takes everything from DIR; leave all else out.")
    elif (source is None and "manifests" not in of_data) or to is None:
        raise click.UsageError("Give DATA, an EXPORT or a RUN, and --to DIR; or --resume DIR.")
    from curate.pipeline import train as training
    from curate.pipeline.train_text import training_text
    from curate.progress import bars

    if resume is not None:
        done = training.resume(resume, bars)
    else:
        assert to is not None
        place = training.source_of(source, **of_data)
        table = None if isinstance(place, Path) else given_table(place)
        done = training.train(
            place, to, training.options_of(given), curriculum=curriculum, policy=policy,
            with_policy=not no_policy, folds=folds, vote=vote, given=table, progress=bars,
        )  # fmt: skip
    if not training.tells():
        return
    if as_json:
        click.echo(json.dumps(done.result, indent=2))
    else:
        click.echo(training_text(done))
