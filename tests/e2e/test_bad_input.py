"""A start that cannot work says so in one clear line and serves nobody; a running server loses one request at most."""

import contextlib
import ctypes
import os
import random
import re
import resource
import signal
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from askrtest.ports import free_port
from askrtest.server import BINARY, run_askr
from askrtest.wait import SANITIZED, wait_until

FINE = {"index.php": "<?php echo 'fine';", "plain.txt": "plain\n"}


def assert_start_fails(app, pattern, code, lines=1):
    """Nobody was accepted on the way: a port that was never open cannot have been."""
    app.expected_exit = code
    app.launch()
    assert app.wait_exit() == code
    log = app.error_log().strip()
    assert re.search(pattern, log), log
    assert len(log.splitlines()) <= lines, log
    assert app.banner() == ""


# ---------------------------------------------------------------- starts


def test_a_port_in_use(server):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        app = server(FINE, listen=f"127.0.0.1:{port}", wait=False)
        assert_start_fails(app, rf"127\.0\.0\.1:{port}.*in use", 1)


def test_a_port_that_is_used_by_another_askr(server):
    first = server(FINE)
    second = server(FINE, listen=first.listen, wait=False)
    assert_start_fails(second, "in use", 1)
    assert first.get("/").body == b"fine"


def test_the_unix_socket_of_a_running_server_is_not_taken(server, tmp_path):
    address = f"unix:{tmp_path / 'askr.sock'}"
    first = server(FINE, listen=address)
    assert_start_fails(server(FINE, listen=address, wait=False), "in use|answers", 1)
    assert first.get("/").body == b"fine"


@pytest.mark.parametrize("setting", ["listen", "control"])
def test_a_file_is_not_taken_for_a_dead_socket(server, tmp_path, setting):
    path = tmp_path / "precious.txt"
    path.write_text("precious")
    app = server(FINE, wait=False, **{setting: f"unix:{path}" if setting == "listen" else path})
    message, code = {"listen": ("exists and is no socket", 1), "control": ("is there and is no socket", 2)}[setting]
    assert_start_fails(app, rf"{path} {message}", code)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("setting", ["listen", "control"])
def test_the_socket_of_a_server_that_is_too_busy_to_answer_is_not_taken(server, tmp_path, setting):
    path = tmp_path / "busy.sock"
    with socket.socket(socket.AF_UNIX) as busy, contextlib.ExitStack() as queue:
        busy.bind(str(path))
        busy.listen(0)
        full = False
        while not full:
            client = queue.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            full = client.connect_ex(str(path)) != 0
        app = server(FINE, wait=False, **{setting: f"unix:{path}" if setting == "listen" else path})
        assert_start_fails(app, "in use", 1)
        assert path.is_socket()


def test_an_address_that_is_not_ours(server):
    assert_start_fails(server(FINE, listen="192.0.2.1:8000", wait=False), r"192\.0\.2\.1:8000", 1)


def test_a_missing_root(server, tmp_path):
    assert_start_fails(server(root=tmp_path / "nowhere", wait=False), "nowhere", 2)


def test_a_root_that_is_a_file(server, tmp_path):
    (tmp_path / "file").touch()
    assert_start_fails(server(root=tmp_path / "file", wait=False), "file.*(folder|directory)", 2)


def test_a_missing_worker_script(server):
    app = server(FINE, wait=False)
    app.worker_script = app.root / "missing.php"
    assert_start_fails(app, r"missing\.php", 2)


def test_a_missing_config(server, tmp_path):
    app = server(FINE, flags=["--config", tmp_path / "missing.toml"], wait=False)
    assert_start_fails(app, r"missing\.toml", 2)


def test_an_unreadable_config(server, tmp_path):
    folder = tmp_path / "askr.toml"
    folder.mkdir()
    assert_start_fails(server(FINE, flags=["--config", folder], wait=False), r"askr\.toml", 2)


