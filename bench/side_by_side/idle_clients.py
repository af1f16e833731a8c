"""Connections that have each been answered once and then stay silent: `python3 idle_clients.py PORT COUNT PATH`.

Prints "ready" when all are idle and holds them until it is ended. A process of its own, because the descriptors of client and
server together are more than one process may have.
"""

import resource
import signal
import socket
import sys


def main():
    port, count, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    held = []
    for _ in range(count):
        client = socket.create_connection(("127.0.0.1", port), 10)
        client.sendall(request)
        if not client.recv(4096).startswith(b"HTTP/1.1 200"):
            sys.exit(f"connection {len(held)} was not answered with 200")
        held.append(client)
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
