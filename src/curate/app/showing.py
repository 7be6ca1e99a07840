"""The App beside a notebook or an interactive Python: it is served while Python goes on."""

from __future__ import annotations

import atexit
from html import escape
from typing import Any

from curate.app.database import connect
from curate.app.plugin import install
from curate.app.publish import publish
from curate.app.session import open_session, pick_port, ssh_line, start_server
from curate.progress import Progress, silent
from curate.store.run import Run

HEIGHT = 800
"""Of the App in a notebook, in pixels."""


class Shown:
    """The App as it is served on a run, until `close` or the end of Python.

    Attributes:
        url: where a browser on this machine finds it.
        dataset: the name of the FiftyOne dataset that it shows.
    """

    def __init__(self, server: Any, session: Any, url: str, dataset: str, port: int) -> None:
        """Take over what was started."""
        self._server, self._session, self._port = server, session, port
        self.url, self.dataset = url, dataset
        atexit.register(self.close)

    @property
    def is_open(self) -> bool:
        """Whether it is still served."""
        return self._server is not None

    def close(self) -> None:
        """Stop serving it; what people did in it stays. A second time does nothing."""
        if self._server is None:
            return
        server, self._server = self._server, None
        atexit.unregister(self.close)
        try:
            self._session.close()
        finally:
            server.stop()

    def __repr__(self) -> str:
        """Where it is, or that it is closed."""
        if not self.is_open:
            return f"the App on dataset {self.dataset}, closed"
        return (
            f"The App shows dataset {self.dataset} at {self.url}\n"
            f"From another machine: {ssh_line(self._port)}\n"
            "close() ends it; tags and labels stay."
        )

    def _repr_html_(self) -> str:
        """The App itself, in the page of a notebook."""
        if not self.is_open:
            return f"<p>{escape(repr(self))}</p>"
        return (
            f'<iframe src="{escape(self.url)}" width="100%" height="{HEIGHT}" '
            f'style="border: 0"></iframe><pre>{escape(repr(self))}</pre>'
        )


def show(
    run: Run, port: int | None = None, address: str = "127.0.0.1", progress: Progress = silent
) -> Shown:
    """Publish a run where that is due, and serve the App on it without waiting.

    Args:
        run: a finished run.
        port: to listen on; None takes 5151, or the next free one.
        address: to listen on; anything wider than this machine has no password.
        progress: for the bars.

    Raises:
        DatabaseError: no database answers.
        SessionError: nothing can listen there, or the App's server does not start.
        RunError: the run is not finished.
    """
    run.check_complete()
    fo = connect()
    chosen = pick_port(port, address)
    name = publish(run, progress)
    install()
    server = start_server(chosen, address)
    try:
        session = open_session(fo, run, name, chosen, address)
    except BaseException:
        server.stop()
        raise
    return Shown(server, session, f"http://{address}:{chosen}/", name, chosen)
