"""How a request ends: shutdown functions, destructors, output, headers and session in the order of php-fpm.

What is expected here is what nginx with php-fpm answers. Where each request has memory of its own (per request, and with
either isolation) it is the same; a plain worker script keeps its objects, and what it does instead is at the end.
"""

import pytest

from askrtest.fpm import PROGRAM, Fpm
from askrtest.scripts import UNBUFFERED
from askrtest.wait import SANITIZED, wait_until

# A class whose destructor does what it is given, and a place for objects that is no global variable.
CLASSES = """
class D { public $then, $inner; function __construct($then) { $this->then = $then; } function __destruct() { ($this->then)(); } }
class H { static $o = []; }
"""

SESSION_HANDLER = """
final class Handler implements SessionHandlerInterface {
    public $writes; function __construct($writes) { $this->writes = $writes; }
    function open($path, $name): bool { return true; }
    function close(): bool { echo 'close '; return true; }
    function read($id): string|false { return ''; }
    function write($id, $data): bool { return ($this->writes)($data); }
    function destroy($id): bool { return true; }
    function gc($lifetime): int|false { return 0; }
    function __destruct() { echo 'handler '; }
}
"""

EXITS = """
final class Exits implements SessionHandlerInterface {
    private $at; function __construct($at) { $this->at = $at; }
    function at($step, $then) { if ($step === $this->at) exit; return $then; }
    function open($path, $name): bool { return $this->at('open', true); }
    function close(): bool { return $this->at('close', true); }
    function read($id): string|false { return $this->at('read', ''); }
    function write($id, $data): bool { return $this->at('write', true); }
    function destroy($id): bool { return $this->at('destroy', true); }
    function gc($lifetime): int|false { return $this->at('gc', 0); }
}
"""

SAYS = "$GLOBALS['a'] = new D(fn () => print('destructed ')); echo 'body ';"
FATAL = "str_repeat('x', PHP_INT_MAX);"


def in_turn(*statements):
    return " ".join(statements)


