"""Fixtures of the tests with real applications. A missing package or tool fails the test and says which one."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "install"))


@pytest.fixture(scope="session")
def examples():
    return HERE.parents[1] / "examples"
