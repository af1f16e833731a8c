"""Processes: who runs, what they are called, and what happens when one of them dies."""

import os
import random
import re
import signal

import pytest

from askrtest.http import request_bytes
from askrtest.load import Load, kill_one_worker
from askrtest.processes import Process, is_alive, memory_kb, open_descriptors, processes, session_members
from askrtest.scribble import regions, start_site
from askrtest.scripts import UNBUFFERED
from askrtest.server import kill
from askrtest.wait import SANITIZED, SOAK, holds_for, wait_until

PID = {"index.php": "<?php echo getmypid();", "plain.txt": "plain\n"}
GATED = {
    "index.php": "<?php touch($_GET['began']); while (!file_exists($_GET['gate'])) { usleep(1000); clearstatcache(); }"
    " echo 'done';",
    "pid.php": "<?php echo getmypid();",
}


def by_role(app):
    roles = {}
    for process in app.status()["processes"]:
        roles.setdefault(process["role"], []).append(process)
    return roles


# ---------------------------------------------------------------- who runs


def test_a_server_is_a_master_gateways_a_template_and_workers(server):
    app = server(PID, workers=3, gateways=2)
    roles = by_role(app)
    assert {role: len(processes) for role, processes in roles.items()} == {
        "master": 1,
        "gateway": 2,
        "template": 1,
        "worker": 3,
    }
    assert roles["master"][0]["pid"] == app.master
    assert {p["pid"] for processes in roles.values() for p in processes} == app.members()


def test_ps_shows_readable_titles(server):
    app = server(PID, workers=2, gateways=2)
    for process in app.status()["processes"]:
        title = Process(process["pid"]).title
        if process["role"] in ("gateway", "worker"):
            assert re.fullmatch(rf"askr: {process['role']} {process['index']}\b.*", title)
        else:
            assert title.startswith(f"askr: {process['role']}")


def test_every_process_has_one_thread(server):
    app = server(PID, gateways=2)
    app.get("/")
    assert {Process(pid).threads for pid in app.members()} == {1}


def test_workers_and_the_template_hold_no_socket_of_a_client(server):

    app = server(PID)
    with app.client() as client:
        client.get("/")
        for role in ("worker", "template"):
            for pid in app.pids(role):
                links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
                inodes = {link[8:-1] for link in links if link.startswith("socket:")}
                with open("/proc/net/tcp") as table:
                    tcp = {line.split()[9] for line in table.readlines()[1:]}
                assert not inodes & tcp


def test_status_counts_requests_and_memory(server):
    app = server(PID, workers=1)
    for _ in range(7):
        app.get("/")
    wait_until(lambda: app.workers()[0]["requests"] == 7, "seven requests are counted")
    for process in app.status()["processes"]:
        assert process["rss_kb"] > 500
        assert 0 < process["pss_kb"] <= process["rss_kb"]
        assert process["uptime_secs"] < 60
    assert app.status()["workers_configured"] == app.status()["workers_alive"] == 1


# ---------------------------------------------------------------- deaths


def test_a_dead_worker_is_replaced(server):
    app = server(PID, workers=1)
    (before,) = app.pids("worker")
    kill(before)
    wait_until(lambda: app.pids("worker") not in ([], [before]), "another worker runs")
    assert int(app.get("/").text) != before
    assert app.status()["respawns"] == 1
    app.wait_log(rf"worker \d+ \(pid {before}\) was killed by signal 9")


def test_a_dead_template_is_replaced_and_workers_go_on(server):
    app = server(PID, workers=2)
    workers = set(app.pids("worker"))
    (template,) = app.pids("template")
    with Load(app, clients=4) as load:
        kill(template)
        wait_until(lambda: app.pids("template") not in ([], [template]), "another template runs")
        assert set(app.pids("worker")) == workers
        load.progresses(50)
    load.assert_flawless()
    kill(next(iter(workers)))  # its replacement comes from the new template
    wait_until(lambda: len(app.workers()) == 2 and set(app.pids("worker")) != workers, "a worker was replaced")
    assert app.get("/").status == 200