# name -> (code, status, body, headers)
ENDINGS = {
    "output of a destructor": (SAYS, 200, "body destructed ", {}),
    "a header of a destructor": ("$GLOBALS['a'] = new D(fn () => header('X-Late: 1'));", 200, "", {"X-Late": "1"}),
    "a status of a destructor": ("$GLOBALS['a'] = new D(fn () => http_response_code(404));", 404, "", {}),
    "a cookie of a destructor": ("$GLOBALS['a'] = new D(fn () => setcookie('late', '1'));", 200, "",
                                 {"Set-Cookie": "late=1"}),
    "a header too late": ("$GLOBALS['a'] = new D(fn () => header('X-Late: 1')); echo 'body';", 200, "body", {"X-Late": None}),
    "all in order": (in_turn("ob_start(fn ($text) => strtoupper($text));",
                             "register_shutdown_function(function () { echo 'shutdown '; });",
                             "H::$o[] = new D(fn () => print('static '));", SAYS),
                     200, "BODY SHUTDOWN DESTRUCTED STATIC ", {}),
    "globals from the last to the first": (
        in_turn("foreach (['a', 'b', 'c'] as $name) { $GLOBALS[\"g$name\"] = new D(fn () => print(\"$name \")); }",
                "H::$o[] = new D(fn () => print('static '));",
                "$two = new D(fn () => print('two ')); $GLOBALS['x'] = $two; $GLOBALS['y'] = $two; unset($two);"),
        200, "c b a static two ", {}),
    "what an object holds follows it": (
        in_turn("(function () { $o = new D(fn () => print('outer ')); $o->inner = new D(fn () => print('inner ')); $GLOBALS['o'] = $o;",
                "$p = new D(fn () => print('other ')); $p->inner = new D(fn () => print('its ')); $GLOBALS['p'] = $p;",
                "})();"),
        200, "other its outer inner ", {}),
    "a cycle": ("$o = new D(fn () => print('cycle ')); $o->inner = $o; unset($o); echo 'body ';", 200, "body cycle ", {}),
    "objects made by a destructor": (
        "$GLOBALS['a'] = new D(function () { echo 'one '; $GLOBALS['b'] = new D(fn () => print('two ')); });", 200, "one two ", {}),
    "a class is loaded by a destructor": (
        in_turn("spl_autoload_register(function ($name) { echo \"load $name \"; eval(\"class $name {}\"); });",
                "$GLOBALS['a'] = new D(function () { new Late; });"), 200, "load Late ", {}),
    "a generator's finally": ("$GLOBALS['g'] = (function () { try { yield 1; } finally { echo 'finally '; } })();"
                              " $GLOBALS['g']->current(); echo 'body ';", 200, "body finally ", {}),
    "a fiber's finally": ("$GLOBALS['f'] = new Fiber(function () { try { Fiber::suspend(1); } finally { echo 'finally '; } });"
                          " $GLOBALS['f']->start(); echo 'body ';", 200, "body finally ", {}),
    "buffers are open for destructors": ("ob_start(); $GLOBALS['a'] = new D(fn () => print(ob_get_level()));", 200, "1", {}),
    # --- exit()
    "exit in a shutdown function": (
        in_turn("register_shutdown_function(function () { echo 'one '; exit; });",
                "register_shutdown_function(function () { echo 'two '; });", SAYS), 200, "body one destructed ", {}),
    "exit with a text in a shutdown function": ("register_shutdown_function(function () { exit('bye'); });", 200, "bye", {}),
    "exit in a destructor": (
        in_turn("$GLOBALS['x'] = new D(function () { echo 'x '; exit; });",
                "H::$o[] = new D(fn () => print('static '));", SAYS), 200, "body destructed x ", {}),
    "exit in the destructor of a static": (
        "H::$o[] = new D(function () { echo 'one '; exit; }); H::$o[] = new D(fn () => print('two '));", 200, "one ", {}),
    "exit in an exception handler": (
        in_turn("set_exception_handler(function () { echo 'handled '; exit; });",
                "register_shutdown_function(fn () => print('shutdown '));", SAYS, "throw new Exception('x');"),
        200, "body handled shutdown destructed ", {}),
    "exit in an error handler": (in_turn("set_error_handler(function () { echo 'error '; exit; });", SAYS, "echo $missing; echo 'no';"),
                                 200, "body error destructed ", {}),
    "exit in an output callback at the end": (in_turn("ob_start(function ($text) { exit; });", SAYS), 200, "", {}),
    "exit in an output callback before": ("ob_start(function ($text) { exit; }); echo 'body '; ob_end_flush(); echo 'no';",
                                          200, "body ", {}),
    "exit in a header callback": ("header_register_callback(function () { header('X-Callback: 1'); exit; }); echo 'body';",
                                  200, "body", {"X-Callback": "1"}),
    "exit in a generator's finally": ("$GLOBALS['g'] = (function () { try { yield 1; } finally { echo 'finally '; exit; } })();"
                                      " $GLOBALS['g']->current(); echo 'body ';", 200, "body finally ", {}),
    "exit in shutdown functions that others register": (
        in_turn("register_shutdown_function(function () { echo 'one '; register_shutdown_function(function () { echo 'two ';",
                "register_shutdown_function(function () { echo 'three '; exit; }); }); register_shutdown_function(fn () => print('four ')); });",
                SAYS), 200, "body one two four three destructed ", {}),
    "exit in a shutdown function after exit": (
        "register_shutdown_function(function () { echo 'one '; exit('bye '); }); echo 'body '; exit('first ');", 200, "body first one bye ", {}),
    "exit in a shutdown function after an exception": (
        "register_shutdown_function(function () { echo 'one '; exit; }); throw new Exception('x');", 500, "one ", {}),
    "exit in a shutdown function after a fatal error": (
        f"register_shutdown_function(function () {{ echo 'one '; exit; }}); {FATAL}", 500, "one ", {}),
    "exit in a destructor and in a shutdown function": (
        in_turn("register_shutdown_function(function () { echo 'one '; exit; });",
                "$GLOBALS['x'] = new D(function () { echo 'x '; exit; });", SAYS), 200, "body one destructed x ", {}),
    "exit in a destructor while the script runs": (
        "$o = new D(function () { echo 'gone '; exit; }); echo 'body '; unset($o); echo 'no';", 200, "body gone ", {}),
    "exit in the destructor of what a shutdown function made": (
        "register_shutdown_function(function () { $o = new D(function () { echo 'gone '; exit; }); unset($o); echo 'no'; });"
        " register_shutdown_function(fn () => print('no')); echo 'body ';", 200, "body gone ", {}),
    "exit in a destructor that makes another such object": (
        "$GLOBALS['x'] = new D(function () { echo 'x '; $GLOBALS['y'] = new D(function () { echo 'y '; exit; }); exit; });", 200, "x ", {}),
    "exit in a callback of several buffers": (
        "ob_start(fn ($t) => strtoupper($t)); ob_start(function ($t) { exit; }); ob_start(fn ($t) => $t . 'inner '); echo 'body ';", 200, "", {}),
    "exit in a callback that flushes": (
        "ob_start(function ($t, $phase) { if ($phase & PHP_OUTPUT_HANDLER_FLUSH) exit; return $t . 'end '; }); echo 'body '; ob_flush(); echo 'no';",
        200, "body ", {}),
    "exit in a callback after a shutdown function has called it": (
        in_turn("ob_start(function ($t) { exit; });", "register_shutdown_function(function () { exit; });", SAYS), 200, "", {}),
    "exit in an exception handler with output buffers": (
        in_turn("ob_start(fn ($t) => strtoupper($t)); set_exception_handler(function () { echo 'handled '; exit; });", SAYS,
                "throw new Exception('x');"), 200, "BODY HANDLED DESTRUCTED ", {}),
    "exit in an exception handler and in what follows": (
        in_turn("set_exception_handler(function () { echo 'handled '; exit; });",
                "register_shutdown_function(function () { echo 'one '; exit; });",
                "$GLOBALS['x'] = new D(function () { echo 'x '; exit; });", "throw new Exception('x');"), 200, "handled one x ", {}),
    "exit in a tick function": ("register_tick_function(function () { echo 'tick '; exit; }); declare(ticks=1) { strlen(''); } echo 'no';",
                                200, "tick ", {}),
    "exit in an autoloader": ("spl_autoload_register(function () { echo 'load '; exit; }); class_exists('Missing'); echo 'no';",
                              200, "load ", {}),
    "exit after the answer": ("echo 'body'; fastcgi_finish_request(); exit;", 200, "body", {}),
    "exit after the answer in a shutdown function": (
        "register_shutdown_function(function () { echo 'shut'; fastcgi_finish_request(); echo 'no'; exit; }); echo 'body ';",
        200, "body shut", {}),
    "an answer in a destructor": (
        "$GLOBALS['a'] = new D(function () { echo 'd'; fastcgi_finish_request(); echo 'no'; }); echo 'body ';", 200, "body d", {}),
    # --- exceptions
    "a handled exception": (
        in_turn("set_exception_handler(function () { echo 'handled '; });",
                "register_shutdown_function(fn () => print('shutdown '));", SAYS, "throw new Exception('x');"),
        200, "body handled shutdown destructed ", {}),
    "an exception in a shutdown function": (
        in_turn("register_shutdown_function(function () { echo 'one '; throw new Exception('x'); });",
                "register_shutdown_function(fn () => print('two '));", SAYS), 200, "body one destructed ", {}),
    "an exception in a shutdown function finds no handler": (
        in_turn("set_exception_handler(fn () => print('no '));",
                "register_shutdown_function(function () { echo 'one '; throw new Exception('x'); });", SAYS),
        200, "body one destructed ", {}),
    "an exception in a destructor": (
        in_turn("$GLOBALS['x'] = new D(function () { echo 'x '; throw new Exception('x'); });",
                "H::$o[] = new D(fn () => print('static '));", SAYS), 200, "body destructed x ", {}),
    "an exception in an output callback": ("ob_start(function ($text) { throw new Exception('x'); }); echo 'body';", 500, "", {}),
    # --- fatal errors
    "a fatal error": (in_turn("ob_start(fn ($text) => strtoupper($text));",
                              "register_shutdown_function(fn () => print('shutdown '));", SAYS, FATAL), 500, "shutdown ", {}),
    "a fatal error in a shutdown function": (
        in_turn(f"register_shutdown_function(function () {{ echo 'one '; {FATAL} }});",
                "register_shutdown_function(fn () => print('two '));", SAYS), 200, "body one ", {}),
    "a fatal error in a destructor": (in_turn(f"$GLOBALS['x'] = new D(function () {{ echo 'x '; {FATAL} }});",
                                              "H::$o[] = new D(fn () => print('static '));", SAYS), 200, "body destructed x ", {}),
    "an error of the application's own": (
        in_turn("ob_start();", "register_shutdown_function(fn () => print('shutdown '));", SAYS,
                "ob_clean(); trigger_error('x', E_USER_ERROR);"), 500, "shutdown ", {}),
    "no memory": ("ini_set('memory_limit', '16M'); register_shutdown_function(fn () => print('shutdown ')); ob_start();"
                  " echo 'body '; $x = []; while (true) { $x[] = str_repeat('x', 100000); }", 500, "shutdown ", {}),
    # --- too late
    "a shutdown function of a shutdown function": (
        "register_shutdown_function(function () { echo 'one '; register_shutdown_function(fn () => print('nested ')); });",
        200, "one nested ", {}),
    "a shutdown function of a destructor": (
        "$GLOBALS['a'] = new D(function () { echo 'd '; register_shutdown_function(fn () => print('no ')); });", 200, "d ", {}),
    # --- sessions
    "a session is written when objects have ended": (
        in_turn("session_set_save_handler(new Handler(fn ($data) => print(\"write($data) \")), false);",
                "session_id('abcdef'); session_start(); $GLOBALS['s'] = new D(function () { $_SESSION['m'] = 1; echo 'saved '; });",
                "echo 'body ';"), 200, "body saved handler write(m|i:1;) close ", {}),
    "a session that PHP closes itself": (
        in_turn("session_set_save_handler(new Handler(fn ($data) => print(\"write($data) \")), true);",
                "session_id('abcdef'); session_start(); $GLOBALS['s'] = new D(function () { $_SESSION['m'] = 1; echo 'late '; });",
                "echo 'body ';"), 200, "body write() close late handler ", {}),
    "exit while a session is written": (
        in_turn("session_set_save_handler(new Handler(function () { exit; }), false); session_id('abcdef'); session_start();",
                "echo 'body ';"), 200, "body handler ", {}),
    **{f"exit while a session is {past}": (
        in_turn(f"session_set_save_handler(new Exits('{step}'), false); {more}", "echo 'body ';"), 200, body, {})
       for step, past, more, body in [
           ("open", "opened", "session_start(); echo 'no';", ""),
           ("read", "read", "session_id('abcdef'); session_start(); echo 'no';", ""),
           ("close", "closed", "session_id('abcdef'); session_start();", "body "),
           ("write", "closed by hand", "session_id('abcdef'); session_start(); session_write_close(); echo 'no';", ""),
           ("destroy", "destroyed", "session_id('abcdef'); session_start(); session_destroy(); echo 'no';", ""),
           ("gc", "tidied up", "session_id('abcdef'); ini_set('session.gc_probability', 100); session_start(); session_gc(); echo 'no';", ""),
       ]},
    "exit in a destructor and while a session is written": (
        in_turn("session_set_save_handler(new Exits('write'), false); session_id('abcdef'); session_start();",
                "$GLOBALS['x'] = new D(function () { echo 'x '; exit; }); echo 'body ';"), 200, "body x ", {}),
    "a session is open for destructors": (
        "session_start(); $GLOBALS['s'] = new D(fn () => print(session_status() === PHP_SESSION_ACTIVE ? 'open' : 'closed'));",
        200, "open", {}),
}

