import getpass
import socket

import pytest

from curate.app import session
from curate.errors import SessionError


@pytest.fixture
def busy():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_busy_port_asked_for_is_named(busy):
    with pytest.raises(SessionError, match=f"port {busy} to be free, found it in use.*--port"):
        session.pick_port(busy)


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
