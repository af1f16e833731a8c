"""Lays out Debian's WordPress for a database that is already there. Its own installer does the rest, over HTTP."""

import secrets
import shutil

import common

PACKAGE = "/usr/share/wordpress"
THEME = f"{PACKAGE}/wp-content/themes/twentytwentythree"
KEYS = ["AUTH_KEY", "SECURE_AUTH_KEY", "LOGGED_IN_KEY", "NONCE_KEY", "AUTH_SALT", "SECURE_AUTH_SALT",
        "LOGGED_IN_SALT", "NONCE_SALT"]


def install(destination, database, user, password, socket):
    """The files of a site in `destination`, which must be missing. Returns its document root."""
    common.require_folder(PACKAGE, "wordpress")
    common.require_folder(THEME, "wordpress-theme-twentytwentythree")
    common.require_php_extensions("gd", "mbstring", "mysqli", "xml")
    shutil.copytree(PACKAGE, destination, ignore=shutil.ignore_patterns("wp-config.php", ".htaccess"),
                    copy_function=common.link_or_copy)
    settings = {
        "DB_NAME": database, "DB_USER": user, "DB_PASSWORD": password, "DB_HOST": f"localhost:{socket}",
        "DB_CHARSET": "utf8mb4", "DB_COLLATE": "", "FS_METHOD": "direct",
        **{key: secrets.token_hex(32) for key in KEYS},
    }
    switches = ["DISABLE_WP_CRON", "AUTOMATIC_UPDATER_DISABLED", "WP_HTTP_BLOCK_EXTERNAL"]
    lines = ["<?php", *(f"define('{name}', '{value}');" for name, value in settings.items()),
             *(f"define('{name}', true);" for name in switches),
             "$table_prefix = 'wp_';", "if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');",
             "require_once ABSPATH . 'wp-settings.php';", ""]
    (destination / "wp-config.php").write_text("\n".join(lines))
    (destination / "wp-content" / "uploads").mkdir()
    return destination
