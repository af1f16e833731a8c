"""PHP, one script run per request: what php-fpm gives an application, Askr gives it too."""

import base64
import hashlib
import json
import re
import shutil
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from askrtest.http import CutShort, request_bytes
from askrtest.scripts import IGNORED_AND_BLOCKED, UNBUFFERED, php, signals_taken_from
from askrtest.wait import holds_for, wait_until


def scripts(**bodies):
    return {f"{name}.php": f"<?php\n{body}\n" for name, body in bodies.items()}


@pytest.fixture(scope="module")
def app(module_server):
    return module_server(
        {
            "index.php": php("echo.php"),
            "blog/index.php": php("echo.php"),
            "echo.php": php("echo.php"),
            **scripts(
                server="echo json_encode($_SERVER);",
                value="echo json_encode(eval('return ' . $_GET['code'] . ';'));",
                run="eval($_GET['code']);",
            ),
        },
        ini=UNBUFFERED,
    )


def run(app, code, method="GET", headers=(), body=b""):

    return app.request(method, f"/run.php?code={quote(code)}", headers, body)


# ---------------------------------------------------------------- what the script is told


def test_server_variables_are_those_of_php_fpm_behind_nginx(app):
    seen = app.get("/echo.php/path/info?a=1&b=2", {"Host": "example.org:8080"}).json()["server"]
    root = str(app.root)
    expected = {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/echo.php/path/info?a=1&b=2",
        "QUERY_STRING": "a=1&b=2",
        "SCRIPT_NAME": "/echo.php",
        "SCRIPT_FILENAME": f"{root}/echo.php",
        "PATH_INFO": "/path/info",
        "PHP_SELF": "/echo.php/path/info",
        "DOCUMENT_ROOT": root,
        "SERVER_NAME": "example.org",
        "SERVER_PORT": str(app.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_SCHEME": "http",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTP_HOST": "example.org:8080",
        "REMOTE_ADDR": "127.0.0.1",
        "REDIRECT_STATUS": "200",
    }
    assert {name: seen.get(name) for name in expected} == expected
    assert re.fullmatch(r"askr/\S+", seen["SERVER_SOFTWARE"])
    assert "HTTPS" not in seen


def test_the_time_of_the_request_is_now(app):

    seen = app.get("/server.php").json()
    assert abs(seen["REQUEST_TIME"] - time.time()) < 5
    assert abs(seen["REQUEST_TIME_FLOAT"] - time.time()) < 5
    assert seen["REQUEST_TIME_FLOAT"] % 1 != 0 or seen["REQUEST_TIME"] == seen["REQUEST_TIME_FLOAT"]


def test_the_front_controller_gets_every_other_path(app):
    seen = app.get("/some/pretty/path?x=1").json()["server"]
    assert seen["SCRIPT_NAME"] == "/index.php"
    assert seen["PHP_SELF"] == "/index.php"
    assert seen["REQUEST_URI"] == "/some/pretty/path?x=1"
    assert seen["QUERY_STRING"] == "x=1"
    assert seen.get("PATH_INFO", "") == ""


def test_the_index_of_a_folder_is_run(app):
    assert app.get("/blog/").json()["server"]["SCRIPT_NAME"] == "/blog/index.php"


def test_a_missing_script_is_the_front_controllers(app):
    assert app.get("/missing.php").json()["server"]["SCRIPT_NAME"] == "/index.php"


def test_another_front_controller_can_be_named(server):
    app = server({"app.php": php("echo.php")}, front="app.php")
    assert app.get("/x").json()["server"]["SCRIPT_NAME"] == "/app.php"


def test_percent_encoded_paths_are_decoded_for_the_script_and_kept_in_the_uri(app):
    seen = app.get("/echo.php/a%20b%2Fc").json()["server"]
    assert seen["PATH_INFO"] == "/a b/c"
    assert seen["REQUEST_URI"] == "/echo.php/a%20b%2Fc"


@pytest.mark.parametrize("script", ["/echo.php", "/index.php"])
def test_a_path_info_may_begin_with_a_dot(app, script):
    seen = app.get(f"{script}/.env").json()["server"]
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == (script, "/.env")
    assert app.get("/.env").status == 404


def test_query_and_cookies_are_parsed(app):
    seen = app.get("/?a=1&b[]=2&b[]=3&c[d]=4&e=%C3%BC", {"Cookie": "one=1; two=%20x; list[a]=b"}).json()
    assert seen["get"] == {"a": "1", "b": ["2", "3"], "c": {"d": "4"}, "e": "ü"}
    assert seen["cookie"] == {"one": "1", "two": " x", "list": {"a": "b"}}


def test_repeated_header_fields_are_joined(app):
    seen = app.get("/", [("X-List", "a"), ("X-List", "b"), ("Cookie", "a=1"), ("Cookie", "b=2")]).json()
    assert seen["server"]["HTTP_X_LIST"] == "a, b"
    assert seen["cookie"] == {"a": "1", "b": "2"}


def test_getallheaders_sees_the_clients_fields(app):
    headers = json.loads(run(app, "echo json_encode(getallheaders());", headers={"X-Custom-Field": "v"}).body)
    assert headers["X-Custom-Field"] == "v"


def test_basic_and_digest_credentials_reach_php(app):
    credentials = base64.b64encode(b"alice:s:cret").decode()
    seen = app.get("/", {"Authorization": f"Basic {credentials}"}).json()["server"]
    assert (seen["PHP_AUTH_USER"], seen["PHP_AUTH_PW"]) == ("alice", "s:cret")
    assert seen["REMOTE_USER"] == "alice"
    assert seen["HTTP_AUTHORIZATION"] == f"Basic {credentials}"
    seen = app.get("/", {"Authorization": 'Digest username="alice"'}).json()["server"]
    assert seen["PHP_AUTH_DIGEST"] == 'username="alice"'
    assert "REMOTE_USER" not in seen
    seen = app.get("/").json()["server"]
    assert "PHP_AUTH_USER" not in seen and "REMOTE_USER" not in seen


def test_the_environment_has_the_variables_of_the_request(server):
    app = server(scripts(index="echo json_encode([getenv(), $_ENV]);"), ini=["variables_order=EGPCS"],
                 env={"APP_FLAVOUR": "mint", "HTTP_X_LIST": "of the server"})
    for seen in app.get("/a?b=1", {"X-List": "of the client"}).json():
        expected = {"REQUEST_URI": "/a?b=1", "HTTP_X_LIST": "of the client", "SCRIPT_NAME": "/index.php",
                    "SCRIPT_FILENAME": f"{app.root}/index.php", "APP_FLAVOUR": "mint"}
        assert {name: seen.get(name) for name in expected} == expected
        assert not {"PHP_SELF", "REQUEST_TIME", "argv"} & seen.keys()


def test_the_environment_of_the_server_reaches_php(server):
    app = server(scripts(index="echo getenv('APP_FLAVOUR');"), env={"APP_FLAVOUR": "mint"})
    assert app.get("/").body == b"mint"


def test_the_working_directory_is_the_scripts(app):
    assert run(app, "echo getcwd();").text == str(app.root)


@pytest.mark.parametrize("how", ["moved", "a symlink that changes"])
def test_a_script_runs_in_the_folder_that_has_taken_the_place_of_another(server, how):
    script = "<?php echo file_get_contents('release.txt'); file_put_contents('written.txt', 'x');"
    linked = how != "moved"
    names = ("releases/1", "releases/2") if linked else ("app", "next")
    releases = {f"{name}/{file}": text for name, release in zip(names, ("old", "new"))
                for file, text in (("run.php", script), ("release.txt", release))}
    app = server(releases, workers=1, wait=False)
    if linked:
        (app.root / "app").symlink_to("releases/1")
    app.start()
    assert app.get("/app/run.php").body == b"old"
    if linked:
        (app.root / "link").symlink_to("releases/2")
        (app.root / "link").rename(app.root / "app")
    else:
        (app.root / "app").rename(app.root / "before")
        (app.root / "next").rename(app.root / "app")
    wait_until(lambda: app.get("/app/run.php").body == b"new", "scripts run in the new folder", 5)
    (app.root / "app/written.txt").unlink()
    assert app.get("/app/run.php").body == b"new"
    assert (app.root / "app/written.txt").exists()


SIGNALS = r"""
preg_match_all('/^(Sig(?:Blk|Ign|Cgt)):\s*(\w+)/m', file_get_contents('/proc/self/status'), $found);
echo json_encode([getmypid(), pcntl_alarm(0), array_combine($found[1], $found[2])]);
"""


@pytest.mark.parametrize("code", [
    "pcntl_alarm(1000);",
    "pcntl_sigprocmask(SIG_BLOCK, [SIGTERM, SIGCHLD]);",
    "pcntl_sigprocmask(SIG_BLOCK, [SIGALRM]); posix_kill(getmypid(), SIGALRM);",
    "pcntl_signal(SIGCHLD, SIG_IGN); pcntl_signal(SIGUSR1, fn () => 1); pcntl_signal(SIGTERM, SIG_DFL);",
])
def test_what_a_script_does_with_signals_ends_with_its_request(server, code):
    app = server(scripts(use=code, signals=SIGNALS), workers=1)
    before = app.get("/signals.php").json()
    assert before[1] == 0
    assert app.get("/use.php").status == 200
    assert app.get("/signals.php").json() == before


def test_programs_that_a_script_starts_ignore_and_block_no_signal(app):
    assert not signals_taken_from(run(app, f"passthru({IGNORED_AND_BLOCKED});").text)


# ---------------------------------------------------------------- bodies


def test_a_url_encoded_form_fills_post(app):
    form = b"a=1&b[]=2&b[]=3&c=%C3%BC+x"
    seen = app.post("/", form, {"Content-Type": "application/x-www-form-urlencoded"}).json()
    assert seen["post"] == {"a": "1", "b": ["2", "3"], "c": "ü x"}
    assert seen["body"].encode() == form
    assert seen["server"]["CONTENT_TYPE"] == "application/x-www-form-urlencoded"
    assert seen["server"]["CONTENT_LENGTH"] == str(len(form))


def test_the_first_of_two_types_is_the_one_of_the_body(app):
    types = [("Content-Type", "application/x-www-form-urlencoded"), ("Content-Type", "text/plain")]
    seen = app.post("/", b"a=1", types).json()
    assert seen["post"] == {"a": "1"}
    assert seen["server"]["CONTENT_TYPE"] == seen["server"]["HTTP_CONTENT_TYPE"] == types[0][1]
    seen = app.post("/", b"a=1", types[::-1]).json()
    assert seen["post"] == []
    assert seen["server"]["CONTENT_TYPE"] == seen["server"]["HTTP_CONTENT_TYPE"] == "text/plain"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "GET"])
