"""[server] user and group: root keeps sockets and logs, and everybody else is somebody else."""

import os
import pwd
import random
import re
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from askrtest.processes import session_members
from askrtest.server import kill, run_askr
from askrtest.wait import wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a server that runs as another user")

USER = "www-data"
FILES = {
    "index.php": """<?php
        $groups = posix_getgroups(); sort($groups);
        echo json_encode([posix_geteuid(), posix_getuid(), posix_getegid(), $groups, getenv('USER'), getenv('HOME'),
                          $_SERVER['USER'] ?? null]);""",
    "size.php": "<?php echo strlen(file_get_contents('php://input')), ' ', md5(file_get_contents('php://input'));",
    "upload.php": """<?php
        $file = $_FILES['f'];
        echo json_encode([is_uploaded_file($file['tmp_name']), filesize($file['tmp_name']), fileowner($file['tmp_name'])]);""",
    "large.php": "<?php echo str_repeat('0123456789abcdef', 1 << 18);",
    "log.php": "<?php error_log('from ' . $_GET['text']);",
    "read.php": "<?php echo @file_get_contents($_GET['file']) === false ? 'no' : 'yes';",
    "pid.php": "<?php echo getmypid();",
    "plain.txt": "plain\n",
    "worker.php": """<?php
        if (function_exists('askr_cow_ready')) askr_cow_ready();
        while (askr_handle_request(function (array $request) { include __DIR__ . parse_url($request['uri'], PHP_URL_PATH); })) { }""",
}
MODES = {
    "request": [],
    "worker": ["worker"],
    "cow": ["worker", "--cow"],
    "isolation": ["worker", "--isolation", "request"],
    "rewind": ["worker", "--isolation", "rewind"],
}


@pytest.fixture
def folder(tmp_path):
    """A folder that others may enter: pytest's own are for root alone."""
    for each in [tmp_path, *tmp_path.parents][: len(tmp_path.parents) - 1]:
        each.chmod(each.stat().st_mode | 0o011)
    return tmp_path


@pytest.fixture
def serve(server, folder):
    def make(mode="request", files=None, wait=True, flags=(), user=USER, **options):
        first, *rest = MODES[mode] or [None]
        app = server({**FILES, **(files or {})}, wait=False, flags=[*rest, *flags], user=user, **options)
        if first == "worker":
            app.worker_script = app.root / "worker.php"
        app.folder.chmod(0o755)
        app.root.chmod(0o755)
        return app.start() if wait else app

    return make


def account():
    return pwd.getpwnam(USER)


def credentials(pid):
    facts = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        facts[name] = rest.split()
    return facts


def all_in(values, value):
    return set(values) == {str(value)}


def assert_is_user(pid):
    facts = credentials(pid)
    assert all_in(facts["Uid"], account().pw_uid) and all_in(facts["Gid"], account().pw_gid), facts
    assert facts["Groups"] == [str(account().pw_gid)]
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(facts[kind][0], 16) == 0, (kind, facts[kind])


# ---------------------------------------------------------------- who is who


@needs_root
@pytest.mark.parametrize("mode", MODES)
def test_all_but_the_master_are_that_user(serve, mode):
    app = serve(mode, workers=2)
    for process in app.status()["processes"]:
        if process["role"] == "master":
            assert all_in(credentials(process["pid"])["Uid"], 0)
        else:
            assert_is_user(process["pid"])
    everybody = {process.pid for process in session_members(app.process.pid)} - {app.master}
    for pid in everybody:
        assert_is_user(pid)
    uid, real, gid, groups, name, home, in_server = app.get("/index.php").json()
    assert (uid, real, gid, groups) == (account().pw_uid, account().pw_uid, account().pw_gid, [account().pw_gid])
    assert (name, home, in_server) == (USER, account().pw_dir, USER)
    assert "PHP runs as root" not in app.banner()


@needs_root
@pytest.mark.parametrize("mode", MODES)
def test_large_bodies_go_through(serve, mode):
    """A worker reads what the gateway has spooled, both as the user."""
    app = serve(mode, workers=2)
    body = os.urandom(300_000)
    assert app.request("PUT", "/size.php", body=body).text.split()[0] == "300000"
    content = b"x" * 200_000
    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + content + b"\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert app.post("/upload.php", form, headers).json() == [True, len(content), account().pw_uid]
    assert len(app.get("/large.php").body) == 4 << 20


