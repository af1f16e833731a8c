"""php-fpm itself, asked by FastCGI: what it says is what Askr should say."""

import getpass
import shutil
import socket
import struct
import subprocess
from pathlib import Path

from .wait import wait_until

PROGRAM = shutil.which("php-fpm8.2") or shutil.which("php-fpm8.2", path="/usr/sbin")

BEGIN, END, PARAMS, STDIN, STDOUT = 1, 3, 4, 5, 6


class Fpm:
    """One worker process. Use it in a `with`."""

    def __init__(self, folder, root):
        self.folder, self.root = Path(folder), Path(root)
        self.socket = self.folder / "fpm.sock"

    def __enter__(self):
        settings = self.folder / "fpm.conf"
        settings.write_text(f"[global]\nerror_log = {self.folder}/fpm.log\ndaemonize = no\n[www]\nlisten = {self.socket}\n"
                            f"user = {getpass.getuser()}\npm = static\npm.max_children = 1\n")
        self.process = subprocess.Popen([PROGRAM, "-R", "-F", "-y", settings], stderr=subprocess.DEVNULL)
        wait_until(self.socket.exists, lambda: f"php-fpm listens; it ended with {self.process.poll()}")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def get(self, path):
        """The body of the answer."""
        return self.answer(path)[2]

    def answer(self, path, query="", ini=()):
        """Its status, its fields and its body; `ini` as php_value."""
        parameters = {"REQUEST_METHOD": "GET", "SCRIPT_FILENAME": f"{self.root}{path}", "SCRIPT_NAME": path,
                      "REQUEST_URI": path + ("?" + query if query else ""), "QUERY_STRING": query,
                      "DOCUMENT_ROOT": str(self.root), "SERVER_PROTOCOL": "HTTP/1.1", "PHP_VALUE": "\n".join(ini)}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.socket))
            connection.sendall(record(BEGIN, struct.pack("!HB5x", 1, 0)) + record(PARAMS, pairs(parameters)) + record(PARAMS)
                               + record(STDIN))
            with connection.makefile("rb") as answer:
                head, _, body = read_output(answer).partition(b"\r\n\r\n")
        fields = [tuple(part.strip() for part in line.split(":", 1)) for line in head.decode().split("\r\n") if ":" in line]
        status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
        return status, fields, body


def record(kind, content=b""):
    return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content


def pairs(parameters):
    items = [(name.encode(), value.encode()) for name, value in parameters.items()]
    return b"".join(length(name) + length(value) + name + value for name, value in items)


def length(text):
    return bytes([len(text)]) if len(text) < 128 else struct.pack("!I", len(text) | 1 << 31)


def read_output(answer):
    output = b""
    while header := answer.read(8):
        _, kind, _, size, padding = struct.unpack("!BBHHBx", header)
        content = answer.read(size + padding)[:size]
        if kind == STDOUT:
            output += content
        if kind == END:
            break
    return output