def test_the_length_of_an_empty_body_is_0_when_the_client_says_so(app, method):
    assert app.request(method, "/server.php", {"Content-Length": "0"}).json()["CONTENT_LENGTH"] == "0"


def test_a_request_without_a_body_has_no_length(app):
    assert app.request("GET", "/server.php").json()["CONTENT_LENGTH"] == ""
    assert app.request("DELETE", "/server.php").json()["CONTENT_LENGTH"] == ""


def test_a_chunked_form_fills_post(app):
    with app.client() as client:
        client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n3\r\na=1\r\n4\r\n&b=2\r\n0\r\n\r\n"
        )
        assert client.read_response().json()["post"] == {"a": "1", "b": "2"}


def test_json_is_read_from_the_input_stream(app):
    response = app.post("/", b'{"a": [1, 2]}', {"Content-Type": "application/json"})
    assert json.loads(response.json()["body"]) == {"a": [1, 2]}
    assert response.json()["post"] == []


def test_the_input_stream_can_be_read_twice_and_sought(app):
    code = "$f = fopen('php://input', 'r'); echo fread($f, 3); rewind($f); echo '|', stream_get_contents($f), '|',"
    assert run(app, code + "file_get_contents('php://input');", "POST", body=b"abcdef").body == b"abc|abcdef|abcdef"


