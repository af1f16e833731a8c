"""The server in bad company: killed workers, slow clients, big bodies, many connections.

Short by default; ASKR_SOAK=1 runs the lengths that a release must stand.
"""

import hashlib
import re
import resource
import selectors
import socket
import threading
import time

import pytest

from askrtest.http import request_bytes
from askrtest.load import Load, WorkerKiller
from askrtest.processes import memory_kb
from askrtest.scripts import UNBUFFERED
from askrtest.wait import SANITIZED, SOAK, wait_until

STORM_SECONDS = 30 if SOAK else 4


@pytest.fixture(autouse=True)
def many_descriptors():
    """The clients of a test live in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# ---------------------------------------------------------------- killed workers


@pytest.mark.time_limit(90)
def test_killed_workers_cost_no_get_and_no_connection(server):
    app = server({"index.php": "<?php echo getmypid();"}, workers=4)
    with Load(app, clients=32) as load, WorkerKiller(app, pause=0.2) as killer:
        time.sleep(STORM_SECONDS)
    load.assert_flawless()
    assert len(killer.killed) >= STORM_SECONDS * 2
    app.assert_nothing_is_held()


@pytest.mark.time_limit(90)
def test_killed_workers_cost_only_the_posts_they_ran(server):
    app = server({"index.php": "<?php echo file_get_contents('php://input');"}, workers=4)
    lost = []

    def accepts(response):
        if response.status == 502:
            lost.append(response)
        return response.status in (200, 502)

    with Load(app, clients=32, method="POST", body=b"x" * 500, accepts=accepts) as load:
        with WorkerKiller(app, pause=0.2) as killer:
            time.sleep(STORM_SECONDS)
        load.progresses(100)
    load.assert_flawless()
    assert len(killer.killed) >= STORM_SECONDS * 2
    assert len(lost) <= len(killer.killed)
    log = app.error_log()
    for response in lost:
        request_id = response.header("X-Request-Id")
        assert request_id.encode() in response.body
        assert re.search(rf"killed by signal 9.* while it ran POST .*{re.escape(request_id)}", log), request_id
    app.assert_nothing_is_held()


# ---------------------------------------------------------------- slow clients


class SlowClients:
    """Many connections that send or read a byte a second, driven by one thread."""

    def __init__(self, app, count):
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        self.answered = 0
        for n in range(count):
            sock = socket.create_connection(app.address)
            request = request_bytes("POST", "/", {"X-Padding": "x" * 100}, b"y" * 100) if n % 2 else request_bytes("GET", "/big.txt")
            sock.setblocking(False)
            if n % 2 == 0:
                sock.sendall(request)
            self.sockets.append([sock, request if n % 2 else b""])
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(10)
        for sock, _ in self.sockets:
            sock.close()

    def run(self):
        while not self.stopping.is_set():
            for client in self.sockets:
                self.step(client)
                if self.stopping.wait(1 / len(self.sockets)):
                    return

    def step(self, client):
        sock, request = client
        try:
            if request:
                sock.send(request[:1])
                client[1] = request[1:]
            else:
                self.answered += bool(sock.recv(1))
        except (BlockingIOError, OSError):
            pass


@pytest.mark.time_limit(120)
def test_a_thousand_slow_clients_do_not_hurt_normal_ones(server):
    """Rounds with and without them alternate. All clients live in this one process, so much of a difference is its own:
    what the slow ones cost the server is measured by `./dev bench slow`."""
    app = server(
        {"index.php": "<?php echo 'fast';", "big.txt": b"x" * (4 << 20)},
        idle_timeout="300s",
        head_timeout="300s",
        body_timeout="300s",
        send_timeout="300s",
    )
    seconds, rounds = (5, 3) if SOAK else (1, 2)

    def throughput():
        with Load(app, clients=8) as load:
            before = load.done
            time.sleep(seconds)
            count = load.done - before
        load.assert_flawless()
        return count / seconds

    throughput()
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(throughput())
        with SlowClients(app, 1000):
            beside.append(throughput())
        wait_until(lambda: connections(app) < 100, "the slow clients have gone")
    ratio = sorted(beside)[len(beside) // 2] / sorted(alone)[len(alone) // 2]
    assert ratio > 0.5, (alone, beside)
    app.assert_nothing_is_held()


def connections(app):
    return sum(process["connections"] for process in app.status()["processes"] if process["role"] == "gateway")


# ---------------------------------------------------------------- big bodies

BIG = (2 << 30) if SOAK else (256 << 20)
PIECE = bytes(range(256)) * 4096  # 1 MB


class PeakMemory:
    """The highest resident size of some processes while a block runs, above what they had before."""

    def __init__(self, pids):
        self.before = {pid: memory_kb(pid, "Rss") for pid in pids}
        self.growth_kb = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self):
        while not self.stopping.wait(0.05):
            for pid, before in self.before.items():
                self.growth_kb = max(self.growth_kb, memory_kb(pid, "Rss") - before)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(5)


@pytest.mark.time_limit(600 if SOAK else 90)
def test_a_big_upload_needs_no_memory(server, tmp_path):
    script = "<?php $h = hash_init('md5'); hash_update_stream($h, fopen('php://input', 'r'));" \
        " echo hash_final($h), ' ', $_SERVER['CONTENT_LENGTH'];"
    app = server({"index.php": script}, max_body_size="4G", spool_dir=tmp_path, request_timeout="300s", workers=1)
    app.post("/", PIECE)  # what is needed once
    digest = hashlib.md5()
    with PeakMemory([app.gateway(), *app.pids("worker")]) as peak, app.client(timeout=300) as client:
        client.send(request_bytes("POST", "/", {"Content-Length": str(BIG), "Content-Type": "application/octet-stream"}))
        for _ in range(BIG // len(PIECE)):
            client.send(PIECE)
            digest.update(PIECE)
        assert client.read_response().text == f"{digest.hexdigest()} {BIG}"
    assert peak.growth_kb < (20_000 if not SANITIZED else 200_000)
    assert list(tmp_path.glob("*askr*spool*")) == []  # the spool file has no name


@pytest.mark.time_limit(600 if SOAK else 90)
def test_a_big_multipart_upload_needs_no_memory(server, tmp_path):
    app = server(
        {"index.php": "<?php $f = $_FILES['f']; echo $f['error'], ' ', $f['size'], ' ', filesize($f['tmp_name']);"},
        max_body_size="4G",
        spool_dir=tmp_path,
        request_timeout="300s",
        workers=1,
    )
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="big"\r\n\r\n'
    tail = b"\r\n--b--\r\n"
    app.post("/", head + PIECE + tail, {"Content-Type": "multipart/form-data; boundary=b"})
    with PeakMemory([app.gateway(), *app.pids("worker")]) as peak, app.client(timeout=300) as client:
        length = len(head) + BIG + len(tail)
        client.send(
            request_bytes("POST", "/", {"Content-Length": str(length), "Content-Type": "multipart/form-data; boundary=b"})
        )
        client.send(head)
        for _ in range(BIG // len(PIECE)):
            client.send(PIECE)
        client.send(tail)
        assert client.read_response().text == f"0 {BIG} {BIG}"
    assert peak.growth_kb < (20_000 if not SANITIZED else 200_000)


def download(app, target, size):
    """Reads a body without keeping it; returns its length and digest."""
    digest = hashlib.md5()
    received = 0
    with app.begin("GET", target, timeout=300) as client:
        head = client.read_head()
        assert head.status == 200
        is_chunked = head.header("Transfer-Encoding") == "chunked"
        while received < size:
            if is_chunked:
                data = client.read_chunk()
            else:
                data, client.buffer = client.buffer, b""
                data = data or client.socket.recv(1 << 20)
            assert data, f"it ended after {received} bytes"
            digest.update(data)
            received += len(data)
        if is_chunked:
            assert client.read_chunk() == b""
    return received, digest.hexdigest()


def expected_digest():
    digest = hashlib.md5()
    for _ in range(BIG // len(PIECE)):
        digest.update(PIECE)
    return digest.hexdigest()


DOWNLOADS = {
    "buffered": "",
    "streamed": "flush();",
}


@pytest.mark.time_limit(600 if SOAK else 90)
@pytest.mark.parametrize("end_of_piece", DOWNLOADS.values(), ids=DOWNLOADS.keys())
def test_a_big_download_needs_no_memory(server, tmp_path, end_of_piece):
    script = (
        "<?php $piece = str_repeat(implode('', array_map('chr', range(0, 255))), 4096);"
        f"for ($i = 0; $i < $_GET['n']; $i++) {{ echo $piece; {end_of_piece} }}"
    )
    app = server({"index.php": script}, ini=UNBUFFERED, spool_dir=tmp_path, request_timeout="300s", workers=1)
    app.get("/?n=4")
    with PeakMemory([app.gateway(), *app.pids("worker")]) as peak:
        assert download(app, f"/?n={BIG // len(PIECE)}", BIG) == (BIG, expected_digest())
    assert peak.growth_kb < (20_000 if not SANITIZED else 200_000)
    app.assert_nothing_is_held()


@pytest.mark.time_limit(600 if SOAK else 90)
def test_readfile_of_a_big_file_needs_no_memory(server, tmp_path):
    app = server({"index.php": "<?php readfile('big.bin');", "small.php": "<?php echo 1;"}, spool_dir=tmp_path,
                 request_timeout="300s", workers=1)
    with open(app.root / "big.bin", "wb") as file:
        for _ in range(BIG // len(PIECE)):
            file.write(PIECE)
    app.get("/small.php")
    with PeakMemory([app.gateway()]) as peak:
        assert download(app, "/", BIG) == (BIG, expected_digest())
        assert download(app, "/big.bin", BIG) == (BIG, expected_digest())
    assert peak.growth_kb < (20_000 if not SANITIZED else 200_000)


# ---------------------------------------------------------------- many idle connections


@pytest.mark.time_limit(180 if SOAK else 60)
@pytest.mark.skipif(SANITIZED, reason="sanitizers keep freed memory")
def test_an_idle_connection_costs_at_most_four_kilobytes(server):
    count = 10_000 if SOAK else 2_000
    app = server({"index.php": "<?php echo 'x';"}, idle_timeout="300s")
    gateway = app.gateway()
    warm = [app.client() for _ in range(100)]
    for client in warm:
        client.get("/")
    before = memory_kb(gateway, "Private_Clean", "Private_Dirty")
    clients = []
    try:
        for n in range(count):
            client = app.client()
            clients.append(client)
            assert client.get("/").status == 200
        grown = memory_kb(gateway, "Private_Clean", "Private_Dirty") - before
        assert connections(app) >= count
        assert grown / count <= 4, f"{grown / count:.2f} KB each"
        assert clients[0].get("/").status == 200
    finally:
        for client in clients + warm:
            client.close()
    wait_until(lambda: connections(app) == 0, "all connections are gone")
