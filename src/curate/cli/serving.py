"""The options of every command that publishes to the database and may serve the App."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

LOOPBACK = ("127.0.0.1", "localhost")
CONFESSION = "--i-know-the-app-has-no-password"


@dataclass(frozen=True)
class Serving:
    """What a person said about the App.

    Attributes:
        no_app: do not open it.
        port: to listen on; None takes 5151, or the next free one.
        address: to listen on.
        with_embeddings: publish the embeddings too.
    """

    no_app: bool = False
    port: int | None = None
    address: str = LOOPBACK[0]
    with_embeddings: bool = False

    def check(self) -> None:
        """Raise now what would be wrong with database or port after the work.

        Raises:
            DatabaseError: no database answers.
            SessionError: nothing can listen there.
        """
        from curate.app.database import check_database

        check_database()
        if not self.no_app:
            from curate.app.session import pick_port

            pick_port(self.port, self.address)

    def publish(self, run: Any) -> str:
        """Publish a run; returns the name of its dataset."""
        from curate.app.publish import publish
        from curate.progress import bars

        return publish(run, bars, self.with_embeddings)

    def serve(self, run: Any) -> None:
        """Open the App on a published run, if it is wanted, until someone says stop."""
        if not self.no_app:
            from curate.app.session import pick_port, serve

            serve(run, pick_port(self.port, self.address), self.address, say=click.echo)


def serving_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All options about the App as one argument `serving`."""

    @wraps(command)
    def call(
        *args: Any, port: int | None, address: str, with_embeddings: bool, no_app: bool = False,
        **options: Any,
    ) -> Any:  # fmt: skip
        serving = Serving(no_app, port, address, with_embeddings)
        return command(*args, serving=serving, **options)

    decorated: Callable[..., Any] = call
    for option in (
        click.option(
            "--with-embeddings",
            is_flag=True,
            help="Put the embeddings into the database, for FiftyOne's own similarity search.",
        ),
        click.option(CONFESSION, is_flag=True, is_eager=True, callback=_confess, hidden=True,
                     expose_value=False),
        click.option(
            "--address",
            default=LOOPBACK[0],
            callback=_wide,
            show_default=True,
            help="Where the App listens. It has no password.",
        ),
        click.option(
            "--port",
            type=click.IntRange(1, 65535),
            help="Of the App; if it is in use, the next free one.  [default: 5151]",
        ),
        database_option,
    ):  # fmt: skip
        decorated = option(decorated)
    return decorated


def app_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The same, and ``--no-app``, for commands whose first purpose is another."""
    no_app = click.option("--no-app", is_flag=True, help="Publish, but do not open the App.")
    return no_app(serving_options(command))


def database_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--database-uri``, which is used and recorded nowhere."""
    return click.option(
        "--database-uri",
        callback=_use_database,
        expose_value=False,
        is_eager=True,
        metavar="URI",
        help="A MongoDB of your own. Others on this machine can read a command line: with a "
        "password, set FIFTYONE_DATABASE_URI instead.",
    )(command)


def _use_database(context: click.Context, option: click.Parameter, given: str | None) -> None:
    if given is not None:
        os.environ["FIFTYONE_DATABASE_URI"] = given  # read when fiftyone is first imported


def _confess(context: click.Context, option: click.Parameter, given: bool) -> None:
    context.meta[CONFESSION] = given


def _wide(context: click.Context, option: click.Parameter, given: str) -> str:
    """Refuse an address that others can reach, unless a person says that they know."""
    if given not in LOOPBACK and not context.meta.get(CONFESSION):
        raise click.UsageError(
            f"Expected an address of this machine alone, such as {LOOPBACK[0]}, found {given}. "
            "The App has no password: whoever reaches it can read every file that you can, and "
            f"run operators. Leave --address away and come by ssh, or add {CONFESSION}."
        )
    return given