def test_an_unread_body_does_not_disturb_the_next_request(app):
    with app.client() as client:
        for _ in range(3):
            assert client.request("POST", "/run.php?code=echo+1%3B", body=b"x" * 100_000).body == b"1"


def multipart(*parts):
    boundary = "----askr-boundary"
    lines = []
    for name, filename, media_type, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        lines.append(f"--{boundary}\r\nContent-Disposition: {disposition}\r\n".encode())
        lines.append(f"Content-Type: {media_type}\r\n".encode() if media_type else b"")
        lines.append(b"\r\n" + content + b"\r\n")
    return b"".join(lines) + f"--{boundary}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


UPLOAD = """
foreach ($_FILES as $field => $file) {
    $moved = __DIR__ . '/stored-' . $field;
    $report[$field] = [
        'uploaded' => is_uploaded_file($file['tmp_name']),
        'faked' => is_uploaded_file(__FILE__),
        'moved' => move_uploaded_file($file['tmp_name'], $moved),
        'gone' => !file_exists($file['tmp_name']),
        'mode' => decoct(fileperms($moved) & 0777),
        'name' => $file['name'], 'type' => $file['type'], 'size' => $file['size'], 'error' => $file['error'],
        'full_path' => $file['full_path'] ?? null,
        'content' => md5_file($moved),
    ];
}
echo json_encode(['files' => $report ?? [], 'post' => $_POST]);
"""


def test_uploads_are_files_that_can_be_moved(server):

    app = server(scripts(index=UPLOAD))
    small, large = b"tiny", bytes(range(256)) * 2000
    body, headers = multipart(
        ("title", None, None, "Grüße".encode()),
        ("small", "small.txt", "text/plain", small),
        ("large", "large.bin", "application/octet-stream", large),
    )
    answer = app.post("/", body, headers).json()
    assert answer["post"] == {"title": "Grüße"}
    for name, content in (("small", small), ("large", large)):
        file = answer["files"][name]
        assert (file["uploaded"], file["faked"], file["moved"], file["gone"]) == (True, False, True, True)
        assert (file["size"], file["error"]) == (len(content), 0)
        assert file["content"] == hashlib.md5(content).hexdigest()
        assert (app.root / f"stored-{name}").read_bytes() == content


def test_uploads_that_nobody_moves_are_removed(server):
    app = server(scripts(index="echo $_FILES['f']['tmp_name'];"))
    body, headers = multipart(("f", "f.txt", "text/plain", b"content"))

    path = Path(app.post("/", body, headers).text)
    assert path.is_absolute()
    wait_until(lambda: not path.exists(), "the upload is removed")


