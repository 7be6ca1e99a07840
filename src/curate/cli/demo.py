"""``curate demo``: real digits with planted faults, analysed; the first thing to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from curate.cli.analyze import analyze_and_show
from curate.cli.serving import Serving, app_options


@click.command()
@click.option("--to", type=click.Path(path_type=Path), default=Path("demo"), show_default=True,
              help="Where the digits and the run are written.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is planted.")
@click.option("--loop", is_flag=True, help="Go all the way: train a small model, analyse, write "
              "what to train on, train again, compare. A few minutes.")  # fmt: skip
@app_options
def demo(to: Path, seed: int, loop: bool, serving: Serving) -> None:
    """Write scikit-learn's digits with planted faults, analyse them, open the App.

    With --loop each step is shown with the command that does the same on images of your own. Run
    again, it goes on where it was.

    \b
    Examples:
      curate demo --to demo --no-app
      curate demo --loop --no-app
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.data.digits import write_digits

    home = to.expanduser().absolute()
    if loop:
        serving.check()
    planted = write_digits(home / "data", seed)

    def found(run: Any) -> str:
        from curate.pipeline.summary import planted_report

        return "What was planted, and what was found of it:\n" + planted_report(run, planted)

    if loop:
        _loop(home, seed, found, serving)
    else:
        analyze_and_show(
            home / "data", home / "run", serving, False, after=found, model="hog", seed=seed
        )


def _loop(home: Path, seed: int, found: Any, serving: Serving) -> None:
    """Do all of it, and show the run of the second model."""
    from curate.pipeline.loop import Options, close_the_loop
    from curate.progress import bars

    done = close_the_loop(
        home / "data", home / "loop", Options(seed=seed), say=click.echo, progress=bars
    )
    click.echo("\n" + found(done.found))
    dataset = serving.publish(done.after)
    click.echo(f"\nrun: {done.after.path}\nFiftyOne dataset: {dataset}")
    if serving.no_app:
        click.echo(f"open it with: curate app {done.after.path}")
    serving.serve(done.after)
