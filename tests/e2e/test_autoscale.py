"""autoscale: the number of workers follows the load, between workers_min and workers_max, and nothing is dropped."""

import os
import random
import re
import signal
import threading

import pytest

from askrtest.load import Load, WorkerKiller, kill_one_worker
from askrtest.server import kill
from askrtest.wait import holds_for, wait_until

SCRIPT = """<?php
askr_cow_ready();
$handler = function (array $request): void {
    usleep(strpos($request['uri'], 'fast') === false ? 50000 : 1000);
    echo getmypid();
};
while (askr_handle_request($handler)) {
}
"""

GROWN = r"plugin autoscale: workers (\d+) -> (\d+): \d+ requests? waits?, (?:the oldest for|since) \d+ ms; [\d.]+ [MG]B free, \d+ MB a worker"
SHRUNK = r"plugin autoscale: workers (\d+) -> (\d+): \d+ idle for \d+ s or longer"


@pytest.fixture
def serve(server):
    """A worker script that takes 50 ms, with 2 to 16 workers that may rest for a second."""

    def make(wait=True, flags=(), **options):
        options = {"workers": None, "workers_min": 2, "workers_max": 16, "autoscale_idle": "1s", **options}
        app = server({"worker.php": SCRIPT}, wait=False, flags=["--cow", *flags], **options)
        app.worker_script = app.root / "worker.php"
        return app.start() if wait else app

    return make


def lasting(app):
    """The workers that are not about to end."""
    return [process for process in app.workers() if process["state"] != "draining"]


def wait_for_workers(app, count, seconds=10):
    wait_until(lambda: len(app.workers()) == len(lasting(app)) == count,
               lambda: f"{count} workers: {app.workers()}\n{app.said()}", seconds)


class SlowClient:
    """Asks now and then, while others come and go; each answer must be a 200."""

    def __init__(self, app, pause=0.05):
        self.app, self.pause = app, pause
        self.answers, self.problems = 0, []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(30)
        assert not self.problems, self.problems
        assert self.answers > 0

    def run(self):
        with self.app.client() as client:
            while not self.stopping.wait(self.pause):
                status = client.get("/fast").status
                self.answers += 1
                if status != 200:
                    self.problems.append(status)


def test_load_makes_workers_and_rest_takes_them_back_with_nothing_dropped(serve):
    app = serve(gateways=2)
    assert len(app.workers()) == 2
    with SlowClient(app) as slow:
        with Load(app, clients=40) as load:
            wait_for_workers(app, 16)
            load.progresses(200)
        load.assert_flawless()
        assert re.search(GROWN, app.error_log()), app.said()
        wait_for_workers(app, 2, seconds=20)
        asked = slow.answers
        wait_until(lambda: slow.answers > asked + 5, "the slow client is still served")
    assert app.status()["respawns"] == 0
    assert not re.search(r"worker \d+ \(pid", app.error_log()), app.said()
    steps = [(int(a), int(b)) for a, b in re.findall(SHRUNK, app.error_log())]
    assert steps, app.said()
    assert steps[-1][1] == 2
    app.assert_nothing_is_held()


def test_status_shows_the_numbers(serve):
    app = serve()
    status = app.status()
    assert (status["workers_min"], status["workers_target"], status["workers_max"]) == (2, 2, 16)
    with Load(app, clients=40):
        wait_until(lambda: app.status()["workers_target"] == 16, "sixteen are wanted")
        wait_for_workers(app, 16)
        assert "16 of 16 workers (2 to 16)" in app.askr("status").stdout
        metrics = app.status()["metrics"]
        assert (metrics["askr_workers_target"], metrics["askr_autoscale_grown_total"]) == (16, 14)
    wait_until(lambda: app.status()["metrics"]["askr_autoscale_shrunk_total"] == 14, "fourteen were taken back", 20)
    assert app.status()["metrics"]["askr_workers_target"] == 2


def test_without_the_plugin_the_number_is_fixed(serve):
    app = serve(flags=["--no-plugin", "autoscale"], autoscale_idle=None)
    with Load(app, clients=20) as load:
        load.progresses(40)
        holds_for(lambda: len(app.workers()) == 2, "two workers", 0.5)
    load.assert_flawless()
    assert "autoscale" not in app.status()["plugins"]