def test_several_uploads_of_one_field_keep_phps_shape(server):
    app = server(scripts(index="echo json_encode($_FILES);"))
    body, headers = multipart(("f[a]", "1.txt", "text/plain", b"1"), ("f[b]", "2.txt", "text/plain", b"22"))
    assert app.post("/", body, headers).json()["f"]["size"] == {"a": 1, "b": 2}


def test_the_upload_limits_follow_max_body_size(server):
    app = server(scripts(index="echo ini_get('post_max_size'), ' ', ini_get('upload_max_filesize');"), max_body_size="64M")
    limits = app.get("/").text.split()
    assert limits in (["64M", "64M"], [str(64 << 20)] * 2)


# ---------------------------------------------------------------- responses


def test_status_fields_and_cookies_are_sent(app):
    response = run(
        app,
        "http_response_code(418); header('X-One: 1'); header('X-One: 2', false); header('X-Gone: 1');"
        "header_remove('X-Gone'); setcookie('a', 'b', ['path' => '/', 'httponly' => true]); setcookie('c', 'd'); echo 'tea';",
    )
    assert (response.status, response.body) == (418, b"tea")
    assert response.all("X-One") == ["1", "2"]
    assert response.header("X-Gone") is None
    assert [cookie.split("=")[0] for cookie in response.all("Set-Cookie")] == ["a", "c"]


def test_a_reason_of_the_script_is_sent(app):
    response = run(app, "header('HTTP/1.1 404 Nothing Here'); echo 'x';")
    assert (response.status, response.reason) == (404, "Nothing Here")


# What nginx with php-fpm answers.
@pytest.mark.parametrize("code, status, reason", [
    ("header('Status: 410 Gone Fishing');", 410, "Gone Fishing"),
    ("header('status:410 Gone Fishing');", 410, "Gone Fishing"),
    ("header('Status: 301 Moved'); header('Location: /a');", 301, "Moved"),
    ("header('Location: /a'); header('Status: 307 Elsewhere');", 307, "Elsewhere"),
    ("header('Location: /a'); header('Status: 200 OK');", 200, "OK"),
    ("http_response_code(503); header('Status: 404 Not Found');", 404, "Not Found"),
    ("header('WWW-Authenticate: Basic realm=x'); header('Status: 403 Forbidden');", 403, "Forbidden"),
    ("header('HTTP/1.1 200 Fine'); header('Status: 404 Not Found');", 404, "Not Found"),
    ("header('HTTP/1.1 503 Busy'); header('Status: 404 Not Found');", 503, "Busy"),
    ("header('Status: 404 A'); header('Status: 410 B');", 410, "B"),
    ("header('Status: 404 A'); header('Status: 410 B', false);", 404, "A"),
    ("http_response_code(404); header('Status:');", 404, "Not Found"),
    ("header('Status: 304 Not Modified');", 304, "Not Modified"),
])
def test_a_status_field_wins_unless_the_script_gives_a_status_line(app, code, status, reason):
    response = run(app, code)
    assert (response.status, response.reason) == (status, reason)
    assert response.header("Status") is None


# What nginx with php-fpm answers.
STATUS_LINES = [
    ("header('HTTP/1.1 404 Not Found'); http_response_code(403);", 404, "Not Found"),
    ("http_response_code(403); header('HTTP/1.1 404 Not Found');", 404, "Not Found"),
    ("header('HTTP/1.1 404 Nope'); http_response_code(200);", 200, "OK"),
    ("header('HTTP/1.1 304 Not Modified'); http_response_code(200);", 200, "OK"),
    ("header('HTTP/1.1 200 Fine'); http_response_code(404);", 200, "Fine"),
    ("header('HTTP/1.1 404 Nope'); header('HTTP/1.1 403 Never'); http_response_code(500);", 403, "Never"),
    ("header('HTTP/1.1 404 Nope'); header('Status: 410 Gone'); http_response_code(403);", 404, "Nope"),
    ("header('Status: 404 Gone'); http_response_code(403);", 404, "Gone"),
    ("http_response_code(403); header('Status: 404 Gone');", 404, "Gone"),
    ("header('HTTP/1.1 404 Not Found'); header('X-A: b', true, 403);", 403, "Forbidden"),
    ("header('HTTP/1.1 404 Not Found'); header('X-A: b', true, 404);", 404, "Not Found"),
    ("header('X-A: b', true, 404); http_response_code(403);", 403, "Forbidden"),
    ("header('HTTP/1.1 404 Not Found', true, 403);", 404, "Not Found"),
    ("header('HTTP/1.1 404 Nope'); header('Location: /x');", 302, "Found"),
    ("header('HTTP/1.1 303 See'); header('Location: /x');", 303, "See"),
    ("header('HTTP/1.1 404 Nope'); header('WWW-Authenticate: Basic');", 401, "Unauthorized"),
    ("header('HTTP/1.1 404 Nope'); header_remove(); http_response_code(403);", 404, "Nope"),
    ("header('http/2 404 lower'); http_response_code(403);", 404, "lower"),
    ("header('HTTP/1.1'); http_response_code(403);", 403, "Forbidden"),
    ("header('HTTP/1.1 404 Not Found'); http_response_code(700);", 404, "Not Found"),
    ("header('HTTP/1.1 999 Much');", 999, "Much"),
    ("header('HTTP/1.1 abc'); http_response_code(403);", 502, "Bad Gateway"),
    ("header('HTTP/1.1 40 4');", 502, "Bad Gateway"),
]


