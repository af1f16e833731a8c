"""Reloads that prove themselves first: warm-up pages, canaries, opcache_reset(), watching sources, deploys in a row."""

import json
import re
import shutil
import signal
import socket
import threading
import time

import pytest

from test_signals import switch

from askrtest.http import request_bytes
from askrtest.load import Load
from askrtest.wait import SOAK, holds_for, wait_until

STILL = ["opcache.validate_timestamps=0", "opcache.file_update_protection=0"]


def release(folder, name, index="<?php require __DIR__ . '/version.php'; echo version();"):
    path = folder / f"release-{name}"
    path.mkdir()
    (path / "index.php").write_text(index)
    (path / "version.php").write_text(f"<?php function version() {{ return '{name}'; }}")
    (path / "version.txt").write_text(name)
    return path


@pytest.fixture
def deploy(server, tmp_path):
    """deploy(*flags) starts a server on release "one"; deploy.to(name, index) switches and reloads."""

    class Deploy:
        def __call__(self, *flags, index="<?php require __DIR__ . '/version.php'; echo version();", **options):
            self.link = tmp_path / "current"
            self.link.symlink_to(release(tmp_path, "one", index))
            self.app = server(root=self.link, ini=STILL, flags=flags, **options)
            return self.app

        def to(self, name, index="<?php require __DIR__ . '/version.php'; echo version();"):
            switch(self.link, release(tmp_path, name, index))
            return self.app.reload()

    return Deploy()


BROKEN = [
    ("<?php http_response_code(503); echo 'down';", r"GET / was answered 503"),
    ("<?php $a = = 1;", r"GET / was answered 500"),
    ("<?php throw new Exception('no');", r"GET / was answered 500"),
    ("<?php posix_kill(getmypid(), SIGKILL);", r"the worker for the warm-up requests was killed by signal 9"),
    ("<?php while (true) {}", r"the worker for the warm-up requests .*: over the request timeout"),
]


# ---------------------------------------------------------------- warm-up


@pytest.mark.parametrize("mode", [(), ("--isolation", "request")], ids=["shared", "isolated"])
def test_warm_up_pages_are_asked_before_clients_come(deploy, tmp_path, mode):
    log = tmp_path / "asked"
    index = f"<?php file_put_contents('{log}', $_SERVER['REQUEST_URI'] . ' ' . $_SERVER['HTTP_HOST'] . \"\\n\", FILE_APPEND); echo 'x';"
    app = deploy("--warm-url", "/first?a=1", "--warm-url", "http://shop.example/second", *mode, index=index)
    address = f"127.0.0.1:{app.port}"
    assert log.read_text().splitlines() == [f"/first?a=1 {address}", "/second shop.example"]
    log.unlink()
    assert deploy.to("two", index).returncode == 0
    assert log.read_text().splitlines() == [f"/first?a=1 {address}", "/second shop.example"]
    assert app.get("/third").text == "x"
    app.assert_nothing_is_held()


@pytest.mark.parametrize("index, why", BROKEN, ids=["503", "syntax", "exception", "crash", "endless"])
@pytest.mark.parametrize("mode", [(), ("--isolation", "request")], ids=["shared", "isolated"])
def test_code_that_fails_its_warm_up_gets_no_client(deploy, index, why, mode):
    app = deploy("--warm-url", "/", *mode, request_timeout="500ms")
    with Load(app, clients=4, accepts=lambda response: response.text == "one") as load:
        run = deploy.to("two", index)
        load.progresses(20)
    load.assert_flawless()
    assert run.returncode == 1
    assert "the old code keeps serving" in run.stderr
    assert re.search(why, run.stderr), run.stderr
    wait_until(lambda: len(app.pids("worker")) == 2 and len(app.pids("template")) == 1, "the failed one is gone")
    assert deploy.to("three").returncode == 0
    assert app.get("/").text == "three"


