"""Tests at the same time: pytest-xdist starts processes that each run a part of them (`./dev test`).

Every test has folders, ports (ports.py) and servers of its own, so nearly all of them can run beside any other. Tests of a
file that share a server stay in one process and come first, because they are the longest pieces; the rest goes out test by
test. Those marked `alone` come last, one at a time and with nothing beside them: they compare times.
"""

import contextlib
import fcntl
import functools
import os
import re
from pathlib import Path

from .server import ROOT

BUILD = Path(os.environ.get("ASKR_BUILD", ROOT / "build"))
SHARES = re.compile(r"\bmodule_server\b|scope=\"module\"")


@functools.cache
def shares_a_server(file):
    return bool(SHARES.search((ROOT / file).read_text()))


def piece_of(nodeid):
    """What has to run in the same process: a whole file, or a single test."""
    file = nodeid.split("::")[0]
    return file if shares_a_server(file) else nodeid


def in_order_of_start(items):
    def rank(item):
        if item.get_closest_marker("alone"):
            return 2
        return 0 if shares_a_server(item.nodeid.split("::")[0]) else 1

    return sorted(items, key=rank)  # stable: else as they were


def scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Pieces(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return piece_of(nodeid)

    return Pieces(config, log)


@contextlib.contextmanager
def in_company(item):
    """Holds while a test runs: beside others, or after they have ended and before they go on.

    Everybody passes the gate. Who wants to be alone closes it until the last of the others has come out.
    """
    alone = item.get_closest_marker("alone")
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "tests.gate", "a") as gate, open(BUILD / "tests.room", "a") as room:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)
