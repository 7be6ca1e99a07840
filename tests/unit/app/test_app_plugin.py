"""The plugin is put among a person's other plugins, and nothing of theirs is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.app.plugin import FOLDER, install, look, plugin_folder, remove
from curate.errors import SessionError


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    other = tmp_path / "plugins" / "other"
    other.mkdir(parents=True)
    (other / "fiftyone.yml").write_text("name: other\n")
    return other.parent


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def refuse_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError("a required privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", refuse)


def test_it_is_linked_beside_the_others_once(plugins: Path) -> None:
    assert look(plugins).state == "absent"
    assert install(plugins).state == "current"
    place = plugins / FOLDER
    assert place.is_symlink()
    assert place.resolve() == plugin_folder()
    stamp = place.lstat().st_mtime_ns
    assert install(plugins).state == "current"
    assert place.lstat().st_mtime_ns == stamp
    assert names(plugins) == {"other", FOLDER}


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert install(tmp_path / "a" / "b").state == "current"


def test_it_is_removed_and_the_others_stay(plugins: Path) -> None:
    install(plugins)
    assert remove(plugins).state == "current"
    assert names(plugins) == {"other"}
    assert remove(plugins).state == "absent"
    assert plugin_folder().is_dir()


def test_a_link_to_a_checkout_that_is_gone_is_renewed(plugins: Path, tmp_path: Path) -> None:
    (plugins / FOLDER).symlink_to(tmp_path / "gone" / "plugins" / "curate")
    assert look(plugins).state == "stale"
    assert install(plugins).state == "current"


def test_a_link_to_another_curate_is_renewed(plugins: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    (older / "fiftyone.yml").write_text('name: "@curate/curate"\n')
    (plugins / FOLDER).symlink_to(older)
    assert install(plugins).state == "current"
    assert (older / "fiftyone.yml").is_file()


@pytest.mark.parametrize("what", ["folder", "file", "link", "dangling"])
def test_what_is_not_ours_is_left_alone_and_told(plugins: Path, tmp_path: Path, what: str) -> None:
    place = plugins / FOLDER
    if what == "folder":
        place.mkdir()
    elif what == "file":
        place.write_text("mine")
    else:
        target = tmp_path / "theirs"
        if what == "link":
            target.mkdir()
        place.symlink_to(target)
    for act in (install, remove):
        with pytest.raises(SessionError, match=f"at {place}, found .* that curate did not make"):
            act(plugins)
    assert names(plugins) == {"other", FOLDER}


def test_where_links_are_refused_it_is_copied(
    plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_links(monkeypatch)
    assert install(plugins).detail.startswith("a copy of")
    place = plugins / FOLDER
    assert not place.is_symlink()
    assert (place / "panel.py").is_file()
    (place / "panel.py").write_text("# of an older curate")
    assert look(plugins).state == "stale"
    assert install(plugins).state == "current"
    assert (place / "panel.py").read_text() == (plugin_folder() / "panel.py").read_text()
    remove(plugins)
    assert names(plugins) == {"other"}


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "plugins").write_text("a file where a folder should be")
    with pytest.raises(SessionError, match="Make FiftyOne's plugins folder writable"):
        install(tmp_path / "plugins")
