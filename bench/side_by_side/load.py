"""One measured run: wrk against a server, with its processor time and memory, and the answers checked around it."""

import re
import subprocess

from .processes import BenchError, cpu_seconds, fetch, pss_bytes

UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def check_answer(server, path, expected):
    """Eight requests in a row; `expected` is the whole body, or a function that looks at it."""
    for _ in range(8):
        status, body = fetch(server.port, path)
        right = expected(body) if callable(expected) else body == expected
        if status != 200 or not right:
            raise BenchError(f"{server.name}: GET {path} answered {status} with {body[:200]!r}")


def warm_up(server, path, connections, seconds=1):
    wrk(server, path, connections, seconds)


def measure(server, path, connections, seconds, headers=()):
    """Requests per second, CPU microseconds a request, latencies in milliseconds, memory in bytes."""
    before = cpu_seconds(server.pids())
    result = wrk(server, path, connections, seconds, headers)
    used = cpu_seconds(server.pids()) - before
    if not server.check_alive():
        raise BenchError(f"{server.name} ended under load: {server.trees[-1].why()}")
    return {**result, "cpu_us": used * 1e6 / result["requests"], "pss": pss_bytes(server.pids())}


def wrk(server, path, connections, seconds, headers=()):
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "--timeout", "10",
               *[word for header in headers for word in ("-H", header)], f"http://127.0.0.1:{server.port}{path}"]
    try:
        text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    except (subprocess.SubprocessError, OSError) as error:
        raise BenchError(f"{server.name}: {error}") from None
    for failure in (r"Non-2xx or 3xx responses: .*", r"Socket errors: .*"):
        if found := re.search(failure, text):
            raise BenchError(f"{server.name}: {path}: {found.group(0)}")
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    if requests == 0:
        raise BenchError(f"{server.name}: {path}: no request was answered")
    return {"requests": requests, "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)),
            "p50": latency(text, 50), "p99": latency(text, 99)}


def latency(text, percentile):
    number, unit = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s|m)\s*$", text, re.M).groups()
    return float(number) * UNITS[unit]
