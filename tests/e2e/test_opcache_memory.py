"""opcache's memory belongs to all workers of a generation, and any of them can write rubbish to it. Then none answers any more,
and the server has to find that out by itself. A page that kills its worker is not that."""

import time

import pytest

from askrtest.scribble import MODES, answered, start_site
from askrtest.wait import wait_until

ANSWER = r"""
function spoil(): void
{
    $c = FFI::cdef('void *memcpy(uintptr_t to, const void *from, size_t size);');
    foreach (file('/proc/self/maps') as $line) {
        if (!preg_match('~^(\w+)-(\w+) rw-s \S+ \S+ \d+\s+/dev/zero~', $line, $part)) continue;
        $size = min(hexdec($part[2]) - hexdec($part[1]), 8 << 20);
        $c->memcpy(hexdec($part[1]), random_bytes($size), $size);
    }
}
function answer(): void
{
    if (isset($_GET['spoil'])) spoil();
    if (isset($_GET['die'])) posix_kill(getmypid(), SIGSEGV);
    echo 'ok';
}
"""


def is_served(app):
    response = answered(app, "/", timeout=3)
    return response is not None and response.text == "ok"


@pytest.mark.parametrize("mode", MODES)
def test_php_is_back_by_itself_when_a_worker_has_spoilt_it(server, mode):
    app = start_site(server, mode, ANSWER, workers=2, queue_timeout="1s")
    assert app.get("/").text == "ok"
    answered(app, "/?spoil", timeout=3)
    wait_until(lambda: is_served(app) and app.status()["renewals"], lambda: f"PHP is back\n{app.said()}", 15)
    app.wait_log(r"error master: \d+ workers in a row died of faults, and none has answered a request: a new generation takes their place")
    assert app.status()["generation"] == 2
    assert app.status()["renewals"] == 1
    assert "(1 new generation for it)" in app.askr("status").stdout
    for _ in range(10):
        assert app.get("/").text == "ok"
    assert app.get("/a.txt").text == "static"


@pytest.mark.parametrize("mode", MODES)
def test_a_deadly_page_among_others_is_no_reason(server, mode):
    app = start_site(server, mode, ANSWER, workers=2)
    for _ in range(15):
        assert app.get("/?die").status == 502
        assert app.get("/").text == "ok"
    status = app.status()
    assert (status["generation"], status["renewals"]) == (1, 0)


@pytest.mark.parametrize("mode", MODES)
def test_a_deadly_page_alone_costs_a_generation_now_and_then(server, mode):
    app = start_site(server, mode, ANSWER, workers=2)
    began = time.monotonic()
    for _ in range(25):
        assert app.get("/?die").status == 502
    assert app.status()["renewals"] <= 1 + (time.monotonic() - began) / 10
    assert app.get("/").text == "ok"


def test_a_canary_is_not_waited_for(server):
    app = start_site(server, "request", ANSWER, workers=2, queue_timeout="1s", flags=["--canary", "600s"])
    answered(app, "/?spoil", timeout=3)
    wait_until(lambda: is_served(app) and app.status()["renewals"], lambda: f"PHP is back\n{app.said()}", 15)
    assert app.status()["generation"] == 2
