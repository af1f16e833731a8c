"""Whatever a plugin does wrong, the log names it, and as little else as possible suffers."""

import os
import subprocess
import sys
import time

import pytest

from askrtest.http import request_bytes
from askrtest.server import kill
from askrtest.wait import wait_until




def test_an_exception_fails_its_request_and_no_other(serve):
    app = serve("throws")
    assert app.get("/throw").status == 500
    app.wait_log(r"gateway 0: plugin throws: a hook threw a tantrum\n")
    app.wait_log(r"plugin throws has failed a request, in route of GET /throw \(request \S+\)")
    assert app.get("/throw-number").status == 500
    app.wait_log(r"plugin throws: a hook threw\n")
    assert app.get("/?throw").status == 500
    app.wait_log(r"plugin throws has failed a response, in response_head of GET /\?throw \(request \S+\)")
    assert app.get("/").body == b"hello"
    app.assert_nothing_is_held()


def test_an_exception_from_a_plain_callback_ends_at_the_border(serve):
    app = serve("throws", request_timeout="500ms",
                files={"call.php": "<?php try { throw_tantrum(); } catch (Error $e) { echo $e->getMessage(); }"})
    gateway = app.gateway()
    assert app.get("/timer").status == 200
    app.wait_log(r"plugin throws: a timer threw a timed tantrum\n")
    assert app.post("/body", b"x").status == 504  # nobody resumes it
    app.wait_log(r"plugin throws: a body callback threw a fed tantrum\n")
    assert app.get("/call.php").body == b"throw_tantrum(): failed"
    app.wait_log(r"plugin throws: throw_tantrum threw a called tantrum\n")
    assert app.askr("tantrum").returncode == 1
    app.wait_log(r"plugin throws: its command threw an ordered tantrum\n")
    assert app.gateway() == gateway


def test_a_body_that_was_asked_for_without_waiting_goes_to_php(serve):
    app = serve("throws")
    assert app.post("/hasty", b"x" * 100).body == b"hello"


def test_a_plugin_that_blocks_the_loop_is_named(serve):
    app = serve("blocks")
    app.get("/")
    assert app.get("/block").status == 200
    app.wait_log(r"master: plugin blocks has blocked the event loop of gateway 0 for more than 100 ms\n")
    assert app.error_log().count("has blocked") == 1


def spin(app):
    client = app.client()
    client.send(request_bytes("GET", "/spin"))
    return client


def test_a_loop_without_end_costs_its_gateway_and_counts_as_a_crash(serve):
    app = serve("blocks", flags=["--plugin-hook-timeout", "300ms"])
    gateway = app.gateway()
    with spin(app):
        wait_until(lambda: app.pids("gateway") not in ([], [gateway]), "another gateway runs")
    assert app.get("/").body == b"hello"
    app.wait_log(r"gateway 0 was ended after 0.3 s \(plugins.hook_timeout\) inside plugin blocks "
                 r"\(1 times within a minute\)")


def test_work_that_ends_in_time_ends_nobody(serve):
    app = serve("blocks", flags=["--plugin-hook-timeout", "2s"])
    gateway = app.gateway()
    assert app.get("/block").status == 200
    app.wait_log("has blocked the event loop")
    assert app.gateway() == gateway


@pytest.mark.parametrize("timeouts", [
    ["--plugin-hook-timeout", "2s", "--shutdown-timeout", "1h"],
    ["--plugin-hook-timeout", "1h", "--shutdown-timeout", "1s"],
])
def test_a_gateway_that_spins_outlives_no_master(serve, timeouts):
    """It ends by the watchdog, or by the timer that its master's death has started."""
    app = serve("blocks", flags=timeouts)
    gateway = app.gateway()
    with spin(app):
        app.wait_log("has blocked the event loop")
        app.expected_exit = -9
        kill(app.master)
        wait_until(lambda: not os.path.exists(f"/proc/{gateway}"), "the gateway has ended")


def test_a_server_that_is_merely_busy_is_not_accused(serve):
    app = serve("blocks")
    until = time.monotonic() + 0.5
    with app.client() as client:
        while time.monotonic() < until:
            client.get("/")
    assert "has blocked" not in app.error_log()


@pytest.mark.alone
def test_a_plugin_is_not_blamed_for_the_time_that_others_have_the_processor(serve):
    """40 ms of work, for which a gateway that comes last on its processor needs hundreds."""
    app = serve("blocks")
    app.get("/")
    gateway = app.gateway()
    processor = min(os.sched_getaffinity(gateway))
    os.sched_setaffinity(gateway, {processor})
    os.setpriority(os.PRIO_PROCESS, gateway, 19)
    rival = subprocess.Popen([sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{processor}}})\nwhile True: pass"])
    try:
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            with app.client(timeout=60) as client:
                assert client.get("/work").status == 200
        assert "has blocked" not in app.error_log()
    finally:
        rival.kill()
        rival.wait()
        os.setpriority(os.PRIO_PROCESS, gateway, 0)


