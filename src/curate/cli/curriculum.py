"""``curate curriculum``: tiers and a schedule for a run, drawn, explained, and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


def _thresholds(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected numbers as in 0.2,0.5, found {text!r}") from error


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--preset", metavar="NAME", help="easy-to-hard (the default), sketch-winner, "
              "self-paced, random-pacing, anti or none.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="Of the whole training.  [default: 15]")
@click.option("--pacing", metavar="HOW", help="step (a tier after the other; the default), linear "
              "or root (images epoch by epoch).")  # fmt: skip
@click.option("--tiers", type=click.IntRange(2), help="How many, of equal size.  [default: 3: half "
              "of a class easy, three tenths medium, a fifth hard]")  # fmt: skip
@click.option("--thresholds", metavar="D,D,...", callback=_thresholds,
              help="Difficulties, 0 to 1, at which the next tier begins: 0.2,0.5.")  # fmt: skip
@click.option("--over-all", is_flag=True, help="Cut tiers over all images, not class by class.")
@click.option("--low-quality", type=click.Choice(["late", "out"]), default="late",
              show_default=True, help="Bad pictures: last, or under review.")  # fmt: skip
@click.option("--balance", type=click.Choice(["none", "inverse", "effective"]),
              help="Of the classes: by frequency, or by effective number of images.")  # fmt: skip
@click.option("--resample", type=click.Choice(["over", "under", "both"]),
              help="How classes are balanced: repeat images, leave some out, or both.")  # fmt: skip
@click.option("--beta", type=float, help="Of the effective number of images.  [default: 0.999]")
@click.option("--lr-factor", type=float, help="Of the learning rate, at each boundary of "
              "sketch-winner.  [default: 0.1]")  # fmt: skip
@click.option("--policy", metavar="FILE", help="An augmentation policy, as of `curate policy`; by "
              "default that of the preset or the run.")  # fmt: skip
@click.option("--no-policy", is_flag=True, help="No augmentation.")
@click.option("--control-of", type=click.Path(path_type=Path), help="The control of a curriculum "
              "that was written before; --preset says which.")  # fmt: skip
@click.option("--to", type=click.Path(path_type=Path), help="A file to write, for `curate export "
              "--curriculum FILE`.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def curriculum(run_dir: Path, to: Path | None, as_json: bool, **options: Any) -> None:
    """Show who of RUN would be trained on when, and why; with --to, write it for an export.

    Every labelled training image is in one tier: by its held-out margin, and by the type of its
    difficulty. What looks mislabelled waits under review; ambiguous and boundary images are never
    first; rare ones are, and are drawn more often; bad pictures come last. What people decided
    and saved goes before all that.

    \b
    Examples:
      curate curriculum runs/pets
      curate curriculum runs/pets --preset easy-to-hard --pacing root --epochs 30 --to pets.json
      curate curriculum runs/pets --control-of pets.json --to control.json
      curate export runs/pets --curriculum pets.json --to exports/pets
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.pipeline.curriculum import check_plan_target, write_plan
    from curate.pipeline.curriculum_facts import curriculum_facts
    from curate.pipeline.curriculum_text import curriculum_text
    from curate.store.run import Run

    run = Run(run_dir)
    run.check_complete()
    if to is not None:
        check_plan_target(to)
    plan = _plan(run, **options)
    facts = curriculum_facts(run, plan)
    if to is not None:
        write_plan(plan, to.expanduser().resolve())
    if as_json:
        click.echo(json.dumps(facts, indent=2, allow_nan=False))
        return
    click.echo(curriculum_text(facts))
    click.echo("")
    if to is None:
        click.echo("write it with --to FILE")
        return
    click.echo(f"written to {to.resolve()}")
    click.echo(f"  export:  curate export {run.path} --curriculum {to} --to DIR")
    if facts["controls"]:
        click.echo(f"  control: curate curriculum {run.path} --control-of {to} --to control.json")


def _plan(
    run: Any, preset: str | None, control_of: Path | None, policy: str | None, no_policy: bool,
    tiers: int | None, thresholds: tuple[float, ...], over_all: bool, low_quality: str,
    epochs: int | None, **options: Any,
) -> Any:  # fmt: skip
    """What the options come to."""
    from curate.pipeline.curriculum import EPOCHS, PRESET, control_plan, make_plan, read_plan
    from curate.remedies.tiering import Tiering

    given = {name: value for name, value in options.items() if value is not None}
    if tiers is not None and thresholds:
        raise click.UsageError("--tiers and --thresholds contradict each other; give one of them.")
    if policy is not None and no_policy:
        raise click.UsageError("--policy and --no-policy contradict each other; give one of them.")
    if control_of is not None:
        if given or tiers or thresholds or over_all or epochs or policy or no_policy:
            raise click.UsageError(
                "--control-of takes all but --preset from the curriculum; leave the others out."
            )
        return control_plan(read_plan(control_of), preset)
    if thresholds:
        tiering = Tiering.by_thresholds(*thresholds, low_quality=low_quality)
    else:
        tiering = Tiering(tiers or 3, (), low_quality, not over_all)
    return make_plan(
        run, preset or PRESET, epochs or EPOCHS, tiering, policy, not no_policy, **given
    )
