#!/usr/bin/env python3
"""Installs Symfony with the application of tests/apps/symfony: symfony.py DEST. It is built for production."""

import argparse
import pathlib
import shutil
import sys

import common

SKELETON = pathlib.Path(__file__).resolve().parents[1] / "symfony"
STOOD_IN = ["symfony/polyfill-php85"]
FOLDERS = ["var/sessions", "var/uploads"]


def install(destination):
    """A ready application in `destination`, which must be empty or missing. Returns its path."""
    source = common.cached("symfony7", [__file__, SKELETON, common.STANDINS], install_packages)
    app = common.copy_tree(source, destination, linked=("vendor",)).resolve()
    for folder in FOLDERS:
        (app / folder).mkdir(parents=True)
    common.run(["php", "warm.php"], cwd=app)  # the container names the folder that it is in
    return app


def install_packages(folder):
    common.require_php_extensions("ctype", "iconv", "mbstring", "tokenizer", "xml")
    shutil.copytree(SKELETON, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    manifest = {
        "name": "askr/symfony-under-test",
        "require": {"php": "^8.2", "symfony/framework-bundle": "^7.4", "symfony/mime": "^7.4", "symfony/yaml": "^7.4"},
        "autoload": {"psr-4": {"App\\": "src/"}},
    }
    common.compose(folder, manifest, STOOD_IN, {"files": ["standins/functions.php"]})


def main():
    parser = argparse.ArgumentParser(description="Installs Symfony and the test application.")
    parser.add_argument("destination", type=pathlib.Path)
    try:
        print(install(parser.parse_args().destination))
    except common.InstallError as error:
        sys.exit(f"symfony.py: {error}")


if __name__ == "__main__":
    main()
