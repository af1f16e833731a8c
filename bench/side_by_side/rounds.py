"""The kinds of case: load in interleaved rounds, slow clients beside normal ones, idle connections, and lives of workers.

Each returns {server: [figures of round 1, figures of round 2, ...]}. Within a round every server is measured once, one after
the other, so that what the machine does meanwhile hits them alike; the order turns from round to round.
"""

import contextlib
import functools
import pathlib
import resource
import subprocess
import sys
import time

from . import lifecycle, load, servers
from .processes import BenchError, pss_bytes

HERE = pathlib.Path(__file__).resolve().parent
SLOW, IDLE = 1000, 10_000
SETTLE = 2  # seconds in which a thousand connections open and the slow readers' pages are rendered


def run_case(case, application, folder, options, say):
    kinds = {"load": load_rounds, "slow": slow_rounds, "idle": idle_rounds, "memory": memory_rounds, "paced": paced_rounds,
             "step": step_rounds, "rest": rest_rounds, "respawn": functools.partial(respawn_rounds, application)}
    names = [*(variant.name for variant in case.variants), *(name for name in case.servers if name in options.peers)]
    if case.kind == "idle":
        return kinds[case.kind](case, application, folder, options, names, say)
    with contextlib.ExitStack() as running:
        started = {}
        for name in names:
            started[name] = start(case, application, folder / name, options, name)
            running.callback(started[name].stop)
            load.check_answer(started[name], case.path, application.expected(case.path))
            load.warm_up(started[name], case.path, case.connections, 2)
        results = kinds[case.kind](case, started, options, say)
        for server in started.values():
            load.check_answer(server, case.path, application.expected(case.path))
        return results


def start(case, application, folder, options, name):
    script = application.worker_script if case.worker_script else None
    return servers.start(name, folder, application.root, script, options, case)


def in_turn(case, started, options, say, measure):
    results = {name: [] for name in started}
    for number in range(options.rounds):
        for name in turned(list(started), number):
            say(f"{case.name}: round {number + 1} of {options.rounds}, {name}")
            results[name].append(measure(started[name]))
    return results


def load_rounds(case, started, options, say):
    return in_turn(case, started, options, say,
                   lambda server: load.measure(server, case.path, case.connections, options.seconds))


def respawn_rounds(application, case, started, options, say):
    results = in_turn(case, started, options, say, lambda server: lifecycle.respawn(server, case.path))
    return {**results, case.reference: [lifecycle.cold_boot(application.base) for _ in range(options.rounds)]}


def memory_rounds(case, started, options, say):
    return in_turn(case, started, options, say, lifecycle.memory)


def paced_rounds(case, started, options, say):
    rate = lifecycle.paced_rate(started.values(), case.path, case.connections, min(options.seconds, 3))
    return in_turn(case, started, options, say, lambda server: lifecycle.paced(server, case.path, rate, options.seconds))


def step_rounds(case, started, options, say):
    return in_turn(case, started, options, say, lambda server: lifecycle.step(server, case.path))


def rest_rounds(case, started, options, say):
    return in_turn(case, started, options, say, lambda server: lifecycle.rest(server, case.path, options.seconds))


def turned(names, number):
    shift = number % len(names)
    return names[shift:] + names[:shift]


def slow_rounds(case, started, options, say):
    """`kept` is the throughput with the slow clients divided by the one just before without."""
    results = {name: [] for name in started}
    for number in range(options.rounds):
        for name, server in started.items():
            say(f"{case.name}: round {number + 1} of {options.rounds}, {name}")
            alone = load.measure(server, case.path, case.connections, options.seconds)
            with helper("slow_clients.py", server.port, SLOW):
                time.sleep(SETTLE)
                beside = load.measure(server, case.path, case.connections, options.seconds)
            results[name].append({**beside, "rps_alone": alone["rps"], "kept": beside["rps"] / alone["rps"]})
    return results


def idle_rounds(case, application, folder, options, names, say):
    """Growth of the memory of all processes of the server, divided by the connections; one fresh server a round."""
    results = {name: [] for name in names}
    count = min(IDLE, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500)
    one_gateway = type(options)(**{**vars(options), "gateways": 1})
    for number in range(options.rounds):
        for name in names:
            say(f"{case.name}: round {number + 1} of {options.rounds}, {name}, {count} connections")
            server = start(case, application, folder / f"{name}-{number}", one_gateway, name)
            with contextlib.ExitStack() as running:
                running.callback(server.stop)
                load.check_answer(server, case.path, application.expected(case.path))
                load.warm_up(server, case.path, 64)
                before = pss_bytes(server.pids())
                with helper("idle_clients.py", server.port, count, case.path):
                    pss = pss_bytes(server.pids())
                results[name].append({"idle_kb": (pss - before) / count / 1024, "pss": pss, "connections": count})
    return results


@contextlib.contextmanager
def helper(script, *arguments):
    """A client process of ours that says "ready"; it is ended at the end of the block."""
    process = subprocess.Popen([sys.executable, HERE / script, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline().strip() != "ready":
            raise BenchError(f"{script} gave up")
        yield
        if process.poll() is not None:
            raise BenchError(f"{script} ended early")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
