"""``curate train``: a timm model on what was found, and a run of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

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


@click.command()
@click.argument("source", metavar="[EXPORT|RUN]", required=False, type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), help="A new directory for all of it.")
@click.option("--resume", metavar="DIR", type=click.Path(path_type=Path),
              help="Go on with a training that was broken off; no other option.")  # fmt: skip
@click.option("--curriculum", metavar="FILE|PRESET", help="What `curate curriculum --to` wrote, "
              "or easy-to-hard, sketch-winner, self-paced, random-pacing, anti, none [the "
              "export's].")  # fmt: skip
@click.option("--policy", help="An augmentation policy [the curriculum's].")
@click.option("--no-policy", is_flag=True, help="No augmentation.")
@click.option("--model", help="A timm model [efficientnet_b0].")
@click.option("--pretrained/--no-pretrained", default=None, help="Begin with the hub's weights, or "
              "with random ones [pretrained].")  # fmt: skip
@click.option("--weights", help="Begin with a backbone's state dict; its head is ignored.")
@click.option("--checkpoint", help="Begin with a trained classifier of the same classes.")
@click.option("--head", type=HEADS, help="One layer, or Linear-ReLU-Linear [linear].")
@click.option("--freeze", metavar="WHAT", help="backbone (the head alone is trained), or of how "
              "many last blocks more than that is trained [none].")  # fmt: skip
@click.option("--img-size", type=click.IntRange(8), help="Pixels a side [the model's own].")
@click.option("--epochs", type=click.IntRange(1), help="[as the schedule]")
@click.option("--batch-size", type=click.IntRange(1), help="[64]")
@click.option("--opt", metavar="NAME", help="timm's: adam, adamw, sgd, lamb ... [adamw]")
@click.option("--lr", type=float, help="Before the factors of the stages [0.0005].")
@click.option("--weight-decay", type=float, help="[0.05]")
@click.option("--momentum", type=float, help="[0.9]")
@click.option("--sched", type=SCHEDULERS, help="Of the learning rate [cosine].")
@click.option("--warmup-epochs", type=click.IntRange(0), help="[0]")
@click.option("--warmup-lr", type=float, help="[0.00001]")
@click.option("--min-lr", type=float, help="[0]")
@click.option("--decay-epochs", type=click.IntRange(1), help="Of step [a third of all].")
@click.option("--decay-milestones", metavar="N,N,...", callback=_epochs,
              help="Of multistep [a half and three quarters of all].")  # fmt: skip
@click.option("--decay-rate", type=float, help="Of step, multistep and plateau [0.1].")
@click.option("--patience-epochs", type=click.IntRange(0), help="Of plateau [3].")
@click.option("--loss", type=LOSSES, help="[cross-entropy]")
@click.option("--smoothing", type=float, help="Of the labels [0].")
@click.option("--focal-gamma", type=float, help="[2]")
@click.option("--beta", type=float, help="Of class-balanced [0.999].")
@click.option("--grad-accum-steps", type=click.IntRange(1), help="Batches a step [1].")
@click.option("--clip-grad", type=float, help="Largest norm of the gradients [none].")
@click.option("--model-ema/--no-model-ema", default=None, help="Average the weights [no].")
@click.option("--model-ema-decay", type=float, help="[0.9998]")
@click.option("--patience", type=click.IntRange(0), help="Stop after so many epochs of the last "
              "stage without better val accuracy [0: never].")  # fmt: skip
@click.option("--amp/--no-amp", default=None, help="Mixed precision [on a GPU].")
@click.option("--channels-last", is_flag=True, default=None, help="Often faster for convolutions.")
@click.option("--seed", type=click.IntRange(0), help="[the export's]")
@click.option("--device", help="auto, cpu, cuda, cuda:1 or mps [auto].")
@click.option("--workers", type=click.IntRange(0), help="Processes that load images; 0 for none "
              "beside the training itself [as many as cores, up to 16].")  # fmt: skip
@click.option("--folds", metavar="K", type=click.IntRange(2), help="Cross-validation: a model a "
              "fold, and out-of-fold probabilities of every training image.")  # fmt: skip
@click.option("--vote", type=click.Choice(["soft", "hard"]), default="soft", show_default=True,
              help="How the folds' models predict val and test together.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print result.json.")
def train(
    source: Path | None, to: Path | None, resume: Path | None, curriculum: str | None,
    policy: str | None, no_policy: bool, folds: int | None, vote: str, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Train a timm model on an EXPORT of `curate export`, or on a RUN, which is exported first.

    Images come in the order of the schedule, augmented as the policy says, and the learning rate
    falls where a stage begins. Best is the epoch with most images of val right. At the end the
    model predicts val and test, and a run of it is written, for `curate app` and `curate compare`.
    Tags that people gave in the App since the last command that looked there are not known: export
    first.

    \b
    Examples:
      curate train exports/pets --to trained/pets
      curate train exports/pets --to trained/plain --curriculum none --no-policy
      curate train runs/pets --to trained/head --freeze backbone --head mlp --epochs 10
      curate train runs/pets --to trained/folds --folds 5
      curate train --resume trained/pets
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    given = {name: value for name, value in options.items() if value is not None}
    if resume is not None:
        if source or to or curriculum or policy or no_policy or folds or given:
            raise click.UsageError("--resume takes everything from DIR; leave all else out.")
    elif source is None or to is None:
        raise click.UsageError("Give an EXPORT or a RUN, and --to DIR; or --resume DIR.")
    from curate.pipeline import train as training
    from curate.pipeline.train_text import training_text
    from curate.progress import bars

    if resume is not None:
        done = training.resume(resume, bars)
    else:
        assert source is not None and to is not None
        done = training.train(
            source, to, training.options_of(given), curriculum=curriculum, policy=policy,
            with_policy=not no_policy, folds=folds, vote=vote, progress=bars,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(done.result, indent=2))
    else:
        click.echo(training_text(done))
