"""A worker that writes rubbish into what the kernel's processes share: the queue, the slots, who sleeps, its own record. A
request may fail; the server may not. Static files never stop, and within two seconds PHP answers again."""

import random
import signal
import threading
import time

import pytest

from askrtest.http import CutShort
from askrtest.processes import is_alive
from askrtest.scribble import MODES, PAGE, answered, regions, scribble, start_site
from askrtest.wait import SOAK, STRETCH, wait_until

SEEDS = range(100) if SOAK else range(6)
WORDS = 400 if SOAK else 12
SERVED_AGAIN = 2
SHUTDOWN_TIMEOUT = 5

SITE = r"""
function answer(): void
{
    if (has_scribbled()) return;
    if (isset($_GET['write'])) {
        [[$address]] = writable_parts((int) $_GET['total'], (int) $_GET['write'], 4);
        FFI::cdef('void *memcpy(uintptr_t to, const void *from, size_t size);')->memcpy($address, pack('V', $_GET['value']), 4);
        echo 'written';
        return;
    }
    if (isset($_GET['keep_locks'])) {
        [[$address, $size]] = writable_parts((int) $_GET['total'], (int) $_GET['keep_locks'], (int) $_GET['size']);
        $words = FFI::cdef()->cast('uint32_t *', $address);
        $end = hrtime(true) + (int) $_GET['seconds'] * 1e9;
        file_put_contents(__DIR__ . '/keeper', getmypid());
        for ($turn = 1; hrtime(true) < $end; ++$turn) {
            for ($word = 0; $word < $size / 4; $word += 16) $words[$word] = getmypid() | ($turn % 256) << 22;
        }
        unlink(__DIR__ . '/keeper');
        return;
    }
    if (isset($_GET['writable'])) {
        echo array_sum(array_column(writable_parts((int) $_GET['total'], (int) $_GET['offset'], (int) $_GET['size']), 1));
        return;
    }
    echo 'in order', str_repeat('.', (int) ($_GET['length'] ?? 0));
}
"""


@pytest.fixture(params=MODES)
def site(request, server):
    return start_site(server, request.param, SITE, shutdown_timeout=f"{SHUTDOWN_TIMEOUT}s")


class Visitor:
    """Asks for a static file, again and again, and remembers the longest wait."""

    def __init__(self, app):
        self.app = app
        self.failures = []
        self.longest = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.visit)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def visit(self):
        while not self.over.wait(0.01):
            begun = time.monotonic()
            try:
                response = self.app.get("/a.txt")
                if response.text != "static":
                    self.failures.append(response.status)
            except (CutShort, OSError) as error:
                self.failures.append(repr(error))
            self.longest = max(self.longest, time.monotonic() - begun)


def is_in_order(app):
    response = answered(app, "/?length=50000", timeout=SERVED_AGAIN * STRETCH)
    return response is not None and response.status == 200 and response.text == "in order" + "." * 50000


def expect_service(app, what):
    wait_until(lambda: is_in_order(app), lambda: f"{what}: PHP answers again\n{app.said()[-4000:]}", SERVED_AGAIN)


def expect_a_whole_server(app, gateways):
    # A worker of one request may have ended just now, and the next is not yet counted.
    wait_until(lambda: app.status()["workers_alive"] >= 1, lambda: f"a worker lives\n{app.said()[-4000:]}")
    assert app.pids("gateway") == gateways
    assert all(is_alive(pid) for pid in gateways)

    def exchange():
        return app.status()["exchange"]

    wait_until(lambda: exchange()["slots_used"] == 0, lambda: f"no slot is lost\n{exchange()}")
    wait_until(lambda: exchange()["blocks_used"] == 0, lambda: f"no block is lost\n{exchange()}\n{app.said()[-4000:]}")


def stop_in_time(app):
    """TERM, however many seeds it went through."""
    begun = time.monotonic()
    app.signal(signal.SIGTERM)
    assert app.process.wait(SHUTDOWN_TIMEOUT * STRETCH + 5) == 0
    assert time.monotonic() - begun < SHUTDOWN_TIMEOUT * STRETCH + 3