def test_a_warm_up_that_fails_at_the_start_is_a_warning(deploy):
    app = deploy("--warm-url", "/", index="<?php http_response_code(500); echo 'still here';")
    app.wait_log(r"warning .*warm-up request GET / was answered 500")
    assert app.get("/").text == "still here"


def test_a_warm_up_page_that_is_no_page_is_told_at_the_start(server):
    app = server({"index.php": "<?php echo 1;", "a.txt": "text"}, wait=False, flags=["--warm-url", "/a.txt"])
    app.launch()
    app.expected_exit = 1
    assert app.wait_exit() == 1
    assert "reload.warm_urls: /a.txt leads to no script" in app.error_log()


def test_warm_up_fills_opcache(deploy):
    index = "<?php require_once __DIR__ . '/version.php'; echo json_encode(opcache_is_script_cached(__DIR__ . '/version.php'));"
    app = deploy("--warm-url", "/", index=index, workers=1)
    assert app.get("/").text == "true"
    deploy.to("two", index)
    assert app.get("/").text == "true"


def test_a_large_warm_up_answer_holds_nothing_up(deploy):
    app = deploy("--warm-url", "/", index="<?php for ($i = 0; $i < 500; $i++) { echo str_repeat('x', 10000); flush(); }")
    assert len(app.get("/").body) == 5_000_000
    app.assert_nothing_is_held()


@pytest.mark.parametrize("flags", [(), ("--cow",)], ids=["worker", "cow"])
def test_code_that_never_comes_to_an_end_of_its_boot_is_taken_back(server, flags):
    good = "<?php askr_cow_ready(); while (askr_handle_request(function () { echo 'one'; }));"
    app = server({"worker.php": good}, wait=False, flags=["--boot-timeout", "3s", *flags])
    app.worker_script = app.root / "worker.php"
    app.start()
    app.worker_script.write_text("<?php while (true) { usleep(1000); }")
    run = app.reload()
    assert run.returncode == 1
    assert "has not booted within 3 s" in run.stderr
    assert app.get("/").text == "one"
    app.worker_script.write_text(good.replace("one", "two"))
    assert app.reload().returncode == 0
    assert app.get("/").text == "two"


# ---------------------------------------------------------------- asked for too early


def slow_boot(server, **options):
    """A server whose first boot lasts until the file "go" is there."""
    app = server({"worker.php": "<?php touch(__DIR__ . '/began'); while (!file_exists(__DIR__ . '/go')) { usleep(1000);"
                  " clearstatcache(); } if (file_exists(__DIR__ . '/bad')) { throw new Exception('bad'); }"
                  " while (askr_handle_request(function () { echo 'fine'; }));"}, wait=False, **options)
    app.worker_script = app.root / "worker.php"
    app.launch()
    wait_until((app.root / "began").exists, "the worker boots")
    return app


def reload_in_background(app):
    control = socket.socket(socket.AF_UNIX)
    control.settimeout(20)
    control.connect(str(app.control))
    control.sendall(b"reload\n")
    app.status()  # whoever asks later is answered later
    return control


def test_a_reload_that_is_asked_for_during_the_first_boot_follows_it(server):
    app = slow_boot(server)
    with reload_in_background(app) as control:
        (app.root / "go").touch()
        answer = json.loads(control.recv(1 << 16))
    assert answer["ok"] and answer["generation"] == 2
    assert app.get("/").text == "fine"


def test_a_hup_during_the_first_boot_is_not_lost(server):
    app = slow_boot(server)
    app.signal(signal.SIGHUP)
    app.status()
    (app.root / "go").touch()
    wait_until(app.is_up, "the server is up")
    wait_until(lambda: app.status()["generation"] == 2, "it was reloaded")
    assert app.get("/").text == "fine"


