#!/usr/bin/env python3
"""Installs Laravel with the application of tests/apps/laravel: laravel.py DEST [--bench] [--constraint ^12].

With --bench the application is made as fast as an operator would make it: optimised class map, cached configuration,
routes and views, no log, sessions in memory. Without it, it logs to a file and keeps sessions in files.
"""

import argparse
import base64
import os
import pathlib
import shutil
import sys

import common

SKELETON = pathlib.Path(__file__).resolve().parents[1] / "laravel"
STOOD_IN = ["fruitcake/php-cors", "symfony/polyfill-php85", "symfony/clock", "league/commonmark"]
WRITABLE = ["bootstrap/cache", "database", "storage/app/private", "storage/app/public", "storage/framework/cache/data",
            "storage/framework/sessions", "storage/framework/views", "storage/logs"]


def install(destination, bench=False, constraint="^12"):
    """A ready application in `destination`, which must be empty or missing. Returns its path."""
    source = common.cached(
        f"laravel{constraint.lstrip('^~')}", [__file__, SKELETON, common.STANDINS], lambda folder: install_packages(folder, constraint))
    app = common.copy_tree(source, destination, linked=("vendor",)).resolve()
    write_environment(app, bench)
    artisan(app, "migrate", "--force", "--seed")
    if bench:
        for cache in ("config", "route", "view"):
            artisan(app, f"{cache}:cache")
    return app


def install_packages(folder, constraint):
    common.require_php_extensions("ctype", "curl", "dom", "fileinfo", "mbstring", "pdo_sqlite", "tokenizer", "xml")
    shutil.copytree(SKELETON, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    for path in WRITABLE:
        (folder / path).mkdir(parents=True, exist_ok=True)
    manifest = {
        "name": "askr/laravel-under-test",
        "require": {"php": "^8.2", "laravel/framework": constraint},
        "autoload": {"psr-4": {"App\\": "app/", "Database\\Seeders\\": "database/seeders/"}},
    }
    standins = {"files": ["standins/functions.php"], "classmap": ["standins/Clock"]}
    common.compose(folder, manifest, STOOD_IN, standins)
    (folder / ".env").write_text("APP_KEY=\n")
    artisan(folder, "package:discover")
    (folder / ".env").unlink()


def write_environment(app, bench):
    settings = {
        "APP_NAME": "Askr",
        "APP_ENV": "production",
        "APP_KEY": "base64:" + base64.b64encode(os.urandom(32)).decode(),
        "APP_DEBUG": "false",
        "APP_URL": "http://localhost",
        "BCRYPT_ROUNDS": "4",
        "BROADCAST_CONNECTION": "null",
        "CACHE_STORE": "array" if bench else "file",
        "DB_CONNECTION": "sqlite",
        "FILESYSTEM_DISK": "local",
        "LOG_CHANNEL": "null" if bench else "single",
        "MAIL_MAILER": "array",
        "QUEUE_CONNECTION": "sync",
        "SESSION_DRIVER": "array" if bench else "file",
    }
    (app / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    (app / "database" / "database.sqlite").touch()


def artisan(app, *arguments):
    return common.run(["php", "artisan", *arguments, "--no-interaction"], cwd=app)


def main():
    parser = argparse.ArgumentParser(description="Installs Laravel and the test application.")
    parser.add_argument("destination", type=pathlib.Path)
    parser.add_argument("--bench", action="store_true", help="cached and optimised, for measuring")
    parser.add_argument("--constraint", default="^12", help="version of laravel/framework (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        print(install(arguments.destination, arguments.bench, arguments.constraint))
    except common.InstallError as error:
        sys.exit(f"laravel.py: {error}")


if __name__ == "__main__":
    main()
