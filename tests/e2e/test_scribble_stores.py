"""A worker that writes rubbish into the caches' shared memory, as a broken extension or an attacker would: the request may
fail, the server does not, and two seconds later the caches are in use again."""

import re

import pytest

from askrtest.http import CutShort
from askrtest.processes import is_alive
from askrtest.scribble import SCRIBBLE, regions
from askrtest.wait import SANITIZED, SOAK, wait_until

CACHES = ["--response-cache", "32", "--cache-slots", "1000"]
SEEDS = range(100) if SOAK else range(4)
MODES = ["request", "worker", "isolation", "rewind"]

# What the pages below do: `?scribble` writes, `?use` uses the key-value cache and tells whether it keeps its word.
SITE = "<?php" + SCRIBBLE + r"""
function answer(): void
{
    if (isset($_GET['scribble'])) {
        scribble_over((int) $_GET['total'], (int) $_GET['offset'], (int) $_GET['size'], (int) $_GET['seed']);
        echo 'scribbled';
        return;
    }
    if (isset($_GET['page'])) {
        header('Askr-Cache: 60, tags=all,page' . $_GET['page']);
        echo 'page ', $_GET['page'], str_repeat('.', 20000);
        return;
    }
    for ($i = 0; $i < 20; ++$i) {
        $value = str_repeat("$i.", $i * 100);
        if (!askr_cache_set("key $i", $value) || askr_cache_get("key $i") !== $value) throw new Exception("key $i was not kept");
        if (askr_cache_increment("number $i") === 0) throw new Exception('there is no number');
    }
    askr_cache_forget_tag('page1');
    echo 'in order';
}
"""
PER_REQUEST = SITE + "answer();"
WORKER = SITE + "askr_cow_ready(); while (askr_handle_request(function () { answer(); })) {}"


@pytest.fixture(params=MODES)
def site(request, server):
    if request.param == "rewind" and SANITIZED:
        pytest.skip("the shadow memory of a sanitizer is too large to be rewound")
    isolation = {"isolation": ["--isolation", "request"], "rewind": ["--isolation", "rewind"]}.get(request.param, [])
    app = server({"index.php": PER_REQUEST, "worker.php": WORKER, "a.txt": "static"}, wait=False, gateways=2,
                 flags=[*CACHES, *isolation], ini=["ffi.enable=1"])
    if request.param != "request":
        app.worker_script = app.root / "worker.php"
    return app.start()


def answered(app, target):
    """The response; None when there was none, which may happen while somebody scribbles."""
    try:
        return app.get(target)
    except (CutShort, OSError):
        return None


def is_in_order(app):
    response = answered(app, "/?use")
    return response is not None and response.status == 200 and response.text == "in order"


@pytest.mark.parametrize("region", ["cache.kv", "cache.messages", "cache.responses", "coalesce.flights"])
def test_rubbish_costs_requests_and_never_the_server(site, region):
    assert is_in_order(site)
    places, total = regions(site)
    offset, size = places[region]
    gateways = site.pids("gateway")
    for seed in SEEDS:
        for page in range(4):
            answered(site, f"/?page={page}")
        answered(site, f"/?scribble&total={total}&offset={offset}&size={size}&seed={seed}")
        assert site.get("/a.txt").text == "static"
        for page in range(4):
            answered(site, f"/?page={page}")
        wait_until(lambda: is_in_order(site), lambda: f"seed {seed}: the key-value cache works again\n{site.said()}", 2)
        page = wait_until(lambda: answered(site, f"/?page={seed}"), f"seed {seed}: pages are made", 2)
        assert page.status == 200
        assert page.text == f"page {seed}" + "." * 20000
    assert site.pids("gateway") == gateways
    assert all(is_alive(pid) for pid in gateways)
    assert is_alive(site.process.pid)


def test_the_log_says_what_made_no_sense(site):
    assert is_in_order(site)
    places, total = regions(site)
    offset, size = places["cache.kv"]
    behind_the_lock = 8192  # which would be taken over from who is dead, as after any kill
    answered(site, f"/?scribble&total={total}&offset={offset + behind_the_lock}&size={size - behind_the_lock}&seed=0")
    wait_until(lambda: is_in_order(site), lambda: f"the key-value cache works again\n{site.said()}", 2)
    stats = site.askr("cache", "stats").stdout
    assert re.search(r"key-value(.|\n)*recovered +\d+\n +mended +\d+", stats), stats
    site.wait_log(r"plugin cache: part \d+ of the key-value cache made no sense \([a-z ]+\), \d+ entries were whole")
