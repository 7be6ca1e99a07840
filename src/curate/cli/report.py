"""``curate report``: a run as one file, for those without the App."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--open", "open_it", is_flag=True, help="Show it in the browser.")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="The file.  [default: RUN/report.html; md and json are printed]",
)
@click.option(
    "--format",
    type=click.Choice(["html", "md", "json"]),
    default="html",
    show_default=True,
    help="A page for people, a comment for a pull request, or values for a program.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file in --to that is no report, too.")
def report(
    run: Path, open_it: bool, to: Path | None, format: str, overwrite: bool
) -> None:  # fmt: skip
    """Write the report of RUN: how good, where does it fail, what to do first.

    The page is one file without any other: mail it, or keep it with what a CI run leaves. Every
    `curate analyze` writes it; this command writes it again, with what people have decided since
    and the policy made since.

    \b
    Examples:
      curate report runs/pets --open
      curate report runs/pets --format md --to comment.md
    """  # noqa: D301 - click wants the control character itself, which keeps the lines apart
    from curate.pipeline.report import report_text, write_report
    from curate.store.run import Run

    if open_it and format != "html":
        raise click.UsageError(f"--open shows a page, and --format {format} is none.")
    opened = Run(run)
    if to is None and format != "html":
        opened.check_complete()
        click.echo(report_text(opened, format), nl=False)
        return
    path = write_report(opened, to, format, overwrite)
    click.echo(f"report: {path}")
    if open_it and not show(path):
        raise click.ClickException(
            f"Expected a browser to open the report in, found none. Open {path} where there is one."
        )


def show(path: Path) -> bool:
    """Open a file in the person's browser; whether there is one."""
    import webbrowser

    return webbrowser.open(path.as_uri())