@needs_root
def test_sidecars_are_that_user(serve, folder):
    queue = "<?php file_put_contents('php://stdout', 'queue is ' . posix_geteuid() . \"\\n\"); while (!askr_should_stop()) sleep(9);"
    app = serve(files={"queue.php": queue}, flags=["--sidecar", "who=id -u; exec sleep 600"], wait=False)
    app.flags += ["--queue-script", str(app.root / "queue.php")]
    app.start()
    app.wait_log(rf"(?m)^queue is {account().pw_uid}$")
    app.wait_log(rf"(?m)^{account().pw_uid}$")
    for process in app.status()["processes"]:
        if process["role"] == "sidecar":
            assert_is_user(process["pid"])


@needs_root
def test_those_that_come_later_are_that_user_too(serve):
    app = serve(workers=1)
    kill(int(app.get("/pid.php").text))
    assert_is_user(int(app.get("/pid.php").text))
    kill(app.gateway())
    wait_until(lambda: app.pids("gateway"), "another gateway")
    assert_is_user(app.gateway())
    assert app.reload().returncode == 0
    assert_is_user(int(app.get("/pid.php").text))


@needs_root
def test_a_group_of_its_own_and_numbers(serve):
    app = serve(user="4711", flags=["--group", "nogroup"])
    uid, _, gid, groups, name, _, _ = app.get("/index.php").json()
    assert (uid, gid, groups, name) == (4711, 65534, [65534], "4711")


@needs_root
def test_all_end_when_the_master_is_killed(serve):
    app = serve(flags=["--sidecar", "sleep=exec sleep 600"], shutdown_timeout="500ms")
    app.get("/")
    app.expected_exit = -signal.SIGKILL
    app.process.kill()
    app.process.wait()
    wait_until(lambda: not session_members(app.process.pid), "nobody is left")


# ---------------------------------------------------------------- what is root's


@needs_root
def test_logs_are_opened_by_root_and_reopened_for_all(serve, folder):
    logs = folder / "logs"
    logs.mkdir(mode=0o700)
    queue = "<?php while (!askr_should_stop()) { echo \"a line of the queue\\n\"; usleep(50000); }"
    app = serve(files={"queue.php": queue}, error_log=logs / "error.log", access_log=logs / "access.log", wait=False)
    app.flags += ["--queue-script", str(app.root / "queue.php")]
    app.start()
    assert app.get(f"/read.php?file={logs}/error.log").text == "no"
    app.get("/log.php?text=before")
    app.wait_log("from before")
    for name in ("error.log", "access.log"):
        assert stat.S_IMODE((logs / name).stat().st_mode) == 0o640
        assert (logs / name).stat().st_uid == 0
        (logs / name).rename(logs / f"{name}.1")
    app.signal(signal.SIGUSR1)
    wait_until(lambda: (logs / "error.log").exists() and (logs / "access.log").exists(), "the new files are there")
    app.get("/log.php?text=after")
    app.wait_log("from after")
    app.wait_log("a line of the queue")
    wait_until(lambda: any("text=after" in line["path"] for line in app.access_lines()), "the new access log has it")
    assert "after" not in (logs / "error.log.1").read_text()
    kill(app.gateway())
    wait_until(lambda: app.pids("gateway"), "another gateway")
    app.get("/log.php?text=later")
    wait_until(lambda: any("text=later" in line["path"] for line in app.access_lines()), "a later gateway writes there too")


def users_folder(path):
    path.mkdir()
    os.chown(path, account().pw_uid, account().pw_gid)
    return path


def roots_file(folder):
    file = folder / "secret"
    file.write_text("of root\n")
    file.chmod(0o600)
    return file


@needs_root
@pytest.mark.parametrize("log", ["error", "access"])
@pytest.mark.parametrize("leads", ["file", "folder", "hard"])
def test_no_link_of_the_user_leads_root_to_another_file(serve, folder, log, leads):
    logs = users_folder(folder / "logs")
    target = roots_file(folder)
    if leads == "folder":
        (folder / "of-root").mkdir(mode=0o700)
        (logs / "sub").symlink_to(folder / "of-root")
        path = logs / "sub" / "log"
    else:
        path = logs / "log"
        path.symlink_to(target) if leads == "file" else path.hardlink_to(target)
    app = serve(wait=False, **{f"{log}_log": path})
    app.expected_exit = 2
    app.launch()
    assert app.wait_exit() == 2
    said = app.error_file.read_text()
    assert f"{path}: Permission denied" in said
    assert target.read_text() == "of root\n"
    assert leads != "folder" or not list((folder / "of-root").iterdir())