def test_a_request_that_has_ended_is_recognised(serve):
    app = serve("stale")
    assert app.get("/keep").status == 200
    assert app.get("/use").body == b"nothing happened\n"
    app.wait_log(r"plugin stale calls askr_response_api.set_header with a request that has ended \(said once\)")
    app.wait_log(r"plugin stale calls askr_pipeline.resume with a request that has ended \(said once\)")
    before = len(app.error_log().splitlines())
    app.get("/use")
    assert len(app.error_log().splitlines()) == before


def test_a_request_that_is_never_resumed_ends_in_time(serve):
    app = serve("never-resumes", request_timeout="300ms")
    assert app.get("/forget").status == 504
    app.wait_log(r"plugin never-resumes has suspended a request and not resumed it in time, in lookup of GET /forget")
    assert app.get("/").body == b"hello"


def test_a_response_that_is_never_resumed_is_given_up(serve):
    app = serve("never-resumes", request_timeout="300ms")
    assert app.get("/?suspend").status == 504
    app.wait_log(r"plugin never-resumes has suspended a request and not resumed it in time, in response_head")


def test_what_a_plugin_leaves_behind_is_named(serve):
    app = serve("leaks", files={"leak.php": "<?php leak_callable(fn() => 1); leak_callable('strlen'); echo 'ok';"})
    assert app.get("/leak.php").body == b"ok"
    app.wait_log(r"plugin leaks has not released 2 PHP callables of a request")
    app.stop()
    assert "plugin leaks has left 2 timers and 1 watched descriptors behind" in app.error_log()


def crash(app, target="/crash"):
    gateway = app.gateway()
    with app.client() as client:
        client.send(request_bytes("GET", target))
        try:
            assert client.is_closed_by_server()
        except ConnectionResetError:
            pass
    wait_until(lambda: app.pids("gateway") not in ([], [gateway]), "another gateway runs")
    wait_until(lambda: app.get("/").body == b"hello", "it serves")


@pytest.mark.parametrize("target", ["/crash", "/abort"])
def test_a_plugin_that_crashes_a_gateway_is_named(serve, target):
    app = serve("crashes")
    crash(app, target)
    app.wait_log(r"gateway 0 died inside plugin crashes \(1 times within a minute\)")


def test_a_plugin_that_crashes_three_times_is_taken_out(serve):
    app = serve("crashes", "plain-c")
    for _ in range(3):
        crash(app)
    app.wait_log(r"plugin crashes IS TAKEN OUT: gateways died in it 3 times within a minute; the server goes on without "
                 r"it until its next start")
    assert app.get("/crash").body == b"hello"  # nobody dies there any more
    assert app.get("/").header("X-Plain-C") == "Hello from C"
    assert app.status()["plugins"] == ["compress", "defer", "plain-c"]


def test_all_of_a_plugin_is_taken_out(serve):
    app = serve("crashes", workers=1, files={"call.php": "<?php var_dump(crashes_number());"})
    assert app.get("/call.php").body == b"int(1)\n"
    assert app.askr("crashes").stdout == "at your service\n"
    for _ in range(3):
        crash(app)
    app.wait_log("plugin crashes IS TAKEN OUT")
    began, ended = (app.error_log().count(f"plugin crashes: a worker {what}") for what in ("begins", "ends"))
    assert began > 0 and ended > 0
    for _ in range(3):
        assert app.get("/call.php").body == b"NULL\n"
    assert app.error_log().count("plugin crashes: a worker begins") == began
    assert app.error_log().count("plugin crashes: a worker ends") <= ended + 1  # of the last request before
    refused = app.askr("crashes")
    assert refused.returncode == 1
    assert "plugin crashes was taken out" in refused.stdout + refused.stderr


def test_other_gateways_drop_the_plugin_without_a_restart(serve):
    app = serve("crashes", gateways=2)
    crashes = 0
    while crashes < 3:
        before = set(app.pids("gateway"))
        with app.client() as client:
            client.send(request_bytes("GET", "/crash"))
            try:
                client.is_closed_by_server()
            except ConnectionResetError:
                pass
        wait_until(lambda: len(app.pids("gateway")) == 2 and set(app.pids("gateway")) != before, "another gateway runs")
        crashes += 1
    app.wait_log("plugin crashes IS TAKEN OUT")
    alive = set(app.pids("gateway"))
    for _ in range(20):
        assert app.get("/crash").body == b"hello"
    assert set(app.pids("gateway")) == alive


def test_a_required_plugin_is_kept(serve):
    app = serve("crashes", flags=["--require-plugin", "crashes"])
    for _ in range(4):
        crash(app)
    assert "IS TAKEN OUT" not in app.error_log()
    assert "crashes" in app.status()["plugins"]


def test_a_gateway_that_is_killed_from_outside_is_nobody_s_fault(serve):
    app = serve("crashes")
    kill(app.gateway())
    wait_until(lambda: app.get("/").body == b"hello", "another gateway serves")
    assert "died inside plugin" not in app.error_log()
