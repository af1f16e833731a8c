"""askr_defer(): callbacks run when the client has its response, and nothing that happens in one touches anything else."""

import re
import statistics
import time

import pytest

from askrtest.server import kill
from askrtest.wait import wait_until

MODES = ["request", "worker"]
WAIT_FOR_GO = "for ($i = 0; !file_exists(__DIR__ . '/go') && $i < 10000; ++$i) usleep(1000);"


@pytest.fixture(params=MODES)
def serve(request, server):
    """A server whose page is `code`, in both modes."""

    def make(code, flags=(), **options):
        files = {"index.php": f"<?php {code}",
                 "worker.php": "<?php while (askr_handle_request(function () { include 'index.php'; }));"}
        app = server(files, wait=False, flags=flags, **{"workers": 1, **options})
        if request.param == "worker":
            app.worker_script = app.root / "worker.php"
        return app.start()

    return make


def metric(app, name):
    return app.status()["metrics"][f"askr_defer_{name}_total"]


def settled(app):
    wait_until(lambda: all(worker["state"] == "idle" for worker in app.workers()), "the workers are idle again")


def test_the_client_has_its_response_before_the_callback_runs(serve):
    app = serve(f"""askr_defer(function () {{ {WAIT_FOR_GO} file_put_contents(__DIR__ . '/ran', 'x'); }}); echo 'now';""")
    response = app.get("/")
    assert response.body == b"now"
    assert response.header("Content-Length") == "3"
    assert not (app.root / "ran").exists()
    wait_until(lambda: app.workers()[0]["state"] == "deferred", "the callback is under way")
    (app.root / "go").touch()
    wait_until(lambda: (app.root / "ran").exists(), "it runs")
    settled(app)
    assert metric(app, "callbacks") == 1


def test_callbacks_run_in_order_and_nested_ones_at_the_end(serve):
    app = serve("""
        foreach ([1, 2, 3] as $n) {
            askr_defer(function () use ($n) {
                error_log("callback $n");
                if ($n === 1) askr_defer(fn () => error_log('nested'));
            });
        }
        var_dump(askr_defer('strlen' . 'x' === '' ? 'x' : 'phpversion'));
    """)
    assert app.get("/").body == b"bool(true)\n"
    app.wait_log("nested")
    assert re.findall(r"\] (callback \d|nested)", app.error_log()) == ["callback 1", "callback 2", "callback 3", "nested"]


def test_one_failing_callback_is_logged_and_does_not_touch_the_next(serve):
    app = serve("""
        askr_defer(fn () => throw new RuntimeException('no such user'));
        askr_defer(fn () => nowhere());
        askr_defer(fn () => exit(7));
        askr_defer(fn () => error_log('the last one ran'));
        echo getmypid();
    """)
    first = app.get("/", [("X-Request-Id", "the-request-id-1")])
    app.wait_log("the last one ran")
    app.wait_log(r"plugin defer: a deferred callback failed: RuntimeException: no such user in \S+/index.php:2 "
                 r"\(request the-request-id-1\)\n")
    app.wait_log(r"plugin defer: a deferred callback failed: Error: Call to undefined function nowhere\(\) in ")
    assert "Uncaught" not in app.error_log()
    settled(app)
    assert app.get("/").body == first.body  # the worker lives on
    settled(app)
    assert (metric(app, "callbacks"), metric(app, "failures")) == (8, 4)


def test_a_fatal_error_stops_neither_the_next_callback_nor_the_service(serve):
    app = serve("""
        askr_defer(function () { str_repeat('x', 1 << 30); });
        askr_defer(fn () => trigger_error('a fatal one', E_USER_ERROR));
        askr_defer(fn () => error_log('the last one ran'));
        echo 'page';
    """)
    for _ in range(3):
        assert app.get("/").body == b"page"
    wait_until(lambda: app.error_log().count("the last one ran") == 3, "the last callback ran each time")
    app.wait_log(r"plugin defer: a deferred callback failed: Allowed memory size of \d+ bytes exhausted")
    app.wait_log(r"plugin defer: a deferred callback failed: a fatal one in \S+/index.php:3")
    settled(app)
    assert "502" not in app.error_log()


@pytest.mark.parametrize("code", ["for (;;) {}", "sleep(30);", "while (true) usleep(1000);"])
def test_a_callback_that_takes_too_long_is_ended(serve, code):
    app = serve(f"""
        askr_defer(function () {{ try {{ {code} }} finally {{ error_log('unwound'); }} }});
        askr_defer(fn () => error_log('the next one ran'));
        echo getmypid();
    """, flags=["--defer-timeout", "300ms"])
    first = app.get("/").body
    app.wait_log("the next one ran")
    app.wait_log(r"plugin defer: a deferred callback failed: took longer than defer.timeout \(request \S+\)")
    settled(app)
    assert metric(app, "timeouts") == 1
    assert app.get("/").body == first


def test_the_time_limit_of_the_request_is_not_that_of_its_callbacks(serve):
    app = serve("""
        askr_defer(function () { $end = microtime(true) + 1.5; while (microtime(true) < $end); error_log('survived'); });
        echo 'page';
    """, ini=["max_execution_time=1"])
    assert app.get("/").body == b"page"
    app.wait_log("survived")


def test_output_and_headers_of_a_callback_go_nowhere(serve):
    app = serve("""
        askr_defer(function () { header('X-Late: 1'); ob_start(); echo 'late'; flush(); error_log('said'); });
        echo 'page';
    """)
    with app.client() as client:
        for count in (1, 2):
            response = client.get("/")
            assert (response.body, response.header("X-Late")) == (b"page", None)
            wait_until(lambda: app.error_log().count("said") == count, "the callback ran")