@pytest.mark.parametrize("region", ["kernel.exchange", "kernel.workers", "kernel.blocks"])
def test_rubbish_costs_requests_and_never_the_server(site, region):
    assert is_in_order(site)
    places, total = regions(site)
    offset, size = places[region]
    gateways = site.pids("gateway")
    with Visitor(site) as visitor:
        for seed in SEEDS:
            scribble(site, offset, size, total, seed, timeout=SERVED_AGAIN * STRETCH)
            expect_service(site, f"seed {seed}")
            assert site.status()["generation"] >= 1
    assert visitor.failures == []
    assert visitor.longest < SERVED_AGAIN * STRETCH
    expect_a_whole_server(site, gateways)
    stop_in_time(site)


def test_each_word_of_the_exchange(site):
    assert is_in_order(site)
    places, total = regions(site)
    offset, size = places["kernel.exchange"]
    gateways = site.pids("gateway")
    beginnings = [page * PAGE + 4 * word for page in range(min(24, size // PAGE)) for word in range(48)]
    draw = random.Random(7)
    with Visitor(site) as visitor:
        for at in draw.sample(beginnings, WORDS):
            value = draw.choice([0, 1, 2, 3, 0xFFFFFFFF, 4_000_000_000, gateways[0], draw.getrandbits(32)])
            answered(site, f"/?write={offset + at}&value={value}&total={total}", timeout=SERVED_AGAIN * STRETCH)
            expect_service(site, f"word {at // 4} = {value}")
    assert visitor.failures == []
    expect_a_whole_server(site, gateways)
    stop_in_time(site)


def test_a_worker_cannot_write_to_what_is_not_its_own(site):
    places, total = regions(site)

    def writable(region):
        offset, size = places[region]
        return int(site.get(f"/?writable&total={total}&offset={offset}&size={size}").text)

    assert writable("kernel.policy") == 0
    assert writable("kernel.gateways") == 0
    assert writable("kernel.workers") == PAGE
    assert writable("kernel.blocks") == 64 * 32 * 1024
    assert writable("kernel.exchange") == places["kernel.exchange"][1]


def test_a_worker_that_keeps_taking_every_lock_stops_no_gateway(site):
    """As if one process after the other had it: the first word of each line of a cache is written to, again and again."""
    assert is_in_order(site)
    places, total = regions(site)
    offset, size = places["kernel.exchange"]
    gateways = site.pids("gateway")
    target = f"/?keep_locks={offset}&size={size}&seconds={2 * SERVED_AGAIN}&total={total}"
    keeper = site.root / "keeper"

    def keeps():
        try:
            return is_alive(int(keeper.read_text() or 0))
        except FileNotFoundError:
            return False

    with Visitor(site) as visitor:
        # A POST: it is not run again by another worker when this one's slot is scribbled over.
        asking = threading.Thread(target=answered, args=(site, target), kwargs={"method": "POST"})
        asking.start()
        wait_until(keeper.exists, "a page keeps the locks")
        while keeps():  # its request may be given up meanwhile
            answered(site, "/", timeout=SERVED_AGAIN * STRETCH)
        asking.join()
        expect_service(site, "the locks are left alone")
    assert visitor.failures == []
    assert visitor.longest < SERVED_AGAIN * STRETCH
    expect_a_whole_server(site, gateways)
    stop_in_time(site)


def test_the_log_says_what_was_found_and_who_was_at_work(site):
    assert is_in_order(site)
    places, total = regions(site)
    offset, size = places["kernel.workers"]
    scribble(site, offset, size, total, 2, timeout=SERVED_AGAIN * STRETCH)
    expect_service(site, "a worker's own record")
    site.wait_log(r"shared memory made no sense and was mended: .*; at work since it was last looked at: (no worker|worker \d+ \(pid)")