@pytest.mark.parametrize(
    "config, pattern",
    [
        ("[server]\nworkers = 'many'\n", r"askr\.toml:2: .*server\.workers.*many"),
        ("[server]\nworkres = 2\n", r"askr\.toml:2: .*workres.*workers"),
        ("[sever]\nworkers = 2\n", r"askr\.toml:1: .*sever.*server"),
        ("[server\nworkers = 2\n", r"askr\.toml:1:"),
        ("[server]\nmax_body_size = '16X'\n", r"askr\.toml:2: .*max_body_size.*16X"),
        ("[server]\nmax_head_size = '1G'\n", r"askr\.toml:2: .*max_head_size"),
        ("[server]\nsocket_mode = '0888'\n", r"askr\.toml:2: .*socket_mode.*octal.*0888"),
        ("[server]\nsocket_mode = 660\n", r"askr\.toml:2: .*socket_mode.*octal.*660"),
        ("[server]\nlisten = 'nonsense'\n", r"askr\.toml:2: .*listen.*nonsense"),
        ("[server]\ntrusted_proxies = ['10.0.0.0/99']\n", r"askr\.toml:2: .*trusted_proxies.*10\.0\.0\.0/99"),
    ],
)
def test_a_wrong_config_names_file_line_and_key(server, config, pattern):
    assert_start_fails(server(FINE, config=config, wait=False), pattern, 2)


@pytest.mark.parametrize(
    "flags, pattern",
    [
        (["--workres", "2"], "--workres.*--workers"),
        (["--workers", "0"], "--workers"),
        (["--workers", "some"], "--workers.*some"),
        (["--max-body-size"], "--max-body-size"),
        (["--socket-mode", "rw-rw----"], "--socket-mode.*octal.*rw-rw----"),
        (["--socket-mode", "01777"], "--socket-mode.*01777"),
        (["surprise"], "surprise"),
        (["--request-timeout", "-1s"], "--request-timeout"),
        (["--listen", "80000"], r'--listen: expected host:port.*got "80000"; ports are numbers from 1 to 65535$'),
        (["--listen", "127.0.0.1:80000"], "ports are numbers from 1 to 65535$"),
        (["--listen", "8080"], r"did you mean 127\.0\.0\.1:8080, or 0\.0\.0\.0:8080"),
    ],
)
def test_a_wrong_flag_is_named(server, flags, pattern):
    assert_start_fails(server(FINE, flags=flags, wait=False), pattern, 2)


def test_a_folder_without_a_flag_is_understood(tmp_path):
    (tmp_path / "public").mkdir()
    run = run_askr("serve", "public", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (2, 'askr: unexpected word "public", did you mean --root public?\n')
    run = run_askr("serve", "my.toml", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (2, 'askr: unexpected word "my.toml", did you mean --config my.toml?\n')


@pytest.mark.parametrize("config, cure", [
    ("[server]\nroot = proj\n", r'askr\.toml:2: not valid TOML: .*did you mean root = "proj"\?$'),
    ("[php]\nmemory_limit = \"512M\"\n", r'php: unknown section: settings of PHP are lines of \[worker\] ini: ini = \["memory_limit=512M"\]$'),
    ("[php]\nmax_execution_time = 5\ndisplay_errors = false\n", r'ini = \["display_errors=false", "max_execution_time=5"\]$'),
])
def test_a_config_that_is_nearly_right_gets_its_cure(server, config, cure):
    assert_start_fails(server(FINE, config=config, wait=False), cure, 2)


def test_features_of_other_builds_are_not_called_unknown(server):
    assert_start_fails(server(FINE, flags=["--pusher"], wait=False), "--pusher.*not part of this build", 2)
    assert_start_fails(server(FINE, config="[tls]\ncert = 'x'\n", wait=False), "tls.*not part of this build", 2)


def test_a_broken_php_ini(server, tmp_path):
    (tmp_path / "php.ini").write_text("memory_limit = 64M\nbroken = (((\n")
    app = server(FINE, env={"PHPRC": str(tmp_path)}, wait=False)
    assert_start_fails(app, r"syntax error.*php\.ini on line", 2)


@pytest.mark.parametrize("line", ["broken = (((", "memory_limit=(", "nonsense"])
def test_a_broken_ini_line(server, line):
    assert_start_fails(server(FINE, ini=[line], wait=False), re.escape(line), 2)


def test_an_extension_that_does_not_load(server):
    """PHP itself goes on without it, so it is a warning, not the end."""
    app = server(FINE, ini=["extension=no_such_extension"])
    assert app.get("/").body == b"fine"
    assert "no_such_extension" in app.error_log() + app.banner()


def test_a_worker_script_with_a_syntax_error(server):
    app = server({"worker.php": "<?php\nthis is no php;\n"}, wait=False)
    app.worker_script = app.root / "worker.php"
    assert_start_fails(app, r"syntax error.*worker\.php", 1, lines=4)


def test_too_few_file_descriptors(server):
    app = server(FINE, limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)), wait=False)
    assert_start_fails(app, "descriptors", 1)


