"""Large bodies wait in files of their gateway: each request reads its own, whatever comes and goes meanwhile."""

import hashlib
import os
import random
import socket
import threading
import time

import pytest

from askrtest.http import CutShort, chunked, request_bytes
from askrtest.modes import MODES, serve_in
from askrtest.server import kill
from askrtest.wait import SANITIZED, SOAK, wait_until

# Waits for its gate, reads its body then, and says whose it was.
APPLICATION = r"""<?php
function answer(): void {
    file_put_contents($_GET['log'] . '.began', $_GET['n'] . "\n", FILE_APPEND);
    while (isset($_GET['gate']) && !file_exists($_GET['gate'])) { usleep(1000); clearstatcache(); }
    $body = file_get_contents('php://input');
    if ($_FILES) $body = file_get_contents($_FILES['file']['tmp_name']);
    if (isset($_POST['field'])) $body = $_POST['field'];
    file_put_contents($_GET['log'], $_GET['n'] . ' ' . strlen($body) . ' ' . md5($body) . "\n", FILE_APPEND);
    echo isset($_GET['size']) ? str_repeat($_GET['n'], (int) $_GET['size']) : md5($body);
}
"""

BOUNDARY = "xXboundaryXx"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def multipart(content):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


# How a client sends `content`, which PHP gets to see.
KINDS = {
    "put": lambda target, content: request_bytes("PUT", target, {}, content),
    "patch": lambda target, content: request_bytes("PATCH", target, {}, content),
    "post without a type": lambda target, content: request_bytes("POST", target, {}, content),
    "chunked": lambda target, content: request_bytes(
        "POST", target, {"Transfer-Encoding": "chunked"}, chunked(*(content[at : at + 9999] for at in range(0, len(content), 9999)))
    ),
    "form": lambda target, content: request_bytes("POST", target, FORM, b"field=" + content),
    "multipart": lambda target, content: request_bytes("POST", target, MULTIPART, multipart(content)),
}


