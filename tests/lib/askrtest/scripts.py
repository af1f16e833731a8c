"""PHP scripts that more than one test serves; they live in tests/e2e/php/."""

import signal
from pathlib import Path

# Debian's php.ini holds 4 KB back, so flush() alone would send nothing.
UNBUFFERED = ["output_buffering=0"]

FOLDER = Path(__file__).resolve().parents[2] / "e2e/php"


def php(name):
    return (FOLDER / name).read_text()


# For exec() and its like: what a program inherits.
IGNORED_AND_BLOCKED = "\"grep -E 'Sig(Ign|Blk)' /proc/self/status | cut -f 2\""
OF_SERVERS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE}


def signals_taken_from(output):
    """Those that a server deals with and the program, whose output this is, could not be ended by."""
    blocked, ignored = (int(mask, 16) for mask in output.split())
    return {number for number in OF_SERVERS if (blocked | ignored) >> number - 1 & 1}
