"""Ports of the lab's servers: free, different, and told where they are not."""

import socket
from contextlib import suppress

import pytest
from tests.unit.lab.conftest import one_line

from tidegate.findings import CouldNotCheckError
from tidegate.lab.server import HOST, choose_ports


def test_any_ports_are_free_and_different() -> None:
    """Two servers at one port would answer for each other."""
    ports = choose_ports(200)

    assert len(set(ports)) == 200


def test_named_ports_follow_each_other() -> None:
    """The first is the caller's choice."""
    for first in range(20000, 30000, 10):  # below those that the system hands out
        with suppress(CouldNotCheckError):
            assert choose_ports(2, first) == [first, first + 1]
            return
    pytest.fail("no two ports side by side are free")


def listening() -> socket.socket:
    """A listener whose neighbours are free: below the ports that the system hands out."""
    for port in range(20001, 30000, 10):
        with suppress(OSError):
            return socket.create_server((HOST, port))
    pytest.fail("no port is free")


@pytest.mark.parametrize("before", [0, 1])
def test_a_port_in_use_is_one_line(before: int) -> None:
    """Also where it is not the first one's."""
    with listening() as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CouldNotCheckError) as failed:
            choose_ports(2, port - before)

    assert one_line(failed) == (
        f"127.0.0.1:{port}: port: cannot be used; "
        "wanted a free port, found address already in use - "
        "name another with --port, or leave it out"
    )


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_number_that_is_no_port_is_one_line(port: int) -> None:
    """No traceback of the socket module."""
    with pytest.raises(CouldNotCheckError, match=rf"{HOST}:{port}: port: cannot be used"):
        choose_ports(1, port)
