"""coalesce: however many ask for a page that is not there, PHP makes it once."""

import contextlib
import json
import os
import random
import threading
import time

import pytest

from askrtest.server import kill
from askrtest.wait import wait_until

# Each run leaves a line, when it has read what to do; the page says which run made it.
PAGE = r"""<?php
$runs = __DIR__ . '/../runs';
$do = json_decode((string) @file_get_contents(__DIR__ . '/../do.json'), true) ?: [];
file_put_contents($runs, $_SERVER['REQUEST_URI'] . "\n", FILE_APPEND | LOCK_EX);
if (isset($do['early'])) { http_response_code($do['early']); echo str_repeat('x', 5000); ob_flush(); flush(); }
usleep(($do['sleep'] ?? 0) * 1000);
for ($i = 0; ($do['hold'] ?? false) && file_exists(__DIR__ . '/../hold') && $i < 20000; ++$i) usleep(1000);
if ($do['die'] ?? false) posix_kill(posix_getpid(), 9);
if (isset($do['status'])) http_response_code($do['status']);
if ($do['cache'] ?? true) header('Askr-Cache: ' . ($do['cache'] ?? '60, tags=t'));
foreach ($do['headers'] ?? [] as $line) header($line);
echo 'run ', substr_count(file_get_contents($runs), "\n");
"""


class Site:
    def __init__(self, app):
        self.app = app
        self.folder = app.root.parent
        self.clients = []

    def do(self, **what):
        new = self.folder / "do.json.new"
        new.write_text(json.dumps(what))
        new.replace(self.folder / "do.json")  # whole, whenever PHP reads it

    @contextlib.contextmanager
    def holding(self, **what):
        """Runs that begin meanwhile end when this does."""
        hold = self.folder / "hold"
        hold.touch()
        self.do(hold=True, **what)
        try:
            yield
        finally:
            hold.unlink()

    def runs(self):
        file = self.folder / "runs"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def ask(self, count, path="/", headers=(), method="GET"):
        """That many clients, each with a connection and a request under way."""
        new = [self.app.begin(method, path, headers) for _ in range(count)]
        self.clients += new
        return new

    def close(self):
        for client in self.clients:
            client.close()


@pytest.fixture
def site(server):
    sites = []

    def make(*flags, workers=4, gateways=4, **options):
        it = Site(server({"index.php": PAGE}, flags=["--response-cache", "64", *flags], workers=workers,
                         gateways=gateways, **options))
        sites.append(it)
        return it

    yield make
    for it in sites:
        it.close()


def answers(clients):
    return [client.read_response() for client in clients]


def test_five_hundred_clients_on_a_cold_page_run_php_once(site):
    it = site()
    with it.holding():
        clients = it.ask(500)
    responses = answers(clients)
    assert {response.text for response in responses} == {"run 1"} and it.runs() == 1
    seen = [response.header("X-Askr-Cache") for response in responses]
    assert seen.count("MISS") == 1 and seen.count("HIT") == 499
    collapsed = [response for response in responses if "collapsed" in response.header("Cache-Status")]
    assert it.app.status()["metrics"]["askr_cache_coalesced_total"] == len(collapsed) >= 400
    it.app.assert_nothing_is_held()


def test_when_the_page_is_not_cacheable_all_go_ahead_at_once_and_nobody_waits_again(site):
    it = site(workers=8)
    it.do(cache=False, sleep=200)
    first = answers(it.ask(8))
    assert it.runs() == 8 and {response.status for response in first} == {200}
    with it.holding(cache=False):
        second = it.ask(8)
        wait_until(lambda: it.runs() == 16, "all are in PHP at once")
    answers(second)
    assert it.app.status()["metrics"]["askr_cache_coalesced_total"] == 0


def test_followers_go_as_soon_as_the_head_says_that_it_is_not_cacheable(site):
    it = site(workers=8)
    with it.holding(cache=False, early=200):
        it.ask(1)
        wait_until(lambda: it.runs() == 1, "the leader runs")
        followers = it.ask(3)
        wait_until(lambda: it.runs() == 4, "PHP runs for the others while the leader is still streaming")
    answers(followers)


