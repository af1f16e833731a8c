"""Plugins in the pipeline of a running server, with the real PHP behind it."""

import socket
import threading
import time

import pytest

from askrtest.http import CutShort, request_bytes
from askrtest.wait import SANITIZED, wait_until




def test_a_plugin_in_c_changes_every_response(serve):
    app = serve("plain-c")
    for target, status in (("/", 200), ("/a.txt", 200), ("/.hidden", 404)):
        response = app.get(target)
        assert (response.status, response.header("X-Plain-C")) == (status, "Hello from C")


def test_ten_plugins_that_hook_every_phase_change_nothing(serve):
    app = serve(*[f"noop-{n}" for n in range(10)])
    assert app.get("/").body == b"hello"
    assert app.post("/", b"x=1").body == b"hello"
    assert len(app.get("/a.txt").body) == 2800


# --- doorman: connection, request_head, response_head, log, connection slots


def test_hooks_see_and_change_requests_and_responses(serve):
    app = serve("doorman", files={"show.php": "<?php echo json_encode([$_SERVER['HTTP_X_DOORMAN'] ?? null, "
                                              "$_SERVER['HTTP_X_SECRET'] ?? null]);"})
    with app.client() as client:
        for visit in (1, 2, 3):
            response = client.get("/show.php", [("X-Secret", "1"), ("X-Doorman", "forged")])
            assert response.json() == ["let in 127.0.0.1", None]
            assert response.header("X-Visit") == str(visit)
            assert response.header("X-Powered-By") is None
    assert app.get("/show.php").header("X-Visit") == "1"
    app.wait_log(r"plugin doorman: GET /show.php 200 \d+ in order")


def test_a_client_can_be_refused_at_the_door(serve):
    app = serve("doorman", flags=["--doorman-refuse", "127.0.0.2"])
    assert app.get("/").body == b"hello"
    with socket.create_connection(app.address, 5, source_address=("127.0.0.2", 0)) as refused:
        refused.sendall(request_bytes("GET", "/"))
        try:
            assert refused.recv(100) == b""
        except ConnectionResetError:
            pass


# --- bodies


def test_a_plugin_reads_a_body_and_answers_without_php(serve):
    app = serve("bodies")
    assert app.post("/upper", b"shout").body == b"SHOUT"
    large = b"abc" * 100_000  # beyond what is kept in memory
    assert app.post("/upper", large).body == large.upper()
    assert app.get("/upper").body == b""
    assert app.post("/upper", b"x" * (2 << 20)).status == 413
    app.assert_nothing_is_held()


def test_a_body_that_comes_slowly_is_read_to_its_end(serve):
    app = serve("bodies")
    with app.begin("POST", "/upper", [("Content-Length", "6")]) as client:
        for byte in (b"a", b"b", b"c", b"d", b"e", b"f"):
            time.sleep(0.02)
            client.send(byte)
        assert client.read_response().body == b"ABCDEF"
        assert client.get("/").body == b"hello"


def test_pipelined_requests_are_answered_in_order_by_a_plugin(serve):
    app = serve("bodies")
    with app.client() as client:
        client.send(request_bytes("POST", "/upper", body=b"one") + request_bytes("GET", "/") +
                    request_bytes("POST", "/upper", body=b"two"))
        assert [client.read_response().body for _ in range(3)] == [b"ONE", b"hello", b"TWO"]


def test_a_body_can_be_refused_before_php_sees_it(serve):
    app = serve("bodies", files={"touch.php": "<?php touch(__DIR__ . '/touched');"})
    response = app.post("/touch.php", b"a virus!")
    assert (response.status, response.body) == (403, b"no viruses\n")
    assert not (app.root / "touched").exists()
    assert app.post("/touch.php", b"healthy").status == 200
    assert (app.root / "touched").exists()


@pytest.mark.parametrize("target", ["/index.php", "/a.txt", "/big.php", "/stream.php", "/none"])
def test_filters_change_every_kind_of_body(serve, target):
    app = serve("bodies", files={
        "big.php": "<?php echo str_repeat('Hello ', 200000);",
        "stream.php": "<?php for ($i = 0; $i < 5; $i++) { echo \"piece $i \"; ob_flush(); flush(); }",
    }, ini=["output_buffering=4096"])
    import codecs

    id_header = [("X-Request-Id", "a-fixed-request-id")]
    plain = app.get(target, id_header)
    turned = app.get(target + "?filter=rot13", id_header)
    assert codecs.decode(turned.text, "rot13") == plain.text
    if target != "/stream.php":  # which is sometimes complete when the gateway looks first
        assert turned.header("Content-Length") == plain.header("Content-Length")
    twice = app.get(target + "?filter=twice", id_header)
    assert twice.text.replace("piece", "").count("e") == 2 * plain.text.replace("piece", "").count("e")
    assert len(twice.body) == 2 * len(plain.body)
    head = app.request("HEAD", target + "?filter=twice", id_header)
    assert (head.body, head.header("Content-Length")) == (b"", None)


