"""What opcache makes of files that are written after the boot, in every mode: the same as behind php-fpm."""

import os
import time

import pytest

from askrtest.wait import SANITIZED, wait_until

WORKER = "<?php require __DIR__ . '/page.php'; $handler = function () { page(); }; while (askr_handle_request($handler)) {}"
PAGE = """<?php
function page(): void {
    $kept = opcache_is_script_cached(__DIR__ . '/part.php');
    echo include __DIR__ . '/part.php';
    echo $kept ? ' kept' : ' compiled';
}
"""
MODES = {  # is there a worker script, further flags
    "per-request": (False, []),
    "worker": (True, []),
    "cow": (True, ["--cow"]),
    "forked": (True, ["--isolation", "request"]),
    "rewound": (True, ["--isolation", "rewind"]),
    "preloaded": (False, ["--preload-script", "root/page.php", "--isolation", "request"]),
}


@pytest.fixture(params=MODES)
def serve(request, server):
    if request.param == "rewound" and SANITIZED:
        pytest.skip("the shadow memory of sanitizers is too large to rewind")
    has_worker_script, flags = MODES[request.param]

    def make(**settings):
        app = server({"worker.php": WORKER, "page.php": PAGE,
                      "index.php": "<?php require_once __DIR__ . '/page.php'; page();"}, wait=False, workers=1,
                     flags=flags, ini=[f"opcache.{name}={value}" for name, value in settings.items()])
        if has_worker_script:
            app.worker_script = app.root / "worker.php"
        return app.start()

    return make


def write_part(app, text, written_at):
    part = app.root / "part.new"
    part.write_text(f"<?php return '{text}';")
    os.utime(part, (written_at, written_at))
    part.rename(app.root / "part.php")


def test_what_is_written_after_the_boot_is_kept_once_it_is_old_enough(serve):
    app = serve(file_update_protection=100)
    written_at = int(time.time()) - 98
    write_part(app, "new", written_at)
    assert app.get("/").text == "new compiled"
    wait_until(lambda: app.get("/").text == "new kept", "opcache keeps it", 20)
    assert time.time() - written_at >= 100


def test_a_changed_file_is_seen_when_its_time_has_come(serve):
    app = serve(file_update_protection=0, revalidate_freq=1)
    write_part(app, "old", 1_600_000_000)
    app.get("/")
    assert app.get("/").text == "old kept"
    write_part(app, "new", 1_600_000_001)
    wait_until(lambda: app.get("/").text == "new kept", "the change is seen", 20)


def test_without_timestamps_a_changed_file_stays_what_it_was(serve):
    app = serve(file_update_protection=0, validate_timestamps=0)
    write_part(app, "old", 1_600_000_000)
    app.get("/")
    write_part(app, "new", 1_600_000_001)
    assert app.get("/").text == "old kept"