@needs_root
@pytest.mark.parametrize("log", ["error", "access"])
def test_no_link_that_comes_before_a_rotation_does(serve, folder, log):
    logs = users_folder(folder / "logs")
    target = roots_file(folder)
    path = logs / "log"
    app = serve(**{f"{log}_log": path})
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (account().pw_uid, 0o640)
    path.rename(logs / "log.1")
    path.symlink_to(target)
    app.signal(signal.SIGUSR1)
    wait_until(lambda: "the old one goes on" in app.error_file.read_text() + (logs / "log.1").read_text(), "it is refused")
    path.unlink()
    app.signal(signal.SIGUSR1)
    wait_until(lambda: path.exists(), "the next rotation goes well")
    app.get("/log.php?text=after")
    wait_until(lambda: "after" in path.read_text(), "the new file is written to")
    assert target.read_text() == "of root\n"


@needs_root
def test_links_of_root_lead_where_they_lead(serve, folder):
    (folder / "disk").mkdir(mode=0o700)
    (folder / "logs").symlink_to(folder / "disk")
    app = serve(error_log=folder / "logs" / "error.log")
    app.get("/log.php?text=it")
    app.wait_log("from it")
    assert (folder / "disk" / "error.log").stat().st_uid == 0


@needs_root
def test_standard_output_and_pipes_of_root_are_logs(serve, folder):
    app = serve(error_log="/dev/stderr", access_log="/dev/stdout", wait=False)
    app.start().get("/log.php?text=standard")
    wait_until(lambda: "from standard" in app.error_file.read_text(), "the error log is standard error")
    wait_until(lambda: '"path":"/log.php?text=standard"' in app.banner(), "the access log is standard output")
    app.stop()
    os.mkfifo(folder / "pipe", 0o600)
    reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    app = serve(access_log=folder / "pipe")
    app.get("/plain.txt")
    wait_until(lambda: b"/plain.txt" in read_some(reader), "a line comes out of the pipe")
    os.close(reader)


def read_some(reader):
    try:
        return os.read(reader, 4096)
    except BlockingIOError:
        return b""


@needs_root
def test_what_plugins_write_is_the_users(serve, folder):
    pages = users_folder(folder / "pages")
    target = roots_file(folder)
    (folder / "of-root").mkdir(mode=0o700)
    app = serve(flags=["--response-cache", "100", "--cache-persist", pages / "saved"])
    app.stop()
    assert (pages / "saved").stat().st_uid == account().pw_uid
    (pages / "sub").symlink_to(folder / "of-root")
    app = serve(flags=["--response-cache", "100", "--cache-persist", pages / "sub" / "saved"])
    app.wait_log(r"warning master: .*cache\.persist: nothing can be saved to .*/sub/saved: Permission denied")
    app.stop()
    assert not list((folder / "of-root").iterdir())
    assert target.read_text() == "of root\n"


@needs_root
def test_config_check_looks_at_logs_as_the_server_will(folder):
    (folder / "www").mkdir(mode=0o755)
    (folder / "www/index.php").write_text("<?php")
    logs = users_folder(folder / "logs")
    (logs / "error.log").symlink_to(roots_file(folder))
    run = run_askr("config-check", "--user", USER, "--root", "www", "--error-log", logs / "error.log", cwd=folder)
    assert run.returncode == 2
    assert f"--error-log: {logs}/error.log: Permission denied for {USER}" in run.stderr


@needs_root
def test_the_control_socket_is_for_root(serve):
    app = serve()
    facts = app.control.stat()
    assert (facts.st_uid, stat.S_IMODE(facts.st_mode)) == (0, 0o600)
    assert app.askr("status").returncode == 0
    assert app.status()["processes"][1]["rss_kb"] > 0
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(app.control)!r})"
    refused = subprocess.run([sys.executable, "-c", code], user=USER, group=USER, extra_groups=[], capture_output=True, text=True)
    assert "PermissionError" in refused.stderr


@needs_root
def test_a_unix_socket_is_for_the_group(serve, folder):
    address = folder / "askr.sock"
    app = serve(listen=f"unix:{address}")
    facts = address.stat()
    assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (0, account().pw_gid, 0o660)
    code = f"""import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(address)!r})
s.sendall(b"GET /plain.txt HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n"); print(s.recv(99999).decode())"""
    answer = subprocess.run([sys.executable, "-c", code], user="nobody", group=USER, extra_groups=[], capture_output=True, text=True)
    assert "200 OK" in answer.stdout, answer.stderr
    app.stop()
    assert not address.exists()