def test_a_filter_that_fails_is_never_taken_for_a_whole_body(serve):
    app = serve("bodies", files={"stream.php": "<?php echo 'a'; ob_flush(); flush(); usleep(50000); echo 'boom';",
                                 "whole.php": "<?php echo 'boom';", "boom.txt": "boom"})
    assert app.get("/whole.php?filter=fail").status == 500
    assert app.get("/boom.txt?filter=fail").status == 500
    app.wait_log("plugin bodies: told to fail")
    with pytest.raises((CutShort, ConnectionResetError)):
        app.get("/stream.php?filter=fail")
    app.wait_log("GET /stream.php.filter=fail: response cut off, a body filter failed")
    assert app.get("/").body == b"hello"
    app.assert_nothing_is_held()


# --- suspension


def waiting(app):
    return app.status()["metrics"]["suspender_waiting"]


def test_a_suspended_request_is_answered_when_it_is_resumed(serve):
    app = serve("suspender")
    with app.begin("GET", "/suspend") as first, app.begin("GET", "/suspend") as second:
        wait_until(lambda: waiting(app) == 2, "both are suspended")
        assert app.get("/").body == b"hello"  # nobody waits for them
        assert app.get("/resume").body == b"resumed\n"
        assert first.read_response().body == second.read_response().body == b"late answer\n"
        assert first.get("/").body == b"hello"
    assert waiting(app) == 0


def test_a_timer_resumes_a_request(serve):
    app = serve("suspender")
    started = time.monotonic()
    assert app.get("/suspend?ms=200").body == b"late answer\n"
    assert 0.19 < time.monotonic() - started


def test_a_client_that_leaves_while_suspended_is_noticed(serve):
    app = serve("suspender")
    client = app.begin("GET", "/suspend")
    wait_until(lambda: waiting(app) == 1, "it is suspended")
    client.close()
    wait_until(lambda: waiting(app) == 0, "its end is noticed")
    assert app.status()["metrics"]["suspender_gone_total"] == 1


def test_pipelined_requests_wait_for_a_suspended_one(serve):
    app = serve("suspender")
    with app.client() as client:
        client.send(request_bytes("GET", "/suspend?ms=100") + request_bytes("GET", "/"))
        assert [client.read_response().body for _ in range(2)] == [b"late answer\n", b"hello"]


@pytest.mark.time_limit(120)
def test_ten_thousand_suspended_requests_are_all_resumed(serve):
    count = 2_000 if SANITIZED else 10_000
    app = serve("suspender", request_timeout="100s")
    before = sum(process["pss_kb"] for process in app.status()["processes"] if process["role"] == "gateway")
    clients = [socket.create_connection(app.address, 10) for _ in range(count)]
    try:
        for client in clients:
            client.sendall(b"GET /suspend HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: waiting(app) == count, lambda: f"all are suspended, not {waiting(app)}", 60)
        leaving, staying = clients[::10], [client for i, client in enumerate(clients) if i % 10]
        for client in leaving:
            client.close()
        wait_until(lambda: waiting(app) == len(staying), "those that left are noticed", 60)
        app.get("/resume")
        for client in staying:
            answer = b""
            while b"late answer\n" not in answer:
                piece = client.recv(4096)
                assert piece, "a connection was closed without its answer"
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200")
        assert waiting(app) == 0
        assert app.status()["metrics"]["suspender_gone_total"] == len(leaving)
    finally:
        for client in clients:
            client.close()
    wait_until(lambda: app.status()["processes"][1]["connections"] <= 1, "all connections are gone", 30)
    app.assert_nothing_is_held()
    after = sum(process["pss_kb"] for process in app.status()["processes"] if process["role"] == "gateway")
    if not SANITIZED:
        assert after - before < 200_000, f"from {before} KB to {after} KB"


def test_a_stopping_server_waits_for_a_suspended_request(serve):
    app = serve("suspender")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(app.get("/suspend?ms=500").body))
    thread.start()
    wait_until(lambda: waiting(app) == 1, "it is suspended")
    app.stop()
    thread.join()
    assert answers == [b"late answer\n"]


