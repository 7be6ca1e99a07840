"""``curate plugin``: the panel and operators of curate in FiftyOne's plugins folder."""

from __future__ import annotations

import click


@click.group()
def plugin() -> None:
    """Put curate's plugin into FiftyOne's plugins folder, or take it out.

    `curate analyze` and `curate app` put it there themselves. It is a link to the installed
    curate; your other plugins stay as they are.

    \b
    Example:
      curate plugin status
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace


@plugin.command()
def install() -> None:
    """Put the plugin there, or renew it.

    \b
    Example:
      curate plugin install
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.app import plugin as plugins

    found = plugins.install()
    click.echo(f"{found.place}: {found.detail}")


@plugin.command()
def remove() -> None:
    """Take the plugin out again.

    \b
    Example:
      curate plugin remove
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.app import plugin as plugins

    found = plugins.remove()
    gone = "was not installed" if found.state == "absent" else f"removed {found.detail}"
    click.echo(f"{found.place}: {gone}")


@plugin.command()
def status() -> None:
    """Say whether the plugin is there and current.

    \b
    Example:
      curate plugin status
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    from curate.app import plugin as plugins

    found = plugins.look()
    click.echo(f"{found.state}: {found.detail} at {found.place}")