@pytest.mark.parametrize("code, status, reason", STATUS_LINES)
def test_a_status_line_counts_whatever_number_comes_later(app, code, status, reason):
    response = run(app, code)
    assert (response.status, response.reason) == (status, reason)


@pytest.mark.parametrize("flags", [(), ("--cow",), ("--isolation", "request"), ("--isolation", "rewind")],
                         ids=["worker", "cow", "request", "rewind"])
def test_so_it_does_in_a_worker_script(server, flags):
    app = server({"worker.php": "<?php while (askr_handle_request(function () { eval($_GET['code']); })) {}"}, wait=False,
                 workers=1, flags=flags)
    app.worker_script = app.root / "worker.php"
    app.start()
    for code, status, reason in STATUS_LINES:
        response = app.get(f"/?code={quote(code)}")
        assert (response.status, response.reason) == (status, reason), code


def test_location_makes_a_302(app):
    response = run(app, "header('Location: /elsewhere');")
    assert (response.status, response.header("Location")) == (302, "/elsewhere")


def test_the_default_type_is_html(app):
    assert run(app, "echo 'x';").header("Content-Type") == "text/html; charset=UTF-8"


@pytest.mark.parametrize("code, types", [
    ("header('Content-Type: text/plain'); header('Content-Type: application/json', false);", ["application/json"]),
    ("header('Content-Type:');", []),
    ("header('Content-Type: text/plain'); header('Content-Type:', false);", []),
])
def test_a_response_has_one_type_at_most(app, code, types):
    assert run(app, code + "echo 'x';").all("Content-Type") == types


def test_orders_to_nginx_are_not_for_clients(server):
    app = server(scripts(index="header('X-Accel-Redirect: /secret/a.pdf'); header('x-accel-buffering: no');"
                               "header('X-Accelerated: yes'); header('X-Sendfile: b'); echo 'x';"))
    for _ in range(3):
        response = app.get("/")
        names = {name.lower() for name, _ in response.headers}
        assert not {"x-accel-redirect", "x-accel-buffering"} & names and {"x-accelerated", "x-sendfile"} <= names
    warning = f"X-Accel-Redirect is for nginx and sends no file here: let {app.root}/index.php send it"
    app.wait_log(re.escape(warning))
    assert app.error_log().count(warning) == 1


def test_an_nginx_in_front_that_is_trusted_gets_its_orders(server):
    app = server(scripts(index="header('X-Accel-Redirect: /a.pdf');"), trusted_proxies="127.0.0.0/8")
    assert app.get("/").header("X-Accel-Redirect") == "/a.pdf"


def test_php_does_not_advertise_itself_twice(app):
    assert len(run(app, "echo 1;").all("X-Powered-By")) <= 1


def test_204_and_304_have_no_body(app):
    with app.client() as client:
        for status in (204, 304):
            assert client.get(f"/run.php?code=http_response_code({status});").status == status
        assert client.get("/run.php?code=echo+2;").body == b"2"


def test_a_small_response_has_a_length_and_a_large_one_arrives_whole(app):
    assert run(app, "echo 'abc';").header("Content-Length") == "3"
    response = run(app, "for ($i = 0; $i < 300; $i++) { echo str_repeat(chr(65 + $i % 26), 10007); }")
    assert response.body == b"".join(bytes([65 + i % 26]) * 10007 for i in range(300))


def test_a_length_announced_by_the_script_is_kept(app):
    response = run(app, "header('Content-Length: 5'); echo 'hello';")
    assert (response.header("Content-Length"), response.body) == ("5", b"hello")


@pytest.mark.parametrize("rest", ["", "flush();usleep(50000);"], ids=["at once", "flushed"])
@pytest.mark.parametrize("length", [0, 3])
def test_what_a_script_sends_beyond_its_length_is_left_out(app, length, rest):
    with app.client() as client:
        response = client.get(f"/run.php?code=header('Content-Length:+{length}');echo+'hel';{rest}echo+'lo';")
        assert (response.header("Content-Length"), response.body) == (str(length), b"hello"[:length])
        request_id = response.header("X-Request-Id")
        app.wait_log(rf"warning .*{5 - length} bytes beyond its Content-Length \(request {request_id}\)")
        assert client.get("/run.php?code=echo+2;").body == b"2"


