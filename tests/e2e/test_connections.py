"""Connections: where they come from, how long they may live, whom their forwarding headers are believed."""

import socket
import stat
import time

import pytest

from askrtest.http import request_bytes
from askrtest.ports import free_port
from askrtest.scripts import php
from askrtest.wait import holds_for, wait_until

ECHO = {"index.php": php("echo.php"), "plain.txt": "plain\n"}


# ---------------------------------------------------------------- keep-alive


@pytest.fixture(scope="module")
def app(module_server):
    return module_server(ECHO)


def test_a_connection_serves_many_requests(app):
    with app.client() as client:
        for n in range(200):
            response = client.get(f"/?n={n}" if n % 2 else "/plain.txt")
            assert response.status == 200
            assert response.keeps_alive


def test_connection_close_is_honoured(app):
    for target in ("/", "/plain.txt"):
        with app.client() as client:
            response = client.get(target, {"Connection": "close"})
            assert response.status == 200
            assert not response.keeps_alive
            assert client.is_closed_by_server()


def test_the_framing_is_the_servers_business_not_the_scripts(server):
    app = server({"index.php": "<?php header('Connection: close'); header('Transfer-Encoding: chunked'); echo 'body';"})
    with app.client() as client:
        for _ in range(2):
            response = client.get("/")
            assert (response.body, response.header("Content-Length")) == (b"body", "4")
            assert response.keeps_alive


def test_many_connections_at_once_are_served(app):
    clients = [app.client() for _ in range(200)]
    try:
        for n, client in enumerate(clients):
            client.send(request_bytes("GET", f"/?n={n}"))
        assert [client.read_response().json()["get"]["n"] for client in clients] == [str(n) for n in range(200)]
    finally:
        for client in clients:
            client.close()


def test_a_client_that_leaves_in_the_middle_of_a_body_never_reaches_php(server, tmp_path):
    marker = tmp_path / "ran"
    app = server({"index.php": f"<?php touch('{marker}');", "plain.txt": "plain"})
    with app.client() as client:
        client.send(request_bytes("POST", "/", {"Content-Length": "100"}) + b"half")
    assert app.get("/plain.txt").status == 200
    holds_for(lambda: not marker.exists(), "the script did not run", 0.3)


def test_the_end_of_a_client_is_seen_even_when_it_comes_with_its_last_bytes(server):
    app = server(ECHO, gateways=1)

    def connections():
        return sum(p["connections"] for p in app.status()["processes"])

    for _ in range(200):
        with app.client() as client:
            client.send(request_bytes("POST", "/", {"Content-Length": "100"}) + b"half")
    wait_until(lambda: connections() == 0, "no connection is left")


# ---------------------------------------------------------------- addresses


def test_ipv6_is_served(server):
    port = free_port("::1")
    app = server(ECHO, listen=f"[::1]:{port}")
    seen = app.get("/").json()["server"]
    assert seen["REMOTE_ADDR"] == "::1"
    assert seen["SERVER_ADDR"] == "::1"
    assert seen["SERVER_PORT"] == str(port)


def test_the_name_of_an_ipv6_host_keeps_its_brackets(server):
    port = free_port("::1")
    app = server(ECHO, listen=f"[::1]:{port}")
    seen = app.get("/", {"Host": f"[::1]:{port}"}).json()["server"]
    assert seen["SERVER_NAME"] == "[::1]"
    assert seen["HTTP_HOST"] == f"[::1]:{port}"


def test_a_unix_socket_is_served_and_removed_at_the_end(server, tmp_path):
    path = tmp_path / "askr.sock"
    app = server(ECHO, listen=f"unix:{path}")
    assert app.get("/x").json()["uri"] == "/x"
    app.stop()
    assert not path.exists()


def test_a_socket_that_has_taken_the_place_of_the_servers_stays_at_the_end(server, tmp_path):
    path = tmp_path / "askr.sock"
    app = server(ECHO, listen=f"unix:{path}")
    path.unlink()
    app.control.unlink()
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as other_control:
        other.bind(str(path))
        other_control.bind(str(app.control))
        app.stop()
    assert path.is_socket()
    assert app.control.is_socket()


@pytest.mark.parametrize("settings, mode", [({}, 0o660), ({"socket_mode": "0600"}, 0o600), ({"socket_mode": "666"}, 0o666)])
def test_the_rights_of_a_unix_socket_are_those_that_were_asked_for(server, tmp_path, settings, mode):
    path = tmp_path / "askr.sock"
    with socket.socket(socket.AF_UNIX) as dead:  # the file that takes its place has them too
        dead.bind(str(path))
    path.chmod(0o777)
    server(ECHO, listen=f"unix:{path}", **settings)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_unix_socket_left_by_a_dead_server_is_taken_over(server, tmp_path):
    path = tmp_path / "askr.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert server(ECHO, listen=f"unix:{path}").get("/").status == 200


