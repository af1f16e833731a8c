"""What a process that runs PHP has open in common with the others. What it does to such a descriptor it does to all that
have it; so it has none by which it could hold them up, and none that tells the master what to do."""

import contextlib
import os
import re
import signal
import time

import pytest

from askrtest.scribble import MODES, answered, start_site
from askrtest.wait import STRETCH, wait_until

SHUTDOWN_TIMEOUT = 5

SITE = r"""
function spoil(string $how): void
{
    $c = FFI::cdef('int fcntl(int fd, int command, int flags); int shutdown(int fd, int how);
        long read(int fd, void *to, size_t size); long pwrite(int fd, const void *from, size_t size, long offset);
        long write(int fd, const void *from, size_t size); long lseek(int fd, long offset, int whence);
        struct Event { uint32_t events; uint32_t low, high; };
        int epoll_ctl(int loop, int what, int fd, struct Event *event); int eventfd(unsigned int first, int flags);');
    [$nonblocking, $blocking] = [04000 | 02000, 02000];
    $buffer = str_repeat("\xfe", 65536);
    foreach (scandir('/proc/self/fd') as $fd) {
        $fd = (int) $fd;
        if ($fd < 3) continue;
        $target = @readlink("/proc/self/fd/$fd");
        if ($how === 'shutdown') {
            $c->shutdown($fd, 2);
        } elseif ($how === 'loop') {
            $event = $c->new('struct Event');
            [$event->events, $event->low, $event->high] = [1, 64, 0];
            $c->epoll_ctl($fd, 1, $c->eventfd(1, 0), FFI::addr($event));
        } elseif (!str_starts_with($target, '/') || str_starts_with($target, '/memfd:')) {
            $c->fcntl($fd, 4, $nonblocking);
            if (str_starts_with($target, '/memfd:')) {
                for ($at = 0; $at < 1 << 22; $at += 4096) $c->pwrite($fd, $buffer, 4096, $at);
                continue;
            }
            $c->read($fd, $c->new('char[65536]'), 65536);
            // What is read by its owner is never full.
            for ($times = 0; $times < 3 && $c->write($fd, pack('P', -2), 8) > 0; ++$times);
            for ($times = 0; $times < 50 && $c->write($fd, $buffer, 65536) > 0; ++$times);
            $c->fcntl($fd, 4, $blocking);
        }
    }
    echo 'spoilt';
}

function answer(): void
{
    if (isset($_GET['spoil'])) {
        spoil($_GET['spoil']);
        return;
    }
    if (isset($_GET['slow'])) usleep(300_000);
    echo 'release one ', strlen(file_get_contents('php://input'));
}
"""


@pytest.fixture(params=MODES)
def site(request, server):
    return start_site(server, request.param, SITE, shutdown_timeout=f"{SHUTDOWN_TIMEOUT}s", workers=2)


def opened_by(pid):
    found = []
    with contextlib.suppress(FileNotFoundError):  # it has ended
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # it has closed that one
                found.append(re.sub(r"\[\d+\]$", "", os.readlink(f"/proc/{pid}/fd/{name}")))
    return found


def expect_no_foreign_descriptor(app, role):
    """Of the kernel's own things (loops, counters, signals): but pidfds, which let nobody do what their number would not."""
    for pid in app.pids(role):
        found = opened_by(pid)
        assert not [one for one in found if "anon_inode:" in one and "pidfd" not in one], f"{role}: {found}"


def test_no_process_that_runs_php_has_what_only_the_master_and_gateways_need(site):
    assert site.get("/").status == 200
    for role in ("worker", "template"):
        expect_no_foreign_descriptor(site, role)
    site.reload()
    assert site.get("/").status == 200
    for role in ("worker", "template"):
        expect_no_foreign_descriptor(site, role)


@pytest.mark.parametrize("how", ["fill", "loop", "shutdown"])
def test_what_a_worker_does_to_its_descriptors_holds_nobody_up(site, how):
    body = b"x" * 200_000
    assert site.get("/").text == "release one 0"
    pids = {role: site.pids(role) for role in ("master", "gateway")}
    for _ in range(4):
        answered(site, f"/?spoil={how}", timeout=5 * STRETCH)  # or not: the worker has harmed itself

    for _ in range(4):
        wait_until(lambda: site.get("/a.txt").text == "static", "static files go on")
        wait_until(lambda: site.request("PUT", "/?slow", body=body).text == f"release one {len(body)}", site.said)
    assert site.status()["generation"] >= 1

    for script in site.root.glob("*.php"):
        script.write_text(script.read_text().replace("release one", "release two"))
    site.reload()
    for _ in range(4):
        assert site.get("/").text == "release two 0"
    assert {role: site.pids(role) for role in pids} == pids

    begun = time.monotonic()
    site.signal(signal.SIGTERM)
    assert site.process.wait(SHUTDOWN_TIMEOUT * STRETCH + 5) == 0
    assert time.monotonic() - begun < SHUTDOWN_TIMEOUT * STRETCH + 3
    assert "requests still run" not in site.said()
