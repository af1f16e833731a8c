"""The control socket serves who asks, however many others sit there in silence."""

import json
import socket
import time

import pytest

from askrtest.wait import wait_until

FINE = {"index.php": "<?php echo 'fine';"}


def connect(app):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)

    def connected():
        try:
            client.connect(str(app.control))
        except BlockingIOError:  # so many wait already
            return False
        return True

    wait_until(connected, "the control socket takes another client")
    return client


def ended(client):
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_silent_clients_keep_nobody_out(server):
    app = server(FINE)
    silent = [connect(app) for _ in range(100)]
    assert app.askr("status").returncode == 0
    assert app.reload().returncode == 0
    open_ones = [client for client in silent if not ended(client)]
    assert len(open_ones) < 20
    for client in silent:
        client.close()


def test_silent_clients_and_halves_of_commands_have_to_leave(server):
    app = server(FINE)
    silent, half = connect(app), connect(app)
    half.sendall(b"stat")
    assert not ended(silent) and not ended(half)
    wait_until(lambda: ended(silent) and ended(half), "both are closed", 20)
    assert json.loads(app.askr("status", "--json").stdout)["version"]


@pytest.mark.time_limit(90)
def test_who_has_asked_may_wait_for_the_answer(server):
    """A reload takes as long as the application boots."""
    app = server({"worker.php": "<?php if (file_exists(__DIR__ . '/slow')) sleep(12); while (askr_handle_request(fn () => print('x'))) { }"},
                 wait=False)
    app.worker_script = app.root / "worker.php"
    app.start()
    (app.root / "slow").touch()
    client = connect(app)
    began = time.monotonic()
    client.sendall(b"reload\n")
    answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert json.loads(answer)["ok"] is True
    assert time.monotonic() - began >= 11
