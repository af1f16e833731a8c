"""Isolation: every request has a freshly forked worker of its own."""

import json
import time

import pytest

from askrtest.load import Load
from askrtest.processes import memory_kb, session_members
from askrtest.wait import SANITIZED, SOAK, wait_until

WORKER = """<?php
file_put_contents(__DIR__ . '/boots', '.', FILE_APPEND);
%s
askr_cow_ready();
$handler = function (array $request): void { %s };
while (askr_handle_request($handler)) {
}
"""

# Each leaves something behind and says what it found: ten ways to leak from one request into the next.
LEAKS = r"""
function remember() { static $calls = 0; return ++$calls; }
final class One { private static ?One $it = null; public int $uses = 0; static function it(): One { return self::$it ??= new One; } }
function leak(): array {
    $found = [
        'static' => remember(), 'singleton' => ++One::it()->uses, 'global' => $GLOBALS['leak'] ?? null,
        'ini' => ini_get('precision'), 'locale' => setlocale(LC_ALL, '0'), 'timezone' => date_default_timezone_get(),
        'handler' => set_error_handler(fn () => true) === null ? 'none' : 'left', 'environment' => getenv('LEAK'),
        'directory' => basename(getcwd()), 'umask' => umask(),
    ];
    $GLOBALS['leak'] = 'left';
    ini_set('precision', '5');
    setlocale(LC_ALL, 'C.UTF-8');
    date_default_timezone_set('Asia/Tokyo');
    putenv('LEAK=left');
    chdir('/');
    umask(077);
    return $found;
}
"""


@pytest.fixture
def isolated(server):
    def make(boot="", handler="echo getmypid();", flags=(), **options):
        app = server({"worker.php": WORKER % (boot, handler)}, wait=False, flags=["--isolation", "request", *flags],
                     **{"workers": 4, **options})
        app.worker_script = app.root / "worker.php"
        return app.start()

    return make


def test_every_request_has_a_process_of_its_own_and_the_boot_is_paid_once(isolated):
    app = isolated()
    with app.client() as client:
        pids = [client.get("/").text for _ in range(50)]
    assert len(set(pids)) == 50
    assert (app.root / "boots").stat().st_size == 1


def test_ten_leaks_leave_nothing(isolated):
    app = isolated(boot=LEAKS, handler="echo json_encode(leak());")
    first, *others = [app.get("/").json() for _ in range(8)]
    assert (first["static"], first["singleton"], first["global"], first["handler"]) == (1, 1, None, "none")
    assert all(other == first for other in others), others


def test_without_isolation_the_same_application_leaks(server):
    """The counterpart: what the test above looks for is really there to be found."""
    app = server({"worker.php": WORKER % (LEAKS, "echo json_encode(leak());")}, wait=False, workers=1)
    app.worker_script = app.root / "worker.php"
    app.start()
    first, second = app.get("/").json(), app.get("/").json()
    for what in ("static", "singleton", "global", "ini", "timezone", "handler", "environment"):
        assert first[what] != second[what], what


def test_post_bodies_uploads_and_early_finish_work(isolated, tmp_path):
    app = isolated(handler=f"""
if ($request['uri'] === '/finish') {{ echo 'early'; askr_finish_request(); usleep(200000); touch('{tmp_path}/after'); return; }}
echo json_encode([$_POST, count($request['files']), file_get_contents('php://input')]);""")
    answer = app.post("/", b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}).json()
    assert answer == [{"a": "1"}, 0, "a=1"]
    begun = time.monotonic()
    assert app.get("/finish").text == "early"
    assert not (tmp_path / "after").exists() or time.monotonic() - begun > 0.2
    wait_until((tmp_path / "after").exists, "the script went on")


def test_a_crash_costs_its_request_only(isolated):
    app = isolated(handler="if ($request['uri'] === '/die') posix_kill(getmypid(), SIGKILL); echo 'fine';")
    with Load(app, clients=4) as load:
        for _ in range(5):
            assert app.post("/die", b"x").status == 502
        load.progresses(20)
    load.assert_flawless()
    app.assert_nothing_is_held()


def test_exit_fatal_and_exception_are_answered(isolated):
    app = isolated(handler="""
if ($request['uri'] === '/exit') { echo 'bye'; exit; }
if ($request['uri'] === '/throw') { throw new Exception('thrown'); }
if ($request['uri'] === '/fatal') { str_repeat('x', PHP_INT_MAX); }
echo 'fine';""")
    assert (app.get("/exit").status, app.get("/exit").text) == (200, "bye")
    assert app.get("/throw").status == 500
    assert app.get("/fatal").status == 500
    assert app.get("/").text == "fine"


def test_more_clients_than_processes_wait_and_none_fails(isolated):
    app = isolated(handler="usleep(5000); echo 'fine';", workers=2)
    with Load(app, clients=24) as load:
        load.progresses(300, 30)
    load.assert_flawless()


def test_the_time_limit_ends_a_request(isolated):
    app = isolated(handler="if ($request['uri'] === '/loop') { while (true) {} } echo 'fine';", request_timeout="300ms")
    assert app.get("/loop").status == 504
    assert app.get("/").text == "fine"


def test_deferred_work_runs_before_the_process_ends(isolated, tmp_path):
    app = isolated(handler=f"askr_defer(fn () => touch('{tmp_path}/deferred')); echo 'fine';")
    assert app.get("/").text == "fine"
    wait_until((tmp_path / "deferred").exists, "the deferred callback ran")


def test_sessions_follow_their_user(isolated):
    app = isolated(handler="session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];")
    cookie = app.get("/").header("Set-Cookie").split(";")[0]
    assert [app.get("/", {"Cookie": cookie}).text for _ in range(3)] == ["2", "3", "4"]
    assert app.get("/").text == "1"


