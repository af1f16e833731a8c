"""Worker mode: the script boots once and answers many requests, and each request looks as if it were the first."""

import gzip
import hashlib
import json
import os
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from askrtest.http import request_bytes
from askrtest.scripts import UNBUFFERED
from askrtest.wait import holds_for, wait_until


def worker(handler, boot=""):
    """A worker script whose handler has this body; $request is the request array."""
    return f"""<?php
$boots = __DIR__ . '/boots';
file_put_contents($boots, '.', FILE_APPEND);
{boot}
$handled = 0;
$handler = function (array $request) use (&$handled): void {{
    $handled++;
    {handler}
}};
while (askr_handle_request($handler)) {{
}}
"""


SHOW = """
header('Content-Type: application/json');
echo json_encode([
    'request' => $request, 'server' => $_SERVER, 'get' => $_GET, 'post' => $_POST, 'cookie' => $_COOKIE,
    'files' => $_FILES, 'request_global' => $_REQUEST, 'input' => file_get_contents('php://input'),
    'pid' => getmypid(), 'handled' => $handled, 'boots' => filesize(__DIR__ . '/boots'),
], JSON_INVALID_UTF8_SUBSTITUTE);
"""


in_each_mode = pytest.mark.parametrize(
    "flags", [(), ("--cow",), ("--isolation", "request"), ("--isolation", "rewind")],
    ids=["worker", "cow", "request", "rewind"])


@pytest.fixture
def serve(server):
    def make(handler, boot="", files=None, **options):
        options = {"workers": 1, "ini": UNBUFFERED, **options}
        app = server({"plain.txt": "plain\n", "worker.php": worker(handler, boot), **(files or {})},
                     wait=False, **options)
        app.worker_script = app.root / "worker.php"
        return app.start()

    return make


@pytest.fixture(scope="module")
def app(module_server):
    app = module_server({"plain.txt": "plain\n", "worker.php": worker(SHOW)}, wait=False, workers=1)
    app.worker_script = app.root / "worker.php"
    return app.start()


@pytest.fixture(scope="module")
def evaluator(module_server):
    """A worker that runs the code of each request."""
    app = module_server({"worker.php": worker("eval($_GET['code']);")}, wait=False, workers=1, ini=UNBUFFERED)
    app.worker_script = app.root / "worker.php"
    return app.start()


def run(app, code, method="GET", headers=(), body=b""):

    return app.request(method, f"/?code={quote(code)}", headers, body)


# ---------------------------------------------------------------- the request array


def test_the_script_boots_once_and_handles_many(app):
    first = app.get("/").json()
    second = app.get("/").json()
    assert second["handled"] == first["handled"] + 1
    assert second["pid"] == first["pid"]
    assert second["boots"] == first["boots"] == 1


def test_the_request_array_has_what_the_contract_says(app):
    body = b"a=1&b[]=2"
    request = app.post(
        "/path/x?q=1&r=%20",
        body,
        {"Content-Type": "application/x-www-form-urlencoded", "X-Custom": "value", "Cookie": "c=1"},
    ).json()["request"]
    assert set(request) == {"method", "uri", "query", "headers", "body", "post", "files"}
    assert request["method"] == "POST"
    assert request["uri"] == "/path/x?q=1&r=%20"
    assert request["query"] == "q=1&r=%20"
    assert request["body"].encode() == body
    assert request["post"] == {"a": "1", "b": ["2"]}
    assert request["files"] == []
    assert request["headers"]["HTTP_X_CUSTOM"] == "value"
    assert request["headers"]["REQUEST_METHOD"] == "POST"
    assert request["headers"]["CONTENT_TYPE"] == "application/x-www-form-urlencoded"


DIGEST = """$hash = hash_init('md5'); hash_update_stream($hash, fopen('php://input', 'r'));
echo strlen($request['body']), ' ', hash_final($hash), ' ', memory_get_peak_usage() >> 20;"""


