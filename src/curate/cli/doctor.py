"""``curate doctor``: is everything here that curate needs, and if not, what to do."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import click

from curate.errors import CurateError, DatabaseError, SessionError
from curate.pipeline import doctor as checks
from curate.pipeline.doctor import Check
from curate.progress import log

OWN_MONGODB = (
    "start a MongoDB of version 6.0 or newer and set FIFTYONE_DATABASE_URI to its address, or "
    "reinstall fiftyone-db where its download host can be reached"
)


@click.command()
@click.option("--fix", is_flag=True, help="Install a mongod where none works.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@click.pass_context
def doctor(ctx: click.Context, fix: bool, as_json: bool) -> None:
    """Check Python, torch, GPU, database, write access, disk and port.

    Prints one line each, with the cure. Exit code 0 if nothing failed, else 1.

    \b
    Examples:
      curate doctor
      curate doctor --fix
    """  # noqa: D301 - click knows a paragraph not to be wrapped by a real backspace
    found = []
    for check in all_checks(fix):
        found.append(check)
        if not as_json:
            click.echo(check.line())
    fine = not any(check.status == "fail" for check in found)
    if as_json:
        click.echo(json.dumps({"ok": fine, "checks": [asdict(one) for one in found]}, indent=2))
    ctx.exit(0 if fine else 1)


def all_checks(fix: bool) -> Iterator[Check]:
    """Every check, as soon as it is done."""
    folders = [Path.cwd(), Path.home()]  # runs go to the one, FiftyOne's database to the other
    yield checks.check_python()
    log.info("importing torch in a fresh interpreter, which takes some seconds")
    yield from checks.check_torch()
    yield cure_database() if fix else check_mongod()
    yield checks.check_writable(folders)
    yield checks.check_disk(folders)
    yield check_port()


def check_mongod() -> Check:
    """Will FiftyOne find a database?"""
    from curate.app.database import check_database, database_uri

    try:
        return Check("mongod", "ok", check_database())
    except DatabaseError as error:
        if database_uri():
            return Check("mongod", "fail", str(error))  # it says what to do
    cure = OWN_MONGODB if checks.wheel_obstacle() else "curate doctor --fix"
    return Check("mongod", "fail", "none that works inside the fiftyone package", cure)


def cure_database(install: Callable[[], None] = checks.install_mongod) -> Check:
    """Check the database and, where FiftyOne would start its own mongod but has none, install it.

    A database that a person chose is theirs: it is asked, and nothing is installed.
    """
    from curate.app.database import database_uri

    before = check_mongod()
    if before.status == "ok" or database_uri():
        return before
    if obstacle := checks.wheel_obstacle():
        found = f"none that works, and {checks.DATABASE_WHEEL} would not run: {obstacle}"
        return Check("mongod", "fail", found, OWN_MONGODB)
    try:
        install()
    except CurateError as error:
        return Check("mongod", "fail", str(error), f"or {OWN_MONGODB}")
    after = check_mongod()
    if after.status == "ok":
        return after
    found = f"{checks.DATABASE_WHEEL} is installed, but its mongod does not run{_last_words()}"
    return Check("mongod", "fail", found, f"install what it lacks, or {OWN_MONGODB}")


def check_port() -> Check:
    """Is there a port for the App?"""
    from curate.app.session import DEFAULT_PORT, pick_port

    try:
        port = pick_port(None)
    except SessionError as error:
        return Check("port", "fail", str(error))
    if port == DEFAULT_PORT:
        return Check("port", "ok", f"{port} is free")
    return Check("port", "ok", f"{DEFAULT_PORT} is in use, the App takes {port}")


def _last_words() -> str:
    """What the installed mongod says instead of its version, such as a library that it misses."""
    spec = importlib.util.find_spec("fiftyone")
    for root in (spec and spec.submodule_search_locations) or ():
        mongod = Path(root) / "db" / "bin" / "mongod"
        try:
            done = subprocess.run([mongod, "--version"], capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f" ({error})"
        return f" ({done.stderr.strip().splitlines()[-1]})" if done.stderr.strip() else ""
    return ""
