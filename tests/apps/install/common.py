"""What every installer shares: a cache of finished installations below build/apps, and copies made from it.

An installation is expensive (Composer, database set-up), a copy is not. The name of a cached installation contains a
hash of everything that went into it, so changing an installer or a skeleton makes a new one. A half-finished
installation never gets its final name.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
CACHE = REPOSITORY / "build" / "apps"
STANDINS = pathlib.Path(__file__).resolve().parents[1] / "standins"
COMPOSER_ENV = {"COMPOSER_ALLOW_SUPERUSER": "1", "COMPOSER_NO_AUDIT": "1", "COMPOSER_NO_INTERACTION": "1"}


class InstallError(RuntimeError):
    """Something the application needs is not there, or one of its own tools failed. The message says which."""


def run(command, cwd=None, env=None, timeout=300):
    """Runs a tool and returns its output; a failure becomes an InstallError with the end of that output."""
    full_env = {**os.environ, **(env or {})}
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=cwd, env=full_env, timeout=timeout, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    except FileNotFoundError:
        raise InstallError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise InstallError(f"{command[0]} did not finish within {timeout} s") from None
    if done.returncode != 0:
        raise InstallError(f"{' '.join(map(str, command))} failed:\n{done.stdout[-4000:]}")
    return done.stdout


def require_folder(path, package):
    path = pathlib.Path(path)
    if not path.is_dir():
        raise InstallError(f"{path} is missing: install the Debian package {package}")
    return path


def require_php_extensions(*names):
    loaded = run(["php", "-m"]).lower().split()
    missing = [name for name in names if name.lower() not in loaded]
    if missing:
        raise InstallError(f"PHP lacks the extensions {', '.join(missing)}")


def content_hash(*paths):
    """One hash over the names and the contents of files and folders."""
    digest = hashlib.sha256()
    for path in map(pathlib.Path, paths):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(path.parent)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def cached(name, sources, install):
    """The folder of a finished installation; `install(folder)` makes it when there is none for these sources.

    Those made from older sources are removed then. Of several processes that want it, one makes it and the others wait.
    """
    final = CACHE / f"{name}-{content_hash(__file__, *sources)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f".{name}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.is_dir():
            replace_installations(name, final, install)
    return final


def replace_installations(name, final, install):
    unfinished = pathlib.Path(tempfile.mkdtemp(prefix=f".{name}-", dir=CACHE))
    unfinished.chmod(0o755)
    try:
        install(unfinished)
        for outdated in CACHE.glob(f"{name}-*"):
            shutil.rmtree(outdated, ignore_errors=True)
        unfinished.rename(final)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def compose(folder, manifest, stood_in, standins):
    """Has Composer install what the manifest asks for.

    It first tries the complete set of packages. Where a registry lacks some, those in `stood_in` are replaced by the few
    lines in tests/apps/standins that `standins` (an autoload section) names: all that is used of them here.
    """
    try:
        run_composer(folder, manifest)
    except InstallError:
        shutil.copytree(STANDINS, folder / "standins")
        run_composer(folder, {**manifest, "replace": {package: "*" for package in stood_in},
                              "autoload": {**manifest["autoload"], **standins}})


def run_composer(folder, manifest):
    config = {"optimize-autoloader": True, "classmap-authoritative": True, "preferred-install": "dist"}
    (folder / "composer.json").write_text(json.dumps({"type": "project", "config": config, **manifest}, indent=4))
    run(["composer", "install", "--no-dev", "--no-scripts", "--no-progress"], cwd=folder, env=COMPOSER_ENV)


def copy_tree(source, destination, linked=()):
    """A writable copy. Folders named in `linked` are never written to and share their files by hard links."""
    destination = pathlib.Path(destination)
    destination.mkdir(parents=True, exist_ok=True)
    for entry in pathlib.Path(source).iterdir():
        target = destination / entry.name
        if entry.is_symlink():
            target.symlink_to(os.readlink(entry))
        elif entry.is_dir():
            copy = link_or_copy if entry.name in linked else shutil.copy2
            shutil.copytree(entry, target, symlinks=True, copy_function=copy)
        else:
            shutil.copy2(entry, target)
    return destination


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
