"""The ports that servers under test get: nobody else's, also where several processes run tests at once."""

import socket
import subprocess
import sys
from pathlib import Path

from askrtest.ports import PORTS, free_port, is_free

ASK = "from askrtest.ports import free_port; print(*(free_port() for _ in range(50)), flush=True); input()"


def another_process():
    return subprocess.Popen([sys.executable, "-c", ASK], cwd=Path(__file__).parent, text=True, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)


def test_no_two_processes_get_the_same_port():
    with another_process() as one, another_process() as other:
        theirs = [{*map(int, process.stdout.readline().split())} for process in (one, other)]
        ours = {free_port() for _ in range(50)}
        assert [len(ports) for ports in (ours, *theirs)] == [50] * 3
        assert len(ours.union(*theirs)) == 150
        one.communicate("\n")
        other.communicate("\n")


def test_the_system_gives_none_of_them_to_anybody():
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert max(free_port() for _ in range(50)) < lowest


def test_a_port_that_was_asked_for_does_not_come_again_soon():
    assert len({free_port() for _ in range(100)}) == 100


def test_a_port_in_use_is_left_out(monkeypatch):
    first = free_port()
    with socket.create_server(("127.0.0.1", first)):
        assert not is_free("127.0.0.1", first)
        monkeypatch.setattr(PORTS, "given", first - PORTS.first)
        assert free_port() != first
