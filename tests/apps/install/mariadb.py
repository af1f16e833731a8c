"""A MariaDB server of its own for a test: data in a temporary folder, reached through a Unix socket only.

It runs as the user who runs the tests, opens no port, and is ended by its process id.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import common

START_LIMIT = 60
STOP_LIMIT = 30


class MariaDb:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="askr-mariadb-"))  # short: socket paths have a limit
        self.socket = self.folder / "socket"
        self.log = self.folder / "log"
        self.process = None
        self.user = ["--user=root"] if os.geteuid() == 0 else []

    def __enter__(self):
        try:
            self.start()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        data = f"--datadir={self.folder}/data"
        common.run(["mariadb-install-db", "--no-defaults", data, "--skip-test-db", "--skip-name-resolve",
                    "--auth-root-authentication-method=normal", "--innodb-log-file-size=8M", *self.user])
        server = shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin")
        if server is None:
            raise common.InstallError("mariadbd is not installed: install the Debian package mariadb-server")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [server, "--no-defaults", data, f"--socket={self.socket}", f"--pid-file={self.folder}/pid",
                 "--skip-networking", "--innodb-log-file-size=8M", "--innodb-buffer-pool-size=32M",
                 "--innodb-flush-log-at-trx-commit=0", *self.user],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_until_it_answers()

    def wait_until_it_answers(self):
        deadline = time.monotonic() + START_LIMIT
        while True:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise common.InstallError(f"MariaDB did not start:\n{self.log.read_text(errors='replace')[-4000:]}")
            try:
                self.execute("SELECT 1")
                return
            except common.InstallError:
                time.sleep(0.1)

    def execute(self, statements):
        return common.run(["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "-e", statements])

    def create(self, database, user, password):
        self.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4;"
                     f"CREATE USER {user}@localhost IDENTIFIED BY '{password}';"
                     f"GRANT ALL ON {database}.* TO {user}@localhost;")