def test_a_missing_spool_folder(server, tmp_path):
    app = server(FINE, spool_dir=tmp_path / "nowhere", wait=False)
    assert_start_fails(app, "nowhere", 2)


@pytest.mark.parametrize("flag", ["--root", "--spool-dir", "--control"])
def test_a_path_out_of_an_unset_variable(server, flag):
    assert_start_fails(server(FINE, flags=[flag, ""], wait=False), rf'{flag}: expected a path, got ""', 2)


def test_the_control_socket_makes_its_own_folder_only(server, tmp_path):
    app = server(FINE, control=tmp_path / "own/control.sock")
    assert app.status()["listen"]
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o700
    app = server(FINE, control=tmp_path / "no/such/control.sock", wait=False)
    assert_start_fails(app, rf"--control: {tmp_path}/no: No such file or directory", 2)
    assert not (tmp_path / "no").exists()


def test_a_log_that_cannot_be_opened(server, tmp_path):
    app = server(FINE, access_log=tmp_path / "nowhere/access.log", wait=False)
    assert_start_fails(app, "--access-log.*nowhere", 2)


@pytest.mark.parametrize("flag", ["--access-log", "--error-log"])
def test_a_log_that_is_a_pipe_without_a_reader(server, tmp_path, flag):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    app = server(FINE, flags=[flag, path], wait=False)
    assert_start_fails(app, rf"cannot open the {flag[2:].replace('-', ' ')} {path}: nobody reads this pipe", 1)


def too_little_memory():
    resource.setrlimit(resource.RLIMIT_AS, (400_000 << 10, 400_000 << 10))


@pytest.mark.skipif(SANITIZED, reason="the shadow memory of a sanitizer is beyond any limit")
def test_too_little_memory(server):
    """PHP, or the system, says its own line first."""
    app = server(FINE, limits=too_little_memory, wait=False)
    assert_start_fails(app, "the template .* before the application was ready", 1, lines=2)


