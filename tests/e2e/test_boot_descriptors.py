"""What a boot leaves open: what nobody but the process itself has does no harm, and the rest is called by who opened it."""

import http.server
import re
import socket
import threading

import pytest

from askrtest.wait import SANITIZED

REWOUND = pytest.mark.skipif(SANITIZED, reason="the shadow memory of a sanitizer is too large to be rewound")

WORKER = """<?php
%s
askr_cow_ready();
while (askr_handle_request(function (array $request): void { %s })) {
}
"""


@pytest.fixture
def booted(server):
    def make(boot="", handler="echo getmypid();", flags=("--isolation", "rewind"), ini=(), **options):
        app = server({"worker.php": WORKER % (boot, handler)}, wait=False, flags=flags, ini=list(ini), **{"workers": 1, **options})
        app.worker_script = app.root / "worker.php"
        return app.start()

    return make


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"page")

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    """A web server; each connection is kept open."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    served.daemon_threads = True
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{served.server_port}"
    served.shutdown()


LIBC = """
$c = FFI::cdef("typedef union { void* p; int fd; uint64_t n; } data_t; struct __attribute__((packed)) event { uint32_t events; data_t data; };
    int pipe(int* ends); int eventfd(unsigned count, int flags); int epoll_create1(int flags); int fcntl(int fd, int command, ...);
    int epoll_ctl(int loop, int operation, int fd, struct event* event); int epoll_wait(int loop, struct event* events, int most, int ms);
    long read(int fd, void* to, unsigned long size); long write(int fd, const void* from, unsigned long size); int shutdown(int fd, int how);
    int ioctl(int fd, unsigned long request, ...); int dup(int fd); int close(int fd);");
function waiting($fd) { global $c; $n = $c->new('int'); $c->ioctl($fd, 0x541B, FFI::addr($n)); return $n->cdata; }
function counted($fd) { preg_match('/count: *([0-9a-f]+)/', file_get_contents("/proc/self/fdinfo/$fd"), $m); return hexdec($m[1]); }
function waited_for($fd) { return substr_count(file_get_contents("/proc/self/fdinfo/$fd"), 'tfd:'); }
"""

# what the boot has -> (boot, a request that says what it finds, then leaves something)
HARMLESS = {
    "a curl handle": ("$h = curl_init('http://{site}/'); curl_setopt($h, CURLOPT_RETURNTRANSFER, true);", "echo curl_exec($GLOBALS['h']);", "page"),
    "a curl handle that was used": (
        "$h = curl_init('http://{site}/'); curl_setopt_array($h, [CURLOPT_RETURNTRANSFER => true, CURLOPT_FORBID_REUSE => true]); curl_exec($h);",
        "echo curl_exec($GLOBALS['h']);", "page"),
    "a set of curl handles": (
        "$m = curl_multi_init();",
        "global $m; $h = curl_init('http://{site}/'); curl_setopt($h, CURLOPT_RETURNTRANSFER, true); curl_multi_add_handle($m, $h);"
        " do {{ curl_multi_exec($m, $runs); curl_multi_select($m, 0.1); }} while ($runs); echo curl_multi_getcontent($h);", "page"),
    "a database in memory": (
        "$d = new PDO('sqlite::memory:'); $d->exec('create table t (n)');",
        "global $d; $d->exec('insert into t values (1)'); echo $d->query('select count(*) from t')->fetchColumn();", "1"),
    "a pair of streams": (
        "$p = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); stream_set_blocking($p[1], false);",
        "global $p; echo '[', fread($p[1], 99), ']'; fwrite($p[0], 'left'); stream_set_blocking($p[0], false);", "[]"),
    "a pair of sockets for datagrams": (
        "socket_create_pair(AF_UNIX, SOCK_DGRAM, 0, $p); socket_set_nonblock($p[1]);",
        "global $p; echo '[', @socket_recv($p[1], $b, 99, 0) === false ? 'empty' : \"$b\", ']'; socket_write($p[0], 'left'); socket_write($p[0], '');",
        "[empty]"),
    "a pipe": (LIBC + "$e = $c->new('int[2]'); $c->pipe($e);", "global $c, $e; echo waiting($e[0]); $c->write($e[1], 'left', 4);", "0"),
    "an eventfd": (LIBC + "$e = $c->eventfd(0, 0);", "global $c, $e; echo counted($e); $n = $c->new('uint64_t'); $n->cdata = 9;"
                   " $c->write($e, FFI::addr($n), 8);", "0"),
    "an eventfd that counts": (LIBC + "$e = $c->eventfd(5, 0);", "global $c, $e; echo counted($e); $n = $c->new('uint64_t');"
                               " $c->read($e, FFI::addr($n), 8);", "5"),
    "an event loop": (
        LIBC + "$e = $c->eventfd(0, 0); $l = $c->epoll_create1(0); $v = $c->new('struct event'); $v->events = 1; $v->data->fd = $e;"
        " $c->epoll_ctl($l, 1, $e, FFI::addr($v));",
        "global $c, $e, $l, $v; echo waited_for($l); $n = $c->new('uint64_t'); $n->cdata = 1; $c->write($e, FFI::addr($n), 8);"
        " $got = $c->new('struct event'); echo $c->epoll_wait($l, FFI::addr($got), 1, 0), $got->data->fd === $e ? 'known' : 'strange';"
        " $c->epoll_ctl($l, 2, $e, null);", "11known"),
}


@REWOUND
@pytest.mark.parametrize("what", HARMLESS)
def test_what_only_this_process_has_is_as_it_was_for_each_request(booted, site, what):
    boot, handler, expected = HARMLESS[what]
    if "{site}" in boot + handler:
        boot, handler = boot.format(site=site), handler.format(site=site)
    app = booted(boot, f"{handler} echo ' ', getmypid();", ini=["ffi.enable=1"])
    answers = [app.get("/").text.split(" ") for _ in range(6)]
    assert [said for said, _ in answers] == [expected] * 6
    assert len({pid for _, pid in answers}) == 1
    app.assert_always_rewound()
    assert "warning: a " not in app.banner()


@pytest.mark.parametrize("boot, handler", [
    ("$p = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);", "global $p; fwrite($p[0], getmypid()); usleep(5000); echo fread($p[1], 99);"),
    (LIBC + "$e = $c->new('int[2]'); $c->pipe($e);",
     "global $c, $e; $b = $c->new('char[99]'); $t = (string) getmypid(); $c->write($e[1], $t, strlen($t)); usleep(5000);"
     " echo FFI::string($b, $c->read($e[0], $b, 99));"),
], ids=["sockets", "pipe"])
def test_workers_of_one_template_do_not_talk_to_one_another_over_what_it_left_open(booted, boot, handler):
    app = booted(boot, f"{handler} echo ' ', getmypid();", flags=["--cow"], workers=2, ini=["ffi.enable=1"])
    said = []
    clients = [threading.Thread(target=lambda: said.extend(app.get("/").text for _ in range(25))) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert len(said) == 100
    assert all(len(set(answer.split(" "))) == 1 for answer in said), said
    assert len(set(said)) == 2


@REWOUND
def test_a_pair_that_a_request_has_shut_down_replaces_the_process(booted):
    app = booted("$p = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);",
                 "global $p; echo fwrite($p[0], 'x'); stream_socket_shutdown($p[0], STREAM_SHUT_WR);")
    assert [app.get("/").text for _ in range(3)] == ["1"] * 3
    app.wait_log("not rewound after GET /: a file, a pipe or a socket of the boot was closed or replaced")


# what the boot has -> (boot, what is said of it, by whom)
SHARED = {
    "a connection": ("$s = stream_socket_client('tcp://{site}');", "a connection to {site} is open", "stream_socket_client()"),
    "a connection of curl": ("$h = curl_init('http://{site}/'); curl_setopt($h, CURLOPT_RETURNTRANSFER, true); curl_exec($h);",
                             "a connection to {site} is open", "curl_exec()"),
    "a file": ("$f = fopen(__DIR__ . '/out', 'w');", "the file [^ ]*/root/out is open for writing", "fopen()"),
    "a file of a class": ("class Log extends SplFileObject {{}} $f = new Log(__DIR__ . '/out', 'w');", "the file [^ ]*/root/out is open for writing",
                          "SplFileObject::__construct()"),
    "a database": ("$d = new PDO('sqlite:' . __DIR__ . '/data'); $d->exec('create table if not exists t (n)');",
                   "the file [^ ]*/root/data is open for writing", "PDO::__construct()"),
    "a program": ("$p = proc_open(['cat'], [['pipe', 'r']], $pipes);", "a pipe to another process is open", "proc_open()"),
    "something under way": ("$p = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); fwrite($p[0], 'x');",
                            "a connection to a Unix socket is open", "stream_socket_pair()"),
}


@REWOUND
@pytest.mark.parametrize("what", SHARED)
def test_what_others_have_too_is_called_by_who_opened_it(booted, site, what):
    boot, said, opener = (text.format(site=site) for text in SHARED[what])
    app = booted("\n" + boot)
    app.get("/")
    app.wait_log(f"when they wait for the first request, {said} " + re.escape(f"(by {opener} in {app.root}/worker.php:3)"))
    assert app.error_log().count("workers are not rewound") == 1


@REWOUND
def test_what_is_opened_after_the_fork_is_called_by_its_opener_too(booted):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        app = booted(f"\n\naskr_after_fork(function () {{ $GLOBALS['s'] = fsockopen('127.0.0.1', {port}); }});")
        app.get("/")
        app.wait_log(re.escape(f"a connection to 127.0.0.1:{port} is open (by fsockopen() in {app.root}/worker.php:4)"))