@pytest.mark.parametrize("rest", ["", "flush();usleep(50000);"], ids=["at once", "flushed"])
@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip"}], ids=["plain", "compressed"])
def test_a_client_can_tell_that_a_script_sent_less_than_its_length(app, headers, rest):
    code = f"header('Content-Type:+text/plain');header('Content-Length:+9000');echo+str_repeat('x',5000);{rest}"
    with app.client() as client:
        client.send(request_bytes("GET", f"/run.php?code={code}", {"X-Request-Id": "short", **headers}))
        with pytest.raises(CutShort) as cut:
            client.read_response()
    partial = cut.value.partial
    assert partial.status == 200
    if headers:
        assert partial.header("Content-Encoding") == "gzip"
    else:
        assert partial.header("Content-Length") == "9000"
    app.wait_log(r"response cut off, the script sent less than its Content-Length \(request short\)")


@pytest.mark.parametrize("status", [99, 100, 103, 199, 1000])
def test_a_status_that_is_none_is_answered_502_and_logged(app, status):
    response = run(app, f"http_response_code({status}); echo 'body';")
    assert response.status == 502
    app.wait_log(rf"error .*502 GET /run\.php.*status.*\(request {response.header('X-Request-Id')}\)")


def test_head_runs_the_script_without_a_body(app):
    with app.client() as client:
        response = client.request("HEAD", "/run.php?code=header('X-Ran:+1');echo+'body';")
        assert (response.status, response.header("X-Ran"), response.body) == (200, "1", b"")
        assert client.get("/run.php?code=echo+2;").body == b"2"


def test_output_buffers_nest_and_are_flushed_at_the_end(app):
    assert run(app, "ob_start(fn ($text) => strtoupper($text)); echo 'a'; ob_start(); echo 'b'; ob_end_clean(); echo 'c';").body == b"AC"


def test_flush_sends_what_there_is(app):

    code = "echo 'first'; flush(); $f = $_GET['gate']; while (!file_exists($f)) { usleep(1000); clearstatcache(); } echo 'second';"
    gate = app.root / "gate"
    gate.unlink(missing_ok=True)
    with app.client() as client:
        client.send(f"GET /run.php?gate={gate}&code={quote(code)} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        response = client.read_head()
        assert response.header("Transfer-Encoding") == "chunked"
        assert client.read_chunk() == b"first"
        gate.touch()
        assert client.read_chunk() == b"second"
        assert client.read_chunk() == b""


def test_early_hints_come_before_the_response(app):
    response = run(
        app, "header('Link: </style.css>; rel=preload'); headers_send(103); header('X-Late: 1'); echo 'done';"
    )
    assert [interim.status for interim in response.interim] == [103]
    assert response.interim[0].header("Link") == "</style.css>; rel=preload"
    assert (response.status, response.body, response.header("X-Late")) == (200, b"done", "1")


def test_http_1_0_clients_get_no_early_hints(app):
    response = app.request("GET", "/run.php?code=headers_send(103);echo+1;", version="HTTP/1.0")
    assert (response.interim, response.body) == ([], b"1")


@pytest.mark.parametrize("function", ["fastcgi_finish_request", "askr_finish_request"])
def test_a_finished_request_is_answered_while_the_script_goes_on(app, function):
    gate, done = app.root / f"go-{function}", app.root / f"done-{function}"
    code = (
        f"echo 'early'; {function}(); echo 'too late';"
        f"while (!file_exists('{gate}')) {{ usleep(1000); clearstatcache(); }} touch('{done}');"
    )
    response = run(app, code)
    assert (response.body, response.header("Content-Length")) == (b"early", "5")
    assert not done.exists()
    gate.touch()

    wait_until(done.exists, "the rest of the script ran")


# ---------------------------------------------------------------- sessions


def test_a_session_counts_visits(server, tmp_path):
    (tmp_path / "sessions").mkdir()
    app = server(
        scripts(index="session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];"),
        ini=[f"session.save_path={tmp_path}/sessions"],
    )
    first = app.get("/")
    cookie = first.header("Set-Cookie").split(";")[0]
    assert [app.get("/", {"Cookie": cookie}).text for _ in range(5)] == ["2", "3", "4", "5", "6"]
    assert app.get("/").text == "1"


# ---------------------------------------------------------------- the end of a script


def test_exit_works_anywhere(app):
    assert run(app, "echo 'before'; exit;").body == b"before"
    assert run(app, "exit('message');").body == b"message"
    assert run(app, "ob_start(); echo 'buffered'; (function () { exit(3); })();").body == b"buffered"
    assert run(app, "register_shutdown_function(function () { echo 'shutdown'; exit; });").body == b"shutdown"


def test_shutdown_functions_and_destructors_run(app):
    code = (
        "class D { function __destruct() { echo 'destructor '; } } $d = new D;"
        "register_shutdown_function(fn() => print('shutdown ')); echo 'body ';"
    )
    assert run(app, code).body == b"body shutdown destructor "


def test_nothing_survives_into_the_next_request(server):
    app = server(
        scripts(index="static $n = 0; global $g; echo ++$n, $g ?? '-', defined('C') ? 'C' : '-', ini_get('precision');"
                      "$g = 'g'; define('C', 1); ini_set('precision', 3); putenv('LEAK=1');"),
        workers=1,
    )
    assert {app.get("/").text for _ in range(5)} == {"1--14"}


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "code, message",
    [
        ("undefined_function();", "Call to undefined function undefined_function()"),
        ("throw new RuntimeException('lost');", "lost"),
        ("require 'missing-file.php';", "Failed opening required"),
        ("str_repeat('x', 600 * 1024 * 1024);", "Allowed memory size"),
        ("trigger_error('own', E_USER_ERROR);", "own"),
        ("$a = []; while (true) { $a[] = str_repeat('x', 100000); }", "Allowed memory size"),
    ],
)
def test_a_fatal_error_is_500_logged_with_file_and_line_and_not_shown(server, code, message):
    app = server({"index.php": f"<?php\n\n{code}\n", "fine.php": "<?php echo 'fine';"}, ini=["memory_limit=64M"], workers=1)
    response = app.get("/")
    assert response.status == 500
    assert message.encode() not in response.body
    assert b"index.php" not in response.body
    app.wait_log(re.escape(message) + r".*index\.php(\(3\)|:3|.* line 3)")
    assert app.get("/fine.php").body == b"fine"