def test_several_listeners_serve_the_same_application(server, tmp_path):
    addresses = [
        f"127.0.0.1:{free_port()}",
        f"127.0.0.1:{free_port()}",
        f"[::1]:{free_port('::1')}",
        f"unix:{tmp_path / 'askr.sock'}",
    ]
    app = server(ECHO, listen=addresses, gateways=2)
    for address in addresses:
        with app.client(address) as client:
            assert client.get("/each").json()["uri"] == "/each"
        assert address in app.banner()


def test_two_gateways_share_one_address(server):
    app = server(ECHO, gateways=2)
    for n in range(50):
        assert app.get(f"/?n={n}").json()["get"]["n"] == str(n)


def test_php_is_told_both_ends_of_the_connection(app):
    with app.client() as client:
        seen = client.get("/").json()["server"]
        assert seen["REMOTE_ADDR"] == "127.0.0.1"
        assert int(seen["REMOTE_PORT"]) == client.socket.getsockname()[1]
        assert seen["SERVER_ADDR"] == "127.0.0.1"
        assert seen["SERVER_PORT"] == str(app.port)


ENDS = ["REMOTE_ADDR", "REMOTE_PORT", "SERVER_ADDR", "SERVER_PORT"]


def test_the_ends_of_a_unix_socket_are_named_as_nginx_names_them(server, tmp_path):
    path = tmp_path / "askr.sock"
    app = server(ECHO, listen=f"unix:{path}", access_log=tmp_path / "access.log")
    seen = app.get("/", FORWARDED).json()["server"]
    assert [seen[name] for name in ENDS] == ["unix:", "", f"unix:{path}", ""]
    nameless = app.request("GET", "/", version="HTTP/1.0").json()["server"]
    assert nameless["SERVER_NAME"] == ""
    wait_until(lambda: [line["ip"] for line in app.access_lines()] == ["unix:"] * 2, "both are in the access log")


# ---------------------------------------------------------------- timeouts


@pytest.fixture(scope="module")
def hasty(module_server):
    return module_server(ECHO, idle_timeout="300ms", head_timeout="400ms", body_timeout="400ms")


def test_an_idle_connection_is_closed_without_a_word(hasty):
    with hasty.client() as client:
        assert client.get("/").status == 200
        assert client.read_to_end() == b""


def test_a_connection_that_never_says_anything_is_closed(hasty):
    with hasty.client() as client:
        assert client.read_to_end() == b""


def test_a_head_that_stops_is_408(hasty):
    with hasty.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: loc")
        assert client.read_response().status == 408
        assert client.is_closed_by_server()


def drip(client, data, pause=0.05):
    """Sends byte by byte until the server answers or all is sent."""
    client.socket.settimeout(pause)
    for i in range(len(data)):
        try:
            client.send(data[i : i + 1])
            client.fill()
            break
        except socket.timeout:
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
    client.socket.settimeout(10)


def test_a_head_that_drips_is_408(hasty):
    with hasty.client() as client:
        drip(client, request_bytes("GET", "/", {"X-Padding": "x" * 200}))
        assert client.read_response().status == 408


def test_a_body_that_stops_is_408(hasty):
    with hasty.client() as client:
        client.send(request_bytes("POST", "/", {"Content-Length": "100"}) + b"half")
        assert client.read_response().status == 408
        assert client.is_closed_by_server()


def test_a_body_that_keeps_moving_may_take_longer_than_the_timeout(hasty):
    with hasty.client() as client:
        client.send(request_bytes("POST", "/", {"Content-Length": "10"}))
        begun = time.monotonic()
        drip(client, b"0123456789", 0.08)
        response = client.read_response()
        assert response.json()["body"] == "0123456789"
        assert time.monotonic() - begun > 0.6


def test_a_running_request_is_not_an_idle_connection(hasty, server):
    app = server({"index.php": "<?php usleep(600000); echo 'done';"}, idle_timeout="200ms")
    assert app.get("/").body == b"done"


@pytest.mark.time_limit(30)
def test_a_client_that_reads_nothing_is_dropped(server):
    app = server({"big.bin": b"x" * (32 << 20)}, send_timeout="500ms")
    with app.client(receive_buffer=4096) as client:
        client.send(request_bytes("GET", "/big.bin"))
        time.sleep(1.5)  # reading nothing is what is tested
        received = 0
        try:
            while data := client.socket.recv(1 << 20):
                received += len(data)
        except ConnectionResetError:
            pass
        assert received < 32 << 20