def test_a_large_body_need_not_fit_into_memory(serve):
    app = serve(DIGEST, max_body_size="100M", ini=["memory_limit=32M"])
    body = os.urandom(1 << 20) * 64
    length, digest, peak = app.request("PUT", "/", body=body).text.split()
    assert (length, digest) == ("0", hashlib.md5(body).hexdigest())
    assert int(peak) < 8
    for size, in_array in ((8 << 20, 8 << 20), ((8 << 20) + 1, 0)):
        part = body[:size]
        assert app.request("PUT", "/", body=part).text.split()[:2] == [str(in_array), hashlib.md5(part).hexdigest()]


def test_the_headers_of_the_array_are_the_server_variables(app):
    answer = app.get("/x", {"X-Custom": "value"}).json()
    assert answer["request"]["headers"] == answer["server"]


def test_uploads_are_listed_in_the_array(serve):
    app = serve(
        "$f = $request['files'][0]; echo json_encode([$request['files'], is_uploaded_file($f['tmp_name']),"
        " file_get_contents($f['tmp_name']), move_uploaded_file($f['tmp_name'], __DIR__ . '/moved'), $request['post']]);"
    )
    boundary = "xyz"
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="title"\r\n\r\nT\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="photos[0][file]"; filename="a.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\ncontent\r\n--xyz--\r\n"
    )
    files, uploaded, content, moved, post = app.post(
        "/", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    ).json()
    assert len(files) == 1
    assert set(files[0]) == {"field", "name", "type", "tmp_name", "size", "error"}
    assert (files[0]["field"], files[0]["name"], files[0]["type"]) == ("photos[0][file]", "a.txt", "text/plain")
    assert (files[0]["size"], files[0]["error"]) == (7, 0)
    assert (uploaded, content, moved, post) == (True, "content", True, {"title": "T"})
    assert (app.root / "moved").read_bytes() == b"content"


# Names whose places depend on those before, and the file contents that $_FILES has in the end, in the order of the body.
@pytest.mark.parametrize("names, listed", [
    (["a[]", "a[]", "b[x][]", "b[x][]"], "0123"),
    (["a.b[]", "a_b[]", " a b[]"], "012"),
    (["a[5]", "a[]", "a[05]", "a[]"], "0123"),
    (["a[05]", "a[]"], "01"),
    (["a[-0]", "a[]", "a[-7]", "a[]"], "0123"),
    (["a[ ]", "a[]"], "01"),
    (["a[ k]", "a[ ][ k]", "a[k]"], "12"),
    (["a", "b", "a"], "12"),
    (["a", "a[]", "a[]"], "12"),
    (["a[]", "a", "a[]"], "2"),
    (["a[9223372036854775807]", "a[]", "b"], "02"),
    (["a" + "[x]" * 100, "b"], "1"),
    (["b", "[a]", "c", "a]"], "02"),
], ids=str)
def test_every_file_of_the_superglobal_is_listed_once(serve, names, listed):
    app = serve("""
        $files = [];
        array_walk_recursive($_FILES, function ($value) use (&$files) { $files[] = $value; });
        $listed = array_column($request['files'], 'tmp_name');
        echo json_encode([array_map('file_get_contents', $listed), array_column($request['files'], 'field'),
            array_values(array_diff(array_filter($files, 'is_uploaded_file'), $listed))]);
    """)
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n{number}\r\n'
        for number, name in enumerate(names)
    ]
    contents, fields, missing = app.post(
        "/", "".join([*parts, "--x--\r\n"]).encode(), {"Content-Type": "multipart/form-data; boundary=x"}).json()
    assert contents == list(listed)
    assert fields == [names[int(number)] for number in listed]
    assert missing == []


def test_uploads_that_nobody_moves_are_removed_after_each_request(serve):

    app = serve("echo $request['files'][0]['tmp_name'];")
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nc\r\n--x--\r\n'
    path = Path(app.post("/", body, {"Content-Type": "multipart/form-data; boundary=x"}).text)
    assert path.is_absolute()
    wait_until(lambda: not path.exists(), "the upload is removed")