def test_a_reload_that_is_asked_for_during_a_first_boot_that_fails_is_answered(server):
    app = slow_boot(server)
    app.expected_exit = 1
    with reload_in_background(app) as control:
        (app.root / "bad").touch()
        (app.root / "go").touch()
        answer = json.loads(control.recv(1 << 16))
    assert not answer["ok"] and "bad" in answer["message"]
    assert app.wait_exit() == 1


def test_a_reload_that_is_under_way_when_the_server_stops_is_answered(server):
    app = slow_boot(server)
    (app.root / "go").touch()
    wait_until(app.is_up, "the server is up")
    (app.root / "go").unlink()
    with reload_in_background(app) as control:
        app.signal(signal.SIGTERM)
        answer = json.loads(control.recv(1 << 16))
    assert not answer["ok"] and "stops" in answer["message"]
    assert app.wait_exit() == 0


# ---------------------------------------------------------------- canary


FAILING = "<?php if (mt_rand(0, 1)) { http_response_code(500); } echo 'two';"


def test_a_canary_that_fails_more_often_is_taken_back(deploy):
    app = deploy("--canary", "30s", workers=3)
    with Load(app, clients=8, accepts=lambda response: response.text in ("one", "two")) as load:
        run = deploy.to("two", FAILING)
        load.progresses(100)
        load.accepts = lambda response: response.text == "one"
        load.progresses(100)
    load.assert_flawless()
    assert run.returncode == 1
    assert re.search(r"the old code keeps serving: \d+ of \d+ requests failed on generation 2, 0 of \d+ on generation 1",
                     run.stderr), run.stderr
    wait_until(lambda: len(app.pids("worker")) == 3, "the canary is gone")


def test_a_canary_that_dies_is_taken_back(deploy):
    app = deploy("--canary", "30s")
    with Load(app, clients=6) as load:
        run = deploy.to("two", "<?php posix_kill(getmypid(), SIGKILL);")
        load.progresses(50)
    load.assert_flawless()  # those that met it were run again
    assert run.returncode == 1, run.stdout


def test_a_good_canary_gets_its_share_and_then_everything(deploy):
    app = deploy("--canary", "1s", workers=3)
    seen = []
    with Load(app, clients=8, accepts=lambda response: seen.append(response.text) or response.status == 200) as load:
        begun = time.monotonic()
        run = deploy.to("two")
        took = time.monotonic() - begun
        mark = len(seen)
        load.progresses(200)
    load.assert_flawless()
    assert run.returncode == 0, run.stderr
    assert took >= 1
    assert {"one", "two"} <= set(seen[:mark])
    assert seen[mark:].count("one") <= 16  # those that were under way


def test_a_canary_gets_its_share_of_little_traffic(deploy):
    app = deploy("--canary", "20s", workers=4)
    seen = []
    with Load(app, clients=1, accepts=lambda response: seen.append(response.text) or True) as load:
        run = deploy.to("two", "<?php http_response_code(500); echo 'two';")
        load.progresses(20)
    assert run.returncode == 1
    assert 3 <= seen.count("two") < seen.count("one")


def test_errors_of_both_are_no_reason(deploy):
    app = deploy("--canary", "1s", index=FAILING.replace("two", "one"))
    with Load(app, clients=4, accepts=lambda response: True):
        assert deploy.to("two", FAILING).returncode == 0
    assert app.get("/").text == "two"


# ---------------------------------------------------------------- opcache_reset()


def test_opcache_reset_asks_for_a_generation(deploy):
    app = deploy(index="<?php if (isset($_GET['reset'])) { echo json_encode(opcache_reset()); return; } echo 'one';")
    assert app.get("/").text == "one"
    (app.root / "index.php").write_text("<?php echo 'changed';")
    assert app.get("/").text == "one"
    assert app.get("/?reset=1").text == "true"
    wait_until(lambda: app.get("/").text == "changed", "the new generation serves")
    assert app.status()["generation"] == 2
    app.wait_log(r"opcache_reset\(\) was called: a new generation")


