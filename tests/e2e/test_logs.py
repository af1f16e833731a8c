"""Logs: a JSON line per request, readable messages, and one id that ties them together."""

import fcntl
import json
import os
import re
import resource
import signal
import subprocess
import time
from datetime import datetime, timezone

import pytest

from askrtest.http import request_bytes
from askrtest.server import kill
from askrtest.wait import wait_until

KEYS = ["ts", "ip", "method", "path", "status", "bytes", "dur_ms", "php_ms", "queue_ms", "cache", "request_id"]
FILES = {
    "index.php": "<?php error_log('from php'); echo $_SERVER['HTTP_X_REQUEST_ID'] ?? '';",
    "slow.php": "<?php usleep(50000); echo 'slow';",
    "crash.php": "<?php posix_kill(getmypid(), 9);",
    "plain.txt": "plain\n",
}


@pytest.fixture
def app(server, tmp_path):
    return server(FILES, access_log=tmp_path / "access.log")


def line_of(app, request_id):
    def find():
        return next((line for line in app.access_lines() if line["request_id"] == request_id), None)

    return wait_until(find, lambda: f"the access log has {request_id}: {app.access_lines()}")


def test_an_access_line_has_the_keys_of_the_contract(app):
    response = app.get("/slow.php?a=1")
    line = line_of(app, response.header("X-Request-Id"))
    assert list(line) == KEYS
    assert line["ip"] == "127.0.0.1"
    assert line["method"] == "GET"
    assert line["path"] == "/slow.php?a=1"
    assert line["status"] == 200
    assert line["bytes"] == 4
    assert 50 <= line["php_ms"] <= line["dur_ms"] < 5000
    assert 0 <= line["queue_ms"] < 1000
    age = datetime.now(timezone.utc) - datetime.fromisoformat(line["ts"].replace("Z", "+00:00"))
    assert abs(age.total_seconds()) < 10


def test_every_kind_of_request_is_logged(app):
    ids = {
        "php": app.get("/").header("X-Request-Id"),
        "static": app.get("/plain.txt").header("X-Request-Id"),
        "head": app.request("HEAD", "/plain.txt").header("X-Request-Id"),
        "crash": app.post("/crash.php", b"x").header("X-Request-Id"),
    }
    with app.client() as client:
        client.send(b"GET nonsense\r\n\r\n")
        ids["bad"] = client.read_response().header("X-Request-Id")
    statuses = {name: line_of(app, request_id)["status"] for name, request_id in ids.items()}
    assert statuses == {"php": 200, "static": 200, "head": 200, "crash": 502, "bad": 400}
    assert line_of(app, ids["static"])["bytes"] == 6
    assert line_of(app, ids["head"])["bytes"] == 0
    assert not line_of(app, ids["static"])["php_ms"]


def test_a_line_is_valid_json_whatever_the_client_sends(app):
    with app.client() as client:
        client.send(b'GET /%22quoted%22/\xff\xfe"\\back HTTP/1.1\r\nHost: a\r\nX-Request-Id: odd\r\n\r\n')
        status = client.read_response().status
    wait_until(lambda: app.access_file.exists() and app.access_file.read_bytes().count(b"\n") >= 1, "a line is written")
    (line,) = [json.loads(text) for text in app.access_file.read_text().splitlines()]
    assert line["status"] == status


def test_the_script_that_a_killed_worker_ran_is_named(app):
    app.post("/crash.php", b"x", {"X-Request-Id": "lost"})
    app.wait_log(rf"killed by signal 9 .* while it ran POST /crash\.php \({app.root}/crash\.php, request lost\)")


def test_the_worker_script_of_a_killed_worker_is_named(server):
    loop = "<?php while (askr_handle_request(fn () => posix_kill(getmypid(), 9))) { }"
    app = server({"worker.php": loop}, wait=False)
    app.worker_script = app.root / "worker.php"
    app.start().post("/some/page", b"x", {"X-Request-Id": "lost"})
    app.wait_log(rf"killed by signal 9 .* while it ran POST /some/page \({app.worker_script}, request lost\)")


