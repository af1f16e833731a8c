"""A request of a booted application begins as PHP begins one: nothing of the application runs before the superglobals
are those of the new request, and between two requests nothing of the last visitor is left."""

import base64
import json

import pytest

from askrtest.scripts import UNBUFFERED
from askrtest.wait import wait_until

# All ways in which a process has booted before it gets a request.
in_each_mode = pytest.mark.parametrize(
    "flags", [(), ("--cow",), ("--isolation", "request"), ("--isolation", "rewind")],
    ids=["worker", "cow", "request", "rewind"])

VISITOR = [("Authorization", "Basic " + base64.b64encode(b"alice:secret").decode()), ("Cookie", "token=of-alice")]


@pytest.fixture
def serve(server):
    """A worker script: `boot`, then a loop whose handler has the body `handler` and which does `between` each time."""

    def make(handler, boot="", between="", files=None, **options):
        script = f"""<?php
{boot}
$handler = function (array $request) {{ {handler} }};
while (askr_handle_request($handler)) {{ {between} }}
"""
        options = {"workers": 1, "ini": UNBUFFERED, **options}
        app = server({"worker.php": script, **(files or {})}, wait=False, **options)
        app.worker_script = app.root / "worker.php"
        return app.start()

    return make


# ---------------------------------------------------------------- no user code before the request


def multipart(count, boundary="xx"):
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="f[]"; filename="a"\r\n\r\nx\r\n'
    return (part * count + f"--{boundary}--\r\n").encode()


FORM = ("Content-Type", "application/x-www-form-urlencoded")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=xx")

# What PHP warns of before a script runs, and how it says so in the log.
BAD_REQUESTS = {
    "no boundary": ("POST", "/", [("Content-Type", "multipart/form-data")], b"x=1", "Missing boundary in multipart/form-data"),
    "bad boundary": ("POST", "/", [("Content-Type", 'multipart/form-data; boundary="x')], b"x=1",
                     "Invalid boundary in multipart/form-data"),
    "too many fields": ("POST", "/", [FORM], b"&".join(b"a%d=1" % n for n in range(40)),
                        "Input variables exceeded 20"),
    "too many in the query": ("GET", "/?" + "&".join(f"a{n}=1" for n in range(40)), [], b"", "Input variables exceeded 20"),
    "too many cookies": ("GET", "/", [("Cookie", "; ".join(f"a{n}=1" for n in range(40)))], b"",
                         "Input variables exceeded 20"),
    "too deep": ("GET", "/?a" + "[x]" * 80 + "=1", [], b"", "Input variable nesting level exceeded 64"),
    "too large": ("POST", "/", [FORM], b"a=" + b"x" * 20_000, "POST Content-Length of 20002 bytes exceeds the limit of 10240"),
    "too many files": ("POST", "/", [MULTIPART], multipart(5), "Maximum number of allowable file uploads has been exceeded"),
    "too many parts": ("POST", "/", [MULTIPART], multipart(60, "xx"), "Multipart body parts limit exceeded 50"),
}
LIMITS = [*UNBUFFERED, "max_input_vars=20", "post_max_size=10K", "max_file_uploads=3", "max_multipart_body_parts=50"]

# Whatever happens, the first line of the note says whose request its superglobals were.
NOTICE = """
function note(string $what): void {
    $who = ($_SERVER['HTTP_AUTHORIZATION'] ?? '-') . ' ' . json_encode($_COOKIE);
    file_put_contents(__DIR__ . '/notes', "$what $who\\n", FILE_APPEND);
}
set_error_handler(function ($level, $message) { note("error $message"); throw new ErrorException($message); });
set_exception_handler(function ($thrown) { note('exception ' . $thrown->getMessage()); });
spl_autoload_register(function ($class) { note("class $class"); });
register_tick_function(fn () => note('tick'));
class Wrapper {
    public $context;
    public function stream_open() { note('wrapper'); return false; }
}
"""
ANSWER = "header('Content-Type: text/plain'); echo 'ran for ', $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['REQUEST_URI'];"


def assert_bad_requests_reach_the_application(app):
    for name, (method, target, headers, body, said) in BAD_REQUESTS.items():
        app.get("/", VISITOR)
        response = app.request(method, target, headers, body)
        assert (response.status, response.text) == (200, f"ran for {method} {target}"), name
        app.wait_log(rf"PHP Warning:  (PHP Request Startup: )?{said}.* in Unknown on line 0")
    notes = app.root / "notes"
    assert not notes.exists() or notes.read_text() == ""


@in_each_mode
def test_no_error_handler_hears_of_a_bad_request_before_it_is_there(serve, flags):
    app = serve(ANSWER, boot=NOTICE, flags=flags, ini=LIMITS)
    assert_bad_requests_reach_the_application(app)


@pytest.mark.parametrize("isolation", ["request", "rewind"])
def test_nor_does_one_of_a_preload_script(server, isolation):
    app = server({"boot.php": "<?php" + NOTICE, "index.php": f"<?php {ANSWER}"}, workers=1, ini=LIMITS, wait=False,
                 isolation=isolation)
    app.flags += ["--preload-script", str(app.root / "boot.php")]
    app.start()
    assert_bad_requests_reach_the_application(app)