def test_an_error_of_the_application_releases_them_too(site):
    it = site(workers=4)
    it.do(cache=False, status=500, sleep=200)
    responses = answers(it.ask(8))
    assert {response.status for response in responses} == {500} and it.runs() == 8


def test_when_the_leaders_client_leaves_another_one_leads(site):
    it = site()
    it.do(sleep=400)
    leader = it.ask(1)[0]
    wait_until(lambda: it.runs() == 1, "the leader runs")
    followers = it.ask(20)
    time.sleep(0.1)
    leader.close()
    it.do(sleep=0)
    responses = answers(followers)
    assert {response.text for response in responses} == {"run 2"} and it.runs() == 2
    it.app.assert_nothing_is_held()


def test_when_the_leaders_worker_dies_another_one_leads(site):
    it = site()
    it.do(die=True, sleep=200)
    clients = it.ask(1)
    wait_until(lambda: it.runs() == 1, "the leader runs")
    clients += it.ask(10)
    wait_until(lambda: it.runs() >= 2, "it is tried again")
    it.do(sleep=0)
    responses = answers(clients)
    assert it.runs() <= 4
    assert sum(response.status == 200 for response in responses) >= 9
    assert {response.text for response in responses if response.status == 200} == {f"run {it.runs()}"}


def test_when_the_leaders_gateway_dies_another_one_leads(site):
    it = site()
    it.do(sleep=600)
    leader = it.ask(1)[0]
    wait_until(lambda: it.runs() == 1, "the leader runs")
    followers = it.ask(30)
    time.sleep(0.1)
    it.do(sleep=0)
    busy = next(pid for pid in it.app.pids("gateway") if holds(pid, leader))
    kill(busy)
    alive = []
    for client in followers:
        try:
            alive.append(client.read_response())
        except Exception:  # whatever a connection that is cut off looks like
            pass  # it was a client of that gateway
    assert len(alive) >= 5 and {response.status for response in alive} == {200}
    assert it.runs() <= 3


def holds(pid, client):
    """Is the other end of the client's connection a socket of that process?"""
    port = f":{client.socket.getsockname()[1]:04X}"
    inodes = {line.split()[9] for line in open("/proc/net/tcp") if line.split()[2].endswith(port)}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if link.startswith("socket:[") and link[8:-1] in inodes:
            return True
    return False


def test_a_follower_whose_client_leaves_is_no_trouble(site):
    it = site()
    it.do(sleep=400)
    it.ask(1)
    wait_until(lambda: it.runs() == 1, "the leader runs")
    followers = it.ask(20)
    time.sleep(0.1)
    for client in followers[:10]:
        client.close()
    assert {response.text for response in answers(followers[10:])} == {"run 1"}
    it.app.assert_nothing_is_held()
    assert "stale" not in it.app.error_log()


def test_nobody_waits_longer_than_the_limit(site):
    it = site("--coalesce-timeout", "200ms", workers=4)
    with it.holding():
        it.ask(1)
        wait_until(lambda: it.runs() == 1, "the leader runs")
        it.do(sleep=0)
        responses = answers(it.ask(3))
    assert {response.status for response in responses} == {200}
    assert it.app.status()["metrics"]["askr_cache_coalesce_timeouts_total"] >= 1