def test_a_template_that_cannot_start_is_told_once(server):
    app = server({**FINE, "worker.php": "<?php posix_kill(getmypid(), SIGKILL);"}, wait=False, flags=["--cow"])
    app.worker_script = app.root / "worker.php"
    assert_start_fails(app, "the template was killed by signal 9 .* before the application was ready", 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user, and the limit does not hold for root")
def test_too_few_processes(server):
    reads_all = ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        (Path(root) / "index.php").write_text("<?php")
        app = server(root=root, limits=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (3, 3)), wait=False, workers=4)
        command = ["setpriv", "--reuid", "54321", "--clear-groups", *reads_all, *app.command()]
        app.command = lambda: command
        assert_start_fails(app, r"cannot fork a worker \(memory or process limit\)", 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_front_controller_that_may_not_be_read(server):
    app = server(FINE, wait=False)
    front = app.root / "index.php"
    front.chmod(0o600)
    os.chown(front, 54321, 54321)
    powerless = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]  # root is as anybody then
    run = subprocess.run([*powerless, BINARY, "doctor", "--root", app.root], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert re.search(rf"^FAIL .*{front}: Permission denied", run.stdout, re.M), run.stdout
    command = [*powerless, *app.command()]
    app.command = lambda: command
    assert_start_fails(app, f"{front}: Permission denied", 2)


def test_a_worker_script_that_crashes_is_told_once(server):
    app = server({"worker.php": "<?php posix_kill(getmypid(), SIGSEGV);"}, wait=False, workers=4)
    app.worker_script = app.root / "worker.php"
    assert_start_fails(app, r"SIGSEGV: PHP at .*worker\.php:1(.*\n)*.*workers died 8 times in a row", 1, lines=5)


# ---------------------------------------------------------------- a full disk


@pytest.fixture
def small_disk(tmp_path):
    """A file system of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, b"size=2m") != 0:
        pytest.skip(f"cannot mount a file system here: {os.strerror(ctypes.get_errno())}")
    yield folder
    libc.umount2(str(folder).encode(), 2)


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass


def test_a_full_disk_under_the_spool_stops_the_start(server, small_disk):
    fill(small_disk)
    app = server(FINE, spool_dir=small_disk, wait=False)
    run = run_askr("doctor", "--root", app.root, "--spool-dir", small_disk)
    assert run.returncode == 1
    assert re.search(rf"^FAIL .*{small_disk}", run.stdout, re.M), run.stdout
    assert_start_fails(app, re.escape(str(small_disk)), 1)


def test_an_upload_that_finds_the_disk_full_fails_alone(server, small_disk):
    app = server({"index.php": "<?php echo strlen(file_get_contents('php://input'));"}, spool_dir=small_disk, spool_limit="1G")
    for _ in range(3):
        response = app.request("POST", "/", {"X-Request-Id": "too-big"}, b"x" * (4 << 20))
        assert response.status == 507
        assert b"too-big" in response.body
        assert app.post("/", b"x" * (1 << 20)).text == str(1 << 20)  # the space is free again
    app.wait_log("too-big")


def test_a_response_that_finds_the_disk_full_waits_for_its_client(server, small_disk):
    """Its worker is held back, the others serve on, and nothing of the response is lost."""
    app = server(
        {"index.php": "<?php for ($i = 0; $i < 300; $i++) echo str_repeat('x', 100000);", "fine.php": "<?php echo 'fine';"},
        spool_dir=small_disk,
        spool_limit="1G",
        workers=2,
    )
    with app.begin("GET", "/") as slow:
        app.wait_log("the spool folder .* takes no more")
        for _ in range(20):
            assert app.get("/fine.php").body == b"fine"
        assert slow.read_response().body == b"x" * 30_000_000
    app.assert_nothing_is_held()


def test_an_upload_to_php_that_finds_the_disk_full_fails_alone(server, small_disk, tmp_path):
    """PHP's own copy of the uploaded file does not fit beside the spooled body."""
    app = server({"index.php": "<?php echo $_FILES['f']['error'];"}, spool_dir=small_disk, spool_limit="1G")
    body = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"x" * (1_500_000) + b"\r\n--b--\r\n"
    )
    response = app.post("/", body, {"Content-Type": "multipart/form-data; boundary=b"})
    assert (response.status, response.text) in ((200, "7"), (200, "0"))  # 7 is UPLOAD_ERR_CANT_WRITE
    assert app.get("/").status == 200


