"""``curate policy``: which augmentations a run's images ask for, with the evidence."""

from __future__ import annotations

import json
from pathlib import Path

import click

from curate.cli.counts import CountOr


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--stages", type=click.IntRange(1), default=3, show_default=True,
              help="Of the policy: the first has none of it, the last all.")  # fmt: skip
@click.option("--strength", type=click.Choice(["auto", "light", "strong"]), default="auto",
              show_default=True, help="How often and how far images are changed.")  # fmt: skip
@click.option("--to", type=click.Path(path_type=Path), help="A new directory [RUN/policy].")
@click.option("--overwrite", is_flag=True, help="Replace an earlier policy at --to.")
@click.option("--sample", type=click.IntRange(1),
              help="Train images, and held-out ones, changed in every way [240].")  # fmt: skip
@click.option("--only", multiple=True, metavar="NAME", help="This transform alone; again for more.")
@click.option("--judge", metavar="FILE",
              help="Judge this policy in place of making one: policy.json, a YAML or JSON file of "
              "albumentations, or a name of timm's such as rand-m9-n3-mstd0.5.")  # fmt: skip
@click.option("--device", help="auto, cpu, cuda, cuda:1, mps [as the analysis].")
@click.option("--batch-size", type=CountOr("auto"), default="auto", show_default=True)
@click.option("--workers", type=CountOr("auto"), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def policy(
    run_dir: Path, stages: int, strength: str, to: Path | None, overwrite: bool, sample: int | None,
    only: tuple[str, ...], judge: str | None, device: str | None, batch_size: int | None,
    workers: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Recommend augmentations for RUN, each with its evidence, or judge a policy that you have.

    Every transform is tried on a sample of the images: how much accuracy falls on changed images,
    how often val and test show the like, whether changed images still are of their class, and
    what training on them would bring. A class whose images a transform turns into another is
    excluded from it by name. Nothing recommended is also an answer.

    Written are policy.json, its forms for albumentations and torchvision, and the evidence as
    policy_evidence.parquet. Changed images are embedded once: the next call with other options
    takes them from the run.

    \b
    Examples:
      curate policy runs/pets
      curate policy runs/pets --strength light --stages 1 --to policies/pets
      curate policy runs/pets --only rotate --only vertical_flip
      curate policy runs/pets --judge rand-m9-n3-mstd0.5
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.pipeline.augmenting import SAMPLE
    from curate.progress import bars
    from curate.store.run import Run

    options = {"device": device, "batch_size": batch_size, "workers": workers}
    run = Run(run_dir)
    if judge is not None:
        if to is not None or only:
            raise click.UsageError("--judge prints its verdicts: leave out --to and --only.")
        from curate.pipeline.judging import judge_policy, judged_json, judged_text

        judged = judge_policy(run, judge, sample=sample or SAMPLE, progress=bars, **options)
        click.echo(
            json.dumps(judged_json(judged), indent=2, allow_nan=False)
            if as_json
            else judged_text(judged)
        )
        return
    from curate.pipeline.policy import recommend_policy
    from curate.pipeline.policy_text import policy_json, policy_text

    made = recommend_policy(
        run, to, stages=stages, strength=strength, sample=sample or SAMPLE, only=only,
        overwrite=overwrite, progress=bars, **options,
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps(policy_json(made.policy, made.prevalence), indent=2, allow_nan=False))
        return
    click.echo(policy_text(made.policy, made.candidates, made.prevalence))
    click.echo(f"\npolicy: {made.folder}")