def test_static_files_do_not_reach_the_worker(app):
    before = app.get("/").json()["handled"]
    assert app.get("/plain.txt").body == b"plain\n"
    assert app.get("/").json()["handled"] == before + 1


def test_other_scripts_below_the_root_are_neither_run_nor_shown(app):
    response = app.get("/worker.php")
    assert b"askr_handle_request" not in response.body
    assert response.json()["request"]["uri"] == "/worker.php"


# ---------------------------------------------------------------- fresh each time


NAMES = ["SCRIPT_NAME", "SCRIPT_FILENAME", "PATH_INFO", "PATH_TRANSLATED", "PHP_SELF", "DOCUMENT_URI"]


@pytest.mark.parametrize("front", ["index.php", "app/front.php"])
def test_a_script_is_named_as_the_front_controller_would_be(server, serve, front):
    """Applications tell from these below which URL they are: /index.php/login is their page /login."""
    files = {front: "<?php echo json_encode(['server' => $_SERVER]);"}
    per_request = server(files, front=front)
    booted = serve(SHOW, files=files, front=front)
    for path in ["/", "/login", f"/{front}", f"/{front}/login", f"/{front}/a.php/b", "/missing.php/x"]:
        wanted, seen = (
            {name: each.get(path).json()["server"].get(name) for name in NAMES} for each in (per_request, booted))
        moved = {name: value and value.replace(str(per_request.root), str(booted.root)) for name, value in wanted.items()}
        assert seen == moved, path


def test_without_a_front_controller_the_worker_script_is_the_file(app):
    seen = app.get("/index.php/login").json()["server"]
    assert seen["SCRIPT_FILENAME"] == str(app.root / "worker.php")
    assert [seen[name] for name in ("SCRIPT_NAME", "PATH_INFO", "PHP_SELF")] == \
        ["/index.php", "/login", "/index.php/login"]


def test_superglobals_are_those_of_the_request(app):
    app.post("/?a=1", b"b=2", {"Content-Type": "application/x-www-form-urlencoded", "Cookie": "c=3", "X-Old": "1"})
    answer = app.get("/?d=4").json()
    assert answer["get"] == {"d": "4"}
    assert answer["post"] == []
    assert answer["cookie"] == []
    assert answer["files"] == []
    assert answer["request_global"] == {"d": "4"}
    assert answer["input"] == ""
    assert "HTTP_X_OLD" not in answer["server"]
    assert "CONTENT_TYPE" not in answer["server"] or answer["server"]["CONTENT_TYPE"] == ""


def test_the_input_stream_is_that_of_the_request(app):
    assert app.post("/", b"first body", {"Content-Type": "text/plain"}).json()["input"] == "first body"
    assert app.post("/", b"second", {"Content-Type": "text/plain"}).json()["input"] == "second"


def test_header_state_does_not_leak(evaluator):
    response = run(evaluator, "http_response_code(418); header('X-Old: 1'); setcookie('a', 'b');")
    assert (response.status, response.header("X-Old")) == (418, "1")
    response = run(evaluator, "echo json_encode(headers_list());")
    assert response.status == 200
    assert response.header("X-Old") is None
    assert response.all("Set-Cookie") == []
    assert "X-Old" not in response.text


def test_the_environment_array_is_what_the_boot_has_made_of_it(serve):
    app = serve("echo json_encode([$_ENV['BOOT'] ?? null, $_ENV['LEAK'] ?? null]); $_ENV['LEAK'] = $_ENV['BOOT'] = 'left';",
                boot="$_ENV['BOOT'] = 'kept';")
    for _ in range(3):
        assert app.get("/").json() == ["kept", None]


def test_the_environment_array_is_fresh_when_the_boot_has_not_looked_at_it(evaluator):
    for _ in range(3):
        assert run(evaluator, "echo $_ENV['LEAK'] ?? 'none'; $_ENV['LEAK'] = 'left';").text == "none"


