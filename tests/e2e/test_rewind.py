"""isolation = "rewind": after each request a worker becomes again what it was before it."""

import gzip
import hashlib
import json
import os
import re
import socket
from pathlib import Path

import pytest

from test_isolation import LEAKS

from askrtest.load import Load
from askrtest.processes import memory_kb
from askrtest.server import kill
from askrtest.wait import SANITIZED, SOAK, wait_until

pytestmark = pytest.mark.skipif(SANITIZED, reason="the shadow memory of a sanitizer is too large to be rewound")

WORKER = """<?php
file_put_contents(__DIR__ . '/boots', '.', FILE_APPEND);
%s
askr_cow_ready();
$handler = function (array $request): void { %s };
while (askr_handle_request($handler)) {
}
"""


@pytest.fixture
def rewound(server):
    def make(boot="", handler="echo getmypid();", flags=(), **options):
        app = server({"worker.php": WORKER % (boot, handler)}, wait=False, flags=["--isolation", "rewind", *flags],
                     **{"workers": 1, **options})
        app.worker_script = app.root / "worker.php"
        return app.start()

    return make


def test_one_process_serves_request_after_request(rewound):
    app = rewound()
    with app.client() as client:
        assert len({client.get("/").text for _ in range(100)}) == 1
    assert (app.root / "boots").stat().st_size == 1
    app.assert_always_rewound()
    assert "rewound after each request" in app.banner()


def test_a_large_body_need_not_fit_into_memory(rewound):
    app = rewound(handler="$hash = hash_init('md5'); hash_update_stream($hash, fopen('php://input', 'r'));"
                          "echo strlen($request['body']), ' ', hash_final($hash);",
                  max_body_size="100M", ini=["memory_limit=32M"])
    body = os.urandom(1 << 20) * 64
    for _ in range(2):
        assert app.request("PUT", "/", body=body).text == "0 " + hashlib.md5(body).hexdigest()
    app.assert_always_rewound()


def test_ten_leaks_leave_nothing(rewound):
    app = rewound(boot=LEAKS, handler="echo json_encode(leak());")
    first, *others = [app.get("/").json() for _ in range(20)]
    assert (first["static"], first["singleton"], first["global"], first["handler"]) == (1, 1, None, "none")
    assert all(other == first for other in others), others
    app.assert_always_rewound()


