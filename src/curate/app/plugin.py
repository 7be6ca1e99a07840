"""The plugin in FiftyOne's plugins folder: put there, renewed, taken away.

FiftyOne looks for plugins in one folder and has no other way to learn of them. A link into that
folder leaves a person's other plugins as they are. Where links are refused, a copy goes there,
which a mark in it tells from anything that a person made.
"""

from __future__ import annotations

import filecmp
import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from curate.app.database import load_fiftyone
from curate.errors import CurateError, SessionError
from curate.progress import log

PACKAGE = "curate_plugin"
FOLDER = "curate"
"""What the plugin is called among the plugins of a person."""

PLUGIN = "@curate/curate"
"""What FiftyOne calls it, as in fiftyone.yml."""

_COPY_MARK = ".copied-by-curate"
_CHECKOUT = ("plugins", "curate")
"""How the plugin's folder ends in a checkout; in a wheel it is called like the package."""


@dataclass(frozen=True)
class Installed:
    """What lies in the plugins folder.

    Attributes:
        place: where the plugin is to be.
        state: "current", "absent", "stale" (ours, of another or an older curate) or "foreign".
        detail: what is there, in words.
    """

    place: Path
    state: str
    detail: str


def plugin_folder() -> Path:
    """Where this curate has its plugin.

    Raises:
        CurateError: the installation is incomplete.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (Path(folder) / "fiftyone.yml").is_file():
            return Path(folder).resolve()
    raise CurateError(
        f"Expected the package {PACKAGE} beside curate, found none. Install curate again: "
        "`make install` in a checkout, else pip."
    )


def plugins_dir() -> Path:
    """FiftyOne's plugins folder: its default, its config file's, or FIFTYONE_PLUGINS_DIR."""
    return Path(load_fiftyone().config.plugins_dir).expanduser().absolute()


def look(plugins: Path | None = None) -> Installed:
    """Say what lies where the plugin is to be."""
    place = (plugins or plugins_dir()) / FOLDER
    ours = plugin_folder()
    if place.is_symlink():
        target = place.parent / place.readlink()
        if place.exists() and place.resolve() == ours:
            return Installed(place, "current", f"a link to {ours}")
        state = "stale" if _is_ours(target) else "foreign"
        return Installed(place, state, f"a link to {target}")
    if not place.exists():
        return Installed(place, "absent", "nothing")
    if not (place / _COPY_MARK).is_file():
        return Installed(place, "foreign", "a folder" if place.is_dir() else "a file")
    state = "current" if _same(ours, place) else "stale"
    return Installed(place, state, f"a copy of {ours}" if state == "current" else "an older copy")


def install(plugins: Path | None = None) -> Installed:
    """Put the plugin into FiftyOne's plugins folder, or renew it; nothing happens if it is there.

    Raises:
        SessionError: something of another's has the name, or the folder cannot be written.
    """
    found = look(plugins)
    if found.state == "current":
        return found
    _refuse_foreign(found, "installed")
    ours = plugin_folder()
    try:
        found.place.parent.mkdir(parents=True, exist_ok=True)
        if found.state == "stale":
            _take_away(found.place)
        _put(ours, found.place)
    except OSError as error:
        raise SessionError(
            f"Expected to write the plugin to {found.place}, found: {error.strerror or error}. "
            "Make FiftyOne's plugins folder writable, or choose another by FIFTYONE_PLUGINS_DIR."
        ) from error
    log.info("plugin: the panel and operators of curate are at %s", found.place)
    return look(plugins)


def remove(plugins: Path | None = None) -> Installed:
    """Take the plugin out of FiftyOne's plugins folder; returns what was there.

    Raises:
        SessionError: what has the name is not ours.
    """
    found = look(plugins)
    _refuse_foreign(found, "removed")
    if found.state != "absent":
        _take_away(found.place)
    return found


def _refuse_foreign(found: Installed, verb: str) -> None:
    if found.state == "foreign":
        raise SessionError(
            f"Expected nothing or curate's own plugin at {found.place}, found {found.detail} that "
            f"curate did not make; nothing was {verb}. Move it elsewhere, or choose another folder "
            "by FIFTYONE_PLUGINS_DIR."
        )


def _is_ours(target: Path) -> bool:
    """Whether a link leads to a plugin of curate, of another checkout or one that is gone."""
    yml = target / "fiftyone.yml"
    if yml.is_file():
        return f'"{PLUGIN}"' in yml.read_text("utf-8")
    return not target.exists() and (target.name == PACKAGE or target.parts[-2:] == _CHECKOUT)


def _put(ours: Path, place: Path) -> None:
    """A link if that is allowed, else a copy; whole or not at all."""
    # Hidden names, which FiftyOne does not look into.
    aside = Path(tempfile.mkdtemp(prefix=".curate-", dir=place.parent))
    try:
        fresh = aside / FOLDER
        try:
            fresh.symlink_to(ours, target_is_directory=True)
        # Windows without the right to make links, or a system that has none.
        except (OSError, NotImplementedError):
            shutil.copytree(ours, fresh, ignore=shutil.ignore_patterns("__pycache__"))
            (fresh / _COPY_MARK).touch()
        fresh.replace(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _take_away(place: Path) -> None:
    if place.is_symlink():
        place.unlink()
    else:
        shutil.rmtree(place)


def _same(ours: Path, copy: Path) -> bool:
    names = [path.name for path in ours.iterdir() if path.is_file()]
    same, _, _ = filecmp.cmpfiles(ours, copy, names, shallow=False)
    there = {path.name for path in copy.iterdir() if path.is_file()} - {_COPY_MARK}
    return set(same) == set(names) == there
