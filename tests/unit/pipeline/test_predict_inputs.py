"""Which pictures some arguments name, with a server on this machine for the addresses."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from curate.errors import DataError
from curate.pipeline import predict_fetch
from curate.pipeline.predict_inputs import pictures
from made_images import put, text

CONTENT = b"\x89PNG\r\n\x1a\n not much of a picture"


class Answers(BaseHTTPRequestHandler):
    """What lies at the paths that the tests ask for."""

    waits = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow.png":
            self.waits.wait(20)
            return
        if self.path in ("/moved.png", "/inside.png"):
            self.send_response(302)
            to = "/a.png" if self.path == "/moved.png" else "file:///etc/hostname"
            self.send_header("Location", to)
            self.end_headers()
            return
        self.send_response(200 if self.path == "/a.png" else 404)
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        """Tests are silent."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Answers.waits.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as answering:
        thread = threading.Thread(target=answering.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{answering.server_address[1]}"
        finally:
            Answers.waits.set()
            answering.shutdown()
            thread.join()


def test_files_folders_and_patterns_each_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b.png", "a.png", "in/deep/c.jpg", ".hidden.png", ".cache/d.png", "odd[1].png"):
        put(tmp_path / "photos" / name)
    text(tmp_path / "photos" / "notes.txt")
    monkeypatch.chdir(tmp_path)
    with pictures(["photos/b.png", "photos", "photos/odd[1].png"]) as found:
        assert [one.given for one in found] == [
            "photos/b.png", "photos/a.png", "photos/notes.txt", "photos/odd[1].png",
            "photos/in/deep/c.jpg",
        ]  # fmt: skip
        assert [one.asked for one in found] == [True, True, False, True, True]
        assert all(Path(one.path).is_absolute() for one in found)
    with pictures(["photos/**/*.jpg", "photos/[ab].png", "no*thing"]) as found:
        assert [one.given for one in found] == [
            "photos/in/deep/c.jpg", "photos/a.png", "photos/b.png", "no*thing",
        ]  # fmt: skip
        assert found[-1].problem == ("missing", "no file matches the pattern")


def test_a_list_names_more(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    text(tmp_path / "list.txt", f"# mine\n\n{tmp_path / 'a.png'}\n  {tmp_path / 'gone.png'}\n")
    with pictures([], [tmp_path / "list.txt"]) as found:
        assert [one.problem for one in found] == [None, ("missing", "there is no such file")]
    with (
        pytest.raises(DataError, match=r"Expected a list of pictures in .*no\.txt"),
        pictures([], [tmp_path / "no.txt"]),
    ):
        pass


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    asked = [str(tmp_path / name) for name in ("a.png", "link.png", "pipe.png")]
    with pictures([*asked, "ftp://127.0.0.1/x.png"]) as found:
        assert [one.problem and one.problem[0] for one in found] == [
            None, "missing", "unreadable", "not_fetched",
        ]  # fmt: skip
    with (
        pytest.raises(DataError, match=r"none of 2 \(.*gone.png: missing, there is no such"),
        pictures([str(tmp_path / "gone.png"), str(tmp_path / "link.png")]),
    ):
        pass
    with pytest.raises(DataError, match="Expected pictures: files, folders"), pictures([]):
        pass
    (tmp_path / "empty").mkdir()
    with (
        pytest.raises(DataError, match=r"can be read, found none\. Check"),
        pictures([str(tmp_path / "empty")]),
    ):
        pass


def test_addresses_are_fetched_and_what_fails_is_told(server: str) -> None:
    names = ("a.png", "moved.png", "gone.png", "inside.png", "slow.png")
    asked = [f"{server}/{name}" for name in names]
    with pictures([*asked, "http://127.0.0.1:1/x.png"], timeout=0.3) as found:
        assert [one.given for one in found] == [*asked, "http://127.0.0.1:1/x.png"]
        for one in found[:2]:
            assert Path(one.path).read_bytes() == CONTENT
        kept = Path(found[0].path)
        told = [one.problem[1] for one in found[2:] if one.problem is not None]
    assert not kept.exists()
    assert told[0] == "the server answers 404 Not Found"
    assert "redirect" in told[1].lower() or "not allowed" in told[1]
    assert told[2] == "no answer within 0.3 s"
    assert told[3].startswith("cannot be reached: ")


def test_a_file_that_is_too_large_is_given_up(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict_fetch, "MOST_BYTES", 5)
    with pytest.raises(DataError, match="has more than 0 MB"), pictures([f"{server}/a.png"]):
        pass


@pytest.mark.parametrize("address", ["http://", "http://[::1", "https://bad host/x.png"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(DataError, match="not fetched"), pictures([address], timeout=1):
        pass
