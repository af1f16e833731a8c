"""Where uploads wait for the application: whose folder that is, and what becomes of files that nobody has taken."""

import os
import signal
import stat
from pathlib import Path

import pytest

from askrtest.processes import session_members
from askrtest.server import kill
from askrtest.wait import wait_until

UPLOAD = (b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\ncontent\r\n--b--\r\n',
          {"Content-Type": "multipart/form-data; boundary=b"})
NAMES = {"index.php": "<?php echo json_encode([ini_get('upload_tmp_dir'), $_FILES['f']['tmp_name']]);"}


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o777)
    folder.chmod(0o1777)
    return folder


def folders_in(spool):
    return set(spool.glob("askr-uploads-*"))


# ---------------------------------------------------------------- whose it is


def test_folders_that_are_there_already_are_not_used(server, spool, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (spool / "askr-uploads").symlink_to(elsewhere)
    (spool / "askr-uploads-abcdef").mkdir()
    (spool / "askr-uploads-abcdef").chmod(0o777)
    before = set(spool.iterdir())
    app = server(NAMES, spool_dir=spool)
    configured, file = app.post("/", *UPLOAD).json()
    assert Path(configured).parent == spool and Path(configured) not in before
    assert Path(configured) in Path(file).parents
    facts = os.lstat(configured)
    assert stat.S_ISDIR(facts.st_mode)
    assert (stat.S_IMODE(facts.st_mode), facts.st_uid) == (0o700, os.geteuid())


def test_servers_that_share_a_spool_folder_share_no_uploads(server, spool):
    one, other = server(NAMES, spool_dir=spool), server(NAMES, spool_dir=spool)
    assert one.post("/", *UPLOAD).json()[0] != other.post("/", *UPLOAD).json()[0]
    one.stop()
    assert Path(other.post("/", *UPLOAD).json()[0]).is_dir()


def test_a_stop_removes_the_folder(server, spool):
    app = server(NAMES, spool_dir=spool)
    assert len(folders_in(spool)) == 1
    app.stop()
    wait_until(lambda: not folders_in(spool), "the folder for uploads is gone")


# ---------------------------------------------------------------- what killed processes leave

WAITS = """<?php
$input = fopen('php://input', 'r');
stream_get_contents($input);
touch($_GET['began']);
while ($_GET['gate'] !== '' && !file_exists($_GET['gate'])) { usleep(1000); clearstatcache(); }
echo 'done';
"""
LARGE = (b"x" * 100_000, {"Content-Type": "application/octet-stream"})


def files_in(spool):
    return [path for path in spool.rglob("*") if path.is_file()]


def begin_upload(app, tmp_path, upload=UPLOAD, gate="never"):
    """A request that PHP has in a file, and that does not end before somebody makes `gate`."""
    body, headers = upload
    began = tmp_path / "began"
    began.unlink(missing_ok=True)
    busy = app.begin("POST", f"/?began={began}&gate={tmp_path / gate}", headers, body)
    wait_until(began.exists, "the script runs")
    return busy


@pytest.mark.parametrize("isolation", ["none", "request", "rewind"])
@pytest.mark.parametrize("upload", [UPLOAD, LARGE], ids=["form", "body"])
def test_a_killed_worker_leaves_no_upload(server, spool, tmp_path, isolation, upload):
    boot = tmp_path / "boot.php"
    boot.write_text("<?php\n")
    app = server({"index.php": WAITS}, spool_dir=spool, workers=1, isolation=isolation,
                 preload_script=boot if isolation != "none" else None)
    with begin_upload(app, tmp_path, upload) as busy:
        assert len(files_in(spool)) == 1
        (worker,) = [process["pid"] for process in app.workers() if process["state"] == "busy"]
        kill(worker)
        assert busy.read_response().status == 502
    (folder,) = folders_in(spool)
    wait_until(lambda: list(folder.iterdir()) == [], "what the worker has left is gone")
    with begin_upload(app, tmp_path, upload, gate="began") as busy:
        assert busy.read_response().body == b"done"


def test_a_worker_that_runs_for_too_long_leaves_no_upload(server, spool, tmp_path):
    app = server({"index.php": WAITS}, spool_dir=spool, workers=1, request_timeout="500ms")
    with begin_upload(app, tmp_path) as busy:
        assert busy.read_response().status == 504
    wait_until(lambda: not files_in(spool), "what the worker has left is gone")


def test_the_next_start_removes_what_a_killed_server_has_left(server, spool, tmp_path):
    neighbour = server(NAMES, spool_dir=spool)
    app = server({"index.php": WAITS}, spool_dir=spool, workers=1)
    with begin_upload(app, tmp_path):
        for process in session_members(app.master):
            os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: not session_members(app.master), "all processes are gone")
    app.expected_exit = -signal.SIGKILL
    assert len(files_in(spool)) == 1
    server(NAMES, spool_dir=spool)
    assert files_in(spool) == []
    assert len(folders_in(spool)) == 2
    assert Path(neighbour.post("/", *UPLOAD).json()[0]).is_dir()


def test_folders_that_only_look_like_one_are_not_removed(server, spool, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    (spool / "askr-uploads-abcdef").symlink_to(precious)
    (spool / "askr-uploads-of-others").mkdir()
    server(NAMES, spool_dir=spool)
    assert (precious / "file").exists() and (spool / "askr-uploads-abcdef").is_symlink()
    assert (spool / "askr-uploads-of-others").is_dir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_folders_of_other_users_are_not_removed(server, spool):
    (spool / "askr-uploads-abcdef").mkdir()
    os.chown(spool / "askr-uploads-abcdef", 65534, 65534)
    server(NAMES, spool_dir=spool)
    assert (spool / "askr-uploads-abcdef").is_dir()


def test_a_folder_that_an_operator_names_is_used_as_it_is(server, spool, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    app = server(NAMES, spool_dir=spool, ini=[f"upload_tmp_dir={mine}"])
    configured, file = app.post("/", *UPLOAD).json()
    assert Path(configured) == Path(file).parent == mine
