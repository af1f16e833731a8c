"""What may run at the same time, and what goes together."""

import fcntl
import threading

import pytest

from askrtest import parallel
from askrtest.wait import wait_until


class Item:
    def __init__(self, nodeid, alone=False):
        self.nodeid = nodeid
        self.alone = alone

    def get_closest_marker(self, name):
        return self.alone if name == "alone" else None


@pytest.fixture
def rooms(tmp_path, monkeypatch):
    """Locks of our own: those of this run are held while this test runs."""
    monkeypatch.setattr(parallel, "BUILD", tmp_path)
    return tmp_path


def is_closed(gate):
    with open(gate, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except OSError:
            return True


def test_who_wants_to_be_alone_waits_for_those_inside_and_not_for_those_who_come_later(rooms):
    seen = []

    def visit(name, alone):
        with parallel.in_company(Item(name, alone)):
            seen.append(name)

    alone = threading.Thread(target=visit, args=("alone", True))
    later = threading.Thread(target=visit, args=("later", False))
    with parallel.in_company(Item("first")):
        with parallel.in_company(Item("beside")):
            alone.start()
            wait_until(lambda: is_closed(rooms / "tests.gate"), "one waits to be alone")
            later.start()
        seen.append("the last one goes")
    alone.join()
    later.join()
    assert seen == ["the last one goes", "alone", "later"]


def test_tests_that_share_a_server_stay_together_and_come_first():
    shared = [Item("tests/e2e/test_static_files.py::test_one"), Item("tests/e2e/test_static_files.py::test_two[a::b]")]
    single = [Item("tests/lib/test_parallel.py::test_one"), Item("tests/lib/test_parallel.py::test_two")]
    assert len({parallel.piece_of(item.nodeid) for item in shared}) == 1
    assert len({parallel.piece_of(item.nodeid) for item in single}) == 2
    alone = Item("tests/e2e/test_static_files.py::test_three", alone=True)
    assert parallel.in_order_of_start([alone, *single, *shared]) == [*shared, *single, alone]
