"""Runs the Catch2 executables below $ASKR_BUILD/bin/unit (default: build), one pytest case per executable."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = Path(os.environ.get("ASKR_BUILD", ROOT / "build")) / "bin/unit"

# Rooms with unit tests in this tree; an executable that was not built is a failure, not a silent gap.
ROOMS = sorted({test.parent.name for test in (ROOT / "tests/unit").glob("*/*_test.cpp")})
ROOMS += sorted({f"plugin_{test.parent.name}" for test in (ROOT / "tests/unit/plugins").glob("*/*_test.cpp")})


@pytest.mark.time_limit(240)
@pytest.mark.parametrize("room", ROOMS)
def test_unit(room):
    environment = dict(os.environ)
    # libphp keeps its module memory to the end of the process, and so does a plugin its object.
    if room not in ("php", "template") and not room.startswith("plugin_"):
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "").replace("detect_leaks=0", "detect_leaks=1")
    executable = UNITS / f"askr_unit_{room}"
    assert executable.exists(), f"{executable} was not built; run ./dev build"
    run = subprocess.run([executable], env=environment, capture_output=True, text=True, errors="replace")
    assert run.returncode == 0, f"{executable.name} ended with {run.returncode}\n{run.stdout}{run.stderr}"
    assert "assertion" in run.stdout, f"{executable.name} ran no test\n{run.stdout}"
