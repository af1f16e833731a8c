"""Clients that keep a server busy: each thread has one connection and counts what comes back on it."""

import os
import random
import signal
import threading
import time
from collections import Counter

from .http import CutShort, request_bytes
from .wait import wait_until


class Load:
    """`with Load(server, clients=32, method="GET", target="/") as load:` runs until the end of the block.

    A connection that ends or a response that `accepts` refuses is a failure; the thread goes on with a new connection.
    """

    def __init__(self, server, clients=32, method="GET", target="/", body=b"", headers=(), accepts=None):
        self.server = server
        self.request = request_bytes(method, target, headers, body)
        self.method = method
        self.accepts = accepts or (lambda response: response.status == 200)
        self.statuses = Counter()
        self.failures = []
        self.refused = []  # responses that were not accepted
        self.latencies = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: self.done >= len(self.threads), "the load is under way")
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in self.threads), "a client hangs"

    @property
    def done(self):
        return sum(self.statuses.values()) + len(self.failures)

    def run(self):
        while not self.stopping.is_set():
            try:
                with self.server.client() as client:
                    self.use(client)
            except (OSError, EOFError, CutShort, AssertionError) as problem:
                self.failures.append(repr(problem))

    def use(self, client):
        while not self.stopping.is_set():
            begun = time.monotonic()
            client.send(self.request)
            response = client.read_response(self.method)
            self.latencies.append(time.monotonic() - begun)
            self.statuses[response.status] += 1
            if not self.accepts(response):
                self.refused.append(response)

    def assert_flawless(self):
        assert self.failures == [], self.failures[:5]
        assert self.refused == [], [(r.status, r.headers, r.body[:200]) for r in self.refused[:5]]
        assert self.done > 0

    def progresses(self, count, seconds=10):
        """Waits for `count` more responses."""
        target = self.done + count
        wait_until(lambda: self.done >= target, f"{count} more responses", seconds)


class WorkerKiller:
    """Ends random ready workers of a server with SIGKILL, one each `pause` seconds, in its own thread."""

    def __init__(self, server, pause, seed=1):
        self.server = server
        self.pause = pause
        self.random = random.Random(seed)
        self.killed = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(10)

    def run(self):
        while not self.stopping.wait(self.pause):
            self.killed += kill_one_worker(self.server, self.random)


def kill_one_worker(server, choice):
    """Ends a worker that is ready (one that boots would count towards the crash loop); [] when there is none."""
    ready = [p["pid"] for p in server.status()["processes"] if p["role"] == "worker" and p["state"] in ("idle", "busy")]
    if not ready:
        return []
    victim = choice.choice(ready)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        return []
    return [victim]
