"""``curate demo``: real digits with planted faults, analysed; the first thing to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from curate.cli.analyze import analyze_and_show
from curate.cli.serving import Serving, app_options


@click.command()
@click.option("--to", type=click.Path(path_type=Path), default=Path("demo"), show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@app_options
def demo(to: Path, seed: int, serving: Serving) -> None:
    """Write scikit-learn's digits with planted faults, analyse them, open the App.

    Example: curate demo --to demo --no-app
    """
    from curate.data.digits import write_digits

    data = to.expanduser().absolute() / "data"
    planted = write_digits(data, seed)

    def found(run: Any) -> str:
        from curate.pipeline.summary import planted_report

        return "What was planted, and what was found of it:\n" + planted_report(run, planted)

    analyze_and_show(data, to / "run", serving, False, after=found, model="hog", seed=seed)