def test_without_a_range_the_plugin_is_off(server):
    app = server({"index.php": "<?php echo 'page';"}, workers=2)
    assert "autoscale" not in app.status()["plugins"]


def test_one_limit_is_enough(server):
    app = server({"index.php": "<?php usleep(50000); echo 'page';"}, workers=1, workers_max=3)
    assert "autoscale" in app.status()["plugins"]
    with Load(app, clients=6) as load:
        wait_for_workers(app, 3)
    load.assert_flawless()


def test_a_range_of_one_number_is_kept(server):
    app = server({"index.php": "<?php usleep(20000); echo 'page';"}, workers=None, workers_min=2, workers_max=2)
    with Load(app, clients=6) as load:
        load.progresses(40)
        assert len(app.workers()) == 2
    load.assert_flawless()


def test_workers_that_die_while_their_number_changes_end_at_the_number_wanted(serve):
    app = serve()
    choice = random.Random(3)
    for _ in range(2):
        # A request whose worker was killed twice is a 502, as ever.
        with Load(app, clients=40, accepts=lambda response: response.status in (200, 502)) as load:
            for _ in range(10):
                kill_one_worker(app, choice)
            wait_for_workers(app, 16)
        load.assert_flawless()
        with WorkerKiller(app, pause=0.3):
            wait_until(lambda: app.status()["workers_target"] < 8, "most of them were taken back", 20)
        wait_for_workers(app, 2, seconds=20)
    app.assert_nothing_is_held()


def test_a_gateway_that_dies_leaves_its_idle_workers_to_the_next_one(serve):
    app = serve()
    with Load(app, clients=40):
        wait_for_workers(app, 16)
    gateway = app.gateway()
    kill(gateway)
    wait_until(lambda: app.pids("gateway") not in ([], [gateway]), "another gateway runs")
    wait_for_workers(app, 2, seconds=20)
    assert app.get("/fast").status == 200


def test_a_gateway_that_dies_while_workers_are_made_harms_nobody(serve):
    app = serve(gateways=2)
    for _ in range(3):
        with Load(app, clients=40):
            kill(app.one_of("gateway"))
            wait_for_workers(app, 16)
    wait_for_workers(app, 2, seconds=20)
    app.assert_nothing_is_held()


def test_a_reload_under_load_keeps_the_number_that_is_wanted(serve):
    app = serve(autoscale_idle="30s")
    with Load(app, clients=40) as load:
        wait_for_workers(app, 16)
        before = set(app.pids("worker"))
        assert app.reload().returncode == 0
        wait_until(lambda: not before & set(app.pids("worker")), "the old workers have gone")
        wait_for_workers(app, 16)
    load.assert_flawless()


def test_a_restarted_template_makes_the_missing_workers(serve):
    app = serve()
    (template,) = app.pids("template")
    os.kill(template, signal.SIGKILL)
    with Load(app, clients=40) as load:
        wait_for_workers(app, 16)
    load.assert_flawless()


def test_isolated_workers_come_and_go_as_well(server):
    app = server({"index.php": "<?php usleep(50000); echo 'page';"}, workers=None, workers_min=2, workers_max=8,
                 isolation="request", autoscale_idle="1s")
    with Load(app, clients=20) as load:
        wait_until(lambda: app.status()["workers_target"] == 8, "eight are wanted")
        load.progresses(50)
    load.assert_flawless()
    wait_for_workers(app, 2, seconds=20)


def test_scarce_memory_holds_growth_back_and_says_so(serve):
    app = serve(autoscale_memory=1)  # far more is in use
    with Load(app, clients=20) as load:
        app.wait_log(r"plugin autoscale: memory allows 2 of \d+ wanted workers: [\d.]+ [MG]B of [\d.]+ [MG]B free")
        load.progresses(40)
        assert app.status()["workers_target"] == 2
    load.assert_flawless()
    assert len(re.findall("memory allows", app.error_log())) == 1
