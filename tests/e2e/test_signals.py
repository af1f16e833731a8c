"""Signals: stopping, reloading, reopening logs."""

import os
import re
import signal
import threading
import time

import pytest

from askrtest.http import request_bytes
from askrtest.load import Load
from askrtest.wait import SOAK, holds_for, wait_until

GATED = {
    "index.php": "<?php touch($_GET['began']); while (!file_exists($_GET['gate'])) { usleep(1000); clearstatcache(); }"
    " echo 'done';",
    "fine.php": "<?php echo 'fine';",
}


class Running:
    """A request that PHP runs until finish()."""

    def __init__(self, app, folder, name="one"):
        self.gate, began = folder / f"gate-{name}", folder / f"began-{name}"
        self.client = app.begin("GET", f"/?gate={self.gate}&began={began}")
        wait_until(began.exists, "the request runs")

    def finish(self):
        self.gate.touch()
        return self.client.read_response()


def refuses_connections(app):
    try:
        app.client(timeout=1).close()
        return False
    except OSError:
        return True


# ---------------------------------------------------------------- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_lets_running_requests_finish(server, tmp_path, number):
    app = server(GATED)
    running = Running(app, tmp_path)
    app.signal(number)
    wait_until(lambda: refuses_connections(app), "new clients are refused")
    holds_for(lambda: app.process.poll() is None, "it waits for the request", 0.3)
    response = running.finish()
    assert (response.status, response.body) == (200, b"done")
    assert not response.keeps_alive
    assert app.wait_exit() == 0


def test_a_stop_serves_what_waits_in_the_queue(server, tmp_path):
    app = server(GATED, workers=1)
    running = Running(app, tmp_path)
    waiting = [app.begin("GET", "/fine.php") for _ in range(5)]
    wait_until(lambda: app.status()["queue_depth"] == 5, "five requests wait")
    app.signal(signal.SIGTERM)
    wait_until(lambda: refuses_connections(app), "new clients are refused")
    assert running.finish().body == b"done"
    assert [client.read_response().body for client in waiting] == [b"fine"] * 5
    assert app.wait_exit() == 0


def test_a_stop_closes_idle_connections(server):
    app = server(GATED)
    with app.client() as fresh, app.client() as used:
        used.get("/fine.php")
        app.signal(signal.SIGTERM)
        assert app.wait_exit() == 0
        assert fresh.is_closed_by_server()
        assert used.is_closed_by_server()


def test_a_second_signal_stops_now(server, tmp_path):
    app = server(GATED)
    running = Running(app, tmp_path)
    app.signal(signal.SIGTERM)
    wait_until(lambda: refuses_connections(app), "new clients are refused")
    begun = time.monotonic()
    app.signal(signal.SIGTERM)
    app.expected_exit = app.wait_exit()
    assert time.monotonic() - begun < 5
    assert running.client.is_closed_by_server()
    assert app.expected_exit in (0, 1)
    assert " error " not in app.error_log()  # nothing has failed: it was asked for
    assert re.search(r"warning master: worker \d was ended while it ran GET ", app.error_log())


def test_a_stop_ends_after_its_timeout(server, tmp_path):
    app = server(GATED, shutdown_timeout="500ms")
    running = Running(app, tmp_path)
    app.signal(signal.SIGTERM)
    app.expected_exit = app.wait_exit(5)
    assert running.client.is_closed_by_server()
    app.wait_log("shutdown_timeout")


def test_a_slow_upload_does_not_hold_up_a_stop_forever(server):
    app = server(GATED, shutdown_timeout="500ms")
    with app.client() as client:
        client.send(request_bytes("POST", "/fine.php", {"Content-Length": "100"}) + b"half")
        app.signal(signal.SIGTERM)
        app.expected_exit = app.wait_exit(5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])  # Ctrl-C, a supervisor, Ctrl-\\
def test_a_stop_that_reaches_all_processes_is_graceful_too(server, tmp_path, number):
    app = server(GATED)
    running = Running(app, tmp_path)
    os.killpg(app.master, number)
    wait_until(lambda: refuses_connections(app), "new clients are refused")
    assert running.finish().body == b"done"
    assert app.wait_exit() == 0
    assert app.error_log() == ""


# ---------------------------------------------------------------- reload