@pytest.mark.parametrize("code, reason", [(200, "OK"), (404, "Not Found")])
def test_a_shutdown_function_may_change_the_status_of_a_fatal_error(server, code, reason):
    app = server(scripts(index=f"register_shutdown_function(fn () => http_response_code({code})); undefined_function();"))
    response = app.get("/")
    assert (response.status, response.reason) == (code, reason)


def test_a_syntax_error_is_500_and_logged(server):
    app = server({"index.php": "<?php\nthis is no php;\n"})
    assert app.get("/").status == 500
    app.wait_log(r"syntax error.*index\.php(:2|.* line 2)")


def test_display_errors_shows_them_when_the_operator_wants(server):
    app = server({"index.php": "<?php echo $undefined; echo 'end';"}, ini=["display_errors=1", "html_errors=0"])
    response = app.get("/")
    assert response.status == 200
    assert b"Undefined variable $undefined" in response.body


def test_warnings_are_logged_with_the_id_of_the_request(server):
    app = server({"index.php": "<?php echo $undefined; error_log('a note'); echo 'end';"}, ini=["error_reporting=-1", "log_errors=1"])
    response = app.get("/", {"X-Request-Id": "seen-in-log"})
    assert response.body == b"end"
    app.wait_log(r"Undefined variable \$undefined.*seen-in-log|seen-in-log.*Undefined variable \$undefined")
    app.wait_log(r"a note")


def test_a_fatal_error_after_the_head_was_sent_cuts_the_body(server):

    app = server(scripts(index="echo str_repeat('x', 1000); flush(); undefined_function();"), ini=UNBUFFERED)
    for _ in range(50):  # all that PHP has sent arrives, however soon the end comes behind it
        with app.client() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            bytes_ = client.read_to_end()
        head, _, body = bytes_.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"Transfer-Encoding: chunked" in head
        assert body == b"3e8\r\n" + b"x" * 1000 + b"\r\n"


def test_a_fatal_error_after_output_that_nobody_has_seen_is_500(server):
    app = server(scripts(index="echo str_repeat('x', 50000); undefined_function();"))
    response = app.get("/")
    assert response.status == 500
    assert b"xxx" not in response.body
    app.wait_log(r"undefined_function.*index\.php(\(\d+\)|:\d+|.* line \d+)")


def test_max_execution_time_is_phps_own_limit(server):
    app = server(scripts(index="while (true) { $x = md5('x'); }"), ini=["max_execution_time=1"], workers=1)
    with app.client(timeout=40) as client:  # a second of the processor may be many on the clock
        assert client.get("/").status == 500
    app.wait_log("Maximum execution time of 1 second")


def test_ignore_user_abort_decides_who_goes_on_without_a_client(server, tmp_path):

    app = server(
        scripts(
            index="touch($_GET['began']); ignore_user_abort((bool) $_GET['ignore']);"
            "for ($i = 0; $i < 300; $i++) { echo str_repeat('x', 10000); flush(); usleep(5000);"
            "  if (connection_aborted()) { touch($_GET['noticed']); break; } }"
            "touch($_GET['end']);"
        ),
        ini=UNBUFFERED,
        workers=1,
    )
    for ignore in (1, 0):
        began, noticed, end = (tmp_path / f"{name}-{ignore}" for name in ("began", "noticed", "end"))
        client = app.begin("GET", f"/?ignore={ignore}&began={began}&noticed={noticed}&end={end}")
        wait_until(began.exists, "the script began")
        client.read_head()
        client.close()
        if ignore:
            wait_until(noticed.exists, "the script was told that its client left")
            wait_until(end.exists, "the script went on to its end")
        else:
            wait_until(lambda: app.status()["exchange"]["slots_used"] == 0, "the script was ended")
            holds_for(lambda: not end.exists(), "the script was ended at its next output", 0.2)