def test_a_limit_on_the_size_of_files_is_as_a_full_disk(server, tmp_path):
    limit = 256 << 10
    scripts = {
        "index.php": "<?php echo strlen(file_get_contents('php://input'));",
        "write.php": f"<?php echo json_encode(@file_put_contents('{tmp_path}/a', str_repeat('x', 1 << 20)));",
        "run.php": f"<?php echo shell_exec('head -c 1000000 /dev/zero > {tmp_path}/b; echo $?');",
    }
    app = server(scripts, limits=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    before = app.members()
    assert app.post("/", b"x" * (1 << 20)).status == 507
    assert app.post("/", b"x" * 1000).text == "1000"
    assert app.get("/write.php").text in ("false", str(limit))
    assert app.get("/run.php").text == f"{128 + signal.SIGXFSZ}\n"  # the program's own affair
    assert app.members() == before


@pytest.mark.parametrize("closed", [(0, 1, 2), (0, 1), (0,)])
def test_missing_standard_descriptors_are_replaced(server, tmp_path, closed):
    log = tmp_path / "access.log"
    app = server(FINE, wait=False, access_log=log, limits=lambda: [os.close(fd) for fd in closed])
    app.launch()

    def answers():
        try:
            return app.get("/").body == b"fine"
        except OSError:
            return app.process.poll() is not None

    wait_until(answers, "it serves or ends")
    assert app.process.poll() is None, app.said()
    for fd in closed:
        assert os.readlink(f"/proc/{app.master}/fd/{fd}") == "/dev/null"
    wait_until(lambda: len(app.access_lines()) == 1, lambda: log.read_text())


# ---------------------------------------------------------------- while running


def test_running_out_of_descriptors_refuses_clients_and_recovers(server):
    app = server(FINE, limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
    crowd = []
    for _ in range(300):
        try:
            crowd.append(app.client(timeout=1))
        except OSError:
            break
    app.wait_log("no room for another client")
    with app.client() as late:
        assert late.get("/").body == b"fine"  # who says something is served
        assert late.get("/plain.txt").body == b"plain\n"
    for client in crowd:
        client.close()

    def serves():
        try:
            with app.client(timeout=2) as client:
                return client.get("/").body == b"fine"
        except (OSError, EOFError):
            return False

    wait_until(serves, "new clients are served again")


def test_at_max_connections_the_longest_idle_one_makes_room(server):
    app = server(FINE, max_connections=20)
    crowd = [app.client() for _ in range(20)]
    for client in crowd:
        assert client.get("/").status == 200
    assert crowd[0].get("/").status == 200  # now the second is idle longest
    with app.client() as new, app.client() as another:
        for client in (new, another):
            assert client.get("/").status == 200
        for client in (crowd[1], crowd[2]):
            assert client.socket.recv(1) == b""
        for client in (crowd[0], *crowd[3:], new, another):
            assert client.get("/").status == 200
    assert app.status()["processes"][1]["connections"] <= 20
    assert app.error_log().count("no room for another client: 20 are connected") == 1
    for client in crowd:
        client.close()


def test_at_max_connections_a_client_waits_for_those_that_work(server, tmp_path):
    gate = tmp_path / "gate"
    script = f"<?php touch('{gate}.' . $_GET['n']); while (!file_exists('{gate}')) {{ usleep(1000); clearstatcache(); }}"
    app = server({**FINE, "wait.php": script}, max_connections=2, workers=3)
    with app.begin("GET", "/wait.php?n=1") as first, app.begin("GET", "/wait.php?n=2") as second:
        wait_until(lambda: Path(f"{gate}.1").exists() and Path(f"{gate}.2").exists(), "both run")
        with app.begin("GET", "/") as third:
            app.wait_log("no room for another client: 2 are connected")
            gate.touch()
            assert first.read_response().status == second.read_response().status == 200
            assert third.read_response().body == b"fine"


def test_random_bytes_do_not_hurt(server):
    noise = random.Random(5)
    app = server(FINE)
    for _ in range(200):
        with app.client() as client:
            try:
                client.send(noise.randbytes(noise.randint(1, 5000)))
                client.socket.shutdown(socket.SHUT_WR)
                client.is_closed_by_server()
            except OSError:
                pass
    assert app.get("/").body == b"fine"
    assert app.status()["respawns"] == 0


def test_a_front_controller_that_disappears_is_404(server):
    app = server(FINE)
    assert app.get("/").body == b"fine"
    (app.root / "index.php").unlink()
    wait_until(lambda: app.get("/").status in (403, 404), "it is gone")
    assert app.get("/plain.txt").body == b"plain\n"


def test_a_script_that_cannot_be_read_is_not_the_end(server):
    app = server({**FINE, "folder.php/index.html": "a folder"})
    assert app.get("/folder.php/").status in (200, 403, 404)
    assert app.get("/").body == b"fine"


def test_the_default_port_is_free_to_choose(server):
    """Two servers of one user run side by side, each with its own control socket."""
    first, second = server(FINE), server(FINE, listen=f"127.0.0.1:{free_port()}")
    assert first.status()["listen"] != second.status()["listen"]
    assert first.get("/").body == second.get("/").body == b"fine"


def test_of_two_servers_that_start_at_the_same_moment_one_gets_the_port(server, tmp_path):
    listen = f"127.0.0.1:{free_port()}"
    pair = [server(FINE, wait=False, listen=listen, control=tmp_path / f"control-{n}") for n in range(2)]
    for one in pair:
        one.launch()
    wait_until(lambda: any(one.process.poll() is not None for one in pair), "one of them gives up")
    loser = next(one for one in pair if one.process.poll() is not None)
    loser.expected_exit = 1
    assert "Address already in use" in loser.error_log()


def test_a_worker_script_that_cannot_boot_is_told_once(server):
    app = server({"worker.php": "<?php throw new Exception('no database');"}, wait=False, workers=4)
    app.worker_script = app.root / "worker.php"
    app.expected_exit = 1
    app.launch()
    assert app.wait_exit() == 1
    assert app.error_log().count("no database") == 1