NAMES = list(ENDINGS)
CODE = "switch ($_GET['n']) {\n" + "".join(f"case '{at}': {ENDINGS[name][0]} break;\n" for at, name in enumerate(NAMES)) + "}"
DEFINITIONS = CLASSES + SESSION_HANDLER + EXITS

MODES = {
    "per request": ((), {"index.php": f"<?php {DEFINITIONS} {CODE}"}),
    "isolated": (("--isolation", "request", "--worker-script", "root/worker.php"), {}),
    "rewound": (("--isolation", "rewind", "--worker-script", "root/worker.php"), {}),
    "preloaded and isolated": (("--isolation", "request", "--preload-script", "root/preload.php"), {}),
    "preloaded and rewound": (("--isolation", "rewind", "--preload-script", "root/preload.php"), {}),
}
FILES = {
    "worker.php": f"<?php {DEFINITIONS} askr_cow_ready(); $handler = function () {{ {CODE} }}; while (askr_handle_request($handler)) {{}}",
    "preload.php": f"<?php {DEFINITIONS}",
    "index.php": f"<?php {CODE}",
}


@pytest.fixture(scope="module")
def in_mode(module_server):
    started = {}

    def get(mode):
        if mode not in started:
            flags, files = MODES[mode]
            started[mode] = module_server({**FILES, **files}, flags=flags, workers=1, ini=UNBUFFERED)
        return started[mode]

    return get