@pytest.mark.parametrize("boot, mask", [("", "22"), ("umask(027);", "27")])
def test_a_umask_ends_with_its_request(serve, boot, mask):
    app = serve("echo decoct(umask(0)); umask(077);", boot=boot, limits=lambda: os.umask(0o022))
    for _ in range(3):
        assert app.get("/").text == mask


def test_output_buffers_of_a_request_end_with_it(evaluator):
    assert run(evaluator, "ob_start(); ob_start(fn ($text) => strtoupper($text)); echo 'left open';").body == b"LEFT OPEN"
    assert run(evaluator, "echo ob_get_level();").text == run(evaluator, "echo ob_get_level();").text == "0"


def test_shutdown_functions_run_at_the_end_of_their_request(evaluator):
    assert run(evaluator, "register_shutdown_function(function () { echo ' shutdown'; }); echo 'body';").body == (
        b"body shutdown"
    )
    assert run(evaluator, "echo 'next';").body == b"next"


def test_sessions_belong_to_their_request(serve, tmp_path):
    (tmp_path / "sessions").mkdir()
    app = serve(
        "session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];",
        ini=[f"session.save_path={tmp_path}/sessions"],
    )
    first = app.get("/")
    cookie = first.header("Set-Cookie").split(";")[0]
    assert app.get("/").text == "1"  # another visitor
    assert app.get("/", {"Cookie": cookie}).text == "2"
    assert app.get("/", {"Cookie": cookie}).text == "3"
    assert app.get("/").text == "1"


HANDLER = """
class Handler implements SessionHandlerInterface {
    function open($path, $name): bool { return true; }
    function close(): bool { return true; }
    function read($id): string|false { return (string) @file_get_contents(__DIR__ . "/stored-$id"); }
    function write($id, $data): bool { return (bool) file_put_contents(__DIR__ . "/stored-$id", $data); }
    function destroy($id): bool { return unlink(__DIR__ . "/stored-$id"); }
    function gc($lifetime): int|false { return 0; }
}
session_set_save_handler(new Handler, true);
"""
COUNT = "session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo session_module_name(), ' ', $_SESSION['n'];"
VISITOR = {"Cookie": "PHPSESSID=abcdefghijklmnopqrstuvwxyz"}


@in_each_mode
def test_a_session_handler_of_the_boot_stays(serve, flags):
    app = serve(COUNT, boot=HANDLER, flags=flags)
    assert [app.get("/", VISITOR).text for _ in range(3)] == ["user 1", "user 2", "user 3"]
    assert (app.root / "stored-abcdefghijklmnopqrstuvwxyz").read_text() == "n|i:3;"


@pytest.mark.parametrize("isolation", ["request", "rewind"])
def test_a_session_handler_of_the_preload_script_stays(server, isolation):
    app = server({"preload.php": f"<?php {HANDLER}", "index.php": f"<?php {COUNT}"}, workers=1,
                 flags=["--isolation", isolation, "--preload-script", "root/preload.php"])
    assert [app.get("/", VISITOR).text for _ in range(3)] == ["user 1", "user 2", "user 3"]


@in_each_mode
def test_a_session_handler_that_adds_to_phps_own_stays(serve, tmp_path, flags):
    app = serve(COUNT, flags=flags, ini=[f"session.save_path={tmp_path}", *UNBUFFERED], boot="""
        class Handler extends SessionHandler {
            function write($id, $data): bool { return parent::write($id, base64_encode($data)); }
            function read($id): string|false { return base64_decode(parent::read($id)); }
        }
        session_set_save_handler(new Handler);
    """)
    assert [app.get("/", VISITOR).text for _ in range(3)] == ["user 1", "user 2", "user 3"]
    assert (tmp_path / "sess_abcdefghijklmnopqrstuvwxyz").read_text() == "bnxpOjM7"


def test_a_request_that_takes_another_session_handler_does_so_for_itself(serve, tmp_path):
    app = serve(f"""
        if (isset($_GET['files'])) session_module_name('files');
        if (isset($_GET['own'])) session_set_save_handler(new class extends Handler {{}});
        {COUNT}""", boot=HANDLER, ini=[f"session.save_path={tmp_path}", *UNBUFFERED])
    assert app.get("/", VISITOR).text == "user 1"
    assert app.get("/?files", VISITOR).text == "files 1"
    assert app.get("/", VISITOR).text == "user 2"
    assert app.get("/?own", VISITOR).text == "user 3"
    assert app.get("/", VISITOR).text == "user 4"


