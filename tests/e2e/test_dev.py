"""What `./dev` asks of root: nothing when all packages are there. Its own tools are real, those of the machine take notes."""

import shutil
import subprocess

import pytest

from askrtest.server import ROOT

TOOLS = "bash cat comm cut dirname env grep mkdir mktemp nproc rm sed sort tee wc".split()
# name: what it does
STAND_INS = {
    "id": "echo 1000",
    "dpkg-query": 'for word; do case $word in -*|catch2) ;; *) echo "$word installed" ;; esac; done; echo "catch2 $CATCH2"',
    "pkg-config": "exit 1",
    "cmake": "exit 0",
    "ninja": "exit 0",
    "apt-get": "exit 1",
}


class Machine:
    """A repository with ./dev alone, and a $PATH with nothing but what is named here."""

    def __init__(self, folder):
        self.repository, self.bin, self.notes = folder / "askr", folder / "bin", folder / "notes"
        shutil.copytree(ROOT / "tools", self.repository / "tools")
        shutil.copy2(ROOT / "dev", self.repository)
        llhttp = self.repository / "build/deps/llhttp/usr/share/llhttp"
        llhttp.mkdir(parents=True)
        (llhttp / "llhttp.c").touch()
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, does in STAND_INS.items():
            self.add(name, does)

    def add(self, name, does):
        file = self.bin / name
        file.write_text(f'#!/bin/bash\necho "{name} $*" >>{self.notes}\n{does}\n')
        file.chmod(0o755)

    def dev(self, *words, catch2="installed"):
        environment = {"PATH": str(self.bin), "CATCH2": catch2}
        return subprocess.run(["./dev", *words], cwd=self.repository, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)

    def calls(self, name):
        lines = self.notes.read_text().splitlines()
        return [line for line in lines if line.split()[0] == name]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_with_all_packages_nobody_is_asked_to_be_root(machine):
    machine.add("sudo", "exit 1")
    run = machine.dev("build")
    assert run.returncode == 0, run.stdout + run.stderr
    assert machine.calls("ninja") and machine.calls("dpkg-query")
    assert machine.calls("sudo") == machine.calls("apt-get") == []


def test_without_root_and_sudo_it_says_what_to_install(machine):
    run = machine.dev("build", catch2="not-installed")
    assert run.returncode == 1
    assert run.stderr == "dev: only root can install what is missing: apt-get install catch2\n"
    assert machine.calls("apt-get") == machine.calls("ninja") == []


def test_a_missing_package_is_installed_with_sudo(machine):
    machine.add("sudo", "exit 0")
    run = machine.dev("build", catch2="not-installed")
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == "Installing 1 packages: catch2\n"
    (install,) = [line for line in machine.calls("sudo") if " install " in line]
    assert install.endswith(" catch2")
