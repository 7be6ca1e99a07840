"""``curate inspect``: what a dataset holds and what is odd about it, without a model."""

from __future__ import annotations

import json
from typing import Any

import click

from curate.cli.counts import CountOr
from curate.cli.sources import chosen, given_table, source_options


@click.command()
@source_options
@click.option("--sample", type=CountOr("all"), default="2000", show_default=True,
              help="Images whose pixels are looked at, or all.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def inspect(data: str | None, sample: int | None, seed: int, as_json: bool, **options: Any) -> None:
    """Say what DATA holds and what is odd about it. Nothing is written.

    Counts and sizes of splits and classes, groups that straddle splits, byte-identical files,
    images that cannot be read, percentiles of size, brightness, contrast, sharpness and entropy,
    and the classes that deserve a look, with reasons. DATA and its options are those of
    `curate analyze`. Every file is read, but only a sample of the images is decoded.

    \b
    Examples:
      curate inspect data/pets
      curate inspect data/pets --sample all --json > facts.json
      curate inspect --manifest train.csv --manifest test.csv --image-root images
      curate inspect data/masks --group-pattern '(?P<group>[0-9]+)_(?P<gender>[a-z]+)_.*/'
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.pipeline.facts_text import facts_text
    from curate.pipeline.inspect import inspect as inspect_source
    from curate.pipeline.settings import Settings
    from curate.progress import bars

    source = Settings.of(data, **chosen(options)).source
    facts = inspect_source(source, given_table(source), sample, seed, bars)
    click.echo(json.dumps(facts, indent=2, allow_nan=False) if as_json else facts_text(facts))