@pytest.mark.parametrize("flags", [(), ("--cow",)], ids=["worker", "cow"])
@pytest.mark.parametrize("pause", ["session_start(); session_write_close();", "session_start();"], ids=["closed", "open"])
def test_a_session_between_two_requests_is_nobodys(serve, tmp_path, pause, flags):
    app = serve("""if (isset($_GET['user'])) { session_start(); $_SESSION['user'] = $_GET['user']; }
                   echo json_encode([$_SESSION ?? null, session_id(), defined('SID') ? SID : '']);""",
                flags=flags, ini=[f"session.save_path={tmp_path}", *UNBUFFERED])
    script = app.root / "worker.php"
    script.write_text(script.read_text().replace("($handler)) {", f"($handler)) {{ {pause}"))
    assert app.reload().returncode == 0
    for _ in range(2):
        assert app.get("/?user=alice", VISITOR).json()[0] == {"user": "alice"}
        assert app.get("/").json() == [None, "", ""]


def test_a_session_that_is_left_open_between_two_requests_is_not_locked(serve, tmp_path):
    app = serve(COUNT, workers=2, ini=[f"session.save_path={tmp_path}", *UNBUFFERED])
    script = app.root / "worker.php"
    script.write_text(script.read_text().replace(
        "($handler)) {", "($handler)) { session_id('abcdefghijklmnopqrstuvwxyz'); session_start();"))
    assert app.reload().returncode == 0
    assert [app.get("/", VISITOR).text for _ in range(6)] == [f"files {n}" for n in range(1, 7)]


def test_a_shutdown_function_registered_between_two_requests_runs_when_the_script_ends(serve):
    app = serve("echo 'body';", max_requests=3)
    script = app.root / "worker.php"
    script.write_text(script.read_text().replace(
        "($handler)) {", "($handler)) { register_shutdown_function(fn () => error_log(\"ends after $handled\"));"))
    assert app.reload().returncode == 0
    for _ in range(3):
        assert app.get("/").text == "body"
    app.wait_log("(?s)ends after 1.*ends after 2.*ends after 3")


def test_a_shutdown_function_that_is_registered_too_late_never_runs(serve):
    """As behind php-fpm. An output buffer that is left open ends when all shutdown functions have run."""
    app = serve("ob_start(function ($text) { register_shutdown_function(fn () => error_log('runs')); return $text; });"
                " echo 'body';", max_requests=2)
    pid = app.workers()[0]["pid"]
    assert [app.get("/").body for _ in range(2)] == [b"body", b"body"]
    wait_until(lambda: pid not in app.pids("worker"), "the worker has ended")
    assert "runs" not in app.error_log()


@in_each_mode
def test_whether_a_file_is_there_is_asked_anew(serve, tmp_path, flags):
    """A flag for maintenance, say, which one request sees and the next one must not."""
    flag = tmp_path / "down"
    flag.touch()
    app = serve(f"echo is_file('{flag}') ? 'down' : 'up';", flags=flags,
                boot=f"is_file('{flag}') || exit('the boot has to see it');")
    flag.unlink()
    assert app.get("/").text == "up"
    flag.touch()
    assert app.get("/").text == "down"
    flag.unlink()
    assert app.get("/").text == "up"


GZIP = {"Accept-Encoding": "gzip"}


@in_each_mode
@pytest.mark.parametrize("code, ini", [("ob_start('ob_gzhandler');", []), ("", ["zlib.output_compression=1"])],
                         ids=["ob_gzhandler", "zlib.output_compression"])
