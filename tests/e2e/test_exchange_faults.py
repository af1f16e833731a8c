"""Handing a request to PHP and back when something goes wrong on the way."""

import re
import time

import pytest

from askrtest.http import CutShort, request_bytes
from askrtest.scripts import UNBUFFERED, php
from askrtest.server import kill
from askrtest.wait import SANITIZED, holds_for, wait_until

# Says that it began, waits for its gate, answers with its number.
GATED = (
    "<?php file_put_contents($_GET['log'], $_GET['n'] . getmypid() . \"\\n\", FILE_APPEND);"
    "while (isset($_GET['gate']) && !file_exists($_GET['gate'])) { usleep(1000); clearstatcache(); }"
    "echo $_GET['n'];"
)


class Gate:
    """Requests that wait in PHP until the test lets them go, and the order in which PHP began them."""

    def __init__(self, app, folder):
        self.app = app
        self.path = folder / "gate"
        self.log = folder / "began.log"

    def target(self, name, gated=True):
        return f"/?n={name}&log={self.log}" + (f"&gate={self.path}" if gated else "")

    def began(self):
        return [line[0] for line in self.entries()]

    def entries(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def hold(self, name, method="GET", body=b"", headers=()):
        """A request that runs until open()."""
        client = self.app.begin(method, self.target(name), headers, body)
        wait_until(lambda: name in self.began(), f"request {name} runs")
        return client

    def wait_queued(self, count):
        wait_until(lambda: self.app.status()["queue_depth"] == count, f"{count} requests wait")

    def open(self):
        self.path.touch()


@pytest.fixture
def gated(server, tmp_path):
    def make(**options):
        app = server({"index.php": GATED, "plain.txt": "plain\n"}, **{"workers": 1, **options})
        return app, Gate(app, tmp_path)

    return make


# ---------------------------------------------------------------- the queue


def test_waiting_requests_run_in_their_order(gated):
    app, gate = gated(gateways=2)
    first = gate.hold("a")
    waiting = []
    for count, name in enumerate("bcdef", 1):
        waiting.append(app.begin("GET", gate.target(name, gated=False)))
        gate.wait_queued(count)
    gate.open()
    assert first.read_response().body == b"a"
    assert [client.read_response().text for client in waiting] == list("bcdef")
    assert gate.began() == list("abcdef")


def test_an_idle_worker_takes_what_waits_while_its_neighbour_is_busy(gated):
    app, gate = gated(workers=2, gateways=2)
    with gate.hold("a") as slow:
        for _ in range(100):
            assert app.get(gate.target("x", gated=False)).body == b"x"
        gate.open()
        assert slow.read_response().body == b"a"


def test_a_full_queue_sheds_at_once_with_retry_after(gated):
    app, gate = gated(queue_size=2)
    running = gate.hold("a")
    waiting = []
    for count, name in enumerate("bc", 1):
        waiting.append(app.begin("GET", gate.target(name)))
        gate.wait_queued(count)
    with app.client() as client:
        response = client.get(gate.target("d"))
        assert response.status == 503
        assert int(response.header("Retry-After")) >= 1
        assert client.get("/plain.txt").body == b"plain\n"  # only PHP is busy
    gate.open()
    assert [client.read_response().text for client in [running, *waiting]] == ["a", "b", "c"]
    assert "d" not in gate.began()
    assert app.get(gate.target("e")).body == b"e"
    app.assert_nothing_is_held()


def test_a_request_that_waits_too_long_is_503_and_never_reaches_php(gated):
    app, gate = gated(queue_timeout="300ms")
    running = gate.hold("a")
    with app.client() as client:
        begun = time.monotonic()
        response = client.get(gate.target("b"))
        assert response.status == 503
        assert int(response.header("Retry-After")) >= 1
        assert 0.25 < time.monotonic() - begun < 5
        gate.open()
        assert running.read_response().body == b"a"
        assert client.get(gate.target("c")).body == b"c"
    assert gate.began() == ["a", "c"]
    app.assert_nothing_is_held()


def test_a_client_that_leaves_the_queue_never_reaches_php_if_so_wished(gated):
    app, gate = gated(abandon="queue")
    running = gate.hold("a")
    leaving = app.begin("GET", gate.target("b"))
    gate.wait_queued(1)
    leaving.close()
    gate.wait_queued(0)
    gate.open()
    assert running.read_response().body == b"a"
    assert app.get(gate.target("c")).body == b"c"
    assert gate.began() == ["a", "c"]
    assert app.status()["shed"] == 1
    app.wait_log("dropped from the queue because their clients had gone: 1 .*server.abandon")
    app.assert_nothing_is_held()


def test_a_client_that_leaves_a_running_request_costs_nothing_but_that(gated):
    app, gate = gated()
    gate.hold("a").close()
    waiting = app.begin("GET", gate.target("b"))
    gate.wait_queued(1)
    gate.open()
    assert waiting.read_response().body == b"b"
    app.assert_nothing_is_held()


# ---------------------------------------------------------------- deadlines

WORK = """<?php
function outer(): void { inner(); }
function inner(): void {
    while (true) { md5('x'); }
}
function answer(): void {
    if (isset($_GET['sent'])) { echo 'sent'; flush(); }
    if (isset($_GET['loop'])) { outer(); }
    if (isset($_GET['sleep'])) { sleep(60); }
    echo getmypid();
}
"""


@pytest.fixture(params=["per-request", "worker"])
def hasty(server, request):
    files = {
        "work.php": WORK,
        "index.php": "<?php require 'work.php'; answer();",
        "worker.php": "<?php require 'work.php'; while (askr_handle_request('answer')) {}",
    }
    app = server(files, wait=False, ini=UNBUFFERED, workers=1, request_timeout="500ms")
    app.worker_script = app.root / "worker.php" if request.param == "worker" else None
    return app.start()


def test_an_endless_loop_is_504_with_its_backtrace_in_the_log(hasty):
    pid = hasty.get("/").text
    begun = time.monotonic()
    response = hasty.post("/?loop", b"x", {"X-Request-Id": "endless"})
    assert response.status == 504
    assert time.monotonic() - begun < 3 if not SANITIZED else True
    assert b"endless" in response.body
    hasty.wait_log(r"POST /\?loop.*endless")
    hasty.wait_log(r"work\.php:4")
    hasty.wait_log(r"inner")
    hasty.wait_log(r"outer")
    assert hasty.get("/").text != pid
    hasty.assert_nothing_is_held()


def test_a_get_over_its_time_is_not_run_again(hasty):
    begun = time.monotonic()
    assert hasty.get("/?loop").status == 504
    assert time.monotonic() - begun < 3 if not SANITIZED else True
    assert hasty.get("/").status == 200
    assert hasty.status()["respawns"] == 1


def test_a_request_that_sleeps_in_the_kernel_is_504_too(hasty):
    assert hasty.get("/?sleep").status == 504
    assert hasty.get("/").status == 200


@pytest.mark.parametrize("dies", [False, True], ids=["client", "gateway"])
def test_a_request_that_nobody_waits_for_has_the_same_time(hasty, dies):
    client = hasty.begin("GET", "/?loop", {"X-Request-Id": "alone"})
    wait_until(lambda: hasty.workers()[0]["state"] == "busy", "it runs")
    if dies:
        kill(hasty.gateway())
    client.close()
    hasty.wait_log(r"request alone\)\n.*over the request timeout")
    wait_until(lambda: hasty.workers() and hasty.workers()[0]["state"] == "idle", "there is a worker for others again")
    assert hasty.get("/").status == 200
    assert "alone" in hasty.error_log()
    hasty.assert_nothing_is_held()


def test_a_stream_over_its_time_is_cut(hasty):
    with hasty.begin("GET", "/?loop&sent") as client:
        client.read_head()
        assert client.read_chunk() == b"sent"
        with pytest.raises((EOFError, ConnectionResetError)):
            client.read_chunk()
    assert hasty.get("/").status == 200


# ---------------------------------------------------------------- workers that die


def test_a_get_whose_worker_is_killed_runs_again_unseen(gated):
    app, gate = gated()
    with gate.hold("a") as client:
        kill(app.one_of("worker"))
        wait_until(lambda: len(gate.began()) == 2, "it was begun again")
        gate.open()
        response = client.read_response()
        assert (response.status, response.body) == (200, b"a")
        assert client.get(gate.target("b")).body == b"b"  # on the same connection
    first, second, _ = gate.entries()
    assert first != second  # another process
    app.assert_nothing_is_held()


def test_a_get_whose_worker_is_killed_twice_is_502(gated):
    app, gate = gated()
    with gate.hold("a") as client:
        for runs in (1, 2):
            wait_until(lambda: len(gate.began()) == runs, f"run {runs}")
            kill(app.one_of("worker"))
        response = client.read_response()
        assert response.status == 502
        assert response.header("X-Request-Id").encode() in response.body
    assert len(gate.began()) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_may_not_be_repeated_is_502_with_its_id(gated, method):
    app, gate = gated()
    with gate.hold("a", method, b"body", {"X-Request-Id": "lost-one"}) as client:
        kill(app.one_of("worker"))
        response = client.read_response(method)
        assert response.status == 502
        assert response.header("X-Request-Id") == "lost-one"
        assert b"lost-one" in response.body
        gate.open()
        assert client.get(gate.target("b")).body == b"b"
    app.wait_log(rf"{method} /\?n=a.*lost-one")
    assert gate.began() == ["a", "b"]
    app.assert_nothing_is_held()


def test_queued_requests_survive_the_death_of_the_worker(gated):
    app, gate = gated()
    lost = gate.hold("a", "POST", b"x")
    waiting = [app.begin("POST", gate.target(name), body=b"x") for name in "bcd"]
    gate.wait_queued(3)
    kill(app.one_of("worker"))
    gate.open()
    assert lost.read_response().status == 502
    assert [client.read_response().text for client in waiting] == ["b", "c", "d"]


STREAM = (
    "<?php $pieces = $_GET['pieces'];"
    "for ($i = 1; $i <= $pieces; $i++) { echo str_repeat('x', 65536); flush(); file_put_contents($_GET['progress'], $i); }"
    "if (isset($_GET['hold'])) { while (true) usleep(10000); }"
)


def progress_of(path):
    try:
        return int(path.read_text() or 0)
    except FileNotFoundError:
        return 0


def test_a_stream_whose_worker_is_killed_is_cut(server, tmp_path):
    progress = tmp_path / "progress"
    app = server({"index.php": STREAM, "fine.php": "<?php echo 'fine';"}, ini=UNBUFFERED, workers=1)
    with app.begin("GET", f"/?pieces=2&hold&progress={progress}") as client:
        head = client.read_head()
        assert head.status == 200
        wait_until(lambda: progress_of(progress) == 2, "the stream is under way")
        kill(app.one_of("worker"))
        with pytest.raises((CutShort, EOFError, ConnectionResetError)):
            client.read_body(head)  # no clean end of the chunked coding
    assert app.get("/fine.php").body == b"fine"
    app.wait_log("cut off")
    app.assert_nothing_is_held()


def test_a_stream_to_an_http_1_0_client_is_reset_when_it_is_cut(server, tmp_path):
    progress = tmp_path / "progress"
    app = server({"index.php": STREAM}, ini=UNBUFFERED, workers=1)
    with app.client() as client:
        client.send(request_bytes("GET", f"/?pieces=2&hold&progress={progress}", version="HTTP/1.0"))
        head = client.read_head()
        wait_until(lambda: progress_of(progress) == 2, "the stream is under way")
        kill(app.one_of("worker"))
        with pytest.raises(ConnectionResetError):  # an orderly end would mean that this was all
            client.read_body(head)


# ---------------------------------------------------------------- slow clients


def test_a_slow_reader_does_not_hold_a_worker(server):
    app = server(
        {"index.php": "<?php for ($i = 0; $i < 320; $i++) echo str_repeat('x', 100000);", "fine.php": "<?php echo 'fine';"},
        workers=1,
    )
    with app.client(receive_buffer=4096) as slow:
        slow.send(request_bytes("GET", "/"))
        slow.read_head()
        begun = time.monotonic()
        assert app.get("/fine.php").body == b"fine"
        assert time.monotonic() - begun < 5
        wait_until(lambda: app.workers()[0]["state"] == "idle", "the worker is free")
        wait_until(lambda: app.status()["exchange"]["blocks_used"] == 0, "its blocks are free")


def test_a_slow_reader_gets_everything_in_the_end(server):
    app = server({"index.php": "<?php for ($i = 0; $i < 320; $i++) echo str_repeat(chr(97 + $i % 26), 100000);"}, workers=1)
    with app.begin("GET", "/") as slow:
        wait_until(lambda: app.workers()[0]["requests"] == 1, "the worker is done with it")
        assert slow.read_response().body == b"".join(bytes([97 + i % 26]) * 100000 for i in range(320))


def test_flush_streams_with_back_pressure(server, tmp_path):
    progress = tmp_path / "progress"
    pieces = 1000  # 64 MB, more than the system keeps in its own buffers
    app = server({"index.php": STREAM}, ini=UNBUFFERED, workers=1, send_timeout="30s")
    with app.client() as client:
        client.send(request_bytes("GET", f"/?pieces={pieces}&progress={progress}"))
        head = client.read_head()

        def stalled():
            before = progress_of(progress)
            time.sleep(0.3)  # standing still can only be seen over time
            return before > 0 and progress_of(progress) == before

        wait_until(stalled, "the script waits for its client")
        assert progress_of(progress) < pieces // 2
        client.read_body(head)
        assert len(head.body) == pieces * 65536
    assert progress_of(progress) == pieces
    app.assert_nothing_is_held()


def test_a_streaming_client_that_leaves_frees_the_worker(server, tmp_path):
    progress = tmp_path / "progress"
    app = server({"index.php": STREAM, "fine.php": "<?php echo 'fine';"}, ini=UNBUFFERED, workers=1)
    client = app.begin("GET", f"/?pieces=100000&progress={progress}")
    client.read_head()
    client.close()
    with app.client(timeout=10) as other:
        other.send(request_bytes("GET", "/fine.php"))
        assert other.read_response().body == b"fine"
    app.assert_nothing_is_held()


def test_a_worker_that_dies_leaves_the_responses_of_others_whole(server):
    app = server({"index.php": php("crash.php"), "big.php": "<?php echo str_repeat('x', 5000000);"}, workers=2)
    for _ in range(5):
        with app.begin("GET", "/big.php") as client:
            assert app.post("/?how=kill", b"x").status == 502
            assert len(client.read_response().body) == 5_000_000
    assert re.search("was killed by signal 9", app.error_log())
    holds_for(lambda: app.process.poll() is None, "the server goes on", 0.1)
