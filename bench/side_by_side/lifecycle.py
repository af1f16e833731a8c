"""What is measured of the workers' lives: their replacement, their memory, their number. Figures of one round each."""

import collections
import contextlib
import json
import os
import pathlib
import select
import signal
import statistics
import subprocess
import sys
import threading
import time

from . import clients, load
from .processes import BenchError, fetch, memory_bytes, pss_bytes

CLIENTS = pathlib.Path(__file__).resolve().parent / "clients.py"
REPETITIONS = 20
REQUESTS = 10_000
ROUTES = ("/api/hello", "/page", "/login", "/api/state")
FEW, MANY = 10, 500  # clients before and after the step
STEP_SECONDS, STEADY_SECONDS, WINDOW, NEAR = 15, 5, 0.25, 1.25
REST_PATIENCE = 60


def started_clients(kind, *arguments):
    return subprocess.Popen([sys.executable, CLIENTS, kind, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def finished(process, server):
    text = process.communicate(timeout=120)[0]
    if process.returncode != 0:
        raise BenchError(f"{server.name}: the clients gave up")
    result = json.loads(text)
    if result["failed"] > 0 or not result["answers"]:
        raise BenchError(f"{server.name}: {result['failed']} requests failed, {len(result['answers'])} were answered")
    return result["answers"]


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def respawn(server, path):
    """From the death of the only worker to the next one that is ready, as the server says; to the answer of a request that
    was sent at once; and beside them a boot from nothing: PHP started, opcache empty, the application booted, in a reload."""
    ready, answered = [], []
    for _ in range(REPETITIONS):
        timed(server, path)
        time.sleep(0.02)  # so that the worker sleeps, and cannot take the request while it is killed
        os.kill(server.pids_of("worker")[0], signal.SIGKILL)
        answered.append(timed(server, path))
        ready.append(next(process["boot_ms"] for process in server.status()["processes"] if process["role"] == "worker"))
    cold = [timed_reload(server) for _ in range(5)]
    return {"respawn_ms": statistics.median(ready), "longest_ms": max(ready), "answer_ms": statistics.median(answered),
            "cold_ms": statistics.median(cold), "of_cold": statistics.median(ready) / statistics.median(cold)}


def timed_reload(server):
    begun = time.monotonic()
    if not server.reload()["ok"]:
        raise BenchError(f"{server.name}: the reload failed")
    return (time.monotonic() - begun) * 1e3


def timed(server, path):
    begun = time.monotonic()
    status, body = fetch(server.port, path)
    if status != 200:
        raise BenchError(f"{server.name}: GET {path} answered {status} with {body[:200]!r}")
    return (time.monotonic() - begun) * 1e3


def memory(server):
    """Of the workers and of the template that they share pages with: its own part counts too."""
    if failed := clients.requests(server.port, ROUTES, 16, REQUESTS):
        raise BenchError(f"{server.name}: {failed} of {REQUESTS} requests failed")
    workers, template = (pss_bytes(server.pids_of(role)) for role in ("worker", "template"))
    own = memory_bytes(server.pids_of("worker"), "Private_Dirty", "Private_Clean")
    return {"memory": workers + template, "workers_pss": workers, "template_pss": template, "workers_own": own}


def paced_rate(servers, path, connections, seconds):
    """Half of what the slowest of them can do."""
    return min(load.wrk(server, path, connections, seconds)["rps"] for server in servers) / 2


def paced(server, path, rate, seconds):
    latencies = [latency for _, latency in finished(started_clients("paced", server.port, path, rate, seconds), server)]
    return {"rate": rate, "p50": percentile(latencies, 50), "p99": percentile(latencies, 99)}


def step(server, path):
    """From 10 to 500 clients. Settled is when no later window has a p99 above 1.25 times the last 5 seconds'."""
    process = started_clients("step", server.port, path, FEW, 3, MANY, STEP_SECONDS)
    most = 0
    while not select.select([process.stdout], [], [], 0.1)[0]:
        most = max(most, server.status()["workers_alive"])
    answers = finished(process, server)
    steady = percentile([latency for at, latency in answers if at > STEP_SECONDS - STEADY_SECONDS], 99)
    windows = collections.defaultdict(list)
    for at, latency in answers:
        windows[int(at / WINDOW)].append(latency)
    late = [number for number, latencies in windows.items() if percentile(latencies, 99) > NEAR * steady]
    return {"settled_s": (max(late) + 1) * WINDOW if late else 0.0, "steady_p99": steady,
            "worst_p99": max(percentile(latencies, 99) for latencies in windows.values()), "most_workers": most}


def rest(server, path, seconds):
    """After such a step: until only the fewest workers are left, while one client goes on, ten times a second."""
    finished(started_clients("step", server.port, path, FEW, 1, MANY, seconds), server)
    begun = time.monotonic()
    with trickle(server, path) as answers:
        while (now := server.status())["workers_alive"] > now["workers_min"]:
            if time.monotonic() > begun + REST_PATIENCE:
                raise BenchError(f"{server.name}: still {now['workers_alive']} workers after {REST_PATIENCE} s")
            time.sleep(0.1)
        rested = time.monotonic() - begun
    return {"rest_s": rested, "dropped": sum(answer != 200 for answer in answers), "trickled": len(answers)}


@contextlib.contextmanager
def trickle(server, path):
    over, answers = threading.Event(), []

    def run():
        while not over.wait(0.1):
            try:
                answers.append(fetch(server.port, path)[0])
            except BenchError:
                answers.append(0)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()