@pytest.mark.parametrize("boot, handler", [
    ("$text = str_repeat('a', 3000000);", "global $text; echo md5($text); $text = strrev($text . 'b');"),
    ("$list = range(1, 150000);", "global $list; echo array_sum($list); $list = array_map(fn ($n) => $n + 1, $list);"),
    ("class X { static $items = []; } X::$items = array_fill(0, 70000, 'x');",
     "echo count(X::$items), md5(json_encode(X::$items)); $copy = X::$items; $copy[] = random_int(0, 9); X::$items = $copy;"),
    ("$a = str_repeat('a', 2500000); $b = str_repeat('b', 2500000);",
     "global $a, $b; echo md5($a . $b); $a = null; $c = str_repeat('c', 2500000); $b = null; $a = str_repeat('d', 2500000); $b = $c;"),
], ids=["text", "list", "static", "two"])
def test_blocks_that_are_replaced_by_others_of_their_size_come_back(rewound, boot, handler):
    app = rewound(boot=boot, handler=handler, ini=["memory_limit=512M"])
    answers = [app.post("/", b"x") for _ in range(12)]
    assert {answer.status for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1


def test_large_and_small_changes_of_the_boots_data_are_undone(rewound):
    app = rewound(
        boot="$list = range(1, 200000); $text = str_repeat('a', 3000000); class Tree { public $left, $right, $n = 0; }"
        " function grow($d) { $t = new Tree; if ($d) { $t->left = grow($d - 1); $t->right = grow($d - 1); } return $t; }"
        " $tree = grow(12);",
        handler="""
        global $list, $text, $tree;
        $sum = 0; $walk = function ($t) use (&$walk, &$sum) { if (!$t) return; $sum += $t->n++; $walk($t->left); $walk($t->right); };
        $walk($tree);
        echo json_encode([array_sum($list), md5($text), $sum, count($list)]);
        foreach ($list as &$value) { $value += random_int(1, 5); }
        $text[random_int(0, 2999999)] = 'b';
        $list[] = 1;
        """,
        ini=["memory_limit=256M"], workers=2,
    )
    with Load(app, clients=4) as load:
        load.progresses(40, 60)
    load.assert_flawless()
    answers = {app.get("/").text for _ in range(10)}
    assert len(answers) == 1
    assert answers.pop().endswith(",0,200000]")


def test_random_numbers_differ_from_request_to_request(rewound):
    app = rewound(
        boot="mt_srand(7); mt_rand(); lcg_value(); openssl_random_pseudo_bytes(8); uniqid('', true);",
        handler="echo json_encode(['mt' => mt_rand(), 'int' => random_int(0, PHP_INT_MAX), 'lcg' => lcg_value(),"
        " 'unique' => uniqid('', true), 'ssl' => bin2hex(openssl_random_pseudo_bytes(8)), 'session' => session_create_id(),"
        " 'shuffle' => str_shuffle('abcdefghijklmnopqrstuvwxyz'), 'key' => openssl_pkey_get_details("
        "openssl_pkey_new(['curve_name' => 'prime256v1', 'private_key_type' => OPENSSL_KEYTYPE_EC]))['key']]);",
    )
    answers = [app.get("/").json() for _ in range(12)]
    for what in answers[0]:
        assert len({answer[what] for answer in answers}) == len(answers), what


def test_random_numbers_differ_when_the_worker_has_learnt_regular_expressions(rewound):
    """What it learns becomes part of the memory that requests start from, and numbers that were drawn before must not."""
    app = rewound(boot="askr_after_fork(function () { openssl_random_pseudo_bytes(8); mt_rand(); });",
                  handler="preg_match('/^request-' . $request['query'] . '$/', ''); "
                  " echo bin2hex(openssl_random_pseudo_bytes(16)), ' ', mt_rand();")
    answers = [app.get(f"/?{number}").text.split() for number in range(12)]
    assert len({answer[0] for answer in answers}) == len({answer[1] for answer in answers}) == 12


def test_openssl_that_was_used_after_the_fork_does_not_repeat_itself(rewound):
    app = rewound(boot="askr_after_fork(function () { openssl_random_pseudo_bytes(8); random_bytes(8); mt_rand(); });",
                  handler="echo bin2hex(openssl_random_pseudo_bytes(16)), ' ', mt_rand();")
    answers = [app.get("/").text.split() for _ in range(12)]
    assert len({answer[0] for answer in answers}) == 12
    assert len({answer[1] for answer in answers}) == 12


def test_files_and_connections_that_a_request_leaves_open_are_closed(rewound):
    app = rewound(handler="$GLOBALS['f'] = fopen('/tmp/askr-rewind-' . getmypid(), 'w'); flock($GLOBALS['f'], LOCK_EX);"
                  " $GLOBALS['d'] = opendir('/'); echo count(scandir('/proc/self/fd'));")
    counts = {app.get("/").text for _ in range(10)}
    assert len(counts) == 1
    app.assert_always_rewound()


def test_a_connection_that_is_open_before_the_first_request_is_nobodys(rewound):
    """Its other end cannot be rewound: each request gets a process, and so a connection, of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        app = rewound(boot=f"askr_after_fork(function () {{ $GLOBALS['db'] = stream_socket_client('tcp://127.0.0.1:{port}'); }});",
                      handler="echo getmypid(), ' ', stream_socket_get_name($GLOBALS['db'], false);", workers=2)
        answers = [app.get("/").text.split() for _ in range(6)]
        assert len({pid for pid, _ in answers}) == len({name for _, name in answers}) == 6
        app.wait_log(f"workers are not rewound, each request has one of its own: .*a connection to 127.0.0.1:{port}")
        assert app.error_log().count("workers are not rewound") == 1


def test_what_a_request_leaves_open_is_closed_as_at_the_end_of_a_script(rewound, tmp_path):
    app = rewound(handler=f"""
    $GLOBALS['t'] = tmpfile(); $GLOBALS['name'] = stream_get_meta_data($GLOBALS['t'])['uri'];
    $GLOBALS['gz'] = gzopen('{tmp_path}/out.gz', 'w'); gzwrite($GLOBALS['gz'], 'compressed');
    $GLOBALS['zip'] = new ZipArchive; $GLOBALS['zip']->open('{tmp_path}/out.zip', ZipArchive::CREATE); $GLOBALS['zip']->addFromString('a', 'b');
    echo $GLOBALS['name'];""")
    for _ in range(3):
        name = app.get("/").text
        wait_until(lambda: not Path(name).exists(), "the temporary file is removed")
        assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == b"compressed"
        wait_until((tmp_path / "out.zip").exists, "the archive is written")
        (tmp_path / "out.zip").unlink()
    app.assert_always_rewound()


def test_files_that_the_boot_has_open_are_read_from_the_same_place_by_every_request(rewound, tmp_path):
    (tmp_path / "lines").write_text("".join(f"{number}\n" for number in range(5000)))
    app = rewound(boot=f"$f = fopen('{tmp_path}/lines', 'r'); fgets($f); $d = opendir('{tmp_path}');",
                  handler="global $f, $d; for ($i = 0; $i < 1500; $i++) { $line = fgets($f); } echo trim($line), readdir($d);", workers=2)
    with Load(app, clients=4) as load:
        load.progresses(50)
    load.assert_flawless()
    assert len({app.get("/").text for _ in range(10)}) == 1
    assert app.get("/").text.startswith("1500")


def test_the_destructor_of_an_object_that_took_the_place_of_a_boots_one_runs(rewound, tmp_path):
    app = rewound(boot="class E { function __destruct() { file_put_contents('%s/log', '.', FILE_APPEND); } } $o = new ArrayObject;" % tmp_path,
                  handler="$GLOBALS['o'] = null; $GLOBALS['k'] = new E; echo 'fine';")
    for _ in range(3):
        app.get("/")
    wait_until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").stat().st_size == 3, "each ran")


def test_signal_handlers_and_timers_of_a_request_are_gone(rewound):
    app = rewound(handler="""
    $before = json_encode([pcntl_signal_get_handler(SIGUSR1), pcntl_alarm(0)]);
    pcntl_async_signals(true); pcntl_signal(SIGUSR1, fn () => 1); pcntl_alarm(1000); echo $before;""")
    assert {app.get("/").text for _ in range(5)} == {"[0,0]"}


def test_destructors_and_shutdown_functions_of_a_request_run_once_and_the_boots_at_the_end(rewound, tmp_path):
    log = tmp_path / "log"
    app = rewound(
        boot=f"class Ends {{ function __construct(public $name) {{}} function __destruct() {{"
        f" file_put_contents('{log}', $this->name . \"\\n\", FILE_APPEND); }} }} $boot = new Ends('boot');",
        handler=f"register_shutdown_function(fn () => file_put_contents('{log}', \"shutdown\\n\", FILE_APPEND));"
        " $local = new Ends('local'); $GLOBALS['kept'] = new Ends('kept'); echo 'fine';",
    )
    for _ in range(3):
        app.get("/")
    wait_until(lambda: log.exists() and log.read_text().count("kept") == 3, "three requests have ended")
    assert log.read_text().split() == ["local", "shutdown", "kept"] * 3
    app.signal(15)
    assert app.wait_exit() == 0
    assert log.read_text().split() == ["local", "shutdown", "kept"] * 3 + ["boot"]


@pytest.mark.parametrize("what, handler", [
    ("a copy of the worker", "$p = pcntl_fork(); if ($p === 0) { exit; } pcntl_waitpid($p, $s); echo 'fine';"),
    ("a copy that lives on", "$GLOBALS['x'] = 1; $p = pcntl_fork(); if ($p === 0) { if (pcntl_fork() === 0) { usleep(300000); } posix_kill(getmypid(), SIGKILL); }"
     " pcntl_waitpid($p, $s); echo isset($GLOBALS['left']) ? 'left' : 'fine'; $GLOBALS['left'] = 1;"),
    ("another process group", "posix_setpgid(0, 0); echo 'fine';"),
    ("a child", "$GLOBALS['p'] = proc_open(['sleep', '1'], [], $pipes); echo 'fine';"),
    ("a fatal error", "if ($request['uri'] === '/bad') { str_repeat('x', PHP_INT_MAX); } echo 'fine';"),
    ("an exit in a destructor", "$GLOBALS['o'] = new class { function __destruct() { exit; } }; echo 'fine';"),
    ("another priority", "proc_nice(1); echo 'fine';"),
    ("an exception in a destructor", "$GLOBALS['o'] = new class { function __destruct() { throw new Exception('late'); } }; echo 'fine';"),
])
def test_what_cannot_be_put_back_replaces_the_process(rewound, what, handler):
    app = rewound(handler=handler)
    for target in ("/bad", "/", "/bad", "/"):
        response = app.get(target)
        assert response.status in (200, 500), what
    assert app.get("/").text == "fine"
    app.assert_nothing_is_held()


def idle_pages(app, worker):
    """The size of its address space once it waits for the next request: a response comes before the rewinding."""
    wait_until(lambda: app.workers()[0]["state"] == "idle", "the worker is idle")
    return int(open(f"/proc/{worker}/statm").read().split()[0])


def test_new_mappings_are_taken_away_again(rewound):
    app = rewound(handler="$GLOBALS['big'] = str_repeat('x', 30_000_000); $f = new Fiber(fn () => Fiber::suspend(1)); $f->start();"
                  " $GLOBALS['fiber'] = $f; setlocale(LC_ALL, 'C.UTF-8'); iconv('UTF-8', 'ISO-2022-JP', 'x'); echo 'fine';")
    for _ in range(20):
        assert app.get("/").text == "fine"
    (worker,) = app.pids("worker")
    pages = idle_pages(app, worker)
    for _ in range(20):
        assert app.get("/").text == "fine"
    assert idle_pages(app, worker) == pages
    assert app.pids("worker") == [worker]
    assert memory_kb(worker, "Private_Dirty") < 20_000


def test_deep_recursion_and_large_stacks_are_no_matter(rewound):
    app = rewound(handler="function deep($n) { return $n ? preg_replace_callback('/x/', fn () => deep($n - 1), 'x') : 'end'; }"
                  " echo deep(500);", ini=["pcre.jit=0"])
    assert {app.get("/").text for _ in range(5)} == {"end"}


def test_exceptions_exit_and_early_answers_work(rewound):
    app = rewound(handler="""
if ($request['uri'] === '/exit') { echo 'bye'; exit; }
if ($request['uri'] === '/throw') { throw new Exception('thrown'); }
if ($request['uri'] === '/early') { echo 'early'; askr_finish_request(); $GLOBALS['late'] = 1; return; }
echo 'fine', isset($GLOBALS['late']) ? 'left' : '';""")
    for _ in range(3):
        assert (app.get("/exit").status, app.get("/exit").text) == (200, "bye")
        assert app.get("/throw").status == 500
        assert app.get("/early").text == "early"
        assert app.get("/").text == "fine"
    app.assert_always_rewound()


def test_sessions_uploads_and_deferred_work_follow_their_request(rewound, tmp_path):
    app = rewound(handler=f"session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; askr_defer(fn () =>"
                  f" file_put_contents('{tmp_path}/deferred', '.', FILE_APPEND)); echo json_encode([$_SESSION['n'], $_POST, count($_FILES)]);")
    response = app.get("/")
    cookie = response.header("Set-Cookie").split(";")[0]
    body = (b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\nT\r\n--xyz\r\nContent-Disposition: form-data; '
            b'name="f"; filename="a.txt"\r\n\r\ncontent\r\n--xyz--\r\n')
    for count in range(2, 6):
        answer = app.post("/", body, {"Content-Type": "multipart/form-data; boundary=xyz", "Cookie": cookie}).json()
        assert answer == [count, {"a": "T"}, 1]
    assert app.get("/").json()[0] == 1
    wait_until(lambda: (tmp_path / "deferred").stat().st_size == 6, "all deferred work was done")


def test_max_requests_memory_and_age_still_recycle(rewound):
    app = rewound(flags=["--max-requests", "10"])
    with app.client() as client:
        assert 4 <= len({client.get("/").text for _ in range(50)}) <= 6


def test_the_log_may_be_reopened(rewound, tmp_path):
    log = tmp_path / "error.log"
    app = rewound(handler="error_log('note ' . $request['uri']); echo 'fine';", error_log=log)
    app.get("/one")
    wait_until(lambda: "note /one" in log.read_text(), "the log has it")
    log.rename(tmp_path / "old.log")
    app.signal(10)
    wait_until(log.exists, "the log is new")
    for number in range(5):
        app.get(f"/two{number}")
    wait_until(lambda: "note /two4" in log.read_text(), "the new log is used")


def test_kills_under_load_cost_no_get(rewound):
    app = rewound(workers=2)
    with Load(app, clients=6) as load:
        for _ in range(10):
            kill(app.one_of("worker"))
            load.progresses(50)
    load.assert_flawless()
    app.assert_nothing_is_held()


@pytest.mark.time_limit(600 if SOAK else 90)
def test_many_requests_do_not_grow_anything(rewound):
    app = rewound(boot=LEAKS, handler="leak(); $GLOBALS['more'] = str_repeat('x', random_int(1, 200000)); echo 'fine';", workers=2)
    total = 100_000 if SOAK else 5_000
    with Load(app, clients=4) as load:
        load.progresses(1000, 60)
        workers = app.pids("worker")
        before = [memory_kb(pid, "Rss") for pid in workers]
        load.progresses(total, 500)
    load.assert_flawless()
    assert app.pids("worker") == workers
    assert all(memory_kb(pid, "Rss") - was < 2048 for pid, was in zip(workers, before))
    app.assert_nothing_is_held()


def test_a_preload_script_and_the_front_controller_are_rewound(server):
    files = {"preload.php": "<?php define('BOOT', 1); function calls() { static $n = 0; return ++$n; }"
             " return function () { $_GET = array_map('addslashes', $_GET); };",
             "index.php": "<?php if (isset($_GET['exit'])) { echo 'bye'; exit; } if (isset($_GET['fatal'])) { missing(); }"
             " echo json_encode([BOOT, calls(), $_GET['q'] ?? '', defined('LEFT'), getmypid()]); define('LEFT', 1);"
             " class Left {}",
             "tool.php": "<?php echo json_encode([defined('BOOT')]);"}
    app = server(files, flags=["--isolation", "rewind", "--preload-script", "root/preload.php"], workers=1)
    first = app.get("/?q=it's").json()
    assert first[:4] == [1, 1, "it\\'s", False]
    for _ in range(5):
        assert app.get("/?q=it's").json() == first
        assert app.get("/?exit=1").text == "bye"
    assert app.get("/tool.php").json() == [False]
    assert app.get("/").json()[:2] == [1, 1]
    assert app.get("/?fatal=1").status == 500
    assert app.get("/").json()[:2] == [1, 1]


def test_without_anything_booted_it_is_refused(server):
    app = server({"index.php": "x"}, wait=False, flags=["--isolation", "rewind"])
    app.launch()
    app.expected_exit = 2
    assert app.wait_exit() == 2
    assert re.search(r'--isolation: "rewind" needs a worker script', app.error_log())


def test_opcache_and_jit_go_on_working(rewound):
    app = rewound(handler="require_once __DIR__ . '/lib.php'; echo json_encode([lib(5000), opcache_get_status(false)['jit']['on']]);",
                  ini=["opcache.jit=tracing", "opcache.jit_buffer_size=16M", "opcache.file_update_protection=0"])
    (app.root / "lib.php").write_text("<?php function lib($n) { $s = 0; for ($i = 0; $i < $n; $i++) $s += $i % 7; return $s; }")
    answers = {json.dumps(app.get("/").json()) for _ in range(200)}
    assert answers == {"[14996, true]"} or len(answers) == 1
    app.assert_always_rewound()


def test_regular_expressions_are_compiled_once_and_not_for_each_request(rewound):
    """Seen by what compiling leaves in the address space: machine code."""
    app = rewound(handler="""
    for ($i = 0; $i < 200; $i++) { preg_match("/^expression-$i-([a-z]+)\\d{1,$i}x?$/u", 'text'); }
    if ($request['uri'] !== '/') { preg_match('/' . random_int(0, PHP_INT_MAX) . '/', 'text'); }
    preg_match('/(b+)/', 'abbc', $found); echo $found[1];""", ini=["pcre.jit=1"])
    for _ in range(20):
        assert app.get("/").text == "bb"
        assert app.get("/other").text == "bb"
    (worker,) = app.pids("worker")
    wait_until(lambda: app.workers()[0]["state"] == "idle", "the worker is idle")
    code = sum("rwxp" in line for line in open(f"/proc/{worker}/maps"))
    template = sum("rwxp" in line for line in open(f"/proc/{app.pids('template')[0]}/maps"))
    assert code > template
    app.assert_always_rewound()