def test_output_is_compressed_for_those_who_take_it(serve, flags, code, ini):
    app = serve(f"{code} echo 'hello';", flags=flags, ini=[*ini, *UNBUFFERED])
    for _ in range(2):
        plain, packed = app.get("/"), app.get("/", GZIP)
        assert (plain.header("Content-Encoding"), plain.body) == (None, b"hello")
        assert (packed.header("Content-Encoding"), gzip.decompress(packed.body)) == ("gzip", b"hello")


@in_each_mode
def test_links_are_rewritten_in_each_request_that_asks(serve, tmp_path, flags):
    app = serve("""if (isset($_GET['var'])) output_add_rewrite_var('lang', $_GET['var']);
                   if (isset($_GET['session'])) session_start(); ?><a href="page">to</a><?php""",
                flags=flags, ini=["session.use_cookies=0", "session.use_only_cookies=0", "session.use_trans_sid=1",
                                  f"session.save_path={tmp_path}", 'url_rewriter.tags="a=href"', *UNBUFFERED])
    for language in ("de", "fr"):
        assert app.get(f"/?var={language}").text == f'<a href="page?lang={language}">to</a>'
        assert app.get("/").text == '<a href="page">to</a>'
        assert re.fullmatch(r'<a href="page\?PHPSESSID=\w+">to</a>', app.get("/?session").text)
        assert app.get("/").text == '<a href="page">to</a>'


@in_each_mode
def test_a_request_starts_in_the_directory_that_the_boot_has_chosen(serve, tmp_path, flags):
    app = serve("echo getcwd(); chdir('/');", boot=f"chdir('{tmp_path}');", flags=flags)
    for _ in range(3):
        assert app.get("/").text == str(tmp_path)


@in_each_mode
@pytest.mark.parametrize("boot, directory", [("", "public"), ("chdir(__DIR__);", "")], ids=["front", "chosen"])
def test_a_request_starts_where_the_front_controller_is_if_the_boot_has_chosen_nothing(serve, flags, boot, directory):
    app = serve("echo getcwd(); chdir('/');", boot=boot, files={"public/index.php": "<?php"}, flags=flags,
                front="public/index.php")
    for _ in range(3):
        assert app.get("/").text == str(app.root / directory)


def test_the_time_limit_starts_anew(serve):
    app = serve("$end = microtime(true) + 0.7; while (microtime(true) < $end) { md5('x'); } echo 'ok';",
                ini=["max_execution_time=1"])
    for _ in range(3):
        assert app.get("/").body == b"ok"


def test_what_a_handler_keeps_is_the_applications_own_business(serve):
    app = serve("static $n = 0; echo ++$n;")
    assert [app.get("/").text for _ in range(3)] == ["1", "2", "3"]


# ---------------------------------------------------------------- how requests end


def test_exit_ends_the_request_not_the_worker(serve):
    app = serve("echo getmypid(), ' '; if (isset($_GET['exit'])) { exit('bye'); } echo 'end';")
    pid, word = app.get("/?exit").text.split()
    assert word == "bye"
    assert app.get("/").text.split() == [pid, "end"]
    assert app.get("/?exit").text.split() == [pid, "bye"]


def test_an_escaped_exception_is_500_logged_with_file_and_line(serve):
    app = serve("if (isset($_GET['throw'])) { throw new LogicException('escaped'); } echo getmypid();")
    pid = app.get("/").text
    response = app.get("/?throw")
    assert response.status == 500
    assert b"escaped" not in response.body
    app.wait_log(r"escaped.*worker\.php(\(\d+\)|:\d+| on line \d+)")
    assert app.get("/").text == pid


@in_each_mode
def test_an_exception_handler_that_throws_is_500_and_logged(serve, flags):
    app = serve("throw new LogicException('first');", flags=flags,
                boot="set_exception_handler(function ($first) { echo 'page'; throw new LogicException('second'); });")
    for _ in range(2):
        response = app.get("/")
        assert response.status == 500
        assert b"second" not in response.body
    app.wait_log(r"(?s)Uncaught LogicException: second in .*worker\.php.*Uncaught LogicException: second")
    assert "LogicException: first" not in app.error_log()


