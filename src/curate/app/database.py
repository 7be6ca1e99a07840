"""Whether FiftyOne will find a database, known before anything slow starts.

FiftyOne keeps its datasets in MongoDB: one that a person runs (``FIFTYONE_DATABASE_URI``), or a
mongod that FiftyOne starts itself from its own package. Left alone, FiftyOne waits 30 silent
seconds for the first and fails in the middle of the work for want of the second.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from curate.errors import DatabaseError

TIMEOUT_MS = 3000
"""How long an own MongoDB may take to answer."""


def find_mongod() -> Path | None:
    """The mongod that FiftyOne would start, or None if it is missing or does not run.

    FiftyOne looks in its own package only, not on PATH, and so does this. fiftyone itself is not
    imported.
    """
    spec = importlib.util.find_spec("fiftyone")
    if spec is None:
        return None
    name = "mongod.exe" if os.name == "nt" else "mongod"
    for root in spec.submodule_search_locations or ():
        mongod = Path(root) / "db" / "bin" / name
        if mongod.is_file() and mongod_version(mongod):
            return mongod
    return None


def mongod_version(mongod: Path) -> str:
    """What ``mongod --version`` calls itself, such as "6.0.5"; empty if it does not run."""
    try:
        done = subprocess.run([mongod, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    first = done.stdout.partition("\n")[0]
    return first.rpartition(" v")[2].strip() if done.returncode == 0 else ""


def database_uri() -> str | None:
    """The MongoDB a person chose, by environment or in FiftyOne's own config file."""
    if uri := os.environ.get("FIFTYONE_DATABASE_URI"):
        return uri
    config = os.environ.get("FIFTYONE_CONFIG_PATH") or Path.home() / ".fiftyone" / "config.json"
    try:
        content = json.loads(Path(config).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content.get("database_uri") if isinstance(content, dict) else None


def check_database() -> str:
    """Make sure that FiftyOne will find a database; returns a line that says which.

    Takes at most a few seconds and starts nothing.

    Raises:
        DatabaseError: the chosen MongoDB does not answer, or no mongod is installed.
    """
    if uri := database_uri():
        return _check_uri(uri)
    mongod = find_mongod()
    if mongod is None:
        raise DatabaseError(
            "Expected a working mongod inside the fiftyone package, found none. "
            "Run `curate doctor --fix`, or set FIFTYONE_DATABASE_URI to a MongoDB of your own."
        )
    return f"mongod {mongod_version(mongod)} at {mongod}"


def shown(uri: str) -> str:
    """A MongoDB address without its user, password and options."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _check_uri(uri: str) -> str:
    import pymongo
    from pymongo.errors import PyMongoError

    name = os.environ.get("FIFTYONE_DATABASE_NAME", "fiftyone")
    try:
        client: Any = pymongo.MongoClient(
            uri,
            serverSelectionTimeoutMS=TIMEOUT_MS,
            connectTimeoutMS=TIMEOUT_MS,
            socketTimeoutMS=TIMEOUT_MS,
        )
        try:
            version = client.server_info()["version"]
            # A server that asks for a password answers anyone's ping; only reading tells.
            client[name].list_collection_names()
        finally:
            client.close()
    # pymongo raises ValueError and its kin for options that it does not understand.
    except (PyMongoError, ValueError, TypeError) as error:
        raise DatabaseError(
            f"Expected a MongoDB at {shown(uri)}, found none that answers "
            f"({_first_words(error, uri)}). Start it, or correct FIFTYONE_DATABASE_URI, "
            "or unset it to use the mongod that comes with FiftyOne."
        ) from None  # the chained error would print the address with its password
    return f"MongoDB {version} at {shown(uri)}"


def _first_words(error: Exception, uri: str) -> str:
    """The gist of pymongo's long errors, without the password."""
    text = str(error).partition(", Timeout:")[0].partition(" (configured timeouts")[0]
    login = urlsplit(uri).netloc.rpartition("@")[0]
    password = login.partition(":")[2]
    for secret in (password, unquote(password)):
        if secret:
            text = text.replace(secret, "***")
    return text[:200]


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the warnings that fiftyone's own dependencies give about each other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def load_fiftyone() -> Any:
    """Import fiftyone, untracked and without its chatter, and return it.

    Environment variables count only before the first import; those that a person set stay.
    """
    os.environ.setdefault("FIFTYONE_DO_NOT_TRACK", "true")
    # Its only use is a notice that 6.0, the version of Voxel51's own wheel, grows old.
    os.environ.setdefault("FIFTYONE_DATABASE_VALIDATION", "false")
    with quiet():
        import fiftyone as fo
    fo.config.show_progress_bars = False
    logging.getLogger("fiftyone").setLevel(logging.WARNING)
    return fo


def connect() -> Any:
    """Check the database, import fiftyone and open the connection; returns fiftyone.

    Raises:
        DatabaseError: no database, or one that does not open.
    """
    found = check_database()
    fo = load_fiftyone()
    import psutil
    from fiftyone.core.service import ServiceException
    from pymongo.errors import PyMongoError

    failures = (PyMongoError, ServiceException, psutil.Error, OSError, RuntimeError)
    try:
        with quiet(), _dead_children_buried():
            fo.list_datasets()
    except (*failures, fo.core.config.FiftyOneConfigError) as error:
        died = isinstance(error, psutil.Error)
        what = "that it ended as it started" if died else f"{type(error).__name__}: {error}"
        raise DatabaseError(
            f"Expected FiftyOne to open its database ({found}), found {what[:200]}. See its log in "
            f"{Path(fo.config.database_dir) / 'log' / 'mongo.log'}, then run `curate doctor`."
        ) from error
    return fo


@contextmanager
def _dead_children_buried() -> Iterator[None]:
    """Let FiftyOne notice at once that the mongod it started has died.

    It looks for the port of its child for a minute, and a dead child is one without a port for as
    long as nobody asks for its exit code. So someone asks.
    """
    import psutil

    if not hasattr(os, "WNOHANG"):
        yield
        return
    me = psutil.Process()
    others = {child.pid for child in me.children()}
    opened = threading.Event()

    def bury() -> None:
        while not opened.wait(0.2):
            for child in me.children():
                if child.pid not in others:
                    with suppress(OSError):
                        os.waitpid(child.pid, os.WNOHANG)

    thread = threading.Thread(target=bury, daemon=True)
    thread.start()
    try:
        yield
    finally:
        opened.set()
        thread.join()
