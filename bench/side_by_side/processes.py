"""Servers under measurement: started with private files, watched through /proc, ended by their process ids."""

import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


class BenchError(RuntimeError):
    """A server did not start, answered wrongly or fell over. The message says which and why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class ProcessTree:
    """One started command and everything it forked."""

    def __init__(self, command, log, env=None, cwd=None):
        self.command = [str(part) for part in command]
        self.log = pathlib.Path(log)
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd, env={**os.environ, **(env or {})},
                start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def pids(self):
        """The process and its living descendants."""
        parents = {}
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    parents.setdefault(stat_fields(entry.name)[1], []).append(int(entry.name))
        found = [self.pid]
        for pid in found:
            found += parents.get(pid, [])
        return found

    def stop(self, patience=10):
        """Asks, waits, then insists; children that outlive their parent are ended too."""
        family = self.pids() if self.alive() else []
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        for pid in family:
            with contextlib.suppress(OSError):
                if os.getpgid(pid) == self.pid:
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def why(self):
        return f"{' '.join(self.command)}\n{self.log.read_text(errors='replace')[-2000:]}"


def stat_fields(pid):
    """state, ppid as an int, ... of /proc/PID/stat: everything after the command name."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return [fields[0], *(int(field) for field in fields[1:])]


def cpu_seconds(pids):
    """User and system time of these processes and of their children that have already ended."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += sum(stat_fields(pid)[11:15])
    return total / TICK


def pss_bytes(pids):
    """Memory of these processes, each shared page divided among those that share it."""
    return memory_bytes(pids, "Pss")


def memory_bytes(pids, *figures):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(re.search(rf"^{figure}:\s+(\d+) kB", rollup, re.M).group(1)) for figure in figures) * 1024
    return total


def fetch(port, path, timeout=60):
    """Status and body of one request on its own connection."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        client.request("GET", path)
        response = client.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"GET {path} on port {port}: {error!r}") from None
    finally:
        client.close()


def wait_until_open(port, tree, patience):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not tree.alive():
            raise BenchError(f"ended while starting: {tree.why()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise BenchError(f"port {port} did not open: {tree.why()}")


def wait_until_exists(path, tree, patience=30):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if pathlib.Path(path).exists():
            return
        if not tree.alive():
            break
        time.sleep(0.05)
    raise BenchError(f"{path} did not appear: {tree.why()}")
