"""``curate verify``: did it help? Trained with and without, several times, and judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from curate.cli.durations import DURATION


@click.command()
@click.argument("source", metavar="[EXPORT|RUN]", required=False, type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path),
              help="A new directory.  [default: EXPORT-verify beside it]")  # fmt: skip
@click.option("--resume", metavar="DIR", type=click.Path(path_type=Path),
              help="Go on with a verification; with --seeds, --budget or --final, add to "
              "it.")  # fmt: skip
@click.option("--baseline", type=click.Choice(["none", "source"]),
              help="What to compare with: the export's images without policy and curriculum, or "
              "all images of train with the labels they came with.  [default: none]")  # fmt: skip
@click.option("--seeds", type=click.IntRange(2), help="Of every arm, at most.  [default: 5]")
@click.option("--budget", type=DURATION, metavar="TIME", help="For all trainings, such as 30m: "
              "the first ones tell how many seeds it pays for.  [default: as long as it "
              "takes]")  # fmt: skip
@click.option("--least", metavar="SHARE", type=float,
              help="The smallest difference in accuracy that matters, such as .01.")  # fmt: skip
@click.option("--slice", "slices", multiple=True, metavar="FINDING|COLUMN=VALUE",
              help="Judge these images apart, too; again for more.  [default: those that the "
              "policy was meant for]")  # fmt: skip
@click.option("--arm", "arms", multiple=True,
              type=click.Choice(["data", "policy", "curriculum", "both", "control"]),
              help="This arm alone beside the baseline; again for more.  [default: all; data "
              "with --baseline source]")  # fmt: skip
@click.option("--trials", type=click.IntRange(1),
              help="Learning rates tried for each arm, on a fifth of train.  "
              "[default: 3]")  # fmt: skip
@click.option("--final", is_flag=True, help="Judge on test too, at the end; it can be done once.")
@click.option("--run", "run_dir", metavar="RUN", type=click.Path(),
              help="That the export was made of, where it was moved.")  # fmt: skip
@click.option("--curriculum", metavar="FILE|PRESET", help="Verify this one.  [default: the "
              "export's]")  # fmt: skip
@click.option("--policy", type=click.Path(), help="Verify this policy.  [default: the "
              "export's]")  # fmt: skip
@click.option("--model", help="A timm model.  [default: efficientnet_b0]")
@click.option("--pretrained/--no-pretrained", default=None, help="Begin with the hub's weights, or "
              "with random ones.  [default: pretrained]")  # fmt: skip
@click.option("--weights", type=click.Path(), help="Begin with a backbone's state dict.")
@click.option("--checkpoint", type=click.Path(), help="Begin with a trained classifier.")
@click.option(
    "--head", type=click.Choice(["linear", "mlp"]), help="As of train.  [default: linear]"
)
@click.option("--freeze", metavar="WHAT", help="backbone (the head alone is trained: much "
              "cheaper), or of how many last blocks more than that is trained.  "
              "[default: none]")  # fmt: skip
@click.option("--img-size", type=click.IntRange(8), help="Pixels a side.  [default: the model's "
              "own]")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="Of the baseline; the other arms have as "
              "many steps.  [default: as the schedule]")  # fmt: skip
@click.option("--batch-size", type=click.IntRange(1), help="Images a step.  [default: 64]")
@click.option("--opt", metavar="NAME", help="timm's: adam, adamw, sgd, lamb, ...  [default: adamw]")
@click.option("--lr", type=float, help="In the middle of those tried.  [default: 0.0005]")
@click.option("--weight-decay", type=float, help="Of the optimizer.  [default: 0.05]")
@click.option("--smoothing", type=float, help="Of the labels.  [default: 0]")
@click.option("--amp/--no-amp", default=None, help="Mixed precision.  [default: on a "
              "GPU]")  # fmt: skip
@click.option("--channels-last", is_flag=True, default=None, help="Often faster for convolutions.")
@click.option("--seed", type=click.IntRange(0), help="The first one.  [default: the "
              "export's]")  # fmt: skip
@click.option("--device", help="auto, cpu, cuda, cuda:1 or mps.  [default: auto]")
@click.option("--workers", type=click.IntRange(0), help="Processes that load images; 0 for none "
              "beside the training itself.  [default: as many as cores, up to 16]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print verify.json.")
def verify(
    source: Path | None, to: Path | None, resume: Path | None, baseline: str | None,
    seeds: int | None, budget: float | None, least: float | None, slices: tuple[str, ...],
    arms: tuple[str, ...], trials: int | None, final: bool, run_dir: str | None,
    curriculum: str | None, policy: str | None, as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Say whether policy and curriculum of an EXPORT help, or those of a RUN.

    Arms: the baseline; the policy; the curriculum; both; and a control with the curriculum's
    pacing in random order. All are trained with the same seeds, the same number of optimiser steps
    and the same search of the learning rate, which sees no image of val. Judged on val, with the
    chance of seeds and of images: helps, hurts, or no difference that could be seen, on all images,
    on those that the policy was meant for, and on the worst class. A policy that hurts is withdrawn
    from its run. Finished trainings are kept: a verification that was broken off goes on.

    \b
    Examples:
      curate verify exports/pets --budget 30m
      curate verify exports/pets --freeze backbone --img-size 96 --epochs 5 --least .01
      curate verify exports/pets --slice orientation --slice camera=night --arm policy
      curate verify exports/pets --baseline source --arm data
      curate verify --resume exports/pets-verify --final
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    given = {name: value for name, value in options.items() if value is not None}
    own: dict[str, Any] = {
        name: value
        for name, value in (
            ("baseline", baseline), ("seeds", seeds), ("budget", budget), ("least", least),
            ("trials", trials), ("run", run_dir), ("slices", slices), ("arms", arms),
        )
        if value
    }  # fmt: skip
    from curate.pipeline import verify as verifying
    from curate.pipeline.train import options_of
    from curate.pipeline.verifying.asked import Asked
    from curate.pipeline.verifying.text import verification_text
    from curate.progress import bars

    if resume is not None:
        if source or to or curriculum or policy or given or set(own) - {"seeds", "budget"}:
            raise click.UsageError(
                "--resume takes everything but --seeds, --budget and --final from DIR; leave all "
                "else out."
            )
        done = verifying.resume(resume, seeds=seeds, budget=budget, final=final, progress=bars)
    elif source is None:
        raise click.UsageError("Give an EXPORT or a RUN; or --resume DIR.")
    else:
        done = verifying.verify(
            source, to, options_of(given), asked=Asked(**own), curriculum=curriculum,
            policy=policy, final=final, progress=bars,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(done.report, indent=2, ensure_ascii=False))
    else:
        click.echo(verification_text(done.report, done.to))