# --- shared memory, wake-ups, commands, PHP functions


def test_all_processes_share_a_region_and_hear_of_changes(serve):
    app = serve("shared", gateways=2, files={"add.php": "<?php echo shared_add((int) $_GET['by']);"})
    assert app.get("/add.php?by=5").body == b"5"
    assert app.askr("shared", "add", "37").stdout == "42\n"
    assert app.get("/shared").body == b"42\n"
    # Two changes, two gateways; wake-ups that come together count once.
    wait_until(lambda: 2 <= app.status()["metrics"]["shared_wakes_total"] <= 4, "both gateways heard of it")


def test_a_command_of_a_plugin_says_how_it_is_used(serve):
    app = serve("shared")
    wrong = app.askr("shared", "subtract", "1")
    assert (wrong.returncode, wrong.stderr) == (2, "Usage: askr shared add N\n")


def test_an_unknown_command_gets_a_suggestion_among_those_of_plugins(serve):
    app = serve("shared")
    result = app.askr("shred")
    assert (result.returncode, result.stderr) == (2, 'askr: "shred": unknown command, did you mean shared?\n')


def test_counters_survive_the_death_of_a_gateway(serve):
    from askrtest.server import kill

    app = serve("shared")
    app.askr("shared", "add", "1")
    wait_until(lambda: app.status()["metrics"]["shared_wakes_total"] == 1, "it was heard")
    kill(app.gateway())
    wait_until(lambda: app.get("/shared").body == b"1\n", "a new gateway serves")
    assert app.status()["metrics"]["shared_wakes_total"] == 1


PHP = """<?php
function attempt(callable $call) {
    try { return $call(); } catch (Throwable $t) { return get_class($t) . ': ' . $t->getMessage(); }
}
set_error_handler(function ($n, $message) { $GLOBALS['warned'] = $message; return true; });
echo json_encode([
    'all' => fun_describe(true, 7, 2.5, 'text'),
    'converted' => fun_describe(1, '7', 2, 12),
    'given' => fun_describe(false, -1, 0.0, '', 'x'),
    'buffer' => strlen(fun_buffer(100000)),
    'fail' => attempt(fn() => fun_fail()),
    'few' => attempt(fn() => fun_describe(true)),
    'many' => attempt(fn() => fun_increment(1, 2)),
    'type' => attempt(fn() => fun_describe(true, 'seven', 1.0, 'x')),
    'array' => attempt(fn() => fun_describe(true, 1, 1.0, [])),
    'warn' => [fun_warn(), $GLOBALS['warned']],
    'signature' => (string) new ReflectionFunction('fun_describe'),
    'increment' => fun_increment(PHP_INT_MAX - 1),
]);
"""


@pytest.mark.parametrize("worker_mode", [False, True])
def test_php_functions_take_and_return_every_type(serve, worker_mode):
    files = {"index.php": PHP, "worker.php": "<?php while (askr_handle_request(function () { include 'index.php'; }));"}
    app = serve("phpfun", files=files) if not worker_mode else None
    if worker_mode:
        app = serve("phpfun", files=files, wait=False)
        app.worker_script = app.root / "worker.php"
        app.start()
    seen = app.get("/").json()
    assert seen["all"] == "true 7 2.500000 text left out"
    assert seen["converted"] == "true 7 2.000000 12 left out"
    assert seen["given"] == "false -1 0.000000  given"
    assert seen["buffer"] == 100_000
    assert seen["fail"] == "Error: fun_fail(): a limit is reached"
    assert seen["few"] == "ArgumentCountError: fun_describe() expects at least 4 arguments, 1 given"
    assert seen["many"] == "ArgumentCountError: fun_increment() expects exactly 1 argument, 2 given"
    assert seen["type"] == 'TypeError: fun_describe(): Argument #2 ($number) must be of type int, string given'
    assert seen["array"] == 'TypeError: fun_describe(): Argument #4 ($text) must be of type string, array given'
    assert seen["warn"] == [False, "fun_warn(): take care"]
    assert "<required> string $text" in seen["signature"] and "<optional> ?string $maybe = null" in seen["signature"]
    assert seen["increment"] == 9223372036854775807
