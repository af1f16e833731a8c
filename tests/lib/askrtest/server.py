"""The server under test: the real binary with a document root of its own, on a free port, watched to its end."""

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

from .http import Client, request_bytes
from .ports import free_port
from .processes import Process, is_alive, session_members
from .wait import SANITIZED, STRETCH, wait_until

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("ASKR_BIN", ROOT / "build/bin/askr"))
START_LIMIT = 15
STOP_LIMIT = 20

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

SANITIZER_REPORT = re.compile(r"ERROR: \w*Sanitizer|runtime error:|Assertion `.*' failed")


def write_files(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)


def run_askr(*arguments, cwd=None, env=None, timeout=20):
    """Runs a command that ends by itself."""
    assert BINARY.exists(), f"{BINARY} was not built; run ./dev build"
    return subprocess.run(
        [str(BINARY), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout * STRETCH,
    )


class Server:
    """Starts `askr serve`. `files` fill the document root, `config` is an askr.toml, `flags` come last.

    `settings` are flags by name: workers=2 is --workers 2, max_body_size="1M" is --max-body-size 1M.
    """

    def __init__(self, folder, files=None, *, root=None, config=None, flags=(), ini=(), env=None, worker_script=None,
                 listen=None, limits=None, **settings):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.root = Path(root) if root else self.folder / "root"
        if root is None:
            self.root.mkdir(exist_ok=True)
        write_files(self.root, files or {})
        self.port = None
        if listen is None:
            self.port = free_port()
            listen = [f"127.0.0.1:{self.port}"]
        self.listen = [listen] if isinstance(listen, str) else list(listen)
        self.control = settings.pop("control", self.folder / "control.sock")
        self.banner_file = self.folder / "stdout.log"
        self.error_file = self.folder / "stderr.log"
        self.access_file = Path(settings["access_log"]) if "access_log" in settings else None
        self.config = config
        self.ini = list(ini)
        self.worker_script = worker_script
        self.settings = {"workers": 2, "gateways": 1, **settings}
        self.flags = [str(flag) for flag in flags]
        self.env = env or {}
        self.limits = limits
        self.process = None
        self.expected_exit = 0

    # --- life

    def command(self):
        command = [str(BINARY), "serve"]
        if self.config is not None:
            config_file = self.folder / "askr.toml"
            config_file.write_text(self.config)
            command += ["--config", str(config_file)]
        for address in self.listen:
            command += ["--listen", address]
        command += ["--root", str(self.root)]
        command += ["--control", str(self.control)] if self.control else []
        for name, value in self.settings.items():
            if value is not None:
                command += [f"--{name.replace('_', '-')}", str(value)]
        if self.worker_script:
            command += ["--worker-script", str(self.worker_script)]
        for line in self.ini:
            command += ["--ini", line]
        return command + self.flags

    def launch(self):
        """Starts the process without waiting for anything."""
        assert BINARY.exists(), f"{BINARY} was not built; run ./dev build"
        with open(self.banner_file, "ab") as out, open(self.error_file, "ab") as err:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={**os.environ, "NO_COLOR": "1", **self.env},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=self.prepare_child,
            )
        return self

    def prepare_child(self):
        """A test run that is killed takes its servers with it."""
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if self.limits:
            self.limits()

    def start(self):
        self.launch()
        wait_until(self.is_up, lambda: f"{self.listen[0]} accepts connections\n{self.said()}", START_LIMIT)
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended with {self.process.returncode} at its start\n{self.said()}")
        try:
            self.client().close()
            # The banner goes to standard error when the access log has standard output.
            return "askr" in (self.banner() + self.error_log()).lower()
        except OSError:
            return False

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, seconds=STOP_LIMIT):
        try:
            return self.process.wait(seconds * STRETCH)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the server still runs after {seconds * STRETCH} s\n{self.said()}") from None

    def stop(self):
        """Ends the server and checks that it ended well and left nothing behind."""
        if self.process is None:
            return
        session = self.process.pid
        try:
            if self.process.poll() is None:
                self.signal(signal.SIGTERM)
                self.wait_exit()
            wait_until(lambda: not session_members(session), "no process is left behind", 5)
        finally:
            self.process.poll()
            left = session_members(session)
            for process in left:
                os.kill(process.pid, signal.SIGKILL)
            if self.process.returncode is None:
                self.process.wait()
        assert self.process.returncode == self.expected_exit, f"exit code {self.process.returncode}\n{self.said()}"
        report = SANITIZER_REPORT.search(self.error_log())
        assert not report, self.error_log()[report.start() :][:6000]

    # --- what it says

    def error_log(self):
        path = Path(self.settings.get("error_log", self.error_file))
        return path.read_text(errors="replace") if path.exists() else ""

    def banner(self):
        return self.banner_file.read_text(errors="replace")

    def warnings(self):
        """Those of the banner, without what it says to root, as which tests may run."""
        found = re.findall(r"^warning: (.*)$", self.banner(), re.M)
        return [warning for warning in found if not warning.startswith("PHP runs as root")]

    def access_lines(self):
        text = self.access_file.read_text() if self.access_file.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def said(self):
        return f"--- standard output\n{self.banner()[-2000:]}\n--- log\n{self.error_log()[-6000:]}"

    def wait_log(self, pattern, seconds=10):
        """The match of `pattern` in the error log, once it is there."""
        return wait_until(lambda: re.search(pattern, self.error_log()), lambda: f"the log says {pattern!r}\n{self.said()}", seconds)

    # --- talking to it

    @property
    def address(self):
        return parse_address(self.listen[0])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def client(self, address=None, **options):
        return Client(parse_address(address) if address else self.address, **options)

    def request(self, method, target, headers=(), body=b"", version="HTTP/1.1"):
        """One request on a connection of its own."""
        with self.client() as client:
            return client.request(method, target, headers, body, version)

    def get(self, target, headers=()):
        return self.request("GET", target, headers)

    def post(self, target, body, headers=()):
        return self.request("POST", target, headers, body)

    def begin(self, method, target, headers=(), body=b"", **options):
        """Sends a request and leaves its answer to the caller."""
        client = self.client(**options)
        client.send(request_bytes(method, target, headers, body))
        return client

    # --- looking inside

    def askr(self, command, *arguments):
        return run_askr(command, "--control", self.control, *arguments, cwd=self.folder)

    def status(self):
        """What `askr status --json` prints, asked for on the control socket: many tests ask often."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(5 * STRETCH)
            control.connect(str(self.control))
            control.sendall(b"status\n")
            return json.loads(b"".join(iter(lambda: control.recv(1 << 16), b"")))

    def workers(self):
        return [process for process in self.status()["processes"] if process["role"] == "worker"]

    def assert_nothing_is_held(self):
        """Slots and blocks are free again once nobody asks for anything."""

        def nothing():
            usage = self.status()["exchange"]
            return usage["slots_used"] == usage["blocks_used"] == 0

        wait_until(nothing, lambda: f"no slot or block is in use: {self.status()['exchange']}")

    def assert_always_rewound(self):
        """No process has taken the place of another one: neither after a crash nor because it could not be rewound."""
        status = self.status()
        assert (status["respawns"], status["rewinding"]["reasons"]) == (0, {}), self.error_log()

    def pids(self, role):
        return [process["pid"] for process in self.status()["processes"] if process["role"] == role]

    def one_of(self, role):
        """The id of a process of this role. Waits for one: where some were killed, there may be none for a moment."""
        return wait_until(lambda: self.pids(role), f"there is a {role}")[0]

    @property
    def master(self):
        return self.process.pid

    def gateway(self):
        (pid,) = self.pids("gateway")
        return pid

    def members(self):
        return {process.pid for process in session_members(self.process.pid)}

    def reload(self):
        return self.askr("reload")


def parse_address(text):
    if text.startswith("unix:"):
        return text[len("unix:") :]
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def kill(pid, number=signal.SIGKILL):
    """Ends one process and waits until it is gone."""
    started = Process(pid).started
    os.kill(pid, number)

    def gone():
        try:
            return not is_alive(pid) or Process(pid).started != started
        except (FileNotFoundError, ProcessLookupError):  # reaped between the two looks
            return True

    wait_until(gone, f"process {pid} ends")


__all__ = ["BINARY", "ROOT", "SANITIZED", "Server", "kill", "parse_address", "run_askr", "write_files"]
