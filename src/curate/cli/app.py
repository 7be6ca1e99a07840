"""``curate app``: open the App on a run again."""

from __future__ import annotations

from pathlib import Path

import click

from curate.cli.serving import Serving, serving_options


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@serving_options
def app(run: Path, serving: Serving) -> None:
    """Serve the FiftyOne App on RUN until Ctrl-C.

    RUN is the --run directory of a `curate analyze`. It is published first where that is due. The
    App has no password, so it listens on 127.0.0.1 only; the ssh line to reach it from another
    machine is printed.

    \b
    Examples:
      curate app runs/pets
      curate app runs/pets --port 5152 --database-uri mongodb://127.0.0.1:27017
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.store.run import Run

    opened = Run(run)
    opened.check_complete()
    serving.check()
    serving.publish(opened)
    serving.serve(opened)