@in_each_mode
def test_php_reads_a_request_without_wrappers_and_classes_of_the_application(serve, flags):
    app = serve(
        "echo $request['body'], ' ', json_encode($_POST);", flags=flags,
        boot=NOTICE + "stream_wrapper_unregister('php'); stream_wrapper_register('php', 'Wrapper');",
        ini=["output_handler=Missing::filter"])
    for _ in range(2):
        response = app.post("/", b"a=1", [FORM])
        assert (response.status, response.text) == (200, 'a=1 {"a":"1"}')
    assert not (app.root / "notes").exists()


@in_each_mode
def test_what_php_ini_says_of_errors_counts_before_the_request_is_there(serve, flags):
    """Not what the boot has set since: nothing of the request is shown, and the log has it."""
    app = serve(ANSWER, boot="error_reporting(0); ini_set('display_errors', '1'); ini_set('log_errors', '0');"
                             "ini_set('error_log', __DIR__ . '/own.log');", flags=flags, ini=LIMITS)
    response = app.post("/", b"x=1", [("Content-Type", "multipart/form-data")])
    assert (response.status, response.text) == (200, "ran for POST /")
    app.wait_log("PHP Warning:  Missing boundary")
    assert not (app.root / "own.log").exists()


@in_each_mode
def test_the_handlers_of_the_boot_are_there_when_the_request_is(serve, flags):
    app = serve("echo error_reporting(), ' ', $undefined;", flags=flags,
                boot="set_error_handler(function ($level, $text) { echo \"handled: $text\"; });"
                     " error_reporting(E_ALL & ~E_DEPRECATED);")
    for _ in range(2):
        assert app.post("/", b"x=1", [("Content-Type", "multipart/form-data")]).text == "24575 handled: Undefined variable $undefined"


@in_each_mode
def test_a_session_handler_that_throws_while_php_opens_the_session_is_an_uncaught_exception(serve, flags):
    app = serve("echo 'ran';", flags=flags, ini=[*UNBUFFERED, "session.auto_start=1"], boot="""
session_write_close();
session_set_save_handler(new class extends SessionHandler {
    public function open($path, $name): bool {
        if (isset($_GET['fail'])) throw new Exception('no session for ' . $_GET['fail']);
        return true;
    }
    public function read($id): string { return ''; }
    public function write($id, $data): bool { return true; }
    public function close(): bool { return true; }
});""")
    assert app.get("/").text == "ran"
    assert app.get("/?fail=bob").status == 500
    app.wait_log("no session for bob")
    assert app.get("/").text == "ran"


# ---------------------------------------------------------------- between two requests

# All that PHP offers to learn something of a client.
TRACES = """
$traces = [
    'get' => $_GET, 'post' => $_POST, 'cookie' => $_COOKIE, 'files' => $_FILES, 'request' => $_REQUEST,
    'server' => array_intersect_key($_SERVER, array_flip(preg_grep('/^HTTP_|^PHP_AUTH|^REQUEST_|^REMOTE_|^QUERY|^CONTENT_|^mark/', array_keys($_SERVER)))),
    'globals' => isset($GLOBALS['_GET']['q']),
    'input' => file_get_contents('php://input'), 'headers' => getallheaders(), 'apache' => apache_request_headers(),
    'response' => headers_list(), 'apache response' => apache_response_headers(), 'code' => http_response_code(),
    'filter' => [filter_input(INPUT_GET, 'q'), filter_input(INPUT_POST, 'p'), filter_input(INPUT_COOKIE, 'token'),
                 filter_input(INPUT_SERVER, 'HTTP_AUTHORIZATION'), filter_has_var(INPUT_SERVER, 'HTTP_AUTHORIZATION')],
    'error' => error_get_last(), 'session' => [session_id(), session_status(), isset($_SESSION), defined('SID') ? SID : ''],
    'uploaded' => is_uploaded_file($GLOBALS['upload'] ?? ''), 'output' => [ob_get_level(), ob_get_status(true)],
    'connection' => [connection_status(), connection_aborted()], 'getenv' => [getenv('HTTP_AUTHORIZATION'), getenv('REMOTE_ADDR'),
                 preg_grep('/^HTTP_|^PHP_AUTH/', array_keys(getenv()))],
    'env' => $_ENV['HTTP_AUTHORIZATION'] ?? null, 'words' => @strtok(' '), 'rewrite' => ob_list_handlers(),
    'sent' => headers_sent(), 'argv' => [$_SERVER['argv'] ?? null, $GLOBALS['argv'] ?? null],
];
"""
BUSY = """
header_register_callback(fn () => header('X-Called: yes'));
session_start(); $_SESSION['who'] = 'alice'; setcookie('mark', 'alice'); http_response_code(404);
$_GET['mark'] = $_SERVER['mark'] = $_COOKIE['mark'] = $_ENV['mark'] = $_FILES['mark'] = 'of alice';
strtok('secret words of alice', ' ');
filter_input(INPUT_SERVER, 'HTTP_AUTHORIZATION'); @trigger_error('error of alice');
$GLOBALS['upload'] = $_FILES['f']['tmp_name'] ?? '';
ob_start(); output_add_rewrite_var('token', 'alice'); echo '<a href="/x">', $_SERVER['PHP_AUTH_USER'], '</a>'; flush();
"""


