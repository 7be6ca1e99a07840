"""``curate policy``: which augmentations a run's images ask for, with the evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from curate.cli.completion import file_names
from curate.cli.durations import DURATION
from curate.cli.machine import machine_options


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--stages", type=click.IntRange(1), default=3, show_default=True,
              help="Of the policy: the first has none of it, the last all.")  # fmt: skip
@click.option("--strength", type=click.Choice(["auto", "light", "strong"]), default="auto",
              show_default=True, help="How often and how far images are changed.")  # fmt: skip
@click.option("--to", type=click.Path(path_type=Path),
              help="A new directory.  [default: RUN/policy]")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an earlier policy at --to.")
@click.option("--sample", type=click.IntRange(1),
              help="Train images, and held-out ones, changed in every "
              "way.  [default: 240]")  # fmt: skip
@click.option("--only", multiple=True, metavar="NAME", help="This transform alone; again for more.")
@click.option("--judge", metavar="FILE", shell_complete=file_names,
              help="Judge this policy in place of making one: policy.json, a YAML or JSON file of "
              "albumentations, or a name of timm's such as rand-m9-n3-mstd0.5.")  # fmt: skip
@click.option("--verify", "with_verify", is_flag=True, help="Then train with and without what is "
              "recommended, and withdraw it where that hurts; see `curate verify`.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(2), help="Of --verify.  [default: 5]")
@click.option("--budget", type=DURATION, metavar="TIME",
              help="Of --verify, such as 30m.  [default: as long as it takes]")  # fmt: skip
@machine_options("as the analysis")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def policy(
    run_dir: Path, stages: int, strength: str, to: Path | None, overwrite: bool, sample: int | None,
    only: tuple[str, ...], judge: str | None, with_verify: bool, seeds: int | None,
    budget: float | None, device: str | None, batch_size: int | None, workers: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Recommend augmentations for RUN, each with its evidence, or judge a policy that you have.

    Every transform is tried on a sample of the images: how much accuracy falls on changed images,
    how often val and test show the like, whether changed images still are of their class, and
    what training on them would bring. A class whose images a transform turns into another is
    excluded from it by name. Nothing recommended is also an answer.

    Written are policy.json, its forms for albumentations and torchvision, and the evidence as
    policy_evidence.parquet. Changed images are embedded once: the next call with other options
    takes them from the run. What a verification withdrew stays withdrawn, and is shown.

    \b
    Examples:
      curate policy runs/pets
      curate policy runs/pets --strength light --stages 1 --to policies/pets
      curate policy runs/pets --only rotate --only vertical_flip
      curate policy runs/pets --verify --budget 30m
      curate policy runs/pets --judge rand-m9-n3-mstd0.5
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.pipeline.augmenting import SAMPLE
    from curate.progress import bars
    from curate.store.run import Run

    options = {"device": device, "batch_size": batch_size, "workers": workers}
    run = Run(run_dir)
    if (seeds is not None or budget is not None) and not with_verify:
        raise click.UsageError("--seeds and --budget are those of --verify; give it too.")
    if judge is not None:
        if with_verify:
            raise click.UsageError("--judge prints its verdicts: leave out --verify.")
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
    from curate.board.policy import policy_of
    from curate.pipeline.policy import recommend_policy
    from curate.pipeline.policy_text import policy_json, policy_text
    from curate.pipeline.verifying.withdrawing import carry_over, withdrawn_text
    from curate.recipe.policy import read_policy

    before = policy_of(run)
    made = recommend_policy(
        run, to, stages=stages, strength=strength, sample=sample or SAMPLE, only=only,
        overwrite=overwrite, progress=bars, **options,
    )  # fmt: skip
    kept = carry_over(before, made.folder)
    if not as_json:
        click.echo(policy_text(kept, made.candidates, made.prevalence))
        click.echo(withdrawn_text(kept), nl=False)
        click.echo(f"\npolicy: {made.folder}")
    report: dict[str, Any] | None = None
    if with_verify:
        from curate.pipeline.verifying.asked import Asked
        from curate.pipeline.verifying.recommended import verify_recommended
        from curate.pipeline.verifying.text import verification_text

        asked = Asked(seeds=5 if seeds is None else seeds, budget=budget)
        done = verify_recommended(
            run, kept, made.folder, asked, device=device, workers=workers, progress=bars
        )
        report = None if done is None else done.report
        if not as_json:
            said = "nothing is recommended, so there is nothing to verify"
            click.echo("\n" + (said if done is None else verification_text(done.report, done.to)))
    if as_json:
        kept = read_policy(made.folder / "policy.json")
        found = policy_json(kept, made.prevalence)
        if with_verify:
            found["verification"] = report
        click.echo(json.dumps(found, indent=2, allow_nan=False))
