"""Clients of our own, for what wrk cannot do: a number of requests, a rate, a number of clients that changes.

    clients.py paced PORT PATH RATE SECONDS          one request each 1/RATE s, whatever became of those before
    clients.py step PORT PATH FIRST WARM NEXT SECONDS  FIRST clients for WARM seconds, then NEXT clients

Started as a process of its own, it prints {"answers": [[seconds, latency in ms], ...], "failed": N} as JSON; the seconds are
those of the answer, from the beginning (paced) or from the step on. Every connection is kept alive.
"""

import itertools
import json
import select
import socket
import sys
import time


class Client:
    """One connection, with at most one request under way."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fileno(self):
        return self.socket.fileno()

    def ask(self, path, due=None):
        """`due`: when the request should have been sent, for an honest latency of a client that is late."""
        self.since, self.received = due or time.monotonic(), b""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())

    def answer(self):
        """None: not all of it is here yet. Otherwise the status, 0 for a connection that is over."""
        try:
            data = self.socket.recv(1 << 16)
        except OSError:
            data = b""
        self.received += data
        if not data:
            return 0
        head, end, body = self.received.partition(b"\r\n\r\n")
        return int(head[9:12]) if end and is_complete(head.lower(), body) else None


def is_complete(head, body):
    length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length) if length else body.endswith(b"0\r\n\r\n")


class Record:
    def __init__(self):
        self.start, self.answers, self.failed = time.monotonic(), [], 0

    def restart(self):
        self.start, self.answers = time.monotonic(), []

    def add(self, client, status):
        now = time.monotonic()
        if status == 200:
            self.answers.append((round(now - self.start, 4), round((now - client.since) * 1e3, 3)))
        else:
            self.failed += 1


def paced(port, path, rate, seconds):
    record, idle, busy = Record(), [Client(port) for _ in range(8)], []
    for number in range(int(rate * seconds)):
        due = record.start + number / rate
        collect(record, idle, busy, until=due)
        client = idle.pop() if idle else Client(port)
        client.ask(path, due)
        busy.append(client)
    collect(record, idle, busy, until=time.monotonic() + 5)
    record.failed += len(busy)
    return record


def collect(record, idle, busy, until):
    """Waits in select(), which wakes more exactly than epoll's milliseconds."""
    while (left := until - time.monotonic()) > 0 and (busy or left < 1):
        for client in select.select(busy, [], [], left)[0]:
            if (status := client.answer()) is not None:
                record.add(client, status)
                busy.remove(client)
                if status != 0:
                    idle.append(client)


class ClosedLoop:
    """Clients that ask again as soon as they were answered."""

    def __init__(self, port, paths, record):
        self.port, self.paths, self.record = port, itertools.cycle(paths), record
        self.poller, self.clients = select.epoll(), {}

    def grow(self, count):
        for _ in range(count - len(self.clients)):
            client = Client(self.port)
            self.clients[client.fileno()] = client
            self.poller.register(client, select.EPOLLIN)
            client.ask(next(self.paths))

    def run(self, goes_on):
        while goes_on():
            for fd, _ in self.poller.poll(0.1):
                client = self.clients[fd]
                if (status := client.answer()) is None:
                    continue
                self.record.add(client, status)
                if status == 0:
                    sys.exit("a connection was closed")
                client.ask(next(self.paths))


def step(port, path, first, warm, then, seconds):
    record = Record()
    loop = ClosedLoop(port, [path], record)
    loop.grow(first)
    loop.run(lambda: time.monotonic() < record.start + warm)
    record.restart()
    loop.grow(then)
    loop.run(lambda: time.monotonic() < record.start + seconds)
    return record


def requests(port, paths, clients, count):
    """Sends `count` requests and returns how many failed."""
    record = Record()
    loop = ClosedLoop(port, paths, record)
    loop.grow(clients)
    loop.run(lambda: len(record.answers) + record.failed < count)
    return record.failed


def main():
    kind, port, path, *numbers = sys.argv[1:]
    if kind == "paced":
        record = paced(int(port), path, *map(float, numbers))
    else:
        first, warm, then, seconds = map(int, numbers)
        record = step(int(port), path, first, warm, then, seconds)
    json.dump({"answers": record.answers, "failed": record.failed}, sys.stdout)


if __name__ == "__main__":
    main()
