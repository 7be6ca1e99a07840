"""``curate app``: open the App on a run again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Serve on this port [default: 5151, or the next free one].",
)
def app(run: Path, port: int | None) -> None:
    """Serve the FiftyOne App on RUN until Ctrl-C.

    RUN is the --run directory of a `curate analyze`. It is published first where that is due. The
    App has no password, so it listens on 127.0.0.1 only; the ssh line to reach it from another
    machine is printed.

    Example: curate app runs/pets
    """
    from curate.app.publish import publish
    from curate.app.session import pick_port, serve
    from curate.progress import bars
    from curate.store.run import Run

    opened = Run(run)
    opened.check_complete()
    pick_port(port)  # a port in use is better known before publishing than after
    publish(opened, bars)
    serve(opened, pick_port(port), say=click.echo)