def release(folder, version):
    path = folder / f"release-{version}"
    path.mkdir()
    (path / "index.php").write_text(f"<?php require __DIR__ . '/version.php'; echo version();")
    (path / "version.php").write_text(f"<?php function version() {{ return '{version}'; }}")
    (path / "version.txt").write_text(str(version))
    (path / "slow.php").write_text(
        "<?php touch($_GET['began']); while (!file_exists($_GET['gate'])) { usleep(1000); clearstatcache(); }"
        " require __DIR__ . '/version.php'; echo version();"
    )
    return path


def switch(link, target):
    """As deployment tools do it: the link is replaced in one step."""
    new = link.with_suffix(".new")
    new.symlink_to(target)
    new.rename(link)


@pytest.fixture
def released(server, tmp_path):
    link = tmp_path / "current"
    link.symlink_to(release(tmp_path, 1))
    app = server(root=link, ini=["opcache.validate_timestamps=0"])
    assert app.get("/").text == "1"
    return app, link


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2])
def test_a_signal_serves_new_code_from_a_symlinked_root(released, tmp_path, number):
    app, link = released
    pids = set(app.pids("worker"))
    switch(link, release(tmp_path, 2))
    assert app.get("/").text == "1"  # until the reload nothing changes
    assert app.get("/version.txt").text == "1"
    app.signal(number)
    wait_until(lambda: app.get("/").text == "2", "the new code is served")
    assert app.get("/version.txt").text == "2"
    wait_until(lambda: not pids & app.members(), "the old workers have ended")
    assert app.status()["generation"] == 2
    app.wait_log("generation 2 serves .*release-2")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR2])
def test_a_reload_that_reaches_all_processes_harms_no_request(server, tmp_path, number):
    app = server(GATED)
    running = Running(app, tmp_path)
    os.killpg(app.master, number)
    wait_until(lambda: app.status()["generation"] == 2, "it was reloaded")
    assert running.finish().body == b"done"
    assert app.get("/fine.php").text == "fine"
    assert "killed by" not in app.error_log()


def test_the_reload_command_waits_for_the_outcome(released, tmp_path):
    app, link = released
    switch(link, release(tmp_path, 2))
    run = app.reload()
    assert run.returncode == 0, run.stderr
    assert "generation 2" in run.stdout
    assert {app.get("/").text for _ in range(20)} == {"2"}


def test_a_running_request_finishes_on_the_old_code(released, tmp_path):
    app, link = released
    gate, began = tmp_path / "gate", tmp_path / "began"
    with app.begin("GET", f"/slow.php?gate={gate}&began={began}") as client:
        wait_until(began.exists, "the request runs")
        switch(link, release(tmp_path, 2))
        assert app.reload().returncode == 0
        assert app.get("/").text == "2"
        gate.touch()
        assert client.read_response().text == "1"
        assert client.get("/").text == "2"  # the connection outlives the generation


def test_a_reload_to_a_missing_root_keeps_the_old_one(released, tmp_path):
    app, link = released
    link.unlink()
    run = app.reload()
    assert run.returncode == 1
    assert "current" in run.stderr + run.stdout
    assert app.get("/").text == "1"


def test_reloads_follow_each_other(released, tmp_path):
    app, link = released
    for version in range(2, 8):
        switch(link, release(tmp_path, version))
        assert app.reload().returncode == 0
        assert app.get("/").text == str(version)
    wait_until(lambda: len(app.members()) == 5, "old generations have ended")
    app.assert_nothing_is_held()


def test_a_burst_of_hups_ends_in_a_working_server(released):
    app, _ = released
    for _ in range(20):
        app.signal(signal.SIGHUP)
    wait_until(lambda: app.status()["generation"] >= 2, "it was reloaded")
    wait_until(lambda: len(app.members()) == 5, "one generation is left", 20)
    assert app.get("/").text == "1"