def test_callbacks_see_the_request_that_deferred_them(serve):
    app = serve("""
        $name = $_GET['name'];
        askr_defer(fn () => error_log("$name {$_SERVER['REQUEST_URI']} " . file_get_contents('php://input')));
        echo 'page';
    """)
    assert app.post("/?name=ann", b"body of ann").body == b"page"
    app.wait_log(r"ann /\?name=ann body of ann")


def test_a_session_is_saved_before_the_client_has_its_response(serve, tmp_path):
    app = serve("""
        session_start();
        $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
        askr_defer(fn () => usleep(300000));
        echo $_SESSION['n'];
    """, workers=2, ini=[f"session.save_path={tmp_path}"])
    first = app.get("/")
    cookie = first.header("Set-Cookie").split(";")[0]
    for expected in (b"2", b"3"):
        assert app.get("/", [("Cookie", cookie)]).body == expected


def test_shutdown_functions_and_destructors_come_before_the_callbacks(serve):
    app = serve("""
        register_shutdown_function(function () { echo ' shutdown'; });
        askr_defer(fn () => error_log('deferred'));
        ob_start(); echo 'page';
    """)
    assert app.get("/").body == b"page shutdown"
    app.wait_log("deferred")


def test_more_callbacks_than_allowed_are_refused_and_counted(serve):
    app = serve("""
        $taken = 0;
        for ($i = 0; $i < 10; $i++) $taken += (int) askr_defer(fn () => null);
        echo $taken;
    """, flags=["--defer-max-callbacks", "4"])
    assert app.get("/").body == b"4"
    app.wait_log(r"plugin defer: 6 callbacks were not taken: more than defer.max_callbacks \(request \S+\)")
    wait_until(lambda: metric(app, "callbacks") == 4 and metric(app, "dropped") == 6, "both are counted")


def test_a_script_that_finishes_early_or_fails_still_has_its_callbacks_run(serve):
    app = serve("""
        askr_defer(fn () => error_log("deferred {$_GET['how']}"));
        echo 'page';
        if ($_GET['how'] === 'finish') { askr_finish_request(); error_log('went on'); }
        if ($_GET['how'] === 'exit') exit;
        if ($_GET['how'] === 'throw') throw new Exception('oops');
    """)
    assert app.get("/?how=finish").body == b"page"
    app.wait_log("deferred finish")
    assert app.error_log().index("went on") < app.error_log().index("deferred finish")
    assert app.get("/?how=exit").body == b"page"
    app.wait_log("deferred exit")
    assert app.get("/?how=throw").status == 500
    app.wait_log("deferred throw")


def test_another_worker_serves_while_one_is_in_deferred_work(serve):
    app = serve(f"""
        if ($_GET['defer'] ?? false) askr_defer(function () {{ {WAIT_FOR_GO} }});
        echo getmypid();
    """, workers=2)
    with app.client() as client:
        busy = client.get("/?defer=1").body
        others = {client.get("/").body for _ in range(20)}
    assert busy not in others
    (app.root / "go").touch()


def test_a_worker_that_dies_in_deferred_work_costs_no_request(serve):
    app = serve("""askr_defer(fn () => sleep(20)); echo getmypid();""", flags=["--defer-timeout", "2s"])
    pid = int(app.get("/").body)
    wait_until(lambda: app.workers()[0]["state"] == "deferred", "it is in deferred work")
    kill(pid)
    assert int(app.get("/").body) != pid
    app.assert_nothing_is_held()


def test_code_that_never_comes_back_to_php_ends_with_its_worker(serve):
    # Minutes inside one call.
    app = serve("""
        askr_defer(function () { hash_pbkdf2('sha512', 'password', 'salt', 1 << 30); });
        echo getmypid();
    """, flags=["--defer-timeout", "100ms"])
    pid = int(app.get("/").body)
    app.wait_log("a deferred callback does not come back to PHP", 20)
    wait_until(lambda: set(app.pids("worker")) - {pid}, "another worker is there", 20)


def test_without_the_plugin_the_function_answers_false(serve):
    app = serve("""var_dump(askr_defer(fn () => error_log('ran')));""", flags=["--no-plugin", "defer"])
    assert app.get("/").body == b"bool(false)\n"


@pytest.mark.alone
@pytest.mark.time_limit(100)
def test_the_last_byte_does_not_wait_for_deferred_work(serve):
    """The median time to the last byte over 200 requests is that without a callback, where one sleeps 500 ms."""
    app = serve("""
        if ($_GET['ms'] > 0) askr_defer(fn () => usleep($_GET['ms'] * 1000));
        echo str_repeat('x', 20000);
    """, workers=32)

    def seconds(milliseconds):
        started = time.monotonic()
        assert len(app.get(f"/?ms={milliseconds}").body) == 20_000
        return time.monotonic() - started

    without, with_work = [], []
    for _ in range(200):  # in turn, so that what else the machine does is in both
        without.append(seconds(0))
        with_work.append(seconds(500))
        time.sleep(0.02)  # some 25 of the 32 workers are in deferred work at a time
    print(f"median {1000 * statistics.median(without):.2f} ms without, {1000 * statistics.median(with_work):.2f} ms with")
    assert statistics.median(with_work) < statistics.median(without) + 0.1
