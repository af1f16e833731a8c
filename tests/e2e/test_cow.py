"""The CoW template: the worker script boots once, in the template, and workers are forked where it is ready."""

import os
import re
import signal
import socket
import threading

import pytest

from askrtest.load import Load, WorkerKiller
from askrtest.processes import memory_kb
from askrtest.scripts import IGNORED_AND_BLOCKED, signals_taken_from
from askrtest.server import kill
from askrtest.wait import wait_until

ANSWER = "header('Content-Type: application/json'); echo json_encode(['pid' => getmypid()] + answer());"


def script(boot="", ready="askr_cow_ready();", answer="return [];", after=""):
    return f"""<?php
file_put_contents(__DIR__ . '/boots', '.', FILE_APPEND);
{boot}
{ready}
{after}
function answer() {{ {answer} }}
$handler = function (array $request): void {{ {ANSWER} }};
while (askr_handle_request($handler)) {{
}}
"""


@pytest.fixture
def serve(server):
    """A server whose worker script is made of these parts, with --cow."""

    def make(wait=True, flags=("--cow",), options=None, **parts):
        app = server({"worker.php": script(**parts)}, wait=False, flags=flags, **(options or {}))
        app.worker_script = app.root / "worker.php"
        return app.start() if wait else app

    return make


def boots(app):
    return (app.root / "boots").stat().st_size


