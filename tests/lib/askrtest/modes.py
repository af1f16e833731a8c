"""One application in each mode that a server can run it in."""

MODES = ["per-request", "worker", "request", "rewind"]

LOOP = """<?php
require_once __DIR__ . '/app.php';
askr_cow_ready();
while (askr_handle_request(answer(...))) {
}
"""


def serve_in(mode, server, application, **options):
    """A server whose requests are answered by `application`, PHP that defines answer()."""
    files = {"app.php": application, "index.php": "<?php require_once __DIR__ . '/app.php'; answer();", "worker.php": LOOP}
    app = server({**files, **options.pop("files", {})}, wait=False, **options)
    if mode != "per-request":
        app.worker_script = app.root / "worker.php"
    if mode in ("request", "rewind"):
        app.settings["isolation"] = mode
    return app.start()
