"""HTTP/1.1 as RFC 9112 wants it, and refused where it is ambiguous."""

import hashlib

import pytest

from askrtest.http import chunked, request_bytes
from askrtest.scripts import UNBUFFERED, php


@pytest.fixture(scope="module")
def app(module_server):
    return module_server({"index.php": php("echo.php"), "plain.txt": "plain\n"}, max_body_size="64K", max_headers=50)


def answer_to(app, *pieces):
    with app.client() as client:
        for piece in pieces:
            client.send(piece)
        return client.read_response()


def assert_refused(app, request, status):
    """One answer of that status, then the connection ends: what follows cannot be told apart."""
    with app.client() as client:
        client.send(request)
        response = client.read_response()
        assert response.status == status
        assert not response.keeps_alive
        assert client.read_to_end() == b""


# ---------------------------------------------------------------- messages and their order


def test_pipelined_requests_are_answered_in_order(app):
    with app.client() as client:
        client.send(b"".join(request_bytes("GET", f"/?n={n}") for n in range(20)))
        assert [client.read_response().json()["get"]["n"] for _ in range(20)] == [str(n) for n in range(20)]


def test_pipelined_requests_with_bodies_and_static_files_keep_their_borders(app):
    with app.client() as client:
        client.send(
            request_bytes("POST", "/a", body=b"GET /not-a-request HTTP/1.1\r\n\r\n")
            + request_bytes("GET", "/plain.txt")
            + request_bytes("POST", "/b", {"Transfer-Encoding": "chunked"}, chunked(b"one", b"two"))
            + request_bytes("GET", "/c")
        )
        assert client.read_response().json()["body"] == "GET /not-a-request HTTP/1.1\r\n\r\n"
        assert client.read_response().body == b"plain\n"
        assert client.read_response().json()["body"] == "onetwo"
        assert client.read_response().json()["uri"] == "/c"


def test_a_request_may_come_byte_by_byte(app):
    request = request_bytes("POST", "/slow?x=1", {"X-Field": "value"}, b"body")
    response = answer_to(app, *(request[i : i + 1] for i in range(len(request))))
    assert response.json()["body"] == "body"
    assert response.json()["server"]["HTTP_X_FIELD"] == "value"


@pytest.mark.parametrize("split", range(1, 60, 7))
def test_a_chunked_body_may_be_split_anywhere(app, split):
    request = request_bytes("POST", "/", {"Transfer-Encoding": "chunked"}, chunked(b"hello ", b"wide ", b"world"))
    cut = request.index(b"\r\n\r\n") + 4 + split - 20
    assert answer_to(app, request[:cut], request[cut:]).json()["body"] == "hello wide world"


def test_chunk_extensions_and_trailers_are_dropped(app):
    body = b"5;name=value\r\nhello\r\n0\r\nX-Trailer: evil\r\n\r\n"
    response = answer_to(app, request_bytes("POST", "/", {"Transfer-Encoding": "chunked"}, body))
    assert response.json()["body"] == "hello"
    assert "HTTP_X_TRAILER" not in response.json()["server"]


def test_empty_lines_before_a_request_are_tolerated(app):
    assert answer_to(app, b"\r\n\r\n" + request_bytes("GET", "/x")).json()["uri"] == "/x"


def test_a_body_above_the_memory_threshold_arrives_whole(app):
    body = bytes(range(256)) * 200
    assert app.post("/", body).json()["body_md5"] == hashlib.md5(body).hexdigest()


# ---------------------------------------------------------------- methods and versions


def test_head_has_the_fields_of_get_and_no_body(app):
    with app.client() as client:
        head = client.request("HEAD", "/plain.txt")
        assert (head.status, head.header("Content-Length"), head.body) == (200, "6", b"")
        assert client.get("/plain.txt").body == b"plain\n"  # nothing of a body was left on the line
        assert client.request("HEAD", "/").status == 200
        assert client.get("/plain.txt").body == b"plain\n"


def test_http_1_0_closes_the_connection_and_needs_no_host(app):
    with app.client() as client:
        response = client.request("GET", "/old", version="HTTP/1.0")
        assert response.json()["server"]["SERVER_PROTOCOL"] == "HTTP/1.0"
        assert not response.keeps_alive
        assert client.is_closed_by_server()


def test_http_1_0_stays_open_when_the_client_asks_for_it(app):
    with app.client() as client:
        for _ in range(2):
            response = client.request("GET", "/plain.txt", {"Connection": "keep-alive"}, version="HTTP/1.0")
            assert response.status == 200
            assert response.header("Connection").lower() == "keep-alive"