def test_a_dead_template_and_worker_at_once_are_replaced(server):
    app = server(PID, workers=2)
    (template,) = app.pids("template")
    victim = app.one_of("worker")
    kill(template)
    kill(victim)
    wait_until(lambda: len([w for w in app.workers() if w["state"] == "idle"]) == 2, "both workers are back")
    assert app.get("/").status == 200


def test_a_dead_gateway_closes_its_own_connections_only(server, tmp_path):
    app = server(GATED, gateways=2, workers=2)
    victim, other = app.pids("gateway")

    def connections(pid):
        return next(p["connections"] for p in app.status()["processes"] if p["pid"] == pid)

    clients = []
    while not clients or not all(connections(pid) for pid in (victim, other)):
        clients.append(app.client())
        clients[-1].send(request_bytes("GET", "/pid.php"))
        assert clients[-1].read_response().status == 200
        assert len(clients) < 200
    lost = connections(victim)
    kill(victim)
    alive = 0
    for client in clients:
        try:
            alive += client.get("/pid.php").status == 200
        except (EOFError, OSError):
            pass
        client.close()
    assert alive == len(clients) - lost
    wait_until(lambda: len(app.pids("gateway")) == 2, "another gateway runs")
    assert app.get("/pid.php").status == 200


def test_the_slots_of_a_dead_gateway_are_reclaimed(server, tmp_path):
    app = server(GATED, workers=1)
    for n in range(3):
        gate, began = tmp_path / f"gate-{n}", tmp_path / f"began-{n}"
        running = app.begin("GET", f"/?gate={gate}&began={began}")
        wait_until(began.exists, "the request runs")
        waiting = [app.begin("GET", "/pid.php") for _ in range(5)]
        wait_until(lambda: app.status()["queue_depth"] == 5, "five requests wait")
        kill(app.gateway())
        for client in [running, *waiting]:
            assert client.is_closed_by_server()
            client.close()
        wait_until(lambda: len(app.pids("gateway")) == 1, "another gateway runs")
        gate.touch()
        assert wait_until(lambda: answers(app, "/pid.php"), "requests are served again")
        app.assert_nothing_is_held()


def answers(app, target):
    try:
        return app.get(target).status == 200
    except (OSError, EOFError):
        return False


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_no_process_outlives_a_killed_master(server, tmp_path, state):
    app = server(GATED, gateways=2, workers=2)
    app.expected_exit = -signal.SIGKILL
    gate, began = tmp_path / "gate", tmp_path / "began"
    if state == "busy":
        client = app.begin("GET", f"/?gate={gate}&began={began}")
        wait_until(began.exists, "the request runs")
    app.signal(signal.SIGKILL)
    app.wait_exit()
    if state == "busy":
        gate.touch()  # a request that runs may end
        client.close()
    wait_until(lambda: not session_members(app.master), "all processes have ended")


def test_a_killed_master_does_not_cut_a_running_request(server, tmp_path):
    app = server(GATED)
    app.expected_exit = -signal.SIGKILL
    gate, began = tmp_path / "gate", tmp_path / "began"
    with app.begin("GET", f"/?gate={gate}&began={began}") as client:
        wait_until(began.exists, "the request runs")
        app.signal(signal.SIGKILL)
        app.wait_exit()
        gate.touch()
        response = client.read_response()
        assert (response.status, response.body) == (200, b"done")
    wait_until(lambda: not session_members(app.master), "all processes have ended")


ENDLESS = {
    "busy": "<?php touch(__DIR__ . '/began'); set_time_limit(0); while (true) {}",
    "asleep": "<?php touch(__DIR__ . '/began'); ignore_user_abort(true); sleep(1000);",
}


@pytest.mark.parametrize("script", ENDLESS.values(), ids=ENDLESS.keys())
@pytest.mark.parametrize("gateway", ["lives", "is killed too"])
def test_a_request_that_never_ends_outlives_a_killed_master_by_its_time_limit(server, script, gateway):
    app = server({"index.php": script}, request_timeout="500ms", shutdown_timeout="500ms")
    app.expected_exit = -signal.SIGKILL
    gateway_pid = app.gateway()
    with app.begin("GET", "/"):
        wait_until((app.root / "began").exists, "the request runs")
        app.signal(signal.SIGKILL)
        app.wait_exit()
        if gateway != "lives":
            kill(gateway_pid)
        wait_until(lambda: not session_members(app.master), "all processes have ended", 5)


