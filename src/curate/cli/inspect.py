"""``curate inspect``: what a dataset holds and what is odd about it, without a model."""

from __future__ import annotations

import json
from typing import Any

import click

from curate.cli.sources import chosen, given_table, source_options


class Sample(click.ParamType[int]):
    """A positive number, or "all" as 0."""

    name = "n|all"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Read one value."""
        if value == "all":
            return 0
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1:
            self.fail(f"expected all or a number of at least 1, found {value!r}", param, ctx)
        return number


@click.command()
@source_options
@click.option("--sample", type=Sample(), default="2000", show_default=True,
              help="Images whose pixels are looked at, or all.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def inspect(data: str | None, sample: int, seed: int, as_json: bool, **options: Any) -> None:
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
    facts = inspect_source(source, given_table(source), sample or None, seed, bars)
    click.echo(json.dumps(facts, indent=2, allow_nan=False) if as_json else facts_text(facts))