def test_http_1_0_never_gets_chunked_coding(module_server):
    app = module_server({"index.php": "<?php for ($i = 0; $i < 3; $i++) { echo $i; flush(); }"}, ini=UNBUFFERED)
    response = app.request("GET", "/", version="HTTP/1.0")
    assert response.header("Transfer-Encoding") is None
    assert response.body == b"012"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_methods_besides_get_and_post_reach_the_application(app, method):
    assert app.request(method, "/", body=b"x" * (method != "OPTIONS")).json()["method"] == method


def test_an_absolute_target_names_host_and_path(app):
    response = answer_to(app, b"GET http://example.org/path?q=1 HTTP/1.1\r\nHost: other.example\r\n\r\n").json()
    assert response["uri"] == "/path?q=1"
    assert response["server"]["HTTP_HOST"] == "example.org"
    assert response["server"]["SERVER_NAME"] == "example.org"


@pytest.mark.parametrize("target, uri", [(b"http://example.org?q=1", "/?q=1"), (b"http://example.org", "/")])
def test_an_absolute_target_without_a_path_is_that_of_the_root(app, target, uri):
    response = answer_to(app, b"GET " + target + b" HTTP/1.1\r\nHost: other.example\r\n\r\n").json()
    assert response["uri"] == uri
    assert response["server"]["QUERY_STRING"] == uri[2:]
    assert response["server"]["HTTP_HOST"] == "example.org"


def test_options_of_the_whole_server_is_answered(app):
    response = app.request("OPTIONS", "*")
    assert response.status in (200, 204)
    assert "GET" in response.header("Allow")


# ---------------------------------------------------------------- expectations


def test_a_client_that_waits_for_100_continue_gets_it(app):
    with app.client() as client:
        client.send(request_bytes("POST", "/", {"Expect": "100-continue", "Content-Length": "5"}))
        assert client.read_head().status == 100
        client.send(b"hello")
        response = client.read_response()
        assert (response.status, response.json()["body"]) == (200, "hello")


def test_a_body_that_is_too_large_is_refused_before_100_continue(app):
    with app.client() as client:
        client.send(request_bytes("POST", "/", {"Expect": "100-continue", "Content-Length": "65537"}))
        response = client.read_response()
        assert (response.status, response.interim) == (413, [])


def test_other_expectations_are_ignored(app):
    response = answer_to(app, request_bytes("POST", "/", {"Expect": "a-miracle"}, b"x"))
    assert (response.status, response.interim) == (200, [])


# ---------------------------------------------------------------- limits


def test_a_body_above_the_limit_is_413_by_its_length(app):
    assert_refused(app, request_bytes("POST", "/", {"Content-Length": "65537"}), 413)


def test_a_body_above_the_limit_is_413_on_the_stream(app):
    request = request_bytes("POST", "/", {"Transfer-Encoding": "chunked"}, chunked(b"x" * 40000, b"x" * 40000))
    assert_refused(app, request, 413)


def test_a_body_of_exactly_the_limit_is_taken(app):
    assert app.post("/", b"x" * 65536).json()["body_size"] == 65536


def test_a_limit_of_0_is_none(server):
    echo = {"index.php": "<?php echo strlen(file_get_contents('php://input')), ' ', $_FILES['f']['error'] ?? 'none';"}
    app = server(echo, max_body_size=0)
    large = b"x" * (17 << 20)
    assert app.post("/", large).text == f"{len(large)} none"
    assert app.request("POST", "/", {"Transfer-Encoding": "chunked"}, chunked(b"x" * 40000)).text == "40000 none"
    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + large + b"\r\n--b--\r\n"
    assert app.post("/", form, {"Content-Type": "multipart/form-data; boundary=b"}).text == "0 0"


def test_a_long_request_line_is_414(app):
    assert_refused(app, request_bytes("GET", "/" + "a" * 40000), 414)


def test_a_large_header_field_is_431(app):
    assert_refused(app, request_bytes("GET", "/", {"X-Large": "a" * 40000}), 431)


def test_too_many_header_fields_are_431(app):
    assert_refused(app, request_bytes("GET", "/", [(f"X-{n}", "a") for n in range(50)]), 431)


def test_as_many_header_fields_as_allowed_are_fine(app):
    assert app.get("/", [("Host", "localhost")] + [(f"X-{n}", "a") for n in range(49)]).status == 200


