#!/usr/bin/env python3
"""Installs Debian's MediaWiki on SQLite: mediawiki.py DEST. The document root is DEST/wiki; ADMIN can sign in.

The database and the cache lie beside the document root, not in it. The address of the wiki is whatever the client
asked for, so that one installation serves on any port.
"""

import argparse
import pathlib
import shutil
import sys

import common

PACKAGE = "/usr/share/mediawiki"
LEFT_OUT = ["LocalSettings.php", "config", "extensions", "extensions-core", "images", "mw-config"]
ADMIN = ("Admin", "correct horse battery staple")
SETTINGS = """
$wgServer = 'http://' . ($_SERVER['HTTP_HOST'] ?? 'localhost');
$wgCacheDirectory = dirname(__DIR__) . '/cache';
$wgEnableUploads = true;
$wgUseImageMagick = false;
$wgLogos = false;
"""


def install(destination):
    """A wiki with its main page in `destination`, which must be empty or missing. Returns its document root."""
    source = common.cached("mediawiki", [__file__, f"{PACKAGE}/composer.json"], install_package)
    destination = common.copy_tree(source, destination, linked=("wiki",)).resolve()
    (destination / "wiki" / "images").mkdir()
    return destination / "wiki"


def install_package(folder):
    common.require_folder(PACKAGE, "mediawiki")
    common.require_php_extensions("fileinfo", "gd", "intl", "mbstring", "pdo_sqlite", "xml")
    wiki = folder / "wiki"
    shutil.copytree(PACKAGE, wiki, ignore=leave_out, copy_function=common.link_or_copy)
    for made in (wiki / "extensions", folder / "data", folder / "cache"):
        made.mkdir()
    name, password = ADMIN
    common.run(["php", wiki / "maintenance/install.php", "--dbtype", "sqlite", "--dbname", "wiki", "--dbpath",
                folder / "data", "--server", "http://localhost", "--scriptpath", "", "--skins", "Vector",
                "--pass", password, "Wiki", name])
    settings = wiki / "LocalSettings.php"
    text = settings.read_text().replace(f'"{folder}/data"', "dirname(__DIR__) . '/data'")
    settings.write_text(text + SETTINGS)


def leave_out(folder, names):
    return [name for name in names if folder == PACKAGE and name in LEFT_OUT]


def main():
    parser = argparse.ArgumentParser(description="Installs MediaWiki on SQLite.")
    parser.add_argument("destination", type=pathlib.Path)
    try:
        print(install(parser.parse_args().destination))
    except common.InstallError as error:
        sys.exit(f"mediawiki.py: {error}")


if __name__ == "__main__":
    main()
