"""A thousand clients on bad lines: one byte a second, both directions, from one process.

A third send a request head that slowly, a third a body, a third read a page of 256 KB. When a server cuts one off it comes
back a second later, as an impatient person would. Started with `python3 slow_clients.py PORT COUNT`; prints "ready" when all
are connected and runs until it is ended.
"""

import errno
import socket
import sys
import time

HEAD = b"GET /hello.php HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: " + b"slow" * 200 + b"\r\n\r\n"
POST = b"POST /hello.php HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n"
READ = b"GET /big.php HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
KINDS = ("head", "body", "reader")


class SlowClient:
    def __init__(self, port, kind):
        self.port, self.kind = port, kind
        self.connect()

    def connect(self):
        self.socket = socket.socket()
        if self.kind == "reader":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(("127.0.0.1", self.port))
        self.socket.setblocking(False)
        self.position = 0
        if self.kind == "body":
            self.socket.send(POST)
        elif self.kind == "reader":
            self.socket.send(READ)

    def step(self):
        """One byte in or out. A connection that is over is opened again in the next step."""
        if self.socket is None:
            return self.connect()
        try:
            if self.kind == "reader":
                over = not self.socket.recv(1)
            else:
                over = self.send_one() or self.answered()
        except BlockingIOError:
            over = False
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ECONNREFUSED):
                raise
            over = True
        if over:
            self.socket.close()
            self.socket = None

    def send_one(self):
        bytes_ = HEAD if self.kind == "head" else b"b" * 1000
        self.socket.send(bytes_[self.position:self.position + 1])
        self.position += 1
        return self.position == len(bytes_)

    def answered(self):
        try:
            self.socket.recv(512)
        except BlockingIOError:
            return False
        return True


def main():
    port, count = int(sys.argv[1]), int(sys.argv[2])
    clients = [SlowClient(port, KINDS[index % len(KINDS)]) for index in range(count)]
    print("ready", flush=True)
    start = time.monotonic()
    for step in range(sys.maxsize):
        clients[step % count].step()
        ahead = start + step / count - time.monotonic()
        if ahead > 0.002:
            time.sleep(ahead)


if __name__ == "__main__":
    main()
