import getpass
import socket

import pytest

from curate.app import session
from curate.errors import SessionError
from curate.store.run import Run


@pytest.fixture
def busy():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_in_place_of_a_busy_port_the_next_free_one_is_taken_and_said(busy, caplog):
    with caplog.at_level("WARNING", logger="curate"):
        taken = session.pick_port(busy)
    assert busy < taken < busy + 100
    assert caplog.messages == [f"app: port {busy} is in use, taking {taken}"]


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(SessionError, match=r"port 5151 of 192\.0\.2\.1, found it closed to us"):
        session.pick_port(None, "192.0.2.1")


def test_a_free_port_asked_for_is_taken(busy):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    assert session.pick_port(free) == free


def test_a_port_out_of_range_is_refused():
    with pytest.raises(SessionError, match="outside 0 to 65535"):
        session.pick_port(70000)


def test_without_a_wish_the_next_free_port_is_taken(busy, monkeypatch):
    monkeypatch.setattr(session, "DEFAULT_PORT", busy)
    assert session.pick_port(None) > busy


def test_the_ssh_line_uses_the_name_of_this_machine(monkeypatch):
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    expected = f"ssh -N -L 5151:127.0.0.1:5151 {getpass.getuser()}@{socket.gethostname()}"
    assert session.ssh_line(5151) == expected


def test_the_ssh_line_uses_the_way_a_person_came_in(monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.9 2222")
    expected = f"ssh -N -p 2222 -L 5151:127.0.0.1:5151 {getpass.getuser()}@192.0.2.9"
    assert session.ssh_line(5151) == expected


@pytest.mark.parametrize(
    ("images", "flagged", "view"),
    [
        (5000, {"hard": 9}, None),  # small enough to be looked through
        (5001, {}, None),
        (5001, {"hard": 0}, None),
        (5001, {"hard": 9, "label_error": 3}, "found: hard"),
        (5001, {"hard": 9, "split_leak": 1}, "found: split_leak"),  # the scores are untrue
    ],
)
def test_a_large_dataset_opens_on_what_matters_most(tmp_path, images, flagged, view):
    run = Run.create(tmp_path / "run")
    run.save(detectors={kind: {"flagged": count} for kind, count in flagged.items()})
    assert session.first_view(run, images) == view
