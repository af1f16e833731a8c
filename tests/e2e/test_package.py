"""The Debian package, installed by dpkg below a folder of its own: what its scripts do, with a systemctl that only takes
notes. What systemd itself makes of the unit is not tested here."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from askrtest.server import ROOT, run_askr

BUILD = Path(os.environ.get("ASKR_BUILD", ROOT / "build"))
pytestmark = [
    pytest.mark.time_limit(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="dpkg wants to be root"),
    pytest.mark.skipif(not shutil.which("cpack") or not (BUILD / "CPackConfig.cmake").exists(), reason="no cpack, or no build"),
]
FILES_OF_ROOT = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nwww-data:x:33:\n",
    "etc/shadow": "",
    "etc/gshadow": "",
    "var/lib/dpkg/status": "",
    "var/lib/dpkg/available": "",
    "var/lib/dpkg/info/format": "1\n",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    run = subprocess.run(["cpack", "-G", "DEB", "--config", str(BUILD / "CPackConfig.cmake"), "-B", str(folder)],
                         cwd=BUILD, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    (made,) = folder.glob("*.deb")
    return made


class Machine:
    """A root folder with a list of packages, and systemd if that is wanted."""

    def __init__(self, folder, systemd):
        self.root = folder / "machine"
        for name, text in FILES_OF_ROOT.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (self.root / "var/lib/dpkg/updates").mkdir()
        self.calls = folder / "calls"
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{self.calls}\n')
        (self.bin / "systemctl").chmod(0o755)
        if systemd:
            (self.root / "run/systemd/system").mkdir(parents=True)

    def dpkg(self, *words):
        """What systemctl was told meanwhile."""
        self.calls.write_text("")
        run = subprocess.run(["dpkg", f"--root={self.root}", "--force-script-chrootless", "--force-depends", *map(str, words)],
                             env={**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"}, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        self.said = run.stdout
        return self.calls.read_text().splitlines()

    def read(self, name):
        return (self.root / name).read_text()

    def files(self):
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir()}


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, systemd=True)


def test_an_installation_creates_the_user_and_starts_nothing(machine, package):
    assert machine.dpkg("-i", package) == ["daemon-reload"]
    (user,) = re.findall(r"^askr:x:(\d+):(\d+):.*:/usr/sbin/nologin$", machine.read("etc/passwd"), re.M)
    assert re.search(rf"^askr:x:{user[1]}:", machine.read("etc/group"), re.M)
    assert machine.dpkg("-s", "askr") == []
    assert "Status: install ok installed" in machine.said


def test_the_service_runs_php_as_that_user_and_the_master_as_root(machine, package):
    machine.dpkg("-i", package)
    settings = machine.read("etc/askr/askr.toml")
    assert re.search(r'^user = "askr"$', settings, re.M)
    unit = machine.read("usr/lib/systemd/system/askr.service")
    assert not re.search(r"^(User|AmbientCapabilities)=", unit, re.M)
    needed = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.M).group(1).split()
    assert {"CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_NET_BIND_SERVICE"} <= set(needed)


def test_documentation_and_examples_are_in_it(machine, package):
    machine.dpkg("-i", package)
    files = machine.files()
    for name in ("README.md", "askr.toml.example", "copyright", "docs/tour.md", "docs/containers.md", "docs/php-fpm.md",
                 "examples/laravel-worker.php", "examples/demo/public/index.php"):
        assert f"usr/share/doc/askr/{name}" in files
    assert not [name for name in files if name.endswith(".gitignore") or "/data/" in name]
    for name in re.findall(r"\]\((docs/[\w.-]+)\)", machine.read("usr/share/doc/askr/README.md")):
        assert f"usr/share/doc/askr/{name}" in files


def test_an_upgrade_restarts(machine, package):
    machine.dpkg("-i", package)
    (machine.root / "etc/askr/askr.toml").write_text('[server]\nroot = "/srv"\nuser = "deploy"\n')
    assert machine.dpkg("-i", package) == ["daemon-reload", "try-restart askr.service"]
    assert 'user = "deploy"' in machine.read("etc/askr/askr.toml")
    assert machine.read("etc/passwd").count("askr:") == 1
    assert not (machine.root / "etc/systemd/system/askr.service.d").exists()


def test_an_upgrade_of_a_configuration_without_a_user_does_not_make_php_root(machine, package):
    machine.dpkg("-i", package)
    (machine.root / "etc/askr/askr.toml").write_text('[server]\nroot = "/srv"\n')
    machine.dpkg("-i", package)
    assert "names no user" in machine.said
    assert "ASKR_SERVER_USER=www-data" in machine.read("etc/systemd/system/askr.service.d/user.conf")


def test_a_removal_stops_and_disables_and_a_purge_leaves_nothing_but_the_user(machine, package):
    before = machine.files()
    machine.dpkg("-i", package)
    assert machine.dpkg("-r", "askr") == ["stop askr.service", "disable askr.service", "daemon-reload"]
    assert (machine.root / "etc/askr/askr.toml").exists()
    (machine.root / "etc/systemd/system/askr.service.d").mkdir(parents=True)
    (machine.root / "etc/systemd/system/askr.service.d/user.conf").write_text("[Service]\n")
    assert machine.dpkg("-P", "askr") == ["daemon-reload"]
    left = {name for name in machine.files() - before if not name.startswith(("var/lib/dpkg/", "etc/passwd", "etc/group", "etc/shadow",
                                                                             "etc/gshadow", "etc/sub", "etc/."))}
    assert not left
    assert "askr:" in machine.read("etc/passwd")


def test_without_systemd_there_is_nobody_to_tell(tmp_path, package):
    machine = Machine(tmp_path, systemd=False)
    assert machine.dpkg("-i", package) == []
    wants = machine.root / "etc/systemd/system/multi-user.target.wants/askr.service"
    wants.parent.mkdir(parents=True)
    wants.symlink_to("/lib/systemd/system/askr.service")
    assert machine.dpkg("-r", "askr") == []
    assert not wants.is_symlink()


def test_its_settings_pass_the_check(machine, package, tmp_path):
    machine.dpkg("-i", package)
    text = machine.read("etc/askr/askr.toml").replace("/var/www/html", str(tmp_path)).replace('"askr"', '"www-data"')
    (tmp_path / "index.php").write_text("<?php")
    for each in [tmp_path, *tmp_path.parents][: len(tmp_path.parents) - 1]:
        each.chmod(each.stat().st_mode | 0o055)
    (tmp_path / "askr.toml").write_text(text)
    run = run_askr("config-check", tmp_path / "askr.toml")
    assert run.returncode == 0, run.stderr