def test_every_request_has_its_own_id(app):
    ids = [app.get("/plain.txt").header("X-Request-Id") for _ in range(20)] + [
        app.get("/").header("X-Request-Id") for _ in range(20)
    ]
    assert len(set(ids)) == 40
    assert all(re.fullmatch(r"[\w.:-]{8,}", request_id) for request_id in ids)


def test_a_clients_own_id_is_kept_everywhere(app):
    response = app.get("/", {"X-Request-Id": "client-id_1.2:3"})
    assert response.header("X-Request-Id") == "client-id_1.2:3"
    assert response.text == "client-id_1.2:3"  # PHP saw it
    line_of(app, "client-id_1.2:3")
    app.wait_log(r"from php.*client-id_1\.2:3|client-id_1\.2:3.*from php")


@pytest.mark.parametrize("bad", ["", "with space", "<script>", "a" * 200, "quote\"", "ümlaut"])
def test_a_malformed_id_is_replaced(app, bad):
    with app.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + bad.encode() + b"\r\n\r\n")
        response = client.read_response()
    assert response.status == 200
    request_id = response.header("X-Request-Id")
    assert request_id and request_id != bad
    assert response.text == request_id


@pytest.mark.parametrize("head, method, path", [
    (b"GET /secret HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET", "/secret"),
    (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n", "GET", "/" + "a" * 2043),
    (b"BREW /pot HTTP/1.1\r\n\r\n", "BREW", "/pot"),
    (b"\x16\x03\x01 is no HTTP\r\n\r\n", "", ""),
], ids=["two-hosts", "too-long", "no-method", "tls"])
def test_a_head_that_makes_no_sense_is_logged_with_its_first_line(app, head, method, path):
    with app.client() as client:
        client.send(head)
        line = line_of(app, client.read_response().header("X-Request-Id"))
    assert (line["method"], line["path"]) == (method, path)


def test_a_lost_request_is_in_both_logs_under_its_id(app):
    request_id = app.post("/crash.php", b"x").header("X-Request-Id")
    assert line_of(app, request_id)["status"] == 502
    app.wait_log(rf"POST /crash\.php.*{re.escape(request_id)}")


def test_a_client_that_left_is_logged(app):
    with app.client() as client:
        client.send(request_bytes("GET", "/slow.php", {"X-Request-Id": "left-early"}))
    wait_until(lambda: any(line["request_id"] == "left-early" for line in app.access_lines()), "it is in the log")


def test_times_of_requests_that_fail(server, tmp_path):
    files = {**FILES, "stuck.php": "<?php while (true) { usleep(1000); }"}
    app = server(files, access_log=tmp_path / "access.log", workers=1, request_timeout="600ms", queue_timeout="200ms")
    late, waits = [app.begin("GET", "/stuck.php", {"X-Request-Id": name}) for name in ("late", "waits")]
    assert waits.read_response().status == 503
    assert late.read_response().status == 504
    line = line_of(app, "waits")
    assert 180 <= line["queue_ms"] <= line["dur_ms"] and line["php_ms"] == 0
    line = line_of(app, "late")
    assert 550 <= line["php_ms"] <= line["dur_ms"]
    left = app.begin("GET", "/stuck.php", {"X-Request-Id": "left"})
    wait_until(lambda: any(worker["state"] == "busy" for worker in app.workers()), "it runs")
    time.sleep(0.1)
    left.close()
    wait_until(lambda: any(line["request_id"] == "left" for line in app.access_lines()), "it is in the log")
    assert line_of(app, "left")["php_ms"] >= 80
    app.wait_log(r"request left\)\n.*over the request timeout")


def test_time_in_the_queue_is_told_apart_from_time_in_php(server, tmp_path):
    app = server(FILES, access_log=tmp_path / "access.log", workers=1)
    clients = [app.begin("GET", "/slow.php", {"X-Request-Id": f"q-{n}"}) for n in range(3)]
    for client in clients:
        client.read_response()
        client.close()
    lines = [line_of(app, f"q-{n}") for n in range(3)]
    assert sorted(line["queue_ms"] for line in lines)[2] >= 80
    assert all(40 <= line["php_ms"] < 80 + 1000 for line in lines)
    assert all(line["dur_ms"] + 1 >= line["php_ms"] + line["queue_ms"] for line in lines)


def test_the_access_log_may_be_standard_output(server):
    app = server(FILES, access_log="-")
    app.get("/plain.txt", {"X-Request-Id": "to-stdout"})
    wait_until(lambda: "to-stdout" in app.banner(), "the line is there")


def test_the_access_log_may_be_a_pipe_whose_reader_comes_and_goes(server, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def next_line(pipe):
        with open(pipe, "rb") as reader:
            line = wait_until(reader.readline, "a line comes through the pipe")
            return json.loads(line)["path"]

    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    app = server(FILES, flags=["--access-log", path])
    app.get("/one")
    assert next_line(pipe) == "/one"

    app.signal(signal.SIGUSR1)
    app.wait_log(r"cannot open the access log .*: nobody reads this pipe; the old one goes on")
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    app.get("/two")
    assert next_line(pipe) == "/two"


def test_the_error_log_has_a_time_and_a_speaker_on_every_line(app):
    kill(app.one_of("worker"))
    app.wait_log("was killed by signal 9")
    for line in app.error_log().splitlines():
        assert re.match(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d", line), line


def test_a_message_with_line_breaks_stays_one_line(server):
    app = server({"index.php": "<?php error_log(\"one\\ntwo\\nforged 2026-01-01 00:00:00 error\"); echo 1;"})
    app.get("/")
    app.wait_log("one")
    assert len([line for line in app.error_log().splitlines() if "one" in line or "two" in line]) == 1


def test_the_log_level_is_kept(server):
    app = server(FILES, log_level="error")
    with app.client() as client:
        client.send(b"GET nonsense\r\n\r\n")
        assert client.read_response().status == 400
    assert "400" not in app.error_log()


def a_pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return reader, writer


@pytest.mark.parametrize("make", [a_pipe, os.openpty])
def test_standard_error_that_nobody_reads_stops_nobody(server, make):
    reader, writer = make()
    os.set_blocking(reader, False)
    flood = "<?php for ($i = 0; $i < 3000; $i++) error_log(str_repeat('x', 100)); echo 'done';"
    app = server({**FILES, "flood.php": flood}, wait=False, limits=lambda: os.dup2(writer, 2)).start()
    assert app.get("/flood.php").text == "done"
    for _ in range(50):
        with app.client() as client:
            client.send(b"GET nonsense\r\n\r\n")
            assert client.read_response().status == 400
    kill(app.one_of("worker"))
    wait_until(lambda: app.status()["workers_alive"] == 2, "the master goes on")
    assert app.get("/plain.txt").status == 200

    def told():
        with app.client() as client:
            client.send(b"GET nonsense\r\n\r\n")
            client.read_response()
        try:
            return re.search(rb"gateway 0: \d+ lines of this log lost", os.read(reader, 1 << 20))
        except BlockingIOError:
            return None

    wait_until(told, "the gateway says what was lost")
    os.close(reader)
    os.close(writer)


# ---------------------------------------------------------------- what acts on whoever reads


ODD = "\u202egnp.exe \u0085\u009b31m \u2066x\u2069 \u200f\u061c\u2028"
ESCAPED = ["202e", "0085", "009b", "2066", "2069", "200f", "061c", "2028"]


def assert_nothing_acts(text):
    """No control but the ends of lines, no mark of direction, and nothing but UTF-8."""
    for character in text.decode():
        code = ord(character)
        assert character == "\n" or code >= 0x20, hex(code)
        assert not 0x7F <= code <= 0x9F, hex(code)
        assert not 0x2028 <= code <= 0x202E and not 0x2066 <= code <= 0x2069 and code not in (0x200E, 0x200F, 0x61C), hex(code)


def test_what_php_logs_cannot_act_on_the_reader(server, tmp_path):
    log = "<?php error_log(\"caf\\xe9 \\x1b[2J " + ODD + " fin\\u{e9} \\xc0\\xaf\"); trigger_error('" + ODD + "', E_USER_WARNING);"
    app = server({"index.php": log}, error_log=tmp_path / "error.log")
    app.get("/")
    app.wait_log(r"PHP Warning")
    text = (tmp_path / "error.log").read_bytes()
    assert_nothing_acts(text)
    assert rb"caf\xe9 \x1b[2J \u202egnp.exe \u0085\u009b31m" in text
    assert "finé".encode() in text and rb"\xc0\xaf" in text


def test_what_a_client_sends_cannot_act_on_the_reader(app):
    odd = ODD.encode()
    with app.client() as client:
        client.send(b"GET /" + odd.replace(b" ", b"%20") + b"\xff HTTP/1.1\r\nHost: a\r\nX-Request-Id: odd\r\n\r\n")
        client.read_response()
    wait_until(lambda: app.access_file.exists() and app.access_file.read_bytes().count(b"\n") >= 1, "a line is written")
    text = app.access_file.read_bytes()
    assert_nothing_acts(text)
    assert_nothing_acts(app.error_file.read_bytes())
    (line,) = app.access_lines()
    assert all(rf"\u{code}".encode() in text for code in ESCAPED) or line["status"] == 400


def test_the_error_log_is_not_for_everybody(server, tmp_path):
    app = server(FILES, error_log=tmp_path / "error.log", access_log=tmp_path / "access.log")
    app.get("/")
    for name in ("error.log", "access.log"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o640


def test_logs_that_are_there_keep_their_mode_and_say_who_can_read_them(server, tmp_path):
    for name, mode in (("error.log", 0o644), ("access.log", 0o604)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    app = server(FILES, error_log=tmp_path / "error.log", access_log=tmp_path / "access.log")
    app.get("/")
    for name, what, mode in (("error.log", "error log", 0o644), ("access.log", "access log", 0o604)):
        assert (tmp_path / name).stat().st_mode & 0o777 == mode
        app.wait_log(f"warning (master: )?everybody can read the {what} {tmp_path}/{name}: ")
    (tmp_path / "error.log").rename(tmp_path / "error.log.1")
    app.signal(signal.SIGUSR1)
    wait_until(lambda: (tmp_path / "error.log").exists(), "a new one")
    assert (tmp_path / "error.log").stat().st_mode & 0o777 == 0o640


# ---------------------------------------------------------------- no room


def limit_file_size(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def hammer(app, requests, clients=8):
    """Requests whose lines differ in length, over several connections at once."""
    connections = [app.client() for _ in range(clients)]
    for number in range(requests):
        for index, client in enumerate(connections):
            assert client.get(f"/plain.txt?{'x' * (number * 7 % 90)}{index}").status == 200
    for client in connections:
        client.close()


def assert_whole_lines(path, at_least=1):
    text = path.read_text()
    lines = text.splitlines()
    assert text.endswith("\n") and len(lines) >= at_least
    for line in lines:
        assert list(json.loads(line))[: len(KEYS)] == KEYS


@pytest.mark.parametrize("gateways", [1, 3])
def test_at_the_limit_on_files_no_line_is_torn(server, tmp_path, gateways):
    app = server({**FILES, "plain.txt": "x"}, access_log=tmp_path / "access.log", gateways=gateways, limits=limit_file_size(30_011))
    hammer(app, 30)
    assert app.get("/plain.txt").status == 200
    assert_whole_lines(app.access_file, 50)
    assert app.access_file.stat().st_size > 29_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("gateways", [1, 3])
def test_on_a_full_disk_no_line_is_torn(server, tmp_path, gateways):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "askr-test", disk], capture_output=True).returncode != 0:
        pytest.skip("cannot mount a tmpfs")
    try:
        app = server({**FILES, "plain.txt": "x"}, access_log=disk / "access.log", gateways=gateways)
        hammer(app, 60)
        assert app.get("/plain.txt").status == 200
        assert_whole_lines(app.access_file, 100)
        assert app.access_file.stat().st_size > 60_000
        app.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_lines_go_on_when_there_is_room_again(server, tmp_path):
    app = server({**FILES, "plain.txt": "x"}, access_log=tmp_path / "access.log", limits=limit_file_size(20_000))
    hammer(app, 20)
    app.access_file.rename(tmp_path / "old.log")
    app.signal(signal.SIGUSR1)
    wait_until(app.access_file.exists, "the new file is there")
    app.get("/plain.txt?again")
    wait_until(lambda: any(line["path"] == "/plain.txt?again" for line in app.access_lines()), "it is logged")
    assert_whole_lines(tmp_path / "old.log")
