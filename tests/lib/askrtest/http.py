"""An HTTP/1.1 client on a plain socket: it sends exactly the bytes it is given and hides nothing of what comes back."""

import json as json_module
import socket
from dataclasses import dataclass, field

from .wait import STRETCH

TIMEOUT = 10.0 * STRETCH


class CutShort(Exception):
    """The connection ended inside a response; `partial` is what arrived of it."""

    def __init__(self, partial, why):
        super().__init__(f"{why}; so far {partial}")
        self.partial = partial


@dataclass
class Response:
    status: int
    reason: str
    version: str
    headers: list  # of (name, value), as sent
    body: bytes = b""
    interim: list = field(default_factory=list)  # 1xx responses that came before
    chunks: list = field(default_factory=list)  # sizes, when the body was chunked

    def header(self, name, default=None):
        """The only value of a field; fails when it was sent more than once."""
        values = self.all(name)
        assert len(values) < 2, f"{name} was sent {len(values)} times: {values}"
        return values[0] if values else default

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json_module.loads(self.body)

    @property
    def keeps_alive(self):
        tokens = [token.strip().lower() for value in self.all("Connection") for token in value.split(",")]
        return "close" not in tokens if self.version == "HTTP/1.1" else "keep-alive" in tokens


def request_bytes(method, target, headers=(), body=b"", version="HTTP/1.1"):
    lines = [f"{method} {target} {version}"]
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names and version == "HTTP/1.1":
        lines.append("Host: localhost")
    lines += [f"{name}: {value}" for name, value in pairs]
    if body and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class Client:
    """One connection."""

    def __init__(self, address, timeout=TIMEOUT, receive_buffer=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, target, headers=(), body=b"", version="HTTP/1.1"):
        self.send(request_bytes(method, target, headers, body, version))
        return self.read_response(method)

    def get(self, target, headers=()):
        return self.request("GET", target, headers)

    def read_response(self, method="GET"):
        interim = []
        while True:
            response = self.read_head()
            if response.status == 101 or response.status >= 200:
                break
            interim.append(response)
        response.interim = interim
        if method != "HEAD" and response.status not in (101, 204, 304):
            self.read_body(response)
        return response

    def read_head(self):
        status_line = self.read_line()
        version, status, reason = (status_line.split(" ", 2) + ["", ""])[:3]
        assert version in ("HTTP/1.1", "HTTP/1.0") and status.isdigit(), f"no status line: {status_line!r}"
        response = Response(int(status), reason, version, [])
        while line := self.read_line():
            name, colon, value = line.partition(":")
            assert colon and name == name.strip(), f"no header field: {line!r}"
            response.headers.append((name, value.strip()))
        return response

    def read_body(self, response):
        encoding = response.header("Transfer-Encoding")
        length = response.header("Content-Length")
        assert encoding is None or length is None, "both framings at once"
        try:
            if encoding is not None:
                assert encoding == "chunked", encoding
                self.read_chunks(response)
            elif length is not None:
                self.read_counted(response, int(length))
            else:
                response.body = self.read_to_end()
        except EOFError as end:
            raise CutShort(response, str(end)) from None

    def read_counted(self, response, length):
        body = bytearray()
        try:
            while len(body) < length:
                body += self.read_some(length - len(body))
        finally:
            response.body = bytes(body)

    def read_chunks(self, response):
        body = bytearray()
        try:
            while chunk := self.read_chunk():
                response.chunks.append(len(chunk))
                body += chunk
        finally:
            response.body = bytes(body)

    def read_chunk(self):
        """One chunk of a streamed body; b"" is the last."""
        size = int(self.read_line(), 16)
        data = self.read_exactly(size)
        assert self.read_exactly(2) == b"\r\n", "a chunk without its end, or a trailer"
        return data

    def read_line(self):
        while b"\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), f"bare LF: {line!r}"
        return line[:-1].decode("latin-1")

    def read_some(self, most):
        """Between one byte and `most`."""
        if not self.buffer:
            self.fill()
        data, self.buffer = self.buffer[:most], self.buffer[most:]
        return data

    def read_exactly(self, size):
        data = self.read_some(size) if size else b""
        if len(data) < size:
            rest = bytearray(data)
            while len(rest) < size:
                rest += self.read_some(size - len(rest))
            data = bytes(rest)
        return data

    def fill(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError(f"the server closed the connection after {self.buffer[:80]!r}")
        self.buffer += data

    def read_to_end(self):
        """Everything up to the orderly end of the connection."""
        data = bytearray()
        try:
            while True:
                data += self.read_some(1 << 20)
        except EOFError:
            return bytes(data)

    def is_closed_by_server(self):
        """Waits for the end of the connection; what still came stays in `buffer`."""
        try:
            while True:
                self.fill()
        except (EOFError, ConnectionResetError):
            return True
        except socket.timeout:
            return False