# ---------------------------------------------------------------- as process 1


def zombies_of(pid):
    return [process.pid for process in processes() if process.parent == pid and process.state == "Z"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a container")
def test_as_process_1_the_master_leaves_no_zombies(server):
    app = server({"index.php": "<?php exec('(sleep 0.1) > /dev/null 2>&1 &'); echo 'begun';"}, wait=False)
    command = ["unshare", "--pid", "--fork", "--mount-proc", *app.command()]
    app.command = lambda: command
    app.start()
    (master,) = [process.pid for process in processes() if process.parent == app.process.pid]
    app.signal = lambda number: os.kill(master, number)
    for _ in range(5):
        assert app.get("/").text == "begun"
    kill(next(p.pid for p in processes() if p.parent == master and p.title.startswith("askr: worker")))
    wait_until(lambda: len(app.members()) == 6, "what was started has ended")  # unshare, and five of the server
    wait_until(lambda: not zombies_of(master), lambda: f"nothing is left of it: {zombies_of(master)}")
    assert app.get("/").text == "begun"
    wait_until(lambda: not zombies_of(master), "nothing is left of that")


# Says in the page of its own worker that it is the process which it leaves behind as an orphan.
CLAIMS_AN_ORPHAN = r"""
function answer(): void
{
    if (!isset($_GET['claim'])) { echo 'begun'; exec('(sleep 0.1) > /dev/null 2>&1 &'); return; }
    $orphan = (int) exec('sleep 0.3 > /dev/null 2>&1 & echo $!');
    $c = FFI::cdef('void *memcpy(uintptr_t to, const void *from, size_t size);');
    foreach (writable_parts((int) $_GET['total'], (int) $_GET['offset'], (int) $_GET['size']) as [$address]) {
        $c->memcpy($address, pack('V', $orphan), 4);
    }
    echo $orphan;
}
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a container")
@pytest.mark.parametrize("mode", ["request", "worker", "rewind"])
def test_no_worker_keeps_process_1_from_its_orphans(server, mode):
    app = start_site(server, mode, CLAIMS_AN_ORPHAN, wait=False, workers=1)
    command = ["unshare", "--pid", "--fork", "--mount-proc", *app.command()]
    app.command = lambda: command
    app.start()
    (master,) = [process.pid for process in processes() if process.parent == app.process.pid]
    app.signal = lambda number: os.kill(master, number)
    places, total = regions(app)
    offset, size = places["kernel.workers"]
    assert int(app.get(f"/?claim&total={total}&offset={offset}&size={size}").text) > 1
    for _ in range(3):
        assert app.get("/").text == "begun"
    wait_until(lambda: not zombies_of(master) and no_sleep_below(master), lambda: f"none is left: {zombies_of(master)}", 5)


def no_sleep_below(master):
    return not any(process.parent == master and process.title.startswith("sleep") for process in processes())


# ---------------------------------------------------------------- crash loops

CRASHING_BOOT = """<?php
if (file_exists(__DIR__ . '/broken')) { posix_kill(getmypid(), 9); }
while (askr_handle_request(function () { echo getmypid(); })) {}
"""


def test_workers_that_die_again_and_again_at_their_start_stop_the_server(server):
    app = server({"worker.php": CRASHING_BOOT, "broken": ""}, wait=False)
    app.worker_script = app.root / "worker.php"
    app.expected_exit = 1
    app.launch()
    assert app.wait_exit(30) == 1
    app.wait_log("workers died .* in a row before they were ready")


BROKEN_BOOTS = {"killed": None, "syntax": "<?php $a = = 1;", "exception": "<?php throw new Exception('no database');"}


@pytest.mark.parametrize("broken", BROKEN_BOOTS.values(), ids=BROKEN_BOOTS.keys())
def test_workers_that_cannot_be_replaced_do_not_stop_those_that_run(server, broken):
    app = server({"worker.php": CRASHING_BOOT}, wait=False, workers=3)
    worker = app.worker_script = app.root / "worker.php"
    app.start()
    victim, *others = app.pids("worker")
    (app.root / "broken").touch()
    worker.write_text(broken or CRASHING_BOOT)
    kill(victim)
    with Load(app, clients=4) as load:
        app.wait_log(r"before it was ready; trying again in 6\.4 s, running workers go on", 20)  # the eighth time
        load.progresses(20)
        assert set(others) <= set(app.pids("worker"))
    load.assert_flawless()


def test_a_worker_that_cannot_be_replaced_is_once_its_code_is_mended(server):
    app = server({"worker.php": CRASHING_BOOT}, wait=False, workers=3)
    app.worker_script = app.root / "worker.php"
    app.start()
    (app.root / "broken").touch()
    kill(app.one_of("worker"))
    kill(app.one_of("worker"))
    app.wait_log("trying again in .* running workers go on")
    (app.root / "broken").unlink()
    wait_until(lambda: [w["state"] for w in app.workers()] == ["idle"] * 3, "all three are back")


def test_without_any_worker_files_are_served_and_requests_are_refused_until_one_boots(server):
    app = server({"worker.php": CRASHING_BOOT, "plain.txt": "plain\n"}, wait=False, workers=1, queue_timeout="300ms")
    app.worker_script = app.root / "worker.php"
    app.start()
    assert app.get("/").status == 200
    (app.root / "broken").touch()
    kill(app.one_of("worker"))
    app.wait_log("NO WORKER IS LEFT: requests wait for one, and get 503 after server.queue_timeout", 30)
    response = app.get("/")
    assert (response.status, bool(response.header("retry-after"))) == (503, True)
    assert app.get("/plain.txt").text == "plain\n"
    (app.root / "broken").unlink()
    wait_until(lambda: app.get("/").status == 200, "a worker has booted", 20)


def test_a_reload_mends_a_server_whose_workers_cannot_be_replaced(server):
    app = server({"worker.php": CRASHING_BOOT}, wait=False, workers=1)
    app.worker_script = app.root / "worker.php"
    app.start()
    app.worker_script.write_text("<?php $a = = 1;")
    kill(app.one_of("worker"))
    app.wait_log("NO WORKER IS LEFT", 30)
    assert app.reload().returncode == 1
    app.worker_script.write_text(CRASHING_BOOT.replace("getmypid()", "'mended'"))
    assert app.reload().returncode == 0
    assert app.get("/").text == "mended"


def test_a_worker_that_never_comes_to_an_end_of_its_boot_is_ended(server):
    app = server({"worker.php": "<?php while (file_exists(__DIR__ . '/away')) { usleep(1000); clearstatcache(); }"
                  " while (askr_handle_request(function () { echo getmypid(); })) {}"},
                 wait=False, workers=2, flags=["--boot-timeout", "3s"])
    app.worker_script = app.root / "worker.php"
    app.start()
    (app.root / "away").touch()
    kill(app.one_of("worker"))
    app.wait_log(r"worker \d+ \(pid \d+\) has not booted within 3 s", 20)
    app.wait_log("before it was ready; trying again in .* running workers go on")
    (app.root / "away").unlink()
    wait_until(lambda: [w["state"] for w in app.workers()] == ["idle"] * 2, "both are back", 20)


def test_requests_that_crash_their_workers_do_not_stop_the_server(server):
    app = server({"index.php": "<?php if (isset($_GET['crash'])) posix_kill(getmypid(), 9); echo 'fine';"}, workers=1)
    for _ in range(20):
        assert app.post("/?crash", b"x").status == 502
    assert app.get("/").body == b"fine"


# ---------------------------------------------------------------- between two requests

LOSES_ITSELF = """<?php
$handler = function () { echo getmypid(); if (isset($_GET['lose'])) { touch(__DIR__ . '/lose'); } };
while (askr_handle_request($handler)) {
  if (file_exists(__DIR__ . '/lose')) {
    unlink(__DIR__ . '/lose'); WAY
  }
}
"""


@pytest.mark.parametrize("way", ["sleep(1000);", "while (true) {}"], ids=["asleep", "busy"])
def test_a_worker_that_does_not_come_back_for_another_request_is_replaced(server, way):
    app = server({"worker.php": LOSES_ITSELF.replace("WAY", way)}, wait=False, workers=1, request_timeout="1s")
    app.worker_script = app.root / "worker.php"
    app.start()
    pid = app.get("/").text
    for _ in range(2):
        assert app.get("/?lose").text == pid
        response = app.get("/")  # waits for the one that comes next
        assert response.status == 200 and response.text != pid
        app.wait_log(rf"worker 0 \(pid {pid}\) has not asked for another request within 1 s of its last one")
        app.wait_log(rf"worker 0 \(pid {pid}\) exited with code 124\n.*over the request timeout(.*\n)+?.*worker\.php:5")
        pid = response.text


def test_a_worker_that_ends_its_script_too_slowly_is_replaced(server):
    app = server({"worker.php": "<?php while (askr_handle_request(function () { echo 'x'; })); sleep(1000);"}, wait=False,
                 workers=1, max_requests=1, request_timeout="500ms")
    app.worker_script = app.root / "worker.php"
    app.start()
    for _ in range(3):
        assert app.get("/").text == "x"
    app.wait_log("has not asked for another request")


def test_work_between_two_requests_has_the_time_of_a_request(server):
    app = server({"worker.php": "<?php while (askr_handle_request(function () { echo getmypid(); })) { usleep(300000); }"},
                 wait=False, workers=1, request_timeout="1s")
    app.worker_script = app.root / "worker.php"
    app.start()
    assert len({app.get("/").text for _ in range(6)}) == 1


# ---------------------------------------------------------------- nothing leaks


@pytest.mark.time_limit(1800 if SOAK else 240)
def test_slots_blocks_and_descriptors_survive_many_kills(server):
    """Ten thousand kills in the long form."""
    kills = 10_000 if SOAK else 40 if SANITIZED else 150
    app = server(
        {"index.php": "<?php echo str_repeat(getmypid(), random_int(1, 30000)); if (random_int(0, 3) == 0) flush();"},
        ini=UNBUFFERED,
        workers=2,
    )
    app.get("/")
    descriptors = open_descriptors(app.master)
    choice = random.Random(7)
    killed = 0
    with Load(app, clients=8, accepts=lambda response: response.status in (200, 502)) as load:
        while killed < kills:
            before = app.status()["respawns"]
            if not kill_one_worker(app, choice):
                continue  # both are booting
            killed += 1
            wait_until(lambda: app.status()["respawns"] > before, lambda: f"a worker is replaced\n{app.said()}")
    assert load.done > kills
    app.assert_nothing_is_held()
    wait_until(lambda: len(app.workers()) == 2, "two workers run")
    assert open_descriptors(app.master) <= descriptors
    assert len(app.members()) == 5
    for _ in range(20):
        assert app.get("/").status == 200


@pytest.mark.skipif(SANITIZED, reason="sanitizers keep freed memory")
@pytest.mark.time_limit(300)
def test_the_master_keeps_nothing_of_workers_that_have_ended(server):
    app = server({"worker.php": "<?php askr_cow_ready(); while (askr_handle_request(function () { echo 'x'; }));"},
                 wait=False, isolation="request", flags=["--max-worker-age", "6h"])
    app.worker_script = app.root / "worker.php"
    app.start()

    def memory():  # whoever else has the same pages
        return memory_kb(app.master, "Anonymous")

    with Load(app, clients=4) as load:
        load.progresses(300, 60)
        before = memory()
        load.progresses(2500, 200)  # 300 KB, if there were as much as an alarm left of each
    assert memory() - before < 150


def test_a_worker_that_is_stopped_does_not_stop_the_server(server):

    app = server(PID, workers=2)
    victim = app.one_of("worker")
    os.kill(victim, signal.SIGSTOP)
    try:
        for _ in range(20):
            with app.client(timeout=5) as client:
                client.send(request_bytes("GET", "/"))
                assert client.read_response().status == 200
        holds_for(lambda: is_alive(victim), "the stopped worker is left alone", 0.1)
    finally:
        os.kill(victim, signal.SIGCONT)
