"""askr_cache_*: one key-value cache for all workers, in both modes, over crashes and reloads."""

import pytest

from askrtest.http import request_bytes
from askrtest.server import kill
from askrtest.wait import wait_until

CALL = """<?php
$call = json_decode(file_get_contents('php://input'), true);
$answers = [];
foreach ($call as [$function, $arguments]) $answers[] = ("askr_cache_$function")(...$arguments);
echo json_encode([$answers, getmypid()]);
"""


@pytest.fixture(params=["request", "worker"])
def serve(request, server):
    def make(slots=1000, **options):
        flags = ["--cache-slots", str(slots)] if slots else []
        app = server({"index.php": CALL, "worker.php": "<?php while (askr_handle_request(function () "
                                                       "{ include 'index.php'; }));"}, wait=False, flags=flags, **options)
        if request.param == "worker":
            app.worker_script = app.root / "worker.php"
        return app.start()

    return make


def call(app, *calls):
    import json

    return app.post("/", json.dumps(calls).encode()).json()[0]


def test_values_are_stored_and_found(serve):
    app = serve()
    assert call(app, ["get", ["a"]]) == [None]
    assert call(app, ["set", ["a", "one"]], ["get", ["a"]], ["add", ["a", "x"]]) == [True, "one", False]
    assert call(app, ["get", ["a"]], ["delete", ["a"]], ["delete", ["a"]], ["get", ["a"]]) == ["one", True, False, None]
    assert call(app, ["add", ["b", ""]], ["get", ["b"]]) == [True, ""]


def test_values_end_with_their_time(serve):
    app = serve()
    assert call(app, ["set", ["short", "x", 1]], ["set", ["long", "x", 100]], ["touch", ["long", 1]],
                ["touch", ["nobody", 1]]) == [True, True, True, False]
    assert call(app, ["get", ["short"]], ["get", ["long"]]) == ["x", "x"]
    wait_until(lambda: call(app, ["get", ["short"]], ["get", ["long"]]) == [None, None], "both have expired", 5)


def test_a_time_below_zero_is_over(serve):
    app = serve()
    assert call(app, ["set", ["a", "x"]], ["set", ["a", "y", -1]], ["get", ["a"]]) == [True, True, None]
    assert call(app, ["add", ["b", "x", -1]], ["get", ["b"]], ["set", ["b", "x"]], ["add", ["b", "y", -5]], ["get", ["b"]]) == [
        True, None, True, False, "x"]
    assert call(app, ["touch", ["b", -1]], ["get", ["b"]], ["touch", ["b", -1]]) == [True, None, False]
    assert call(app, ["increment", ["n", 3, -1]], ["get", ["n"]], ["set", ["n", "5"]], ["increment", ["n", 1, -1]], ["get", ["n"]]) == [
        3, None, True, 6, "6"]


def test_counters_are_shared_by_all_workers(serve):
    app = serve(workers=4)
    clients = [app.begin("POST", "/", body=b'[["increment", ["n"]]]') for _ in range(40)]
    for client in clients:
        assert client.read_response().status == 200
        client.close()
    assert call(app, ["get", ["n"]], ["increment", ["n", 2]], ["increment", ["new", -5, 60]]) == ["40", 42, -5]


def test_large_values_fit_and_larger_ones_are_refused(serve):
    app = serve()
    large = "x" * (1 << 20)
    assert call(app, ["set", ["large", large]]) == [True]
    assert call(app, ["get", ["large"]]) == [large]
    assert call(app, ["set", ["larger", large + "x"]]) == [False]


def test_the_cache_outlives_workers_and_reloads(serve):
    app = serve(workers=1)
    call(app, ["set", ["kept", "value"]])
    kill(app.one_of("worker"))
    assert call(app, ["get", ["kept"]]) == ["value"]
    assert app.reload().returncode == 0
    assert call(app, ["get", ["kept"]]) == ["value"]


def test_flush_empties_it_from_php_and_from_the_command_line(serve):
    app = serve()
    call(app, ["set", ["a", "1"]])
    assert call(app, ["flush", []], ["get", ["a"]]) == [None, None]
    call(app, ["set", ["a", "2"]])
    assert app.askr("cache", "flush").returncode == 0
    assert call(app, ["get", ["a"]]) == [None]
    lines = app.askr("cache", "stats").stdout.splitlines()
    assert lines[0] == "key-value"
    stats = dict(line.split() for line in lines[1:])
    assert (stats["items"], stats["stores"]) == ("0", "2")
    assert app.askr("cache", "polish").stderr == "Usage: askr cache stats | flush | forget-tag NAME\n"


def test_without_it_the_functions_answer_as_for_an_empty_cache(serve):
    app = serve(slots=0)
    assert call(app, ["get", ["a"]], ["set", ["a", "1"]], ["add", ["a", "1"]], ["increment", ["n"]], ["delete", ["a"]]) == [
        None, False, False, 0, False]
    assert app.askr("cache", "stats").returncode == 2


def test_killing_workers_in_the_middle_of_writes_breaks_nothing(serve):
    app = serve(workers=2)
    body = b'[["set", ["key", "%s"]], ["get", ["key"]], ["increment", ["n"]]]' % (b"x" * 50_000)
    for _ in range(15):
        clients = [app.client() for _ in range(4)]
        for client in clients:
            client.send(request_bytes("POST", "/", body=body))
        kill(app.one_of("worker"))
        for client in clients:
            answer = client.read_response()
            assert answer.status in (200, 502)
            assert answer.status != 200 or answer.json()[0][1] == "x" * 50_000
            client.close()
    assert call(app, ["set", ["after", "all"]], ["get", ["after"]]) == [True, "all"]