@pytest.mark.parametrize("method", ["BREW", "QUERY", "BAN", "PURGE", "PROPFIND", "SETUP", "M-SEARCH", "get", "X!#$%&'*+-.^_`|~9"])
def test_php_gets_any_method_with_its_body(app, method):
    response = app.request(method, "/?a=b", [("Content-Type", "text/plain")], b"contents")
    assert response.status == 200
    seen = response.json()
    assert (seen["server"]["REQUEST_METHOD"], seen["server"]["QUERY_STRING"], seen["body"]) == (method, "a=b", "contents")


def test_a_method_that_is_longer_than_any_is_501(app):
    assert_refused(app, b"M" * 65 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501)


def test_trace_is_405_unless_a_setting_says_otherwise(app, server):
    refused = app.request("TRACE", "/")
    assert refused.status == 405 and "GET" in refused.header("Allow") and refused.keeps_alive
    willing = server({"index.php": "<?php echo $_SERVER['REQUEST_METHOD'];"}, flags=["--trace"])
    assert willing.request("TRACE", "/").text == "TRACE"


@pytest.mark.parametrize("target", ["/café?q=é&b=2".encode(), b"/caf\xe9?q=\xff&b=2"])
def test_php_gets_bytes_above_ascii_in_a_target_as_they_are(server, target):
    app = server({"index.php": "<?php echo bin2hex($_SERVER['REQUEST_URI']), ' ', bin2hex($_GET['q']), ' ', $_GET['b'];"})
    answer = answer_to(app, b"GET http://localhost" + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    value = target.partition(b"q=")[2].partition(b"&")[0]
    assert answer.text == f"{target.hex()} {value.hex()} 2"


def test_a_file_is_found_by_the_bytes_of_its_name(server):
    app = server({"index.php": "<?php echo 'php';", "café.txt": "file\n", "naïve/index.php": "<?php echo $_SERVER['SCRIPT_NAME'];"})
    for target in ("/café.txt", "/caf%C3%A9.txt"):
        assert answer_to(app, f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).text == "file\n"
    moved = answer_to(app, "GET /naïve?é HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert (moved.status, moved.header("Location")) == (301, "/na%C3%AFve/?é".encode().decode("latin-1"))
    assert answer_to(app, "GET /naïve/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).text == "/naïve/index.php"


def test_connect_is_501(app):
    assert_refused(app, b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", 501)


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/3.0", "HTTP/1.2", "HTTP/0.9"])
def test_other_versions_are_505(app, version):
    assert_refused(app, f"GET / {version}\r\nHost: localhost\r\n\r\n".encode(), 505)


def test_a_body_whose_length_http_1_0_cannot_tell_is_411(app):
    assert_refused(app, b"POST / HTTP/1.0\r\nContent-Type: text/plain\r\n\r\nhello", 411)


# ---------------------------------------------------------------- framing that two servers could read differently

HOST = b"Host: localhost\r\n"

SMUGGLING = {
    "length and chunked": HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two different lengths": HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "the same length twice": HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a list of lengths": HOST + b"Content-Length: 5, 5\r\n\r\nhello",
    "a signed length": HOST + b"Content-Length: +5\r\n\r\nhello",
    "a negative length": HOST + b"Content-Length: -5\r\n\r\nhello",
    "a hexadecimal length": HOST + b"Content-Length: 0x5\r\n\r\nhello",
    "a length beyond 64 bits": HOST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "an empty length": HOST + b"Content-Length: \r\n\r\n",
    "a length with letters": HOST + b"Content-Length: 5a\r\n\r\nhello",
    "chunked twice": HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two fields": HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a space before the colon": HOST + b"Content-Length : 5\r\n\r\nhello",
    "a space before chunked's colon": HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded field": HOST + b"X-Folded: one\r\n two\r\n\r\n",
    "a folded transfer coding": HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a field without a name": HOST + b": value\r\n\r\n",
    "a field without a colon": HOST + b"nonsense\r\n\r\n",
    "a NUL in a value": HOST + b"X-Nul: a\0b\r\n\r\n",
    "a control character in a value": HOST + b"X-Bell: a\x07b\r\n\r\n",
    "a bare CR in a value": HOST + b"X-Cr: a\rb\r\n\r\n",
    "a bare LF after a field": b"Host: localhost\nX-Field: a\r\n\r\n",
    "a bare LF at the end of the head": HOST + b"X-Field: a\r\n\n",
    "a bare CR as line end": b"Host: localhost\rX-Field: a\r\n\r\n",
    "a vertical tab before chunked": HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "two hosts": HOST + HOST + b"\r\n",
    "no host": b"X-Field: a\r\n\r\n",
    "a host with a path": b"Host: local/host\r\n\r\n",
    "a host with a space": b"Host: local host\r\n\r\n",
    "a host with user information": b"Host: user@localhost\r\n\r\n",
    "a non-token field name": HOST + b"X(y): a\r\n\r\n",
}


@pytest.mark.parametrize("fields", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_ambiguous_or_malformed_fields_are_400(app, fields):
    assert_refused(app, b"POST /victim HTTP/1.1\r\n" + fields, 400)


CHUNKS = {
    "no hexadecimal size": b"zz\r\nhello\r\n0\r\n\r\n",
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "a prefixed size": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "a bare LF after the data": b"5\r\nhello\n0\r\n\r\n",
    "a bare CR after the size": b"5\rhello\r\n0\r\n\r\n",
    "more data than the size says": b"5\r\nhello world\r\n0\r\n\r\n",
    "a space after the size": b"5 \r\nhello\r\n0\r\n\r\n",
    "a bare LF in the trailers": b"5\r\nhello\r\n0\r\nX-Trailer: a\n\r\n",
    "an endless extension": b"5;" + b"a" * 20000 + b"\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS.keys())
def test_malformed_chunks_are_400(app, body):
    with app.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        response = client.read_response()
        assert response.status in (400, 431) if len(body) > 10000 else response.status == 400
        assert client.is_closed_by_server()


def test_transfer_codings_other_than_chunked_are_501(app):
    assert_refused(app, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501)


def test_chunked_coding_in_http_1_0_is_400(app):
    assert_refused(app, b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400)


REQUEST_LINES = {
    "two spaces": b"GET  / HTTP/1.1\r\n",
    "a tab": b"GET\t/ HTTP/1.1\r\n",
    "a bare LF": b"GET / HTTP/1.1\n",
    "no version": b"GET /\r\n",
    "no target": b"GET HTTP/1.1\r\n",
    "a target without a slash": b"GET index.php HTTP/1.1\r\n",
    "a control character": b"GET /a\x01b HTTP/1.1\r\n",
    "a NUL": b"GET /a\0b HTTP/1.1\r\n",
    "a lower-case protocol": b"GET / http/1.1\r\n",
    "something after the version": b"GET / HTTP/1.1 x\r\n",
    "another protocol": b"GET / RTSP/1.0\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
    "a space first": b" GET / HTTP/1.1\r\n",
    "an absolute target without a host": b"GET http:///x HTTP/1.1\r\n",
}


@pytest.mark.parametrize("line", REQUEST_LINES.values(), ids=REQUEST_LINES.keys())
def test_malformed_request_lines_are_400(app, line):
    with app.client() as client:
        client.send(line + HOST + b"\r\n")
        assert client.read_response().status == 400
        assert client.is_closed_by_server()


def test_what_follows_a_refused_request_is_never_served(app):
    with app.client() as client:
        client.send(b"POST / HTTP/1.1\r\n" + SMUGGLING["length and chunked"] + request_bytes("GET", "/smuggled"))
        assert client.read_response().status == 400
        assert client.is_closed_by_server()
        assert client.buffer == b""


def test_percent_encoded_nul_is_400(app):
    assert app.get("/a%00b").status == 400


@pytest.mark.parametrize("target", ["/%", "/%2", "/%zz"])
def test_broken_percent_encoding_is_400(app, target):
    assert app.get(target).status == 400


# ---------------------------------------------------------------- fields that must not reach the application


def test_the_proxy_header_and_underscored_names_are_dropped(app):
    seen = app.get("/", [("Proxy", "http://evil"), ("X_Real_Name", "evil"), ("Content_Length", "5")]).json()["server"]
    assert "HTTP_PROXY" not in seen
    assert "HTTP_X_REAL_NAME" not in seen
    assert seen.get("CONTENT_LENGTH", "") in ("", "0")


def test_a_response_field_with_a_line_break_cannot_split_the_response(module_server):
    app = module_server({"index.php": "<?php header('X-A: ' . $_GET['v']); echo 'body';"})
    with app.client() as client:
        response = client.get("/?v=1%0d%0aX-Injected:+1%0d%0a%0d%0ainjected")
        assert response.header("X-Injected") is None
        assert not response.body.startswith(b"injected")
        assert client.get("/?v=2").header("X-A") == "2"