def test_after_a_page_that_was_outdated_before_it_was_made_nobody_waits_for_another_one(site):
    it = site()
    with it.holding():
        leader = it.ask(1)
        wait_until(lambda: it.runs() == 1, "the leader runs")
        assert it.app.askr("cache", "forget-tag", "t").returncode == 0
        it.do(sleep=50)
        followers = it.ask(20)  # these came after the change: the leader's page is too old for them
        time.sleep(0.5)  # they wait; nothing says so
    texts = {response.text for response in answers(followers)}
    assert "run 1" not in texts and it.runs() > 10  # those that were late may find a page already
    assert answers(leader)[0].text == "run 1"
    assert answers(it.ask(1))[0].header("X-Askr-Cache") == "HIT"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_clients_that_want_less_than_the_page_have_it_made_once_too(site, method):
    it = site()
    it.do(sleep=300, headers=['ETag: "v"'])
    clients = it.ask(40, headers={"If-None-Match": '"v"'}, method=method)
    assert {client.read_response(method).status for client in clients} == {304}
    assert it.runs() == 1
    assert answers(it.ask(1))[0].header("X-Askr-Cache") == "HIT"


def test_head_and_ranges_follow(site):
    it = site()
    it.do(sleep=400)
    it.ask(1)
    wait_until(lambda: it.runs() == 1, "the leader runs")
    head = it.ask(1, method="HEAD")[0]
    part = it.ask(1, headers={"Range": "bytes=0-1"})[0]
    assert head.read_response("HEAD").header("X-Askr-Cache") == "HIT"
    assert part.read_response().text == "ru"
    assert it.runs() == 1


def test_requests_with_cookies_and_other_pages_do_not_wait(site):
    it = site(workers=4)
    with it.holding():
        clients = it.ask(1) + it.ask(1, headers={"Cookie": "a=1"}) + it.ask(1, path="/other") + it.ask(1, method="POST")
        wait_until(lambda: it.runs() == 4, "all are in PHP at once")
    answers(clients)


def test_variants_of_one_page_are_each_made_once(site):
    it = site()
    it.do(sleep=200, headers=["Vary: Accept-Language"])
    german = it.ask(10, headers={"Accept-Language": "de"})
    french = it.ask(10, headers={"Accept-Language": "fr"})
    assert len({response.text for response in answers(german)}) == 1
    assert len({response.text for response in answers(french)}) == 1
    assert it.runs() == 2


def test_a_stale_page_makes_nobody_wait(site):
    it = site()
    it.do(cache="1, swr=60")
    answers(it.ask(1))
    time.sleep(1.1)
    with it.holding(cache="60"):
        responses = answers(it.ask(50))
    assert {response.header("X-Askr-Cache") for response in responses} == {"STALE"}
    wait_until(lambda: answers(it.ask(1))[0].header("X-Askr-Cache") == "HIT", "it was renewed", 5)
    assert it.runs() == 2


def test_it_can_be_turned_off(site):
    it = site("--no-plugin", "coalesce", workers=4)
    it.do(sleep=200)
    answers(it.ask(4))
    assert it.runs() == 4


@pytest.mark.time_limit(400)
def test_rounds_with_workers_killed_at_random_end_with_an_answer_for_everybody(site):
    """Never no leader, never a hang, and PHP runs at most once for each death and twice besides."""
    rounds = 1000 if os.environ.get("ASKR_SOAK") else 60
    it = site(workers=3, gateways=2, limits=None)
    choice = random.Random(7)
    stopping = threading.Event()
    killed = []

    def killer():
        while not stopping.wait(0.05):
            pids = it.app.pids("worker")
            if pids:
                try:
                    kill(choice.choice(pids))
                    killed.append(1)
                except (OSError, AssertionError):
                    pass

    thread = threading.Thread(target=killer, daemon=True)
    it.do(sleep=10)
    thread.start()
    try:
        for number in range(rounds):
            clients = [it.app.begin("GET", f"/?{number}") for _ in range(8)]
            before = len(killed)
            statuses = [client.read_response().status for client in clients]
            for client in clients:
                client.close()
            assert set(statuses) <= {200, 502}, (number, statuses)
            assert statuses.count(502) <= len(killed) - before + 2
    finally:
        stopping.set()
        thread.join()
    paths = (it.folder / "runs").read_text().split()
    assert max(paths.count(path) for path in set(paths)) <= 8
    assert len(paths) <= rounds + 3 * len(killed)
    it.app.assert_nothing_is_held()
