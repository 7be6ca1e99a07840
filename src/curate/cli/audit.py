"""``curate audit``: how often a kind of finding is right, on your data."""

from __future__ import annotations

import json
from pathlib import Path

import click

from curate.cli.serving import Serving, app_options


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--kind", required=True, help="Of the findings, such as label_error.")
@click.option("-n", "--images", type=click.IntRange(4), default=60, show_default=True,
              help="How many to draw.")  # fmt: skip
@click.option("--again", is_flag=True, help="Draw other images.")
@app_options
@click.option("--json", "as_json", is_flag=True, help="Print the estimates as JSON.")
def audit(
    run_dir: Path, kind: str, images: int, again: bool, serving: Serving, as_json: bool
) -> None:
    """Draw a random sample of flagged and unflagged images of RUN for you to judge in the App.

    Tag each image of the saved view "audit: KIND" with KIND:yes or KIND:no, and give the same
    command again: it prints precision and recall with 95 % intervals. Half of the sample is
    flagged, a quarter was nearest to it, a quarter is any other image.

    \b
    Example:
      curate audit runs/pets --kind label_error
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.app.audit import audit_tags, judgements
    from curate.pipeline.audit import audit_text, audited, draw, record
    from curate.store.run import Run

    run = Run(run_dir)
    run.check_complete()
    serving.check()
    said = judgements(run, kind)
    drawn = draw(run, kind, images, again)
    record(run, kind, said)
    serving.publish(run)
    found = audited(run, kind)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(audit_text(kind, found))
        if found["judged"] < len(drawn):
            tags = " or ".join(audit_tags(kind))
            click.echo(f'Tag the images of the saved view "audit: {kind}" with {tags}.')
    serving.serve(run)