class Bodies:
    """Requests with bodies of their own that wait in PHP until open(), and what PHP has read for each."""

    def __init__(self, app, folder):
        self.app = app
        self.gate = folder / "gate"
        self.log = folder / "read.log"
        self.expected = {}

    def target(self, name, gated=True, **more):
        query = {"n": name, "log": self.log, **({"gate": self.gate} if gated else {}), **more}
        return "/?" + "&".join(f"{key}={value}" for key, value in query.items())

    def send(self, name, kind="put", size=200_000, gated=True):
        content = name.encode() * (size // len(name))
        self.expected[name] = f"{len(content)} {hashlib.md5(content).hexdigest()}"
        client = self.app.client()
        client.send(KINDS[kind](self.target(name, gated), content))
        return client

    def lines(self, path):
        return path.read_text().splitlines() if path.exists() else []

    def wait_begun(self, name):
        began = self.log.with_name(self.log.name + ".began")
        wait_until(lambda: name in self.lines(began), lambda: f"{name} runs\n{self.app.said()}")

    def read(self):
        return dict(line.split(" ", 1) for line in self.lines(self.log))

    def wait_read(self, *names):
        wait_until(lambda: set(names) <= set(self.read()), lambda: f"{names} were read, not only {set(self.read())}")

    def assert_own(self):
        read = self.read()
        assert read == {name: self.expected[name] for name in read}

    def spooled(self):
        return self.app.status()["spool"]["used"]


@pytest.fixture(params=MODES)
def mode(request):
    if SANITIZED and request.param == "rewind":
        pytest.skip("the shadow memory of a sanitizer is too large to be rewound")
    return request.param


@pytest.fixture
def bodies(server, tmp_path, mode):
    def make(**options):
        return Bodies(serve_in(mode, server, APPLICATION, **{"workers": 3, "ini": ["memory_limit=64M"], **options}), tmp_path)

    return make


def wait_left(app):
    """The gateway knows that the first client has gone."""
    wait_until(lambda: any(line["status"] == 499 for line in app.access_lines()), lambda: f"it has noticed\n{app.access_lines()}")


@pytest.mark.parametrize("kind", ["put", "patch", "post without a type", "chunked"])
def test_who_reads_late_reads_the_own_upload(bodies, tmp_path, kind):
    test = bodies(access_log=tmp_path / "access.log")
    first = test.send("a", kind)
    test.wait_begun("a")
    first.close()
    wait_left(test.app)
    others = [test.send(name, kind, 300_000) for name in "bc"]
    for name in "bc":
        test.wait_begun(name)
    test.gate.touch()
    test.wait_read("a", "b", "c")
    test.assert_own()
    for other in others:
        assert other.read_response().status == 200
    wait_until(lambda: test.spooled() == 0, "the files are gone")
    test.app.assert_nothing_is_held()


@pytest.mark.parametrize("kind", KINDS)
def test_who_runs_late_reads_the_own_upload(bodies, tmp_path, kind):
    test = bodies(workers=1, access_log=tmp_path / "access.log")
    first = test.send("x", size=100)
    test.wait_begun("x")
    leaving = test.send("a", kind)
    wait_until(lambda: test.app.status()["queue_depth"] == 1, "it waits")
    leaving.close()
    wait_left(test.app)
    others = [test.send(name, kind, 300_000) for name in "bc"]
    wait_until(lambda: test.app.status()["queue_depth"] == 3, "all wait")
    test.gate.touch()
    test.wait_read("x", "a", "b", "c")
    test.assert_own()
    for client in [first, *others]:
        assert client.read_response().status == 200


def test_who_reads_late_reads_no_response_of_another(bodies, tmp_path):
    test = bodies(access_log=tmp_path / "access.log")
    first = test.send("a")
    test.wait_begun("a")
    first.close()
    wait_left(test.app)
    with test.app.client(receive_buffer=4096) as slow:
        slow.send(request_bytes("GET", test.target("b", gated=False, size=6_000_000)))
        wait_until(lambda: test.spooled() > 1_000_000, "a response waits for its client")
        test.gate.touch()
        test.wait_read("a")
        assert test.read()["a"] == test.expected["a"]
        assert slow.read_response().body == b"b" * 6_000_000


def test_a_request_whose_gateway_has_died_does_not_run_without_its_body(bodies):
    test = bodies(workers=1)
    first = test.send("x", size=100)
    test.wait_begun("x")
    waiting = test.send("a")
    wait_until(lambda: test.app.status()["queue_depth"] == 1, "it waits")
    old = test.app.gateway()
    kill(old)
    wait_until(lambda: test.app.pids("gateway") not in ([], [old]), "there is another gateway")
    test.gate.touch()
    with test.send("b", gated=False) as after:
        assert after.read_response().status == 200
    test.wait_read("b")
    assert test.read().get("a", test.expected["a"]) == test.expected["a"]
    test.app.assert_nothing_is_held()
    for client in (first, waiting):
        client.close()


def spool_file_of(gateway, size):
    for name in os.listdir(f"/proc/{gateway}/fd"):
        path = f"/proc/{gateway}/fd/{name}"
        try:
            if "askr-spool" in os.readlink(path) or "(deleted)" in os.readlink(path):
                if os.stat(path).st_size == size:
                    return path
        except FileNotFoundError:
            continue
    raise AssertionError(f"no file of {size} bytes waits")


@pytest.mark.parametrize("kind", ["put", "form"])
def test_a_body_that_cannot_be_read_to_its_end_is_not_taken_for_a_shorter_one(bodies, kind):
    test = bodies(workers=1)
    first = test.send("x", size=100)
    test.wait_begun("x")
    with test.send("a", kind, gated=False) as broken:
        wait_until(lambda: test.app.status()["queue_depth"] == 1, "it waits")
        size = 200_000 + (len("field=") if kind == "form" else 0)
        os.truncate(spool_file_of(test.app.gateway(), size), 150_000)
        test.gate.touch()
        assert broken.read_response().status == 500
    test.app.wait_log("the request body cannot be read to its end")
    assert "a" not in test.read()
    assert first.read_response().status == 200
    with test.send("b", kind, gated=False) as after:
        assert after.read_response().text == test.expected["b"].split()[1]
    test.app.assert_nothing_is_held()


def test_a_gateway_needs_no_descriptor_that_it_had_before(bodies):
    """Neither the questions of workers nor kept bodies leave anything open."""
    test = bodies()
    count = lambda: len(os.listdir(f"/proc/{test.app.gateway()}/fd"))  # noqa: E731
    test.send("w", gated=False).read_response()
    wait_until(lambda: test.spooled() == 0, "nothing waits")
    before = count()
    for number in range(30):
        client = test.send("a", gated=False)
        if number % 3:
            assert client.read_response().status == 200
        client.close()
    wait_until(lambda: count() <= before, lambda: f"{count()} descriptors as before, {before}")
    test.app.assert_nothing_is_held()


# ---------------------------------------------------------------- at random

CHECKS_ITSELF = r"""<?php
// The tag is repeated in everything that belongs to this request, and in nothing else.
function complain(string $what): void { file_put_contents($_GET['log'], "$_GET[n]: $what\n", FILE_APPEND); }
function check(string $what, string $bytes, string $tag): void {
    $size = (int) $_GET['size'];
    if (strlen($bytes) !== $size) complain("$what has " . strlen($bytes) . " bytes, not $size");
    if (trim($bytes, $tag) !== '') complain("$what has a foreign byte: " . substr(trim($bytes, $tag), 0, 40));
}
function answer(): void {
    $tag = $_GET['n'];
    usleep(random_int(0, 3000));
    if ($_FILES) check('upload', file_get_contents($_FILES['file']['tmp_name']), $tag);
    elseif (isset($_POST['field'])) check('form', $_POST['field'], $tag);
    elseif ($_SERVER['REQUEST_METHOD'] !== 'GET') check('body', file_get_contents('php://input'), $tag);
    for ($left = (int) $_GET['back']; $left > 0; $left -= 50000) echo str_repeat($tag, min($left, 50000));
}
"""
TAGS = "bcefghijklmopqrstuvwxyz"  # "field", "data" and "name" have none of a, d, n


class Visitors:
    """Threads of clients that upload, download slowly, and leave at random moments."""

    def __init__(self, app, log, rounds, seed):
        self.app = app
        self.log = log
        self.rounds = iter(range(rounds))
        self.lock = threading.Lock()
        self.wrong = []
        self.finished = 0
        self.seed = seed

    def run(self, threads=8):
        running = [threading.Thread(target=self.visit_all, args=(number,), daemon=True) for number in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join(300)
        assert not any(thread.is_alive() for thread in running), "a client hangs"

    def next_round(self):
        with self.lock:
            return next(self.rounds, None)

    def visit_all(self, number):
        choice = random.Random(self.seed * 1000 + number)
        while self.next_round() is not None:
            try:
                self.visit(choice)
            except (OSError, EOFError, CutShort) as problem:
                self.wrong.append(repr(problem))

    def visit(self, choice):
        tag = choice.choice(TAGS)
        kind = choice.choice([*KINDS, "get"])
        size = choice.choice([60_000, 70_000, 200_000, 300_000]) if kind != "get" else 0
        back = choice.choice([10, 200_000, 3_000_000])
        target = f"/?n={tag}&log={self.log}&size={size}&back={back}"
        wire = request_bytes("GET", target) if kind == "get" else KINDS[kind](target, tag.encode() * size)
        slow = choice.random() < 0.5
        with self.app.client(receive_buffer=4096 if slow else None) as client:
            leaves = choice.random()
            if leaves < 0.15:
                client.send(wire[: choice.randrange(1, len(wire))])
                return
            client.send(wire)
            if leaves < 0.5:
                time.sleep(choice.random() * 0.01)
                return
            head = client.read_head()
            if leaves < 0.7:
                try:
                    self.look(client.read_some(100_000), tag, kind)
                finally:
                    return
            client.read_body(head)
            if head.status != 200 or len(head.body) != back:
                self.wrong.append(f"{kind}: {head.status}, {len(head.body)} of {back}")
            self.look(head.body, tag, kind)
            self.finished += 1

    def look(self, body, tag, kind):
        if kind == "get" or body.strip(b"0123456789abcdef\r\n" + tag.encode()):
            foreign = set(body) - set(tag.encode())
            if foreign and foreign - set(b"0123456789abcdef\r\n"):
                self.wrong.append(f"{kind} {tag}: {bytes(foreign)[:20]!r}")


@pytest.mark.time_limit(600)
def test_nobody_ever_sees_a_byte_of_another(server, tmp_path, mode):
    app = serve_in(mode, server, CHECKS_ITSELF, workers=3,
                   ini=["memory_limit=64M", "max_execution_time=0", "output_buffering=0"])
    visitors = Visitors(app, tmp_path / "wrong.log", 1000 if SOAK else 120, seed=MODES.index(mode))
    visitors.run()
    assert not (tmp_path / "wrong.log").exists(), (tmp_path / "wrong.log").read_text()[:2000]
    assert visitors.wrong == [], visitors.wrong[:5]
    assert visitors.finished > 0
    wait_until(lambda: app.status()["spool"]["used"] == 0, "the files are gone", 20)
    app.assert_nothing_is_held()
    assert app.get(f"/?n=b&log={tmp_path / 'wrong.log'}&size=0&back=10").body == b"b" * 10


# ---------------------------------------------------------------- the limit of the spool


def test_beyond_the_limit_uploads_are_503_until_there_is_room(server, tmp_path):
    app = serve_in("per-request", server, APPLICATION, workers=2, gateways=2, spool_limit="1M")
    test = Bodies(app, tmp_path)
    first = test.send("a", size=900_000)
    test.wait_begun("a")
    for _ in range(4):  # by whichever gateway
        with test.send("b", size=400_000, gated=False) as refused:
            response = refused.read_response()
            assert response.status == 503
            assert int(response.header("Retry-After")) >= 1
    assert app.status()["spool"]["limit"] == 1 << 20
    assert test.spooled() <= 1 << 20
    app.wait_log("server.spool_limit")
    test.gate.touch()
    assert first.read_response().status == 200
    wait_until(lambda: test.spooled() == 0, "there is room again")
    with test.send("c", size=900_000, gated=False) as client:
        assert client.read_response().status == 200


def test_a_killed_gateway_gives_back_its_share(server, tmp_path):
    app = serve_in("per-request", server, APPLICATION, workers=1, spool_limit="1M")
    test = Bodies(app, tmp_path)
    client = test.send("a", size=900_000)
    test.wait_begun("a")
    kill(app.gateway())
    client.close()
    wait_until(lambda: test.spooled() == 0, "its files went with it")
    test.gate.touch()
    wait_until(lambda: app.pids("gateway"), "there is another gateway")
    with test.send("b", size=900_000, gated=False) as after:
        assert after.read_response().status == 200


def test_beyond_the_limit_responses_wait_in_their_workers(server, tmp_path):
    app = serve_in("per-request", server, APPLICATION, workers=3, spool_limit="8M", ini=["memory_limit=256M"])
    test = Bodies(app, tmp_path)
    slow = []
    for name in "ab":
        client = app.client(receive_buffer=4096)
        client.send(request_bytes("GET", test.target(name, gated=False, size=40_000_000)))
        slow.append(client)
    wait_until(lambda: sum(worker["state"] == "busy" for worker in app.workers()) == 2, "two workers hold their responses")
    wait_until(lambda: test.spooled() > 6 << 20, "the spool is used")
    assert test.spooled() <= 8 << 20
    app.wait_log("server.spool_limit")
    assert app.get(test.target("c", gated=False)).status == 200
    for client, name in zip(slow, b"ab"):
        assert client.read_response().body == bytes([name]) * 40_000_000
    wait_until(lambda: test.spooled() == 0, "all files are gone")
    app.assert_nothing_is_held()


def test_the_limit_is_a_quarter_of_what_is_free(server, tmp_path):
    app = server({"index.php": "x"}, spool_dir=tmp_path)
    room = os.statvfs(tmp_path)
    limit = app.status()["spool"]["limit"]
    assert limit == pytest.approx(room.f_bavail * room.f_frsize / 4, rel=0.2)


# ---------------------------------------------------------------- memory


def memory_of(pid):
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))


def test_the_memory_of_half_heads_goes_back_when_they_are_gone(server):
    count = 4000 if SOAK else 1500
    app = server({"index.php": "<?php echo 'x';"}, head_timeout="60s")
    for _ in range(20):
        assert app.get("/").status == 200
    before = memory_of(app.gateway())
    head = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Filler: " + b"x" * 8000
    clients = []
    for _ in range(count):
        client = socket.create_connection(app.address)
        client.sendall(head)
        clients.append(client)
    connections = lambda: app.status()["processes"][1]["connections"]  # noqa: E731
    wait_until(lambda: connections() >= count, "all are there")
    wait_until(lambda: memory_of(app.gateway()) > before + count * 8, "their heads are held")
    for client in clients:
        client.close()
    wait_until(lambda: connections() == 0, "all are gone")
    wait_until(lambda: memory_of(app.gateway()) < before + 4096,
               lambda: f"memory is as before: {before} KB, {memory_of(app.gateway())} KB", 15)