@pytest.mark.time_limit(120)
def test_reloads_under_load_fail_no_request(released, tmp_path):
    """Once a second with a slow upload in flight; thirty seconds in the long form."""
    app, link = released
    reloads = 30 if SOAK else 5
    size = 200_000
    upload = app.client()
    upload.send(request_bytes("POST", "/", {"Content-Length": str(size)}))
    stop = threading.Event()

    def trickle():
        for sent in range(size // 1000):
            upload.send(b"x" * 1000)
            stop.wait(reloads / (size / 1000))

    uploader = threading.Thread(target=trickle, daemon=True)
    uploader.start()
    seen = set()

    def accepts(response):
        seen.add(response.text)
        return response.status == 200

    with Load(app, clients=16, accepts=accepts) as load:
        for version in range(2, 2 + reloads):
            begun = time.monotonic()
            switch(link, release(tmp_path, version))
            assert app.reload().returncode == 0
            assert app.get("/").text == str(version)
            load.progresses(20)
            time.sleep(max(0, 1 - (time.monotonic() - begun)))  # the rhythm of the scenario
    load.assert_flawless()
    assert {str(version) for version in range(2, 2 + reloads)} <= seen
    uploader.join(30)
    response = upload.read_response()
    assert response.status == 200
    assert response.text == str(1 + reloads)
    upload.close()


# ---------------------------------------------------------------- logs


def test_usr1_reopens_both_logs(server, tmp_path):
    access, error = tmp_path / "access.log", tmp_path / "error.log"
    app = server(
        {"index.php": "<?php error_log('note ' . $_GET['n']); echo 'x';"}, access_log=access, error_log=error, gateways=2
    )
    app.get("/?n=one")
    wait_until(lambda: "one" in access.read_text() and "note one" in error.read_text(), "both logs have the request")
    access.rename(tmp_path / "access.old")
    error.rename(tmp_path / "error.old")
    app.signal(signal.SIGUSR1)
    wait_until(lambda: access.exists() and error.exists(), "both logs are new")

    def all_write_to_the_new_logs():
        for _ in range(4):
            app.get("/?n=two")
        count = 0
        for pid in app.members():
            for fd in os.listdir(f"/proc/{pid}/fd"):
                count += os.readlink(f"/proc/{pid}/fd/{fd}").endswith(".old")
        return count == 0

    wait_until(all_write_to_the_new_logs, "no process holds the old files")
    old = (tmp_path / "access.old").read_text()
    app.get("/?n=three")
    wait_until(lambda: re.search("n=three", access.read_text()), "the new access log is used")
    wait_until(lambda: "note three" in error.read_text(), "the new error log is used")
    assert (tmp_path / "access.old").read_text() == old


def holders(app, path):
    """Processes of the server that have `path` open."""
    return [
        pid
        for pid in app.members()
        for fd in os.listdir(f"/proc/{pid}/fd")
        if os.path.realpath(f"/proc/{pid}/fd/{fd}") == str(path)
    ]


@pytest.mark.parametrize("settings", [{"workers": 4, "gateways": 2}, {"isolation": "request"}])
def test_who_is_idle_lets_go_of_the_old_log(server, tmp_path, settings):
    error = tmp_path / "error.log"
    app = server({"index.php": "<?php echo 'x';"}, error_log=error, **settings)
    for number in range(3):
        old = error.rename(tmp_path / f"error.{number}")
        assert holders(app, old)
        app.signal(signal.SIGUSR1)
        wait_until(lambda old=old: not holders(app, old), lambda old=old: f"nobody holds it: {holders(app, old)}")
    assert app.get("/").text == "x"


WAITS = {
    "sleep": "$waited = sleep(2);",
    "select": "$pair = stream_socket_pair(1, 1, 0); $read = [$pair[0]]; $none = null;"
    " $waited = stream_select($read, $none, $none, 2);",
}


@pytest.mark.parametrize("waits", WAITS.values(), ids=WAITS.keys())
def test_usr1_does_not_cut_short_what_php_waits_for(server, tmp_path, waits):
    error, began = tmp_path / "error.log", tmp_path / "began"
    app = server({"index.php": f"<?php touch('{began}'); {waits} error_log('has waited'); echo json_encode($waited);"},
                 error_log=error)
    client = app.begin("GET", "/")
    wait_until(began.exists, "the request runs")
    old = error.rename(tmp_path / "old.log")
    app.signal(signal.SIGUSR1)
    wait_until(error.exists, "the new log is there")
    assert client.read_response().text == "0"
    assert "has waited" in error.read_text()
    assert "has waited" not in old.read_text()


def test_usr1_does_not_cut_short_a_boot(server, tmp_path):
    error, began = tmp_path / "error.log", tmp_path / "began"
    app = server({"worker.php": f"<?php touch('{began}'); $waited = sleep(2); error_log('has booted'); askr_cow_ready();"
                  " while (askr_handle_request(function () use ($waited) { echo $waited; })) { }"},
                 wait=False, flags=["--cow"], error_log=error)
    app.worker_script = app.root / "worker.php"
    app.launch()
    wait_until(began.exists, "the template boots")
    old = error.rename(tmp_path / "old.log")
    app.signal(signal.SIGUSR1)
    wait_until(app.is_up, "the server is up")
    assert app.get("/").text == "0"
    assert "has booted" in error.read_text()
    wait_until(lambda: not holders(app, old), "nobody holds the old log")