def test_a_reset_during_the_warm_up_asks_for_nothing(deploy):
    app = deploy("--warm-url", "/", index="<?php opcache_reset(); echo 'one';")
    holds_for(lambda: app.status()["generation"] == 1, "no other generation", 0.5)


def test_many_resets_are_few_generations(deploy):
    app = deploy(index="<?php opcache_reset(); echo 'one';")
    with Load(app, clients=4) as load:
        wait_until(lambda: app.status()["generation"] == 2, "the first one has its generation")
        load.progresses(100)
    load.assert_flawless()
    app.wait_log(r"opcache_reset\(\) was called again; the next generation for it comes 10 s after the last one")
    assert app.status()["generation"] == 2


# ---------------------------------------------------------------- watching


@pytest.mark.parametrize("mode", ["request", "worker", "cow"])
def test_a_request_after_a_save_gets_the_new_code(server, tmp_path, mode):
    public = tmp_path / "app" / "public"
    public.mkdir(parents=True)
    (tmp_path / "app" / "src").mkdir()
    code = tmp_path / "app" / "src" / "code.php"
    code.write_text("<?php function code() { return 0; }")
    (public / "index.php").write_text("<?php require_once __DIR__ . '/../src/code.php'; echo code();")
    worker = tmp_path / "app" / "worker.php"
    worker.write_text("<?php require_once __DIR__ . '/src/code.php'; askr_cow_ready();"
                      " while (askr_handle_request(function () { echo code(); }));")
    flags = ["--watch"] + (["--cow"] if mode == "cow" else [])
    app = server(root=public, flags=flags, ini=STILL, worker_script=None if mode == "request" else worker)
    app.wait_log(r"watching \d+ folders below ")
    with app.client() as client:
        for number in range(1, 8):
            code.write_text(f"<?php function code() {{ return {number}; }}")
            assert client.get("/").text == str(number)


def test_a_save_that_hangs_is_healed_by_the_next_one(server, tmp_path):
    worker = tmp_path / "app" / "worker.php"
    worker.parent.mkdir()
    good = "<?php while (askr_handle_request(function () { echo '%s'; }));"
    worker.write_text(good % "one")
    app = server(root=worker.parent, flags=["--watch"], worker_script=worker, ini=STILL)
    worker.write_text("<?php while (true) { usleep(1000); }")
    app.wait_log("sources have changed")
    worker.write_text(good % "two")
    assert app.get("/").text == "two"


def test_watching_notices_new_folders_and_renames(server, tmp_path):
    root = tmp_path / "app"
    root.mkdir()
    (root / "index.php").write_text("<?php echo count(glob(__DIR__ . '/*/*.php')), @include __DIR__ . '/new/a.php';")
    app = server(root=root, flags=["--watch"], ini=STILL)
    (root / "new").mkdir()
    (root / "new" / "a.php").write_text("<?php return 'first';")
    wait_until(lambda: app.get("/").text == "1first", "the new file is seen")
    (root / "new" / "b.tmp").write_text("<?php return 'second';")
    (root / "new" / "b.tmp").rename(root / "new" / "a.php")
    assert app.get("/").text == "1second"


def test_a_broken_save_keeps_the_old_code_and_the_next_one_heals(server, tmp_path):
    worker = tmp_path / "app" / "worker.php"
    worker.parent.mkdir()
    good = "<?php while (askr_handle_request(function () { echo '%s'; }));"
    worker.write_text(good % "one")
    app = server(root=worker.parent, flags=["--watch"], worker_script=worker)
    worker.write_text("<?php $a = = 1;")
    assert app.get("/").text == "one"
    app.wait_log("reload failed, the old code keeps serving: .*syntax error")
    worker.write_text(good % "two")
    assert app.get("/").text == "two"


