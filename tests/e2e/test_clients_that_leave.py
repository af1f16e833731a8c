"""A request that has come completely runs, whoever waits for it: clients that fire and forget rely on that."""

import pytest

from askrtest.http import request_bytes
from askrtest.modes import MODES, serve_in
from askrtest.server import kill
from askrtest.wait import SANITIZED, wait_until

# Notes what it was asked for, waits for its gate, and works on when its client has gone, or does not.
APPLICATION = r"""<?php
function note(string $what): void { file_put_contents($_GET['log'], "$_GET[n] $what\n", FILE_APPEND); }
function answer(): void {
    ignore_user_abort(isset($_GET['ignore']));
    note('began');
    while (isset($_GET['gate']) && !file_exists($_GET['gate'])) { usleep(1000); clearstatcache(); }
    note('read ' . strlen(file_get_contents('php://input')));
    note('before ' . connection_aborted());
    echo str_repeat('x', 100000);
    flush();
    note('after ' . connection_aborted());
}
"""


class Jobs:
    def __init__(self, app, folder):
        self.app = app
        self.gate = folder / "gate"
        self.log = folder / "jobs.log"

    def target(self, name, gated=False, more=""):
        return f"/?n={name}&log={self.log}" + (f"&gate={self.gate}" if gated else "") + more

    def begin(self, name, method="POST", body=b"job", gated=False, more="", headers=()):
        client = self.app.client()
        client.send(request_bytes(method, self.target(name, gated, more), headers, body))
        return client

    def fire(self, name, **options):
        """Sends a whole request, and leaves once it waits behind others."""
        waiting = self.app.status()["queue_depth"]
        client = self.begin(name, **options)
        self.wait_queued(waiting + 1)
        client.close()

    def hold(self, name="x"):
        """A worker is busy with it until open()."""
        client = self.begin(name, gated=True)
        self.wait_noted(name, "began")
        return client

    def open(self):
        self.gate.touch()

    def notes(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def of(self, name):
        return [note.split(" ", 1)[1] for note in self.notes() if note.split()[0] == name]

    def wait_noted(self, name, what):
        wait_until(lambda: what in self.of(name), lambda: f"{name}: {what}\n{self.notes()}\n{self.app.said()}")

    def wait_queued(self, count):
        wait_until(lambda: self.app.status()["queue_depth"] == count, lambda: f"{count} wait\n{self.app.status()}")

    def wait_left(self, count):
        """The gateway knows that so many clients have gone."""
        wait_until(lambda: sum(line["status"] == 499 for line in self.app.access_lines()) == count,
                   lambda: f"{count} have gone\n{self.app.access_lines()}")


@pytest.fixture
def jobs(server, tmp_path):
    def make(mode="per-request", **options):
        if SANITIZED and mode == "rewind":
            pytest.skip("the shadow memory of a sanitizer is too large to be rewound")
        options = {"workers": 1, "access_log": tmp_path / "access.log", "ini": ["output_buffering=0"], **options}
        return Jobs(serve_in(mode, server, APPLICATION, **options), tmp_path)

    return make


@pytest.mark.parametrize("mode", MODES)
def test_ten_requests_whose_clients_have_gone_run_all(jobs, mode):
    test = jobs(mode)
    first = test.hold()
    for number in range(10):
        test.fire(f"job{number}", more="&ignore=1")
    test.wait_left(10)
    test.wait_queued(10)
    test.open()
    for number in range(10):
        test.wait_noted(f"job{number}", "after 1")
        assert test.of(f"job{number}") == ["began", "read 3", "before 0", "after 1"]
    assert first.read_response().status == 200
    test.app.assert_nothing_is_held()
    assert test.app.status()["shed"] == 0


def test_a_client_that_is_gone_before_its_request_was_read_makes_no_difference(jobs):
    test = jobs()
    first = test.hold()
    for number in range(10):
        test.begin(f"job{number}", more="&ignore=1").close()
    test.wait_queued(10)
    test.open()
    for number in range(10):
        test.wait_noted(f"job{number}", "read 3")
    assert first.read_response().status == 200
    test.app.assert_nothing_is_held()


@pytest.mark.parametrize("method, body", [("GET", b""), ("HEAD", b""), ("PUT", b"x" * 200_000), ("DELETE", b"")],
                         ids=["get", "head", "put", "delete"])
def test_whatever_its_method(jobs, method, body):
    test = jobs()
    first = test.hold()
    test.fire("job", method=method, body=body, more="&ignore=1")
    test.wait_left(1)
    test.open()
    test.wait_noted("job", f"read {len(body)}")
    assert first.read_response().status == 200
    test.app.assert_nothing_is_held()


@pytest.mark.parametrize("mode", MODES)
def test_a_script_that_does_not_ignore_it_ends_at_its_first_output(jobs, mode):
    test = jobs(mode)
    first = test.hold()
    test.fire("job")
    test.wait_left(1)
    test.open()
    assert first.read_response().status == 200
    with test.begin("next") as client:
        assert client.read_response().status == 200
    assert test.of("job") == ["began", "read 3", "before 0"]
    test.app.assert_nothing_is_held()


def test_a_request_that_has_not_come_completely_does_not_run(jobs):
    test = jobs()
    with test.app.client() as client:
        client.send(request_bytes("POST", test.target("part"), {"Content-Length": "10"}, b"half"))
        wait_until(lambda: test.app.status()["processes"][1]["connections"] == 1, "it is there")
    test.wait_left(1)
    with test.begin("next") as client:
        assert client.read_response().status == 200
    assert test.of("part") == []


def test_the_time_in_the_queue_is_limited_all_the_same(jobs):
    test = jobs(queue_timeout="300ms")
    first = test.hold()
    test.fire("job")
    test.wait_left(1)
    test.wait_queued(1)
    test.wait_queued(0)
    test.open()
    assert first.read_response().status == 200
    assert test.of("job") == []
    test.app.assert_nothing_is_held()


def test_the_time_of_a_request_is_limited_all_the_same(jobs):
    test = jobs(request_timeout="500ms", queue_timeout="20s")
    first = test.hold()
    test.fire("job", gated=True)
    test.wait_left(1)
    assert first.read_response().status == 504
    test.wait_noted("job", "began")
    test.app.wait_log(r"over the request timeout(.|\n)*over the request timeout")  # first, then job
    with test.begin("next") as client:
        assert client.read_response().status == 200
    test.app.assert_nothing_is_held()


def test_a_request_that_waited_long_has_no_more_time_than_others(jobs):
    """Behind another one that takes 0.4 s, an endless one is over its time after 1 s, not when the queue's would be."""
    test = jobs(request_timeout="1s", queue_timeout="50s")
    first = test.hold()
    waiting = test.begin("job", gated=True, more="&wait=1")
    test.wait_queued(1)
    assert first.read_response().status == 504
    assert waiting.read_response().status == 504


def test_more_than_half_a_queue_of_them_is_shed(jobs):
    test = jobs(queue_size=10)
    first = test.hold()
    clients = [test.begin(f"job{number}") for number in range(10)]
    test.wait_queued(10)
    for client in clients:
        client.close()
    test.wait_left(10)
    test.wait_queued(5)
    assert test.app.status()["shed"] == 5
    test.app.wait_log("dropped from the queue because their clients had gone.*more than half full")
    test.open()
    assert first.read_response().status == 200
    wait_until(lambda: sum(note.endswith("began") for note in test.notes()) == 6, "the others run")
    test.app.assert_nothing_is_held()


def test_a_stop_waits_for_them(jobs):
    test = jobs()
    first = test.hold()
    for number in range(3):
        test.fire(f"job{number}", body=b"x" * 100_000, more="&ignore=1")
    test.wait_left(3)
    test.app.signal(15)
    wait_until(lambda: test.app.status()["processes"][0]["state"] == "draining", "it stops")
    test.open()
    assert first.read_response().status == 200
    test.app.wait_exit()
    for number in range(3):
        assert test.of(f"job{number}")[-1] == "after 1"


def test_what_a_killed_gateway_has_queued_runs(jobs):
    test = jobs()
    first = test.hold()
    waiting = [test.begin(f"job{number}") for number in range(3)]
    test.wait_queued(3)
    kill(test.app.gateway())
    test.open()
    for number in range(3):
        test.wait_noted(f"job{number}", "before 0")
    for client in (first, *waiting):
        client.close()
    test.app.assert_nothing_is_held()


def test_pipelined_requests_are_no_sign_that_a_client_has_gone(jobs):
    test = jobs()
    first = test.hold()
    with test.app.client() as client:
        client.send(b"".join(request_bytes("POST", test.target(f"p{number}"), {}, b"x") for number in range(3)))
        test.wait_queued(1)
        test.open()
        assert [client.read_response().status for _ in range(3)] == [200] * 3
    assert first.read_response().status == 200


def test_a_request_that_waits_for_one_like_it_does_not_run_for_nobody(jobs):
    """Of four equal requests three wait for the first one's page; all four clients go."""
    test = jobs(flags=["--response-cache", "100"], workers=2)
    clients = [test.begin("same", method="GET", body=b"", gated=True, more="&ignore=1")]
    test.wait_noted("same", "began")
    clients += [test.begin("same", method="GET", body=b"", gated=True, more="&ignore=1") for _ in range(3)]
    wait_until(lambda: test.app.status()["processes"][1]["connections"] == 4, "all are there")
    for client in reversed(clients):
        client.close()
    test.wait_left(4)
    test.open()
    test.wait_noted("same", "after 1")
    test.app.assert_nothing_is_held()
    assert test.of("same").count("began") == 1