@pytest.fixture(scope="module")
def fpm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fpm")
    (folder / "index.php").write_text(MODES["per request"][1]["index.php"])
    with Fpm(folder, folder) as started:
        yield started


@pytest.mark.skipif(PROGRAM is None, reason="php-fpm is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_what_is_expected_is_what_php_fpm_answers(fpm, name):
    _, expected, text, headers = ENDINGS[name]
    status, fields, body = fpm.answer("/index.php", f"n={NAMES.index(name)}", [*UNBUFFERED, "display_errors=0"])
    assert (status, body.decode()) == (expected, text)
    for field, value in headers.items():
        assert dict(fields).get(field) == value


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", NAMES)
def test_a_request_ends_as_behind_php_fpm(in_mode, mode, name):
    if SANITIZED and "rewound" in mode:
        pytest.skip("the shadow memory of a sanitizer is too large to be rewound")
    _, status, body, headers = ENDINGS[name]
    app = in_mode(mode)
    before = app.pids("worker")
    response = app.get(f"/?n={NAMES.index(name)}")
    assert (response.status, response.text) == (status, body)
    for field, value in headers.items():
        assert response.header(field) == value
    if "rewound" in mode:
        wait_until(lambda: [worker["state"] for worker in app.workers()] == ["idle"], "the worker is back")
        assert app.pids("worker") == before


WORKER = "<?php %s askr_cow_ready(); while (askr_handle_request(function () { %s })) { %s }"

ISOLATED = pytest.mark.parametrize("isolation", ["request", pytest.param("rewind", marks=pytest.mark.skipif(
    SANITIZED, reason="the shadow memory of a sanitizer is too large to be rewound"))])


@ISOLATED
@pytest.mark.parametrize("preload", [False, True], ids=["worker script", "preloaded"])
def test_a_session_has_what_a_destructor_puts_into_it(server, tmp_path, isolation, preload):
    handler = "session_start(); echo json_encode($_SESSION); $GLOBALS['a'] = new D(function () { $_SESSION['m'] = 'saved'; });"
    files = {"preload.php": f"<?php {CLASSES}", "index.php": f"<?php {handler}", "worker.php": WORKER % (CLASSES, handler, "")}
    script = ["--preload-script", "root/preload.php"] if preload else ["--worker-script", "root/worker.php"]
    app = server(files, flags=["--isolation", isolation, *script], ini=[f"session.save_path={tmp_path}"])
    visitor = {"Cookie": "PHPSESSID=abcdefghijklmnopqrstuvwxyz"}
    assert app.get("/", visitor).text == "[]"
    assert app.get("/", visitor).json() == {"m": "saved"}


@pytest.mark.parametrize("flags", [(), ("--cow",), ("--isolation", "request"), ("--isolation", "rewind")],
                         ids=["worker", "cow", "request", "rewind"])
def test_the_code_behind_a_request_runs_before_the_next_one(server, tmp_path, flags):
    """Also that of a request which has called exit(), and with its variables."""
    log = tmp_path / "log"
    behind = f"file_put_contents('{log}', \"behind $seen\\n\", FILE_APPEND);"
    script = (f"<?php askr_cow_ready(); while (askr_handle_request(function ($request) use (&$seen) {{ $seen = $request['uri'];"
              f" register_shutdown_function(fn () => file_put_contents('{log}', \"shutdown\\n\", FILE_APPEND)); echo 'fine';"
              f" if ($seen === '/exit') exit; }})) {{ {behind} }}")
    app = server({"worker.php": script}, wait=False, workers=1, flags=flags)
    app.worker_script = app.root / "worker.php"
    app.start()
    for target in ("/one", "/exit", "/three"):
        assert app.get(target).text == "fine"
    wait_until(lambda: log.read_text().count("behind") == 3, "the code has run three times")
    assert log.read_text().split("\n")[:-1] == ["shutdown", "behind /one", "shutdown", "behind /exit", "shutdown", "behind /three"]
    if "rewind" in flags and not SANITIZED:
        app.assert_always_rewound()


@pytest.mark.skipif(SANITIZED, reason="the shadow memory of a sanitizer is too large to be rewound")
def test_what_the_code_behind_a_request_begins_ends_before_the_worker_is_rewound(server, tmp_path):
    log = tmp_path / "log"
    say = f"file_put_contents('{log}', \"%s\\n\", FILE_APPEND)"
    behind = (f"register_shutdown_function(fn () => {say % 'shutdown'}); $GLOBALS['late'] = new D(function () {{ {say % 'late'}; exit; }});"
              f" $left = isset($GLOBALS['n']); $GLOBALS['n'] = 1; {say % '$left'};")
    app = server({"worker.php": WORKER % (CLASSES, "echo getmypid();", behind)}, wait=False, workers=1, flags=["--isolation", "rewind"])
    app.worker_script = app.root / "worker.php"
    app.start()
    assert len({app.get("/").text for _ in range(3)}) == 1
    wait_until(lambda: log.exists() and log.read_text().count("late") == 3, "three objects have ended")
    assert log.read_text().split("\n")[:-1] == ["", "shutdown", "late"] * 3


@ISOLATED
def test_the_code_behind_a_request_may_use_its_objects(server, tmp_path, isolation):
    """Their destructors have run, as PHP's own objects know it from the end of a script."""
    log = tmp_path / "log"
    app = server({"worker.php": WORKER % (
        CLASSES + "$kept = null;", "$GLOBALS['kept'] = new D(fn () => print('destructed')); $GLOBALS['kept']->inner = 'there';",
        f"file_put_contents('{log}', $kept->inner . \"\\n\", FILE_APPEND);")}, wait=False, workers=1, flags=["--isolation", isolation])
    app.worker_script = app.root / "worker.php"
    app.start()
    assert [app.get("/").text for _ in range(2)] == ["destructed"] * 2
    wait_until(lambda: log.exists() and log.read_text() == "there\nthere\n", "it has been used")


@ISOLATED
def test_an_object_that_took_the_place_of_one_of_the_boot_ends_with_its_request(server, isolation):
    """It has the address, the number and the class of the other one."""
    app = server({"worker.php": WORKER % (
        CLASSES + "$o = new D(fn () => print('boot '));", "$GLOBALS['o'] = null; $GLOBALS['k'] = new D(fn () => print('new'));", "")},
        wait=False, workers=1, flags=["--isolation", isolation])
    app.worker_script = app.root / "worker.php"
    app.start()
    assert [app.get("/").text for _ in range(3)] == ["boot new"] * 3


@ISOLATED
def test_objects_of_a_preload_script_end_with_each_request(server, isolation):
    """It belongs to each of them, as a file that they include."""
    app = server({"preload.php": f"<?php {CLASSES} $GLOBALS['o'] = new D(function () {{ echo 'boot '; }}); H::$o[] = new D(fn () => print('static '));",
                  "index.php": f"<?php {SAYS}"}, workers=1, flags=["--isolation", isolation, "--preload-script", "root/preload.php"])
    assert [app.get("/").text for _ in range(3)] == ["body destructed boot static "] * 3


@pytest.mark.skipif(SANITIZED, reason="the shadow memory of a sanitizer is too large to be rewound")
@pytest.mark.parametrize("preload", [False, True], ids=["worker script", "preloaded"])
@pytest.mark.parametrize("handler", [
    "register_shutdown_function(function () { exit; }); echo getmypid();",
    "echo getmypid(); askr_defer(function () { exit; });",
    f"echo getmypid(); askr_defer(function () {{ {FATAL} }});",
    f"ob_start(); echo getmypid(); register_shutdown_function(function () {{ $pid = ob_get_clean(); {FATAL} }}); ob_end_flush();",
], ids=["shutdown", "deferred", "deferred fatal", "fatal"])
def test_a_worker_is_rewound_however_its_requests_end(server, preload, handler):
    files = {"preload.php": "<?php", "index.php": f"<?php {handler}", "worker.php": WORKER % ("", handler, "")}
    script = ["--preload-script", "root/preload.php"] if preload else ["--worker-script", "root/worker.php"]
    app = server(files, workers=1, flags=["--isolation", "rewind", *script])
    assert len({app.get("/").text for _ in range(30)}) == 1
    app.assert_always_rewound()


@pytest.mark.parametrize("flags", [(), ("--cow",)], ids=["worker", "cow"])
def test_objects_of_a_worker_live_on_and_its_shutdown_functions_run(server, flags):
    app = server({"worker.php": WORKER % (CLASSES + "$n = 0;", (
        "register_shutdown_function(function () { echo 'shutdown '; exit; }); register_shutdown_function(fn () => print('no '));"
        " $GLOBALS['kept'] ??= new D(fn () => print('destructed')); $GLOBALS['kept']->inner++; echo $GLOBALS['kept']->inner, ' ';"), "")},
        wait=False, workers=1, flags=flags)
    app.worker_script = app.root / "worker.php"
    app.start()
    assert [app.get("/").text for _ in range(3)] == ["1 shutdown ", "2 shutdown ", "3 shutdown "]


FAILING = {
    "per request": ((), {}),
    "worker": (("--worker-script", "root/worker.php"), {}),
    "cow": (("--cow", "--worker-script", "root/worker.php"), {}),
    **{mode: MODES[mode] for mode in MODES if mode != "per request"},
}


@pytest.mark.parametrize("mode", FAILING)
@pytest.mark.parametrize("fatal", [FATAL, "missing();"], ids=["fatal", "uncaught"])
def test_shutdown_functions_of_the_boot_see_a_request_fail(server, mode, fatal):
    """As those that a script behind php-fpm registers at its top: an application's own error page, once and first."""
    if SANITIZED and "rewound" in mode:
        pytest.skip("the shadow memory of a sanitizer is too large to be rewound")
    if fatal != FATAL and "preload" not in mode and mode != "per request":
        pytest.skip("a worker script goes on behind an exception, and its own shutdown functions run when it ends")
    flags, _ = FAILING[mode]
    boot = "register_shutdown_function(function () { $e = error_get_last(); echo 'boot ', $e ? 'saw ' . $e['type'] : 'nothing', ' '; });"
    code = ("if ($_SERVER['REQUEST_URI'] === '/fails') { register_shutdown_function(fn () => print('request '));"
            f" {fatal} }} echo 'fine ';")
    scripts = {
        "worker.php": f"<?php {boot} askr_cow_ready(); while (askr_handle_request(function () {{ {code} }})) {{}}",
        "preload.php": f"<?php {boot}", "index.php": f"<?php {code}",
    }
    if mode == "per request":
        scripts["index.php"] = f"<?php {boot} {code}"
    app = server(scripts, workers=1, flags=flags, ini=[*UNBUFFERED, "display_errors=0"])
    own = mode == "per request" or "preload" in mode  # the script of the boot belongs to each request
    for _ in range(3):
        response = app.get("/fails")
        assert (response.status, response.text) == (500, "boot saw 1 request ")
        assert app.get("/").text == ("fine boot nothing " if own else "fine ")
    app.assert_nothing_is_held()