def test_other_files_do_not_reload(server, tmp_path):
    root = tmp_path / "app"
    (root / "storage").mkdir(parents=True)
    (root / "index.php").write_text("<?php echo 'x';")
    app = server(root=root, flags=["--watch"])
    with Load(app, clients=2) as load:
        for number in range(20):
            (root / "data.sqlite").write_text(str(number))
            (root / "storage" / "compiled.php").write_text("<?php")
            load.progresses(2)
    load.assert_flawless()
    assert app.status()["generation"] == 1


# ---------------------------------------------------------------- recycling


def test_a_worker_whose_memory_has_grown_is_replaced_and_no_request_is_lost(server):
    app = server(
        {"worker.php": "<?php $kept = []; while (askr_handle_request(function () use (&$kept) {"
         " for ($i = 0; $i < 20; $i++) { $kept[] = str_repeat(chr(65 + $i), 100000); } echo getmypid(); }));"},
        wait=False, workers=2, flags=["--max-worker-rss", "16M"], ini=["memory_limit=512M"])
    app.worker_script = app.root / "worker.php"
    app.start()
    with Load(app, clients=2) as load:
        wait_until(lambda: app.status()["respawns"] >= 3, "three were replaced", 30)
    load.assert_flawless()
    assert all(process["private_kb"] < 200_000 for process in app.workers())


def test_a_worker_that_is_old_is_replaced_and_no_request_is_lost(server):
    app = server({"index.php": "<?php usleep(1000); echo getmypid();"}, workers=3, flags=["--max-worker-age", "700ms"])
    first = set(app.pids("worker"))
    with Load(app, clients=3) as load:
        wait_until(lambda: not first & set(app.pids("worker")), "all were replaced")
        load.progresses(50)
    load.assert_flawless()


# ---------------------------------------------------------------- deploys


@pytest.mark.time_limit(240)
@pytest.mark.parametrize("mode", ["request", "cow"])
def test_deploys_in_a_row_with_deleted_releases_fail_no_request(server, tmp_path, mode):
    """Fifty in the long form. A request that runs includes a file of its release late."""
    deploys = 50 if SOAK else 8
    link = tmp_path / "current"
    late = "<?php usleep(2000); require __DIR__ . '/version.php'; echo version();"
    worker = ("<?php askr_cow_ready(); while (askr_handle_request(function () { usleep(2000);"
              " require_once __DIR__ . '/version.php'; echo version(); }));")

    def make(name):
        path = release(tmp_path, name, late)
        (path / "worker.php").write_text(worker)
        return path

    link.symlink_to(make("0"))
    cow = mode == "cow"
    app = server(root=link, ini=STILL, flags=["--cow"] if cow else [], workers=2,
                 worker_script=link / "worker.php" if cow else None)
    size = 100_000
    upload = app.client()
    upload.send(request_bytes("POST", "/", {"Content-Length": str(size)}) + b"x" * 1000)
    stop = threading.Event()

    def trickle():  # the last piece when the last deploy is done, however long they take
        for _ in range(size // 1000 - 2):
            stop.wait(deploys * 0.3 / (size / 1000))
            upload.send(b"x" * 1000)
        stop.wait()
        upload.send(b"x" * 1000)

    uploader = threading.Thread(target=trickle, daemon=True)
    uploader.start()
    with Load(app, clients=6) as load, Load(app, clients=2, target="/version.txt") as files:
        for number in range(1, deploys + 1):
            switch(link, make(str(number)))
            run = app.reload()
            assert run.returncode == 0, run.stderr
            shutil.rmtree(tmp_path / f"release-{number - 1}")
            assert app.get("/").text == str(number)
            assert app.get("/version.txt").text == str(number)
    load.assert_flawless()
    files.assert_flawless()
    stop.set()
    uploader.join(60)
    response = upload.read_response()
    assert (response.status, response.text) == (200, str(deploys))
    upload.close()
    holds_for(lambda: app.status()["generation"] == deploys + 1, "nothing reloads by itself", 0.2)
