"""Fixtures of all Python tests: `server` starts servers under test, and no test runs longer than its limit."""

import faulthandler
import itertools
import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "lib"))

from askrtest import parallel  # noqa: E402
from askrtest.server import Server  # noqa: E402
from askrtest.wait import STRETCH  # noqa: E402

TIME_LIMIT = 60  # seconds per test; @pytest.mark.time_limit(N) says otherwise
GRACE = 60  # then the process ends: something is stuck beyond Python's reach


def pytest_configure(config):
    config.addinivalue_line("markers", "time_limit(seconds): how long the test may take with its fixtures")
    config.addinivalue_line("markers", "alone: runs when no other test does")


def pytest_collection_modifyitems(config, items):
    if "PYTEST_XDIST_WORKER" in os.environ:
        items[:] = parallel.in_order_of_start(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return parallel.scheduler(config, log)


class TookTooLong(Exception):
    pass


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    marker = item.get_closest_marker("time_limit")
    seconds = (marker.args[0] if marker else TIME_LIMIT) * STRETCH

    def expired(_signal, _frame):
        raise TookTooLong(f"{item.nodeid} ran longer than {seconds} s")

    with parallel.in_company(item):
        signal.signal(signal.SIGALRM, expired)
        signal.alarm(seconds)
        faulthandler.dump_traceback_later(seconds + GRACE, exit=True)
        yield
        faulthandler.cancel_dump_traceback_later()
        signal.alarm(0)


def servers(folder):
    """A factory of servers below `folder`, and what to call at the end."""
    started = []
    numbers = itertools.count()

    def make(files=None, *, wait=True, **options):
        made = Server(folder / f"server-{next(numbers)}", files, **options)
        started.append(made)
        return made.start() if wait else made

    def finish():
        problems = []
        for made in reversed(started):
            try:
                made.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        assert not problems, "\n".join(problems)

    return make, finish


@pytest.fixture
def server(tmp_path):
    """server(files, root=…, worker_script=…, ini=[…], workers=2, …) starts a server for this test.

    All options: askrtest.server.Server. `wait=False` gives one that was not launched. At the end of the test it must
    stop on SIGTERM with exit code 0 (or its `expected_exit`), leave no process behind and have no sanitizer report.
    """
    make, finish = servers(tmp_path)
    yield make
    finish()


@pytest.fixture(scope="module")
def module_server(tmp_path_factory):
    """As `server`, for servers that all tests of a file share."""
    make, finish = servers(tmp_path_factory.mktemp("module"))
    yield make
    finish()
