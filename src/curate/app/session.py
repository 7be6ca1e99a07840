"""Serving the App: on a port of our own, to this machine only, until someone says stop.

The App has no password: whoever reaches the port can read any file that the server's user can. So
it listens on 127.0.0.1, and from elsewhere one comes through ssh.
"""

from __future__ import annotations

import errno
import getpass
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from curate.app.database import connect, quiet
from curate.app.names import WORKSPACE, dataset_name
from curate.app.plugin import install
from curate.app.views import found_view
from curate.errors import SessionError
from curate.progress import log
from curate.store.run import Run

DEFAULT_PORT = 5151
LARGE = 5000
"""Images up to which the App opens on all of them."""

UNTRUE_SCORES = ("split_leak", "label_conflict")
"""Findings that make the scores of a split say less than they seem to."""

IN_USE = "in use"
_PORTS_TO_TRY = 100
_SECONDS_TO_START = 60


def pick_port(port: int | None, address: str = "127.0.0.1") -> int:
    """The port to serve on: the one asked for (5151 by default), or else the next free one.

    FiftyOne would silently join whatever App already answers on a busy port.

    Raises:
        SessionError: nothing may listen there, or no port after it is free.
    """
    wanted = DEFAULT_PORT if port is None else port
    if not (problem := _cannot_listen(wanted, address)):
        return wanted
    if problem != IN_USE:
        raise SessionError(
            f"Expected to listen on port {wanted} of {address}, found it {problem}. "
            "Give another --port, or leave --port and --address away."
        )
    for candidate in range(wanted + 1, min(wanted + _PORTS_TO_TRY, 65536)):
        if not _cannot_listen(candidate, address):
            log.warning("app: port %d is in use, taking %d", wanted, candidate)
            return candidate
    raise SessionError(
        f"Expected a free port from {wanted} to {wanted + _PORTS_TO_TRY - 1}, "
        "found none. Give one with --port."
    )


def ssh_line(port: int) -> str:
    """The command that brings the App to the machine in front of a person."""
    # Inside ssh, the address by which the person reached this machine is known to work.
    parts = os.environ.get("SSH_CONNECTION", "").split()
    host, ssh_port = (parts[2], parts[3]) if len(parts) == 4 else (socket.gethostname(), "22")
    option = "" if ssh_port == "22" else f"-p {ssh_port} "
    return f"ssh -N {option}-L {port}:127.0.0.1:{port} {getpass.getuser()}@{host}"


def serve(
    run: Run,
    port: int,
    address: str = "127.0.0.1",
    say: Callable[[str], object] | None = None,
) -> None:
    """Serve the App on the run's workspace until Ctrl-C or SIGTERM.

    Opens no browser: the machine may have none. `port` should come from `pick_port`.

    Args:
        run: a published run.
        port: the port to listen on.
        address: the address to listen on; anything wider than this machine has no password.
        say: where the address is told; stdout by default.

    Raises:
        SessionError: the run is not published, the plugin cannot be installed, or the App's server
            does not start.
        DatabaseError: no database answers.
    """
    fo = connect()
    name = dataset_name(run)
    if not fo.dataset_exists(name):
        raise SessionError(
            f"Expected the dataset {name} of {run.path}, found none. "
            f"Run `curate app {run.path}`, which publishes it first."
        )
    install()
    with _stoppable():
        server = start_server(port, address)
        session = None
        try:
            session = open_session(fo, run, name, port, address)
            _tell(say or _to_stdout, port, address, name)
            session.wait(-1)
        except KeyboardInterrupt:
            log.info("app: stopped")
        finally:
            # A second Ctrl-C must not leave the server behind with the port.
            with _deaf():
                if session is not None:
                    session.close()
                server.stop()


def start_server(port: int, address: str) -> Any:
    """Start the App's server and wait until it answers.

    A session starts one by itself, but looks for it too early: on a slow machine it then prints
    that it cannot connect, and sits out ten seconds in which a browser finds an empty App.
    """
    import requests
    from fiftyone.core.service import ServerService, ServiceException

    try:
        with quiet():
            server = ServerService(port, address=address, do_not_track=True)
    except ServiceException as error:
        raise SessionError(
            f"Expected the App to listen on {address}:{port}, found {type(error).__name__}. "
            "Give another --port."
        ) from error
    deadline = time.monotonic() + _SECONDS_TO_START
    while True:
        try:
            requests.get(f"http://{address}:{port}/fiftyone", timeout=2).raise_for_status()
        except requests.RequestException as error:
            if time.monotonic() > deadline:
                server.stop()
                raise SessionError(
                    f"Expected the App to answer on {address}:{port} within "
                    f"{_SECONDS_TO_START} s, found {type(error).__name__}. Start it again."
                ) from error
            time.sleep(0.1)
        else:
            return server


def first_view(run: Run, images: int) -> str | None:
    """The saved view that a large dataset opens on: nobody finds anything in all of its images.

    What makes the scores untrue goes first, then the kind with most findings.

    Args:
        run: a published run.
        images: in the dataset.
    """
    flagged = {
        kind: int(info.get("flagged", 0)) for kind, info in run.info.get("detectors", {}).items()
    }
    if images <= LARGE or not any(flagged.values()):
        return None
    first = [kind for kind in UNTRUE_SCORES if flagged.get(kind)]
    return found_view(first[0] if first else max(flagged, key=lambda kind: flagged[kind]))


def open_session(fo: Any, run: Run, name: str, port: int, address: str) -> Any:
    """Tell the App's server that answers on a port which dataset and workspace to show."""
    from fiftyone.core.context import is_notebook_context

    # At every reload of the page, FiftyOne warns of options that it sent itself.
    logging.getLogger("fiftyone.core.config").setLevel(logging.ERROR)
    with quiet():
        dataset = fo.load_dataset(name)
        spaces = dataset.load_workspace(WORKSPACE) if dataset.has_workspace(WORKSPACE) else None
        wanted = first_view(run, len(dataset))
        there = wanted is not None and dataset.has_saved_view(wanted)
        view = dataset.load_saved_view(wanted) if there else None
        with _no_second_server():
            return fo.launch_app(
                dataset,
                view=view,
                spaces=spaces,
                port=port,
                address=address,
                remote=not is_notebook_context(),  # there it is no choice, and opens no browser
                auto=False,
            )


@contextmanager
def _no_second_server() -> Iterator[None]:
    """Keep a session from starting a server, and from complaining that it did not."""
    os.environ["FIFTYONE_DISABLE_SERVICES"] = "1"
    try:
        yield
    finally:
        del os.environ["FIFTYONE_DISABLE_SERVICES"]


def _tell(say: Callable[[str], object], port: int, address: str, name: str) -> None:
    say(f"The App shows dataset {name} at http://{address}:{port}/")
    say(f"From another machine: {ssh_line(port)}")
    say("Ctrl-C ends it; tags and labels stay. `curate export` reads them.")


def _to_stdout(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()  # whoever reads our output through a pipe waits for this line


def _cannot_listen(port: int, address: str) -> str:
    """Why nothing can listen there; empty if something can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            # As the App's server does: connections closed a minute ago do not count as use.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OverflowError:
            return "outside 0 to 65535"
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return IN_USE
            return f"closed to us ({error.strerror})"
    return ""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does."""

    def stop(number: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _deaf() -> Iterator[None]:
    """Ignore further signals while cleaning up."""
    kept = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
