"""Extensions of PHP: each request of a worker script begins and ends for them as one of PHP does."""

import os
import re
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from askrtest.scripts import FOLDER, UNBUFFERED
from askrtest.server import ROOT
from askrtest.wait import STRETCH, wait_until

in_each_mode = pytest.mark.parametrize(
    "flags", [(), ("--cow",), ("--isolation", "request"), ("--isolation", "rewind")],
    ids=["worker", "cow", "request", "rewind"])

WORKER = """<?php
{boot}
$handler = function (array $request) {{
    {handler}
}};
while (askr_handle_request($handler)) {{
}}
"""


@pytest.fixture
def serve(server):
    def make(handler, boot="", flags=(), script=None, **options):
        app = server({"worker.php": script or WORKER.format(boot=boot, handler=handler)}, wait=False, workers=1,
                     flags=flags, **options)
        app.worker_script = app.root / "worker.php"
        return app.start()

    return make


# ---------------------------------------------------------------- any extension


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    library = tmp_path_factory.mktemp("probe") / "probe.so"
    includes = subprocess.check_output(["php-config8.2", "--includes"], text=True).split()
    subprocess.run(["cc", "-shared", "-fPIC", *includes, "-o", library, FOLDER / "probe.c"],
                   check=True)
    return library


def lines_of(log):
    """What the probe has told, without process numbers."""
    return [line.split(" ", 1)[1] for line in log.read_text().splitlines()] if log.exists() else []


def one_request(uri):
    """`activate` comes before PHP knows of the request, `deactivate` when it has forgotten it."""
    return ["activate -", f"begin {uri}", f"handler {uri}", f"end {uri}", "deactivate -", "release -"]


def tell(log):
    return f"file_put_contents('{log}', getmypid() . ' handler ' . $_SERVER['REQUEST_URI'] . \"\\n\", FILE_APPEND); echo 'ran';"


@in_each_mode
def test_extensions_begin_and_end_a_request_with_each_of_ours(serve, probe, tmp_path, flags):
    log = tmp_path / "probe.log"
    app = serve(tell(log), flags=flags, ini=[*UNBUFFERED, f"zend_extension={probe}", f"probe.log={log}"])
    app.get("/warm-up")
    wait_until(lambda: "release -" in lines_of(log)[-1:] and "handler /warm-up" in lines_of(log), "the first request has ended")
    before = len(lines_of(log))
    assert app.get("/one").text == "ran"
    wait_until(lambda: "handler /one" in lines_of(log) and lines_of(log)[-1] == "release -", "the second has ended too")
    told = lines_of(log)[before:]
    start = told.index("begin /one")
    assert told[start - 1:start + 5] == one_request("/one")


@pytest.mark.parametrize("isolation", ["request", "rewind"])
def test_with_a_preload_script_as_well(server, probe, tmp_path, isolation):
    log = tmp_path / "probe.log"
    app = server({"boot.php": "<?php", "index.php": "<?php " + tell(log)}, workers=1, wait=False, isolation=isolation,
                 ini=[*UNBUFFERED, f"zend_extension={probe}", f"probe.log={log}"])
    app.flags += ["--preload-script", str(app.root / "boot.php")]
    app.start()
    for uri in ("/one", "/two"):
        assert app.get(uri).text == "ran"
    wait_until(lambda: lines_of(log).count("end /one") == lines_of(log).count("end /two") == 1, "both have ended")
    told = lines_of(log)
    for uri in ("/one", "/two"):
        start = told.index(f"begin {uri}")
        assert told[start:start + 3] == [f"begin {uri}", f"handler {uri}", f"end {uri}"]


@in_each_mode
def test_an_extension_that_is_named_sees_one_request(serve, probe, tmp_path, flags):
    log = tmp_path / "probe.log"
    app = serve(tell(log), flags=[*flags, "--keep-extension", "Probe"],
                ini=[*UNBUFFERED, f"zend_extension={probe}", f"probe.log={log}"])
    assert [app.get("/one").text for _ in range(2)] == ["ran", "ran"]
    assert not [line for line in lines_of(log) if line.startswith("begin /")]


def test_every_begin_has_an_end(serve, probe, tmp_path):
    """Also where the boot fails, a request fails fatally, and the worker ends."""
    log = tmp_path / "probe.log"
    ini = [*UNBUFFERED, f"zend_extension={probe}", f"probe.log={log}"]
    app = serve("if ($_SERVER['REQUEST_URI'] === '/fatal') { eval('class A { abstract function f(); }'); } exit('ran');", ini=ini)
    assert app.get("/").text == "ran"
    assert app.get("/fatal").status == 500
    wait_until(lambda: app.pids("worker"), "another worker is there")
    assert app.get("/").text == "ran"
    app.stop()
    state = {}
    for line in log.read_text().splitlines():
        pid, what, _ = line.split(" ", 2)
        previous = state.get(pid, "release")
        expected = {"activate": ["release"], "begin": ["activate"], "end": ["begin"], "deactivate": ["end"],
                    "release": ["deactivate"]}[what]
        assert previous in expected, (pid, previous, what, log.read_text())
        state[pid] = what
    assert set(state.values()) == {"release"}


# ---------------------------------------------------------------- Xdebug


def find_xdebug():
    folder = subprocess.check_output(["php-config8.2", "--extension-dir"], text=True).strip()
    unpacked = ROOT / "build/deps/xdebug" / folder[1:]
    found = [place / "xdebug.so" for place in (unpacked, Path(folder)) if (place / "xdebug.so").exists()]
    return found[0] if found else None


