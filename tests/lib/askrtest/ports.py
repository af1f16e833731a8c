"""Free loopback ports for servers under test, which bind them a moment after they were asked for.

A port that the system has just given (bind to 0) can be given to the next one who asks, also as the near end of somebody's
connection. So these lie below that range, and each process that runs tests has a block of its own, of this suite and of
others on the machine. It owns the block as long as it holds an abstract Unix socket of that name: this belongs to the network
namespace as the ports do, and goes with the process. Within the block ports are given in turn, so one that was asked for and
is not bound yet does not come again soon.
"""

import socket
from pathlib import Path

FIRST = 10_000
BLOCK = 200


class Ports:
    def __init__(self):
        self.owned = None  # the socket that stands for the block
        self.first = 0
        self.given = 0

    def free(self, host):
        if self.owned is None:
            self.owned, self.first = own_block()
        for _ in range(BLOCK):
            port = self.first + self.given % BLOCK
            self.given += 1
            if is_free(host, port):
                return port
        raise AssertionError(f"no port from {self.first} to {self.first + BLOCK - 1} is free")


def own_block():
    """A block that nobody has, as the socket that stands for it and its first port."""
    lowest_given_by_the_system = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for first in range(FIRST, lowest_given_by_the_system - BLOCK + 1, BLOCK):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0askr-tests-ports-{first}")
            return name, first
        except OSError:
            name.close()
    raise AssertionError(f"every block of {BLOCK} ports from {FIRST} to {lowest_given_by_the_system} is taken")


def is_free(host, port):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, port))
            return True
        except OSError:
            return False


PORTS = Ports()


def free_port(host="127.0.0.1"):
    return PORTS.free(host)
