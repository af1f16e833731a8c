"""Where uploads wait for the application: whose folder that is, and what becomes of files that nobody has taken."""

import os
import stat
from pathlib import Path

import pytest

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