def test_a_query_may_be_as_long_as_the_head_may(server):
    app = server({"index.php": "<?php echo strlen($_SERVER['QUERY_STRING']), ' ', strlen($_SERVER['REQUEST_URI']);"},
                 max_head_size="48K")
    assert app.get("/?" + "q" * 48_000).text == "48000 48002"
    assert app.get("/?" + "q" * 50_000).status in (414, 431)


# ---------------------------------------------------------------- forwarding headers

FORWARDED = {
    "X-Forwarded-For": "203.0.113.7, 198.51.100.2",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "8443",
}


def test_forwarding_headers_of_a_stranger_are_not_believed(app):
    seen = app.get("/", FORWARDED).json()["server"]
    assert seen["REMOTE_ADDR"] == "127.0.0.1"
    assert "HTTPS" not in seen
    assert seen["REQUEST_SCHEME"] == "http"
    assert seen["SERVER_PORT"] == str(app.port)


def test_a_trusted_proxy_names_the_client_and_the_scheme(server):
    app = server(ECHO, flags=["--trusted-proxies", "127.0.0.0/8"])
    seen = app.get("/", FORWARDED).json()["server"]
    assert seen["REMOTE_ADDR"] == "198.51.100.2"
    assert seen["HTTPS"] == "on"
    assert seen["REQUEST_SCHEME"] == "https"


def test_the_port_is_that_of_the_scheme_that_a_trusted_proxy_names(server):
    app = server(ECHO, flags=["--trusted-proxies", "127.0.0.0/8"])

    def port(**fields):
        fields = {"Host": "example.org", **{name.replace("_", "-"): value for name, value in fields.items()}}
        return app.get("/", fields).json()["server"]["SERVER_PORT"]

    assert port(X_Forwarded_Proto="https") == "443"
    assert port(X_Forwarded_Proto="http") == "80"
    assert port(X_Forwarded_Proto="https", Host="example.org:8443") == "8443"
    assert port(X_Forwarded_Proto="https", Host="example.org:8443", X_Forwarded_Port="9443") == "9443"
    assert port(X_Forwarded_Port="9443") == str(app.port)


def test_a_host_that_a_trusted_proxy_forwards_changes_nothing(server):
    app = server(ECHO, flags=["--trusted-proxies", "127.0.0.0/8"])
    seen = app.get("/", {**FORWARDED, "Host": "example.org", "X-Forwarded-Host": "other.example"}).json()["server"]
    assert (seen["HTTP_HOST"], seen["SERVER_NAME"]) == ("example.org", "example.org")


def test_only_the_chain_of_trusted_proxies_is_skipped(server):
    app = server(ECHO, config='[server]\ntrusted_proxies = ["127.0.0.1", "198.51.100.0/24"]\n')
    seen = app.get("/", {"X-Forwarded-For": "192.0.2.1, 203.0.113.7, 198.51.100.2"}).json()["server"]
    assert seen["REMOTE_ADDR"] == "203.0.113.7"


def test_nonsense_from_a_trusted_proxy_leaves_its_own_address(server):
    app = server(ECHO, flags=["--trusted-proxies", "127.0.0.1"])
    seen = app.get("/", {"X-Forwarded-For": "<script>, "}).json()["server"]
    assert seen["REMOTE_ADDR"] == "127.0.0.1"


@pytest.mark.parametrize("field", ["X-Forwarded-For", "X-Forwarded-Proto"])
def test_what_a_client_wrote_into_forwarded_is_not_the_word_of_a_proxy_that_uses_the_other_fields(server, field):
    app = server(ECHO, flags=["--trusted-proxies", "127.0.0.1"])
    value = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"}[field]
    seen = app.get("/", {field: value, "Forwarded": "for=192.0.2.66;proto=https"}).json()["server"]
    assert "HTTPS" not in seen
    assert seen["REMOTE_ADDR"] == ("203.0.113.7" if field == "X-Forwarded-For" else "127.0.0.1")


def test_the_standard_forwarded_header_works_too(server):
    app = server(ECHO, flags=["--trusted-proxies", "127.0.0.1"])
    seen = app.get("/", {"Forwarded": 'for="[2001:db8::7]:4711";proto=https'}).json()["server"]
    assert seen["REMOTE_ADDR"] == "2001:db8::7"
    assert seen["HTTPS"] == "on"


def test_a_proxy_on_a_unix_socket_can_be_trusted(server, tmp_path):
    path = tmp_path / "askr.sock"
    app = server(ECHO, listen=f"unix:{path}", flags=["--trusted-proxies", "unix"])
    seen = app.get("/", FORWARDED).json()["server"]
    assert [seen[name] for name in ENDS] == ["198.51.100.2", "", f"unix:{path}", "8443"]
    silent = app.get("/").json()["server"]
    assert [silent[name] for name in ENDS] == ["unix:", "", f"unix:{path}", ""]
