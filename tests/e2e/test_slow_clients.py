"""Clients that read slowly: they cost nobody else anything, and they get all that they are patient enough to read."""

import os
import time

import pytest

from askrtest.http import CutShort, request_bytes
from askrtest.wait import wait_until

pytestmark = pytest.mark.time_limit(60)

LONG = "<?php echo str_repeat('x', 30 << 20); if (isset($_GET['stuck'])) while (true) { usleep(1000); }"
FILES = {"long.php": LONG, "index.php": "<?php echo 'fine';"}


def begin(app, target):
    client = app.client(receive_buffer=4096)
    client.send(request_bytes("GET", target, {"X-Request-Id": "slow"}))
    return client


def first_line(app):
    return wait_until(lambda: next(iter(app.access_lines()), None), "it is logged")


def test_a_client_that_reads_nothing_keeps_no_worker_beyond_its_time(server):
    app = server(FILES, workers=1, request_timeout="500ms", queue_timeout="20s")
    with begin(app, "/long.php?stuck=1") as slow:
        wait_until(lambda: app.workers()[0]["state"] == "busy", "it runs")
        assert app.get("/").body == b"fine"
        app.wait_log("response cut off, over the request timeout")
        with pytest.raises(CutShort):
            slow.read_response()


def test_a_response_that_was_made_in_time_may_be_read_later(server):
    app = server(FILES, workers=1, request_timeout="3s")
    with begin(app, "/long.php") as slow:
        wait_until(lambda: app.workers()[0]["requests"] == 1, "the worker is done")
        time.sleep(3)  # beyond the time of the worker
        assert len(slow.read_response().body) == 30 << 20
    assert app.get("/").body == b"fine"


def test_a_client_that_keeps_reading_is_not_dropped(server):
    app = server({"big.bin": b"x" * (32 << 20)}, send_timeout="500ms")
    with begin(app, "/big.bin") as slow:
        begun = time.monotonic()
        taken = 0
        while time.monotonic() - begun < 2:
            taken += len(slow.socket.recv(8192))
            time.sleep(0.05)
        assert taken < 2 << 20  # too little for the kernel to ask for more
        slow.buffer = b""
        rest = 0
        while data := slow.socket.recv(1 << 20):
            rest += len(data)
            if taken + rest > 32 << 20:
                break
        assert taken + rest > 32 << 20


def test_the_log_tells_what_a_client_has_got(server, tmp_path):
    app = server({"big.bin": b"x" * (32 << 20)}, access_log=tmp_path / "access.log")
    with begin(app, "/big.bin") as client:
        client.socket.recv(1024)
    line = first_line(app)
    assert line["status"] == 200
    assert line["bytes"] < 32 << 20


def test_the_time_in_php_ends_with_php(server, tmp_path):
    app = server(FILES, access_log=tmp_path / "access.log")
    with begin(app, "/long.php") as slow:
        wait_until(lambda: any(worker["requests"] == 1 for worker in app.workers()), "the worker is done")
        time.sleep(1)
        slow.read_response()
    line = first_line(app)
    assert line["dur_ms"] >= line["php_ms"] + 900
    assert line["bytes"] == 30 << 20


def test_a_file_that_becomes_shorter_while_it_is_sent(server):
    app = server({"big.bin": b"x" * (32 << 20)})
    with begin(app, "/big.bin") as slow:
        head = slow.read_head()
        assert head.header("Content-Length") == str(32 << 20)
        os.truncate(app.root / "big.bin", 16 << 20)
        with pytest.raises(CutShort) as cut:
            slow.read_body(head)
        assert len(cut.value.partial.body) == 16 << 20
    app.wait_log(r"GET /big\.bin: response cut off, a file became shorter while it was sent \(request slow\)")
