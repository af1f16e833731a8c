"""Deadlines instead of sleeps: a test waits for what it needs and says what it waited for when it does not come."""

import os
import time

# Sanitizers make everything slower; deadlines stretch, what is asserted does not.
SANITIZED = "ASAN_OPTIONS" in os.environ
STRETCH = 4 if SANITIZED else 1
# Full-length runs of the tests that a release goes through.
SOAK = os.environ.get("ASKR_SOAK") == "1"


def wait_until(condition, what, seconds=10.0):
    """Returns the first true value of condition(); fails with `what` (text, or what makes it) after `seconds`."""
    deadline = time.monotonic() + seconds * STRETCH
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds * STRETCH:g} s in vain: {what() if callable(what) else what}")
        time.sleep(0.01)


def holds_for(condition, what, seconds):
    """Fails as soon as condition() is false within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), what
        time.sleep(0.01)
