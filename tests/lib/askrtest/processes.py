"""Facts about processes, read from /proc."""

import os
from pathlib import Path


class Process:
    """One process as /proc shows it at this moment."""

    def __init__(self, pid):
        self.pid = pid
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        fields = text[text.rindex(")") + 2 :].split()
        self.state = fields[0]
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.cpu_ticks = int(fields[11]) + int(fields[12])
        self.started = int(fields[19])

    @property
    def title(self):
        return Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace").strip()

    @property
    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))


def processes():
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                yield Process(int(name))
            except (FileNotFoundError, ProcessLookupError):
                continue


def session_members(session):
    """The live processes of a session: a server's own, because each server under test gets a session."""
    return [process for process in processes() if process.session == session and process.state not in "ZX"]


def is_alive(pid):
    try:
        return Process(pid).state not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def memory_kb(pid, *names):
    """The sum of fields of /proc/PID/smaps_rollup: "Rss", "Pss", "Private_Dirty"..."""
    total = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in names:
            total += int(rest.split()[0])
    return total


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