# ---------------------------------------------------------------- opcache and settings


def test_opcache_is_active_and_shared_by_all_workers(server):
    app = server(
        scripts(
            index="$s = opcache_get_status(); echo json_encode([getmypid(), $s['opcache_enabled'], count($s['scripts'])]);",
            slow="usleep((int) ($_GET['us'] ?? 0)); echo getmypid();",
        ),
        workers=2,
        ini=["opcache.validate_timestamps=0", "opcache.file_update_protection=0"],
    )
    assert app.get("/").json()[1] is True
    app.get("/slow.php")
    # A script compiled by one worker is seen by the other, which answers while the first is busy.
    with app.begin("GET", "/slow.php?us=500000") as busy:
        pid, _, scripts_cached = app.get("/").json()
        assert busy.read_response().text != str(pid)
    assert scripts_cached == 2
    assert app.get("/").json()[2] == 2


def test_ini_lines_come_after_the_files(server):
    app = server(
        scripts(index="echo ini_get('memory_limit'), ' ', ini_get('date.timezone'), ' ', php_sapi_name();"),
        ini=["memory_limit=77M", "date.timezone=Europe/Vienna", "memory_limit=78M"],
    )
    assert app.get("/").text.split()[:2] == ["78M", "Europe/Vienna"]


@pytest.mark.skipif(shutil.which("php") is None, reason="there is no PHP of the command line here")
def test_php_binary_is_php_of_the_command_line_and_runs_scripts(app):
    seen = run(app, "echo json_encode([PHP_BINARY, PHP_VERSION, shell_exec(escapeshellarg(PHP_BINARY) . ' -nr \"echo PHP_VERSION;\"')]);")
    binary, server, program = seen.json()
    assert Path(binary).is_file()
    assert program == server


def test_php_says_that_what_follows_a_script_is_path_info(app):
    assert run(app, "var_dump(ini_get('cgi.fix_pathinfo'));").text == 'string(1) "1"\n'


def test_system_extensions_are_loaded(app):
    loaded = set(run(app, "echo json_encode(get_loaded_extensions());").json())
    assert {"pdo_sqlite", "mbstring", "curl", "Zend OPcache", "session"} <= loaded


def test_changed_code_is_seen_when_opcache_checks_timestamps(server):
    app = server(scripts(index="echo 'old';"), ini=["opcache.validate_timestamps=1", "opcache.revalidate_freq=0"])
    assert app.get("/").body == b"old"
    new = app.root / "new"
    new.write_text("<?php echo 'new';")
    new.rename(app.root / "index.php")

    wait_until(lambda: app.get("/").body == b"new", "the new code is served")


def test_the_functions_of_absent_features_answer_politely(app):
    code = (
        "echo json_encode([askr_cache_get('k'), askr_cache_set('k', 'v'), askr_cache_add('k', 'v'),"
        "askr_cache_delete('k'), askr_cache_touch('k'), askr_cache_increment('k'), askr_broadcast('c', 'p'),"
        "askr_cow_ready(), askr_cache_flush(), askr_cache_forget_tag('t')]);"
    )
    assert run(app, code).json() == [None, False, False, False, False, 0, False, None, None, None]


# ---------------------------------------------------------------- scripts that take their worker down


@pytest.mark.parametrize("how", ["stack", "segfault"])
def test_a_crash_is_502_with_the_id_and_the_log_names_file_and_line(server, how):
    app = server({"index.php": php("crash.php"), "fine.php": "<?php echo 'fine';"}, workers=1)
    response = app.post(f"/?how={how}", b"x", {"X-Request-Id": f"crash-{how}"})
    assert response.status == 502
    assert response.header("X-Request-Id") == f"crash-{how}"
    assert f"crash-{how}".encode() in response.body
    app.wait_log(rf"POST /\?how={how}.*crash-{how}")
    app.wait_log(r"index\.php:\d+")
    assert app.get("/fine.php").body == b"fine"


def test_a_get_that_crashes_once_is_run_again_unseen(server, tmp_path):
    marker = tmp_path / "marker"
    app = server({"index.php": php("crash.php")})
    response = app.get(f"/?how=once&marker={marker}")
    assert response.status == 200
    assert response.body.startswith(b"survived")
    assert marker.read_text() == ".."


def test_a_get_that_always_crashes_runs_twice_and_is_502(server, tmp_path):
    marker = tmp_path / "marker"
    app = server({"index.php": php("crash.php"), "fine.php": "<?php echo 'fine';"})
    assert app.get(f"/?how=segfault&marker={marker}").status == 502
    assert marker.read_text() == ".."
    assert app.get("/fine.php").body == b"fine"