@needs_root
def test_a_port_of_root(serve):
    """Below 1024, as far as this machine has that border."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 0))
            port = next(port for port in random.sample(range(700, 1023), 323) if free(port))
        except StopIteration:
            pytest.skip("no free port below 1024")
    app = serve(listen=f"127.0.0.1:{port}")
    assert app.get("/plain.txt").text == "plain\n"


def free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


@needs_root
def test_uploads_are_the_users_and_go_with_the_server(serve, folder):
    spool = folder / "spool"
    spool.mkdir()
    os.chown(spool, account().pw_uid, account().pw_gid)
    app = serve(spool_dir=spool)
    (uploads,) = spool.glob("askr-uploads-*")
    assert (uploads.stat().st_uid, stat.S_IMODE(uploads.stat().st_mode)) == (account().pw_uid, 0o700)
    app.stop()
    assert not uploads.exists()


# ---------------------------------------------------------------- mistakes


def refuses(app, pattern):
    app.expected_exit = 2
    app.launch()
    assert app.wait_exit() == 2
    text = app.error_log().strip()
    assert re.search(pattern, text), text
    assert len(text.splitlines()) == 1, text


@needs_root
@pytest.mark.parametrize("user, flags, pattern", [
    ("no-such-user", [], r"^askr: --user: there is no user \"no-such-user\" here$"),
    (USER, ["--group", "no-such-group"], r"^askr: --group: there is no group \"no-such-group\" here$"),
    ("4711", [], r"^askr: --user: user 4711 has no entry .*server\.group"),
    (None, ["--group", USER], r"^askr: --group: needs a user \(server\.user\)$"),
])
def test_unknown_names_are_refused(serve, user, flags, pattern):
    refuses(serve(user=user, flags=flags, wait=False), pattern)


def test_who_is_not_root_cannot_change(server, tmp_path):
    app = server({"index.php": ""}, user=USER, wait=False)
    if os.geteuid() == 0:
        for each in [tmp_path, *tmp_path.parents][: len(tmp_path.parents) - 1]:
            each.chmod(each.stat().st_mode | 0o011)
        app.limits = lambda: os.setuid(65534)
    refuses(app, r"^askr: --user: only root can start a server that runs as another user")


@needs_root
def test_what_the_user_may_not_read_is_found_at_the_start(serve, folder):
    app = serve(wait=False)
    app.root.chmod(0o700)
    refuses(app, rf"^askr: --root: {app.root}: Permission denied for {USER}$")
    app.root.chmod(0o755)
    app.error_file.unlink()
    (app.root / "index.php").chmod(0o600)
    refuses(app, rf"index\.php: Permission denied for {USER}$")


@needs_root
def test_config_check_looks_with_the_eyes_of_the_user(folder):
    (folder / "www").mkdir(mode=0o700)
    (folder / "www/index.php").write_text("<?php")
    run = run_askr("config-check", "--user", USER, "--root", "www", cwd=folder)
    assert run.returncode == 2
    assert f"Permission denied for {USER}" in run.stderr
    run = run_askr("config-check", "--user", "no-such-user", "--root", "www", cwd=folder)
    assert run.returncode == 2 and "there is no user" in run.stderr


@needs_root
def test_doctor_looks_with_the_eyes_of_the_user(folder):
    for name in ("public", "bootstrap/cache", "storage/logs"):
        (folder / name).mkdir(parents=True)
    (folder / "artisan").touch()
    (folder / "bootstrap/app.php").touch()
    (folder / "public/index.php").write_text("<?php")
    os.chown(folder / "storage/logs", account().pw_uid, account().pw_gid)
    run = run_askr("doctor", "--user", USER, "--root", "public", cwd=folder)
    assert f"storage is not writable for {USER} - chown -R {USER} {folder}/storage" in run.stdout
    assert "storage/logs is writable" in run.stdout
    assert "runs PHP as root" not in run.stdout
    assert f"all but the master run as {USER}" in run.stdout
    without = run_askr("doctor", "--root", "public", cwd=folder)
    assert "runs PHP as root" in without.stdout


def test_the_setting_is_in_the_help():
    text = run_askr("serve", "--help").stdout
    assert "--user USER" in text and "--group GROUP" in text
