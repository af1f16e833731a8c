"""Instructions a request, by function: exact where the clock is not, on a machine that does other work too.

Askr runs under callgrind with one worker and one gateway; the counters are set to zero after the warm-up and dumped after the
load. Only user space is counted, and a spinning loop counts as often as it turns: valgrind is slow, so waiting looks long.
"""

import collections
import pathlib
import re
import subprocess
import time

from .processes import BenchError


def under_callgrind(folder):
    return ["valgrind", "-q", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={folder}/callgrind.%p"]


def control(pid, what):
    subprocess.run(["callgrind_control", what, str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)


def role_of(pid):
    """From the thread's name, which valgrind leaves alone: `askr: gateway 0`."""
    words = pathlib.Path(f"/proc/{pid}/comm").read_text().split()
    return words[1] if len(words) > 1 and words[0] == "askr:" else "other"


def counted(server, run_load, folder):
    """{role: {(object, function): instructions}} during run_load(), and its result."""
    pids = {pid: role_of(pid) for pid in server.pids()}
    counting = {pid: role for pid, role in pids.items() if role in ("gateway", "worker")}
    for pid in counting:
        control(pid, "-z")
    result = run_load()
    totals = collections.defaultdict(collections.Counter)
    for pid, role in counting.items():
        control(pid, "-d")
        totals[role].update(self_costs(newest_dump(folder, pid)))
    return totals, result


def newest_dump(folder, pid):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = sorted(folder.glob(f"callgrind.{pid}.*"), key=lambda path: path.stat().st_mtime)
        if found and "totals:" in found[-1].read_text():
            return found[-1]
        time.sleep(0.2)
    raise BenchError(f"callgrind wrote nothing for process {pid}")


def self_costs(path):
    """Costs of the functions themselves. In the format, the line after `calls=` is the cost of the called ones."""
    names, objects, costs = {}, {}, collections.Counter()
    function = shared_object = None
    cost_of_callee = False
    for line in path.read_text().splitlines():
        if line.startswith("ob="):
            shared_object = pathlib.Path(named(objects, line[3:])).name
        elif line.startswith("cob="):
            named(objects, line[4:])
        elif line.startswith("fn="):
            function = named(names, line[3:])
        elif line.startswith("cfn="):
            named(names, line[4:])
        elif line.startswith("calls="):
            cost_of_callee = True
        elif re.match(r"[+\-*0-9]", line):
            if not cost_of_callee:
                costs[shared_object, function] += int(line.split()[1])
            cost_of_callee = False
    return costs


def named(table, text):
    """Callgrind writes `(7) name` once and `(7)` from then on."""
    number, name = re.match(r"(\(\d+\))?\s*(.*)", text).groups()
    if name:
        table[number] = name
    return table.get(number, name)