@pytest.mark.parametrize("flags", [(), ("--cow",), ("--isolation", "request")], ids=["worker", "cow", "request"])
def test_between_two_requests_nothing_of_the_last_visitor_is_left(serve, flags, tmp_path):
    """It is as before the first one."""
    note = f"file_put_contents('{tmp_path}/between', json_encode($traces) . \"\\n\", FILE_APPEND);"
    first = f"file_put_contents('{tmp_path}/before', json_encode($traces) . \"\\n\", FILE_APPEND);"
    app = serve(BUSY, boot=TRACES + first, between=TRACES + note, flags=flags,
                ini=[*UNBUFFERED, "variables_order=EGPCS"], max_requests=2)
    body = (b'--xx\r\nContent-Disposition: form-data; name="p"\r\n\r\nof alice\r\n'
            b'--xx\r\nContent-Disposition: form-data; name="f"; filename="alice.txt"\r\n\r\nx\r\n--xx--\r\n')
    response = app.post("/path?q=of+alice", body, [*VISITOR, MULTIPART])
    assert (response.status, response.header("X-Called")) == (404, "yes")
    between = wait_until(lambda: (tmp_path / "between").exists() and (tmp_path / "between").read_text(), "the loop goes on")
    assert "alice" not in between
    before = json.loads((tmp_path / "before").read_text().splitlines()[0])
    after = json.loads(between.splitlines()[0])
    for name in ("sent", "code", "output", "rewrite"):  # the boot's own output is none
        before.pop(name), after.pop(name)
    assert after == before


@in_each_mode
def test_objects_in_superglobals_end_with_the_request(serve, flags):
    app = serve("$_SERVER['object'] = new Noted($_GET['who']); echo 'ran';", flags=flags, boot="""
class Noted {
    public function __construct(private string $who) {}
    public function __destruct() {
        $seen = json_encode([$this->who, $_GET['who'] ?? null, isset($_SERVER['HTTP_AUTHORIZATION'])]);
        file_put_contents(__DIR__ . '/ended', "$seen\\n", FILE_APPEND);
    }
}""")
    ended = app.root / "ended"
    assert app.get("/?who=alice", VISITOR).text == "ran"
    wait_until(ended.exists, "the object of the first request has gone")
    assert app.get("/?who=bob").text == "ran"
    lines = wait_until(lambda: len(ended.read_text().splitlines()) == 2 and ended.read_text().splitlines(), "and the second")
    assert [json.loads(line)[0] for line in lines] == ["alice", "bob"]


@in_each_mode
def test_what_the_boot_has_put_into_superglobals_is_there_between_requests(serve, flags, tmp_path):
    if "rewind" in flags:
        pytest.skip("a rewound worker goes back to its first wait")
    serve("$_SERVER['MODE'] = 'changed'; echo $_SERVER['MODE'];", flags=flags, boot="$_SERVER['MODE'] = 'boot';",
          between=f"file_put_contents('{tmp_path}/between', $_SERVER['MODE'] . '|' . $_SERVER['SCRIPT_FILENAME']);"
          ).get("/")
    note = tmp_path / "between"
    assert wait_until(lambda: note.exists() and note.read_text(), "the loop goes on").startswith("boot|/")


# ---------------------------------------------------------------- the progress of an upload


def upload(name):
    part = "--xx\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n"
    return (part.format("PHP_SESSION_UPLOAD_PROGRESS", name) + part.format('f"; filename="a.txt', "contents") + "--xx--\r\n").encode()


@in_each_mode
def test_the_progress_of_an_upload_is_noted_in_its_session(serve, flags, tmp_path):
    app = serve("session_start(); echo json_encode($_SESSION); $_SESSION = [];", flags=flags,
                ini=[*UNBUFFERED, "session.upload_progress.enabled=1", "session.upload_progress.cleanup=0",
                     f"session.save_path={tmp_path}", "session.use_strict_mode=0"])
    for name in ("first", "second", "third"):
        cookie = ("Cookie", f"PHPSESSID=session{name}")
        noted = json.loads(app.post("/", upload(name), [MULTIPART, cookie]).text)
        assert list(noted) == [f"upload_progress_{name}"]
        progress = noted[f"upload_progress_{name}"]
        assert progress["done"] and progress["bytes_processed"] == len(upload(name))
        assert [file["name"] for file in progress["files"]] == ["a.txt"]
        assert app.get("/", [cookie]).text == "[]", "the script has emptied its session"
        assert app.get("/", [("Cookie", "PHPSESSID=another")]).text == "[]"
        assert sorted(path.name for path in tmp_path.glob("sess_*")).count(f"sess_session{name}") == 1