class Debugger:
    """Listens as an IDE does, stops each session at the lines that `breakpoints` has, and goes on."""

    def __init__(self, script, lines):
        self.script, self.lines = script, lines
        self.sessions = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(20 * STRETCH)
            self.sessions.append(stops := [])
            try:
                self.debug(connection, stops)
            except (OSError, EOFError):
                pass  # the request is over

    def debug(self, connection, stops):
        with connection, connection.makefile("rb") as answers:
            self.read(answers)  # <init>
            number = 0
            for line in self.lines:
                number += 1
                command = f"breakpoint_set -i {number} -t line -f file://{self.script} -n {line}\0"
                connection.sendall(command.encode())
                self.read(answers)
            while True:
                number += 1
                connection.sendall(f"run -i {number}\0".encode())
                stop = self.read(answers)
                if 'status="break"' in stop:
                    stops.append(int(re.search(r'lineno="(\d+)"', stop)[1]))
                elif 'status="stopping"' in stop:
                    connection.sendall(f"detach -i {number + 1}\0".encode())
                    return

    @staticmethod
    def read(answers):
        size = b""
        while not size.endswith(b"\0"):
            byte = answers.read(1)
            if not byte:
                raise EOFError
            size += byte
        text = answers.read(int(size[:-1]) + 1)
        if not text:
            raise EOFError
        return text.decode()


DEBUGGED = """<?php
function answer($name) {
    $greeting = "hello $name";
    return $greeting;
}
$handler = function (array $request) {
    $name = $_GET['name'] ?? 'nobody';
    echo answer($name);
};
while (askr_handle_request($handler)) {
}
"""

with_xdebug = pytest.mark.skipif(find_xdebug() is None, reason="Xdebug is not there")


@pytest.fixture
def debugger(tmp_path):
    made = []

    def make(script, lines):
        made.append(Debugger(script, lines))
        return made[0]

    yield make
    for one in made:
        one.listener.close()


@with_xdebug
@in_each_mode
def test_xdebug_stops_at_the_breakpoints_of_each_request_that_asks_for_it(server, debugger, flags):
    app = server({"worker.php": DEBUGGED}, wait=False, workers=1, flags=flags)
    app.worker_script = app.root / "worker.php"
    ide = debugger(app.worker_script, [3, 7, 8])
    app.ini = [f"zend_extension={find_xdebug()}", "xdebug.mode=debug", "xdebug.start_with_request=trigger",
               f"xdebug.client_port={ide.port}", "xdebug.log_level=0"]
    app.start()
    assert app.get("/?name=alice").text == "hello alice"
    assert ide.sessions == []
    for name in ("bob", "carol", "dave"):
        assert app.get(f"/?name={name}&XDEBUG_TRIGGER=1").text == f"hello {name}"
    assert app.get("/?name=eve", [("Cookie", "XDEBUG_SESSION=ide")]).text == "hello eve"
    assert app.get("/?name=frank").text == "hello frank"
    assert ide.sessions == [[7, 8, 3]] * 4


@with_xdebug
@pytest.mark.parametrize("isolation", ["request", "rewind"])
def test_xdebug_stops_behind_a_preload_script(server, debugger, isolation):
    front = DEBUGGED.split("$handler")[0] + "\n$name = $_GET['name'];\necho answer($name);\n"
    app = server({"boot.php": "<?php", "index.php": front}, workers=1, wait=False, isolation=isolation)
    ide = debugger(app.root / "index.php", [3, 8])
    app.ini = [f"zend_extension={find_xdebug()}", "xdebug.mode=debug", "xdebug.start_with_request=trigger",
               f"xdebug.client_port={ide.port}", "xdebug.log_level=0"]
    app.flags += ["--preload-script", str(app.root / "boot.php")]
    app.start()
    for name in ("bob", "carol"):
        assert app.get(f"/?name={name}&XDEBUG_TRIGGER=1").text == f"hello {name}"
    assert ide.sessions == [[8, 3]] * 2


@with_xdebug
@in_each_mode
def test_xdebug_traces_each_request_into_a_file_of_its_own(serve, tmp_path, flags):
    app = serve("echo strrev('ran');", flags=flags,
                ini=[f"zend_extension={find_xdebug()}", "xdebug.mode=trace,profile,develop", "xdebug.start_with_request=trigger",
                     f"xdebug.output_dir={tmp_path}", "xdebug.trace_output_name=trace.%r", "xdebug.use_compression=0"])
    for trigger in ("", "XDEBUG_TRIGGER=1", "XDEBUG_TRIGGER=1", ""):
        assert app.get(f"/?{trigger}").text == "nar"
    wait_until(lambda: len(list(tmp_path.glob("trace.*"))) == 2, lambda: f"two traces: {os.listdir(tmp_path)}")
    for trace in tmp_path.glob("trace.*"):
        wait_until(lambda: "TRACE END" in trace.read_text(), "the trace is complete")  # noqa: B023
        assert trace.read_text().count("strrev") == 1


@with_xdebug
def test_a_worker_with_xdebug_lives_and_ends_as_any_other(serve):
    """Warnings and failures at all places: Xdebug has hooks of its own there."""
    app = serve("if (isset($_GET['fail'])) missing(); if (isset($_GET['throw'])) throw new Exception('lost'); echo $undefined, 'ran';",
                boot="echo $undefined; function nested($n) { return $n > 0 ? nested($n - 1) : 1; } nested(3);",
                max_requests=20,
                ini=[*UNBUFFERED, f"zend_extension={find_xdebug()}", "xdebug.mode=develop,debug,coverage,gcstats",
                     "xdebug.start_with_request=no"])
    for round_number in range(3):
        for target, status in (("/", 200), ("/?fail", 500), ("/", 200), ("/?throw", 500)):
            assert app.get(target).status == status, (round_number, target)
    assert app.reload().returncode == 0
    assert app.get("/").text == "ran"
