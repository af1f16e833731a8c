"""bench/build, with a repository whose ./dev only pretends to build."""

import importlib.machinery
import importlib.util
import json
import subprocess
import sys

import pytest

from askrtest.server import ROOT

DEV = """#!/bin/bash
set -e
echo "$* CCACHE_DISABLE=$CCACHE_DISABLE $(git log --format=%s) $(tail -n 1 kernel/gateway/connection.cpp)" >>"$NOTES"
if [[ $1 = demo ]]; then
  exec python3 -m http.server --bind 127.0.0.1 "${3##*:}"
fi
if [[ $1 = test ]]; then exit "${TESTS_END_WITH:-0}"; fi
for ((i = 0; i < 30000; ++i)); do :; done
"""


@pytest.fixture
def build(tmp_path, monkeypatch):
    """The script, and what ./dev was asked for."""
    repository = tmp_path / "repository"
    source = repository / "kernel/gateway/connection.cpp"
    source.parent.mkdir(parents=True)
    source.write_text("// as committed\n")
    (repository / "dev").write_text(DEV)
    (repository / "dev").chmod(0o755)
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@localhost", "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    source.write_text("// not committed\n")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    loader = importlib.machinery.SourceFileLoader("bench_build", str(ROOT / "bench/build"))
    spec = importlib.util.spec_from_loader("bench_build", loader)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    monkeypatch.setattr(module, "REPOSITORY", repository)
    module.notes = lambda: (tmp_path / "notes").read_text().splitlines()
    return module


def test_each_run_has_a_fresh_clone_and_no_ccache(build, capsys, tmp_path):
    assert build.main(["--runs", "2", "--json", str(tmp_path / "out.json")]) == 0
    change = "int askr_bench_build_was_here() { return 1; }"
    told = [note.partition(" CCACHE_DISABLE=1 first ") for note in build.notes()]
    assert [(words.split()[0], last) for words, _, last in told] == [
        ("demo", "// as committed"), ("build", "// as committed"), ("test", change)] * 2
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("processors, medians of 2, without ccache")
    assert [line.split("  ")[0] for line in out[2:]] == list(build.CASES.values())
    measured = json.loads((tmp_path / "out.json").read_text())
    assert {case: len(runs) for case, runs in measured.items()} == {"demo": 2, "build": 2, "change": 2}
    assert all(run["wall"] > 0 and run["cpu"] > 0 for runs in measured.values() for run in runs)
    assert all(run["cpu"] > 0.02 for run in measured["build"])  # of what ./dev has started


def test_what_fails_is_shown_and_nothing_counts(build, capsys, monkeypatch):
    monkeypatch.setenv("TESTS_END_WITH", "3")
    assert build.main(["change", "--runs", "1"]) == 1
    told = capsys.readouterr()
    assert "./dev test" in told.err and "ended with 3" in told.err
    assert "medians" not in told.out


def test_a_bar_that_is_missed_fails_a_strict_run(build, capsys, monkeypatch):
    monkeypatch.setitem(build.BARS, "build", 0)
    assert build.main(["build", "--runs", "1"]) == 0
    assert build.main(["build", "--runs", "1", "--strict"]) == 1
    assert "missed" in capsys.readouterr().out