@in_each_mode
def test_an_exception_handler_answers_each_time(serve, flags):
    app = serve("throw new LogicException('escaped');", flags=flags,
                boot="set_exception_handler(function ($e) { http_response_code(503); echo $e->getMessage(); exit(1); });")
    for _ in range(2):
        response = app.get("/")
        assert (response.status, response.text) == (503, "escaped")
    assert "LogicException" not in app.error_log()


def test_a_fatal_error_is_500_and_a_fresh_worker_follows(serve):
    app = serve("if (isset($_GET['die'])) { ini_set('memory_limit', '32M'); str_repeat('x', 99999999); } echo getmypid();")
    pid = app.get("/").text
    assert app.get("/?die").status == 500
    app.wait_log("Allowed memory size")
    assert app.get("/").text != pid


def test_a_boot_that_prints_sends_it_to_nobody(serve):
    app = serve("echo 'answer';", boot="echo 'boot output';")
    assert app.get("/").body == b"answer"


def test_finish_request_answers_while_the_handler_goes_on(serve, tmp_path):
    gate, done = tmp_path / "gate", tmp_path / "done"
    app = serve(
        f"echo 'early'; fastcgi_finish_request(); echo 'late';"
        f"while (!file_exists('{gate}')) {{ usleep(1000); clearstatcache(); }} touch('{done}');"
    )
    assert app.get("/").body == b"early"
    assert not done.exists()
    gate.touch()
    wait_until(done.exists, "the handler went on")


def test_a_handler_can_stream(serve, tmp_path):
    gate = tmp_path / "gate"
    app = serve(
        f"echo 'first'; flush(); while (!file_exists('{gate}')) {{ usleep(1000); clearstatcache(); }} echo 'second';"
    )
    with app.begin("GET", "/") as client:
        client.read_head()
        assert client.read_chunk() == b"first"
        gate.touch()
        assert client.read_chunk() == b"second"


def test_a_crash_is_502_and_a_fresh_worker_follows(serve):
    app = serve("if (isset($_GET['crash'])) { posix_kill(getmypid(), 11); } echo getmypid();")
    pid = app.get("/").text
    assert app.post("/?crash", b"x").status == 502
    app.wait_log(r"worker\.php:\d+")
    assert app.get("/").text != pid


# ---------------------------------------------------------------- life of workers


def test_max_requests_recycles_workers_and_drops_nothing(serve):
    app = serve("echo getmypid();", workers=2, max_requests=20)
    pids = set()
    with app.client() as client:
        for _ in range(300):
            response = client.get("/")
            assert response.status == 200
            pids.add(response.text)
    assert len(pids) >= 10
    assert "error" not in app.error_log().lower()


def test_recycling_under_concurrent_posts_drops_nothing(serve):
    app = serve("echo $request['body'];", workers=2, max_requests=10)
    clients = [app.client() for _ in range(8)]
    try:
        for n in range(50):
            for client in clients:
                client.send(request_bytes("POST", "/", body=b"%d" % n))
            for client in clients:
                response = client.read_response()
                assert (response.status, response.body) == (200, b"%d" % n)
    finally:
        for client in clients:
            client.close()


def test_askr_app_base_names_the_application(serve, tmp_path):
    app = serve("echo getenv('ASKR_APP_BASE'), '|', $_SERVER['ASKR_APP_BASE'] ?? '';", app_base=tmp_path)
    assert app.get("/").text.split("|")[0] == str(tmp_path)


def test_handle_request_outside_worker_mode_is_false(server):
    app = server({"index.php": "<?php var_dump(@askr_handle_request(fn () => 1));"})
    assert b"bool(false)" in app.get("/").body


def test_a_script_may_end_after_some_requests(server):
    app = server({"worker.php": "<?php for ($i = 0; $i < 3 && askr_handle_request(fn () => print(getmypid())); $i++);"},
                 wait=False, workers=1)
    app.worker_script = app.root / "worker.php"
    app.start()
    pids = [app.get("/").text for _ in range(9)]
    assert len(set(pids)) == 3