def test_per_request_mode_is_isolated_too(server):
    app = server({"index.php": "<?php echo getmypid();"}, flags=["--isolation", "request"], workers=3)
    with app.client() as client:
        assert len({client.get("/").text for _ in range(20)}) == 20


def test_a_stop_and_reloads_under_load_fail_nothing(isolated):
    app = isolated()
    with Load(app, clients=6) as load:
        for _ in range(3):
            assert app.reload().returncode == 0
            load.progresses(30)
    load.assert_flawless()


@pytest.mark.time_limit(600 if SOAK else 240)
def test_many_requests_leave_no_zombie_no_slot_and_no_growth(isolated):
    app = isolated(handler="echo 'fine';", workers=4)
    total = 100_000 if SOAK else 3_000
    kept = [app.master, app.gateway(), app.one_of("template")]
    with Load(app, clients=8) as load:
        load.progresses(500, 60)
        before = {pid: memory_kb(pid, "Rss") for pid in kept}
        load.progresses(total, 500)
    load.assert_flawless()
    app.assert_nothing_is_held()
    assert not [process for process in session_members(app.process.pid) if process.state == "Z"]
    wait_until(lambda: len(app.workers()) == 4, "the pool is full again")
    if not SANITIZED:  # they keep what was freed
        for pid, was in before.items():
            assert memory_kb(pid, "Rss") - was < 1024, pid


# ---------------------------------------------------------------- preload


def preloading(server, preload, files, **options):
    return server({"preload.php": preload, **files}, wait=False,
                  flags=["--isolation", "request", "--preload-script", "root/preload.php"], **options)


INDEX = "<?php echo json_encode(['boot' => BOOT ?? null, 'get' => $_GET, 'pid' => getmypid(), 'uri' => $_SERVER['REQUEST_URI']]);"


def test_the_preload_script_runs_once_and_each_request_starts_from_it(server):
    app = preloading(server, "<?php file_put_contents(__DIR__ . '/boots', '.', FILE_APPEND); define('BOOT', getmypid());"
                     " function booted() { static $n = 0; return ++$n; }",
                     {"index.php": "<?php echo json_encode([BOOT, booted(), $_GET['q'] ?? '', $_SERVER['REQUEST_URI']]);"}).start()
    answers = [app.get(f"/page?q={number}").json() for number in range(5)]
    assert answers == [[answers[0][0], 1, str(number), f"/page?q={number}"] for number in range(5)]
    assert (app.root / "boots").stat().st_size == 1


def test_other_scripts_start_from_nothing(server):
    app = preloading(server, "<?php define('BOOT', 1); class Loaded {} register_shutdown_function(function () { echo 'no'; });",
                     {"index.php": "<?php echo 'front';", "tool.php": "<?php var_export([defined('BOOT'), class_exists('Loaded')]);"}).start()
    assert app.get("/tool.php").text.split() == "array ( 0 => false, 1 => false, )".split()
    assert app.get("/").text.startswith("front")


def test_a_callable_that_preload_returns_starts_each_request(server):
    app = preloading(server, "<?php return function () { $_GET = array_map('addslashes', $_GET); };",
                     {"index.php": "<?php echo $_GET['q'];"}).start()
    assert app.get("/?q=it's").text == "it\\'s"


@pytest.mark.parametrize("preload, why", [
    ("<?php throw new Exception('no config');", "no config"),
    ("<?php $a = = 1;", "syntax error"),
    ("<?php exit;", "has called exit"),
])
def test_a_preload_script_that_fails_stops_the_start(server, preload, why):
    app = preloading(server, preload, {"index.php": "<?php echo 'x';"})
    app.launch()
    app.expected_exit = 1
    assert app.wait_exit() == 1
    assert why in app.error_log()


def test_output_headers_and_buffers_of_preload_reach_no_client(server):
    app = preloading(server, "<?php echo 'early'; header('X-Early: 1'); ob_start(); echo 'buffered';",
                     {"index.php": "<?php header('X-Late: 1'); echo json_encode(headers_list());"}).start()
    response = app.get("/")
    assert response.header("X-Early") is None
    assert response.header("X-Late") == "1"
    assert json.loads(response.body)


@pytest.mark.parametrize("isolation", ["request", "rewind"])
def test_shutdown_functions_of_preload_run_once_at_the_end_of_each_request(server, isolation):
    app = server({"preload.php": "<?php register_shutdown_function(function () { echo 'preload'; });",
                  "index.php": "<?php register_shutdown_function(function () { echo ' request'; }); if (isset($_GET['exit'])) exit;"},
                 flags=["--isolation", isolation, "--preload-script", "root/preload.php"], max_requests=3)
    for _ in range(8):
        assert app.get("/").text == "preload request"
        assert app.get("/?exit").text == "preload request"


def test_sessions_cookies_and_uploads_work_after_preload(server):
    app = preloading(server, "<?php define('BOOT', 1);",
                     {"index.php": "<?php session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;"
                      " echo json_encode([$_SESSION['n'], count($_FILES), $_POST['a'] ?? null]);"}).start()
    response = app.get("/")
    cookie = response.header("Set-Cookie").split(";")[0]
    body = (b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\nT\r\n--xyz\r\nContent-Disposition: form-data; '
            b'name="f"; filename="a.txt"\r\n\r\ncontent\r\n--xyz--\r\n')
    answer = app.post("/", body, {"Content-Type": "multipart/form-data; boundary=xyz", "Cookie": cookie}).json()
    assert answer == [2, 1, "T"]


def test_fatal_errors_after_preload_are_answered(server):
    app = preloading(server, "<?php define('BOOT', 1);", {"index.php": "<?php missing();"}).start()
    assert app.get("/").status == 500
    app.wait_log(r"missing\(\)")
