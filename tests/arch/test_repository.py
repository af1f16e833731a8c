"""The repository speaks of Askr alone: nothing of the machine or the forge that it was written on."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN = {
    "a path of a developer's machine": re.compile(r"(?<![\w.~*$}])/(?:Users|mnt|work)/\w"),
    "a host of a private network": re.compile(r"https?://[\w.-]+\.(?:internal|intra|corp|lan)\b"),
    "the number of an issue": re.compile(r"\b(?:issue|PR|pull request)s? ?#?\d", re.IGNORECASE),
    "a conflict marker": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
    "a note to finish it later": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b"),
}


def tracked_texts():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, names.decode().split("\0")):
        path = ROOT / name
        data = path.read_bytes() if path.is_file() else b""
        # seeds of the fuzzers are bytes, not text
        if b"\0" not in data and not name.startswith("tests/fuzz/corpus/"):
            yield name, data.decode("utf-8", "replace")


def findings(name, text):
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {what}: {match.group()!r}"
        for what, pattern in FORBIDDEN.items()
        for match in pattern.finditer(text)
    ]


def test_no_file_speaks_of_where_it_was_written():
    texts = list(tracked_texts())
    assert texts, "nothing was checked"
    assert [line for name, text in texts for line in findings(name, text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "cd /" + "work/checkout && make",
        "see http://forge" + ".internal/askr",
        "this closes issue" + " #12",
        "// TO" + "DO: later",
        "<" * 7 + " HEAD\n",
    ],
)
def test_each_kind_of_finding_is_found(text):
    assert len(findings("file", text)) == 1


def test_shell_scripts_parse_and_start_with_a_sentence():
    scripts = [ROOT / "dev", ROOT / ".ci/run", *sorted((ROOT / "tools").glob("*.sh"))]
    for script in scripts:
        subprocess.run(["bash", "-n", script], check=True)
        lines = script.read_text().splitlines()
        assert lines[1].startswith("# "), script


def test_the_help_of_dev_fits_a_terminal_and_names_every_command():
    text = subprocess.run([ROOT / "dev", "help"], check=True, capture_output=True, text=True).stdout
    assert max(map(len, text.splitlines())) <= 80
    for command in re.findall(r"^command_(\w+)\(\)", (ROOT / "dev").read_text(), re.MULTILINE):
        assert re.search(rf"^  {command}\b", text, re.MULTILINE), command