# ---------------------------------------------------------------- scripts that cannot boot


@pytest.mark.parametrize(
    "script, message",
    [
        ("<?php\nthis is no php;\n", r"syntax error.*worker\.php(:2| on line 2|.*line 2)"),
        ("<?php\nthrow new RuntimeException('no database');\n", r"no database.*worker\.php(\(2\)|:2| on line 2)"),
        ("<?php\nrequire 'vendor/autoload.php';\n", r"vendor/autoload\.php.*worker\.php(:2| on line 2)"),
        ("<?php\necho 'never asks';\n", r"askr_handle_request"),
    ],
    ids=["syntax error", "exception", "missing file", "never handles"],
)
def test_a_script_that_cannot_boot_stops_the_start(server, script, message):
    app = server({"worker.php": script}, wait=False, workers=2)
    app.worker_script = app.root / "worker.php"
    app.expected_exit = 1
    app.launch()
    assert app.wait_exit() == 1
    log = app.error_log()
    assert re.search(message, log), log
    assert len(log.strip().splitlines()) <= 5, log  # two workers, each with PHP's own warning, and the master


def test_a_reload_to_a_script_that_cannot_boot_keeps_the_old_code(serve):
    app = serve("echo 'old';")
    script = app.root / "worker.php"
    script.write_text("<?php\nthis is no php;\n")
    reload = app.reload()
    assert reload.returncode == 1
    assert "syntax error" in app.error_log()
    assert app.get("/").body == b"old"
    script.write_text(worker("echo 'new';"))
    assert app.reload().returncode == 0
    assert app.get("/").body == b"new"


def test_state_of_a_worker_is_shown(serve, tmp_path):
    gate = tmp_path / "gate"
    app = serve(f"while (!file_exists('{gate}')) {{ usleep(1000); clearstatcache(); }} echo 'done';")
    with app.begin("GET", "/") as client:
        def state():
            return [p["state"] for p in app.status()["processes"] if p["role"] == "worker"]

        wait_until(lambda: state() == ["busy"], "the worker is busy")
        holds_for(lambda: state() == ["busy"], "it stays busy", 0.1)
        gate.touch()
        assert client.read_response().body == b"done"
    wait_until(lambda: state() == ["idle"], "the worker is idle again")
    assert json.loads(app.askr("status", "--json").stdout)["mode"] == "worker"


def test_the_time_limit_holds_again_after_a_request_with_its_own(serve):
    app = serve("""
        if (isset($_GET['longer'])) { set_time_limit(30); return; }
        echo ini_get('max_execution_time');
        if (isset($_GET['endless'])) while (true) { $x = md5('x'); }
    """, ini=["max_execution_time=1"])
    assert app.get("/?longer=1").status == 200
    assert app.get("/").text == "1"
    assert app.get("/?longer=1").status == 200
    with app.client(timeout=40) as client:  # a second of the processor may be many on the clock
        assert client.get("/?endless=1").status == 500
    assert "Maximum execution time of 1 second" in app.error_log()


# ---------------------------------------------------------------- copies that the application makes


@in_each_mode
@pytest.mark.parametrize("end", ["exit(0);", "return;"])
def test_a_forked_copy_of_a_worker_answers_nobody(serve, flags, end):
    """It may outlive its request, and its worker may have another one by then."""
    app = serve(
        "if ($request['uri'] === '/alice') { echo 'alice '; $p = pcntl_fork(); if ($p === 0) { usleep(200000);"
        f" echo 'SECRET'; {end} }} return; }} usleep(400000); echo 'bob';", workers=2, flags=flags)
    for _ in range(2):
        assert app.get("/alice").text == "alice "
        bobs = [app.begin("GET", "/bob") for _ in range(2)]
        assert [bob.read_response().text for bob in bobs] == ["bob", "bob"]
    wait_until(lambda: len(app.members() - {app.master, app.gateway(), *app.pids("template")}
                           - {process["pid"] for process in app.workers()}) == 0, "no copy is left")
    app.assert_nothing_is_held()