def pids_of_answers(app, count=40):
    """Asked in parallel, so that more than one worker is needed."""
    found = set()

    def ask():
        with app.client() as client:
            for _ in range(count // 4):
                found.add(client.get("/").json()["pid"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


# ---------------------------------------------------------------- booting once


def test_programs_ignore_and_block_no_signal_when_they_are_started_in_the_boot_or_by_a_worker(serve):
    start = f"shell_exec({IGNORED_AND_BLOCKED})"
    seen = serve(boot=f"$boot = {start};", answer=f"return ['boot' => $GLOBALS['boot'], 'worker' => {start}];").get("/").json()
    assert not signals_taken_from(seen["boot"])
    assert not signals_taken_from(seen["worker"])


def test_the_script_boots_once_for_all_workers(serve):
    app = serve(options={"workers": 4})
    workers = set(app.pids("worker"))
    assert len(workers) == 4
    assert pids_of_answers(app) <= workers
    assert boots(app) == 1


def test_a_worker_that_died_is_forked_warm(serve):
    app = serve(options={"workers": 2})
    before = set(app.pids("worker"))
    kill(min(before))
    wait_until(lambda: len(app.pids("worker")) == 2 and set(app.pids("worker")) != before, "it is replaced")
    assert app.get("/").status == 200
    assert boots(app) == 1
    assert app.status()["respawns"] == 1


def test_what_the_boot_has_made_is_there_in_every_worker(serve):
    app = serve(boot="$GLOBALS['table'] = range(1, 1000); class Kept { static $made = 7; }",
                answer="return ['sum' => array_sum($GLOBALS['table']), 'made' => Kept::$made];")
    answer = app.get("/").json()
    assert (answer["sum"], answer["made"]) == (500500, 7)


def test_workers_share_the_memory_of_the_boot(serve):
    app = serve(boot="$GLOBALS['big'] = []; for ($i = 0; $i < 400000; $i++) { $GLOBALS['big'][] = \"text $i\"; }",
                options={"workers": 3, "ini": ["memory_limit=256M"]})
    template = app.one_of("template")
    for worker in app.pids("worker"):
        assert memory_kb(worker, "Rss") > 20_000
        assert memory_kb(worker, "Private_Dirty") < memory_kb(template, "Rss") / 4


def test_a_template_that_dies_is_booted_again_and_workers_go_on(serve):
    app = serve()
    workers = app.pids("worker")
    kill(app.one_of("template"))
    wait_until(lambda: boots(app) == 2 and app.pids("template"), "another template")
    assert app.pids("worker") == workers
    kill(workers[0])
    wait_until(lambda: len(app.pids("worker")) == 2 and workers[0] not in app.pids("worker"), "a fork of the new one")
    assert app.get("/").status == 200


def test_a_template_that_cannot_be_booted_again_does_not_stop_its_workers(serve):
    app = serve(boot="if (file_exists(__DIR__ . '/away')) { throw new Exception('no database'); }")
    workers = app.pids("worker")
    (app.root / "away").touch()
    kill(app.one_of("template"))
    app.wait_log("the template exited with code 1: .*no database.*; trying again in .* s, running workers go on")
    assert app.pids("worker") == workers
    assert app.get("/").status == 200
    for worker in workers:
        kill(worker)
    app.wait_log("the template .* NO WORKER IS LEFT", 30)
    (app.root / "away").unlink()
    assert app.get("/").status == 200
    wait_until(lambda: len(app.pids("worker")) == 2, "both workers are back")


def test_a_template_that_hangs_when_it_is_booted_again_is_ended(serve):
    app = serve(boot="while (file_exists(__DIR__ . '/away')) { usleep(1000); clearstatcache(); }",
                flags=("--cow", "--boot-timeout", "3s"))
    (app.root / "away").touch()
    kill(app.one_of("template"))
    app.wait_log(r"the template was killed by signal 9 \(Killed\): it has not booted within 3 s .*trying again in", 20)
    (app.root / "away").unlink()
    wait_until(lambda: boots(app) > 1 and app.status()["processes"][-1]["state"] == "idle", "another template", 20)
    assert app.get("/").status == 200


def test_the_banner_and_the_status_say_it(serve):
    app = serve()
    assert "forked from the template" in app.banner()
    assert app.status()["mode"] == "worker, cow"


def test_recycling_boots_nothing(serve):
    app = serve(options={"workers": 1, "max_requests": 5})
    with app.client() as client:
        seen = {client.get("/").json()["pid"] for _ in range(30)}
    assert len(seen) >= 4
    assert boots(app) == 1


def test_workers_killed_under_load_cost_no_get(serve):
    app = serve(options={"workers": 3})
    with Load(app, clients=8) as load, WorkerKiller(app, 0.05) as killer:
        wait_until(lambda: len(killer.killed) >= 20, "twenty workers were killed", 30)
    load.assert_flawless()
    assert boots(app) == 1
    app.assert_nothing_is_held()


def test_a_reload_boots_the_new_code(serve):
    app = serve(boot="define('VERSION', 1);", answer="return ['version' => VERSION];")
    text = app.worker_script.read_text()
    app.worker_script.write_text(text.replace("'VERSION', 1", "'VERSION', 2"))
    assert app.get("/").json()["version"] == 1
    assert app.reload().returncode == 0
    assert {app.get("/").json()["version"] for _ in range(6)} == {2}


# ---------------------------------------------------------------- scripts that do not fit


def test_a_script_without_fork_point_is_forked_at_its_first_request_and_told(serve):
    app = serve(ready="")
    app.wait_log(r"worker\.php does not call askr_cow_ready\(\); it is forked at its first askr_handle_request\(\)")
    assert pids_of_answers(app) <= set(app.pids("worker"))
    assert boots(app) == 1


def test_without_cow_the_fork_point_is_nothing(serve):
    app = serve(flags=(), options={"workers": 2})
    assert app.get("/").status == 200
    assert boots(app) == 2


def start_fails(app, pattern):
    app.launch()
    app.expected_exit = 1
    assert app.wait_exit() == 1
    assert re.search(pattern, app.error_log()), app.error_log()


def test_an_exception_at_boot_stops_the_start_with_one_line(serve):
    app = serve(wait=False, boot="throw new RuntimeException('no database');")
    start_fails(app, r"worker\.php failed before askr_cow_ready\(\): .*no database.* in .*worker\.php:3")
    assert app.error_log().count("no database") == 1


def test_a_syntax_error_stops_the_start_with_file_and_line(serve):
    start_fails(serve(wait=False, boot="$a = = 1;"), r"syntax error.*worker\.php:3")


def test_a_script_that_ends_too_early_is_told(serve):
    start_fails(serve(wait=False, boot="return;"), r"worker\.php ended without calling askr_cow_ready\(\)")


def test_an_exception_after_the_fork_point_is_the_workers(serve):
    app = serve(wait=False, after="throw new RuntimeException('cannot connect');")
    start_fails(app, r"failed before its first askr_handle_request\(\): .*cannot connect")


def test_a_broken_deploy_keeps_the_old_code(serve):
    app = serve()
    good = app.worker_script.read_text()
    for bad, why in (("$a = = 1;", "syntax error"), ("throw new Exception('boom');", "boom")):
        app.worker_script.write_text(good.replace("<?php\n", f"<?php\n{bad}\n", 1))
        run = app.reload()
        assert run.returncode == 1
        assert why in run.stderr + run.stdout
        assert app.get("/").status == 200
    wait_until(lambda: len(app.pids("worker")) == 2, "the workers of the failed ones are gone")


# ---------------------------------------------------------------- what must not be shared


def test_random_numbers_differ_between_workers(serve):
    app = serve(
        boot="mt_srand(7); mt_rand(); lcg_value(); $GLOBALS['early'] = uniqid('', true); session_id();",
        answer="return ['mt' => mt_rand(), 'int' => random_int(0, PHP_INT_MAX), 'lcg' => lcg_value(), 'shuffle' =>"
        " implode(',', array_rand(range(0, 999), 5)), 'unique' => uniqid('', true), 'ssl' => function_exists("
        "'openssl_random_pseudo_bytes') ? bin2hex(openssl_random_pseudo_bytes(8)) : random_int(0, PHP_INT_MAX),"
        " 'session' => session_create_id(), 'str' => str_shuffle('abcdefghijklmnopqrstuvwxyz')];",
        flags=("--isolation", "request"), options={"workers": 4},
    )
    answers = [app.get("/").json() for _ in range(12)]
    for what in ("pid", "mt", "int", "lcg", "shuffle", "unique", "ssl", "session", "str"):
        assert len({answer[what] for answer in answers}) == len(answers), what


@pytest.fixture
def listener():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(8)
        yield sock


def test_an_open_connection_is_named_with_its_peer(serve, listener):
    port = listener.getsockname()[1]
    app = serve(boot=f"$GLOBALS['db'] = stream_socket_client('tcp://127.0.0.1:{port}');")
    wait_until(lambda: f"a connection to 127.0.0.1:{port} is open" in app.banner(), "the start warns")


def test_an_open_file_is_named(serve, tmp_path):
    app = serve(boot=f"$GLOBALS['log'] = fopen('{tmp_path}/shared.log', 'w');")
    assert f"the file {tmp_path}/shared.log is open for writing" in app.banner()


def test_a_seeded_engine_is_named(serve):
    app = serve(boot="$GLOBALS['r'] = new Random\\Engine\\Mt19937(3);")
    assert "an object of Random\\Engine\\Mt19937 exists" in app.banner()


def test_strict_refuses_what_is_a_warning_otherwise(serve, listener):
    port = listener.getsockname()[1]
    app = serve(wait=False, boot=f"$GLOBALS['db'] = stream_socket_client('tcp://127.0.0.1:{port}');",
                flags=("--cow", "--cow-strict"))
    start_fails(app, rf"worker\.cow_strict\): a connection to 127\.0\.0\.1:{port} is open")


def test_hooks_close_before_the_fork_and_open_after_it(serve, listener):
    port = listener.getsockname()[1]
    connect = f"$GLOBALS['db'] = stream_socket_client('tcp://127.0.0.1:{port}');"
    app = serve(
        boot=f"{connect} askr_before_fork(function () {{ fclose($GLOBALS['db']); }});"
        f" askr_after_fork(function () {{ {connect} }});",
        answer="return ['name' => stream_socket_get_name($GLOBALS['db'], false)];",
        flags=("--cow", "--cow-strict"), options={"workers": 2},
    )
    names = {app.get("/").json()["name"] for _ in range(4)}
    assert len(names) >= 1
    peers = {os.readlink(f"/proc/{pid}/fd/{fd}") for pid in app.pids("worker") for fd in os.listdir(f"/proc/{pid}/fd")}
    assert app.warnings() == []
    assert any(peer.startswith("socket:") for peer in peers)


def test_hooks_answer_false_where_nothing_is_forked(serve):
    app = serve(flags=(), answer="return ['before' => askr_before_fork('pi'), 'after' => askr_after_fork('pi')];")
    answer = app.get("/").json()
    assert (answer["before"], answer["after"]) == (False, False)


def test_a_hook_that_throws_stops_the_start(serve):
    app = serve(wait=False, boot="askr_before_fork(function () { throw new Exception('not now'); });")
    start_fails(app, "not now")


def test_destructors_and_shutdown_functions_of_the_boot_run_once_in_each_worker_and_not_in_the_template(serve, tmp_path):
    log = tmp_path / "ends"
    app = serve(
        boot=f"""
class Ends {{ function __destruct() {{ file_put_contents('{log}', getmypid() . " destruct\\n", FILE_APPEND); }} }}
$GLOBALS['ends'] = new Ends;
register_shutdown_function(function () {{ file_put_contents('{log}', getmypid() . " shutdown\\n", FILE_APPEND); }});""",
        options={"workers": 2},
    )
    template, workers = app.one_of("template"), app.pids("worker")
    app.get("/")
    assert not log.exists()
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0
    lines = sorted(log.read_text().split("\n")[:-1])
    assert lines == sorted(f"{pid} {what}" for pid in workers for what in ("destruct", "shutdown"))
    assert not any(line.startswith(f"{template} ") for line in lines)


def test_output_of_the_boot_reaches_no_client(serve):
    app = serve(boot="echo 'early'; ob_start(); echo 'buffered';", answer="return [];")
    for _ in range(3):
        answer = app.get("/")
        assert answer.text == f'{{"pid":{answer.json()["pid"]}}}'


def test_request_times_are_the_requests(serve):
    app = serve(boot="usleep(2000000);", answer="return ['age' => microtime(true) - $_SERVER['REQUEST_TIME_FLOAT']];")
    assert app.get("/").json()["age"] < 1.5


def test_the_time_limit_of_the_boot_is_not_the_workers(serve):
    app = serve(boot="set_time_limit(1); $until = hrtime(true) + 700e6; while (hrtime(true) < $until) {}",
                answer="$until = hrtime(true) + 600e6; while (hrtime(true) < $until) {} return ['ok' => 1];")
    assert app.get("/").json()["ok"] == 1


def test_the_jit_works_in_forked_workers(serve):
    app = serve(
        answer="$s = 0; for ($i = 0; $i < 300000; $i++) { $s += $i % 7; } return ['s' => $s, 'jit' =>"
        " opcache_get_status(false)['jit']['on']];",
        options={"ini": ["opcache.jit=tracing", "opcache.jit_buffer_size=16M"], "workers": 3},
    )
    for _ in range(6):
        answer = app.get("/").json()
        assert answer["s"] == 899997
        assert answer["jit"] is True
