"""The applications under load: document roots made in the run's folder, and what their right answers look like."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

from .processes import BenchError
from .servers import REPOSITORY

HELLO = "<?php\necho 'hello';\n"
HELLO_WORKER = "<?php\nwhile (askr_handle_request(static function (array $request): void { echo 'hello'; })) {\n}\n"
# One kilobyte for each of the 256 slow readers' seconds; small enough to be buffered in memory.
BIG = "<?php\necho str_repeat(str_repeat('x', 1023) . \"\\n\", 256);\n"
CACHED = """<?php
header('Content-Type: text/plain');
header('Askr-Cache: 3600');
header('Cache-Control: public, max-age=3600');
echo str_repeat('0123456789abcdef', 64 * (int) $_GET['kb']);
"""
# As classes, containers and configuration do it: processor time, and memory that stays.
BOOT = """<?php
function boot(): array {
    $milliseconds = static function (): float {
        $usage = getrusage();
        return 1e3 * ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec'])
            + ($usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec']) / 1e3;
    };
    for ($table = [], $until = $milliseconds() + 30; $milliseconds() < $until;) {
        for ($more = 0; $more < 100; ++$more) {
            $key = hash('sha256', (string) (count($table) + $more));
            $table[substr($key, 0, 3)] = $key;
        }
    }
    return $table;
}
"""
BOOT_INDEX = "<?php\nrequire __DIR__ . '/../boot.php';\n$table = boot();\necho 'booted ', count($table) > 100;\n"
BOOT_WORKER = """<?php
require __DIR__ . '/boot.php';
$table = boot();
askr_cow_ready();
while (askr_handle_request(static function (array $request) use ($table): void { echo 'booted ', count($table) > 100; })) {
}
"""
SLEEP_WORKER = """<?php
askr_cow_ready();
while (askr_handle_request(static function (array $request): void { usleep(50000); echo 'slept'; })) {
}
"""
WORDPRESS_INSTALL = """
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = 'localhost';
require $argv[1] . '/wp-load.php';
require $argv[1] . '/wp-admin/includes/upgrade.php';
wp_install('A blog', 'editor', 'editor@example.org', true, '', 'a passphrase');
"""
STATIC = ("0123456789abcdef" * 640).encode()


class Hello:
    """One-line scripts and a file of 10 KB: all that is measured is the server."""

    def __init__(self, folder):
        self.root = folder / "public"
        self.root.mkdir(parents=True)
        self.worker_script = folder / "worker.php"
        self.worker_script.write_text(HELLO_WORKER)
        (self.root / "hello.php").write_text(HELLO)
        (self.root / "big.php").write_text(BIG)
        (self.root / "index.php").write_text(HELLO)
        (self.root / "static-10k.txt").write_bytes(STATIC)

    def expected(self, path):
        return STATIC if path.startswith("/static") else b"hello"


class Cached:
    """A page that every cache may keep: PHP makes it once, and the same bytes lie there as a file."""

    def __init__(self, folder):
        self.root = folder / "public"
        self.root.mkdir(parents=True)
        (self.root / "index.php").write_text(CACHED)
        for kb in (1, 10, 100):
            (self.root / f"{kb}.txt").write_bytes(page_of(kb))

    def expected(self, path):
        return page_of(int(path.rpartition("=")[2]))


def page_of(kb):
    return b"0123456789abcdef" * (64 * kb)


class Boot30:
    """Starts for 30 ms of processor time and answers at once then: in a worker script, and the same as a script."""

    def __init__(self, folder):
        self.root = folder / "public"
        self.root.mkdir(parents=True)
        self.worker_script = folder / "worker.php"
        self.worker_script.write_text(BOOT_WORKER)
        (folder / "boot.php").write_text(BOOT)
        (self.root / "index.php").write_text(BOOT_INDEX)

    def expected(self, path):
        return b"booted 1"


class Sleep:
    """Waits for 50 ms, as for a database, so that only the number of workers counts."""

    def __init__(self, folder):
        self.root = folder / "public"
        self.root.mkdir(parents=True)
        self.worker_script = folder / "worker.php"
        self.worker_script.write_text(SLEEP_WORKER)

    def expected(self, path):
        return b"slept"


class Laravel:
    """The application of tests/apps/laravel, installed as fast as an operator would make it."""

    def __init__(self, folder):
        installer = load_module(REPOSITORY / "tests/apps/install/laravel.py")
        self.base = installer.install(folder, bench=True)
        open_to_all(self.base)
        self.root = self.base / "public"
        self.worker_script = REPOSITORY / "examples/laravel-worker.php"

    def expected(self, path):
        return is_json if path.startswith("/api/") else is_page


class WordPress:
    """The blog of tests/apps/test_wordpress.py, with a database of its own until the end of the run."""

    def __init__(self, folder):
        installer = load_module(REPOSITORY / "tests/apps/install/wordpress.py")
        self.database = load_module(REPOSITORY / "tests/apps/install/mariadb.py").MariaDb()
        self.database.__enter__()
        try:
            self.database.create("blog", "blog", "of-the-bench")
            self.database.folder.chmod(0o755)
            self.root = installer.install(folder, "blog", "blog", "of-the-bench", self.database.socket)
            self.fill_in()
        except BaseException:
            self.close()
            raise

    def fill_in(self):
        """Its addresses are those of no server here, so it must not send clients there."""
        plugins = self.root / "wp-content/mu-plugins"
        plugins.mkdir()
        (plugins / "stay.php").write_text("<?php remove_action('template_redirect', 'redirect_canonical');\n")
        subprocess.run(["php", "-r", WORDPRESS_INSTALL, self.root], check=True, stdout=subprocess.DEVNULL, timeout=120)

    def expected(self, path):
        return lambda body: b"Hello world!" in body and len(body) > 20_000

    def close(self):
        self.database.__exit__()


def is_json(body):
    return body.startswith(b"{") and isinstance(json.loads(body), dict)


def is_page(body):
    return 4000 < len(body) < 8000 and body.rstrip().endswith(b"</html>")


def open_to_all(base):
    """Peers may run as www-data: everything readable, the folders that Laravel writes to writable."""
    writable = [base / name for name in ("storage", "bootstrap", "database")]
    for parent, folders, files in os.walk(base):
        more = 0o666 if any(pathlib.Path(parent).is_relative_to(folder) for folder in writable) else 0o444
        for name in files:
            add_mode(os.path.join(parent, name), more)
        add_mode(parent, more | 0o111)


def add_mode(path, more):
    mode = os.stat(path).st_mode & 0o7777
    if mode | more != mode:
        os.chmod(path, mode | more)


def load_module(path):
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise BenchError(f"cannot load {path}: {error}") from None
    return module


APPLICATIONS = {"hello": Hello, "cached": Cached, "boot30": Boot30, "sleep": Sleep, "laravel": Laravel,
                "wordpress": WordPress}
