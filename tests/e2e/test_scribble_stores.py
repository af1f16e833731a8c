"""A worker that writes rubbish into the caches' shared memory, as a broken extension or an attacker would: the request may
fail, the server does not, and two seconds later the caches are in use again."""

import re

import pytest

from askrtest.processes import is_alive
from askrtest.scribble import MODES, answered, regions, scribble, start_site
from askrtest.wait import SOAK, wait_until

CACHES = ["--response-cache", "32", "--cache-slots", "1000"]
SEEDS = range(100) if SOAK else range(4)

# What the pages below do: `?scribble` writes, `?use` uses the key-value cache and tells whether it keeps its word.
SITE = r"""
function answer(): void
{
    if (has_scribbled()) return;
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


@pytest.fixture(params=MODES)
def site(request, server):
    return start_site(server, request.param, SITE, CACHES)


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
        scribble(site, offset, size, total, seed)
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
    scribble(site, offset + behind_the_lock, size - behind_the_lock, total, 0)
    wait_until(lambda: is_in_order(site), lambda: f"the key-value cache works again\n{site.said()}", 2)
    stats = site.askr("cache", "stats").stdout
    assert re.search(r"key-value(.|\n)*recovered +\d+\n +mended +\d+", stats), stats
    site.wait_log(r"plugin cache: part \d+ of the key-value cache made no sense \([a-z ]+\), \d+ entries were whole")
