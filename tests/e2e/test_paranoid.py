"""--paranoid: what a request of a worker script leaves behind for the next one is named in the error log."""

import re
import socket

import pytest

from askrtest.server import run_askr
from askrtest.wait import wait_until

WORKER = """<?php
%s
$handler = function (array $request): void { %s };
while (askr_handle_request($handler)) {
    %s
}
"""

DECLARED = r"""
function remember() { static $calls = 0; return ++$calls; }
final class One { private static ?One $it = null; public int $uses = 0; static function it(): One { return self::$it ??= new One; } }
class Shelf { public static array $books = []; public static int $size = 3; }
class Reader extends Shelf { function read() { static $pages = []; $pages[] = 1; return $pages; } }
"""


@pytest.fixture
def paranoid(server):
    def make(handler, boot=DECLARED, after="", flags=(), **options):
        app = server({"worker.php": WORKER % (boot, handler, after)}, wait=False, flags=["--paranoid", *flags],
                     **{"workers": 1, **options})
        app.worker_script = app.root / "worker.php"
        return app.start()

    return make


def findings(app):
    """What the log says of all requests so far: the worker has ended, and so has compared everything."""
    app.stop()
    return re.findall(r"leak: (.*)", app.error_log())


# ---------------------------------------------------------------- ten ways, and some more

WAYS = {
    "static": ("remember();", r"static variable \$calls of remember\(\) \(worker\.php:3\) changed by GET /way \(.+\): was 0, is 1"),
    "static of a method": ("(new Reader)->read();",
                           r"static variable \$pages of Reader::read\(\) \(worker\.php:6\) changed by GET /way \(.+\): was array of 0, is array of 1"),
    "singleton": ("One::it();", r"static property One::\$it \(worker\.php:4\) changed by GET /way \(.+\): was null, is One"),
    "static property": ("Reader::$books['x'] = 1;", r"static property Shelf::\$books \(worker\.php:5\) changed by .*: was array of 0, is array of 1"),
    "global": ("$GLOBALS['leak'] = 'left';", r"global variable \$leak left by GET /way \(.+\): string of 4"),
    "ini": ("ini_set('precision', '5');", r'ini setting precision changed by GET /way \(.+\): was "14", is "5"'),
    "locale": ("setlocale(LC_TIME, 'C.UTF-8');", r"locale LC_TIME changed by GET /way \(.+\): was C, is C\.UTF-8"),
    "time zone": ("date_default_timezone_set('Asia/Tokyo');", r"time zone changed by GET /way \(.+\): was UTC, is Asia/Tokyo"),
    "error handler": ("set_error_handler(fn () => true);",
                      r"error handler changed by GET /way \(.+\): was none, is a closure \(worker\.php:8\)"),
    "exception handler": ("set_exception_handler('strlen');", r"exception handler changed by .*: was none, is strlen\(\)"),
    "environment": ("putenv('LEAK=left');", r"environment variable LEAK left by GET /way \(.+\): string of 4"),
    "directory": ("chdir('/');", r"working directory changed by GET /way \(.+\): was \S+/root, is /"),
    "constant": ("define('LEAK', 1);", r"constant LEAK left by GET /way \(.+\): 1"),
    "stream wrapper": ("stream_wrapper_register('leak', One::class);", r"stream wrapper leak left by GET /way"),
    "stream filter": ("stream_filter_register('leak', One::class);", r"stream filter leak left by GET /way"),
    "file": ("static $file; $file = fopen(__DIR__ . '/list', 'w');", r"open file \S+/list left by GET /way \(.+\): 1 descriptor$"),
    "closure": ("static $n = 0; $n++;", r"global variable \$handler, its closure's \$n changed by GET /way \(.+\): was 0, is 1"),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_named_with_the_request_that_left_it(paranoid, way):
    code, pattern = WAYS[way]
    app = paranoid(f"if ($request['uri'] !== '/clean') {{ {code} }} echo 'fine';", env={"LC_ALL": "C"},
                   ini=["date.timezone=UTC", "precision=14"])
    assert app.get("/clean").text == "fine"
    assert app.get("/way?secret=1", {"X-Request-Id": "the-way"}).text == "fine"
    assert app.get("/clean").text == "fine"
    found = findings(app)
    assert any(re.search(pattern, line) for line in found), found
    assert all("GET /way (" in line for line in found), found
    if way != "file":  # which is two: the variable and the file
        assert len(found) == 1, found


def test_nine_leaks_at_once_are_nine_findings(paranoid):
    app = paranoid(r"""
        remember(); One::it()->uses++; $GLOBALS['leak'] = 'left'; ini_set('precision', '5'); setlocale(LC_TIME, 'C.UTF-8');
        date_default_timezone_set('Asia/Tokyo'); set_error_handler(fn () => true); putenv('LEAK=left'); chdir('/');
        echo 'fine';""", env={"LC_ALL": "C"})
    app.get("/")
    found = findings(app)
    for name in ("static variable $calls", "static property One::$it", "global variable $leak", "ini setting precision",
                 "locale LC_TIME", "time zone", "error handler", "environment variable LEAK", "working directory"):
        assert [line for line in found if line.startswith(name)], (name, found)
    assert len(found) == 9, found
    assert re.search(r"leak hunt: 1 requests? left state in 9 places, 0 of them more than once", app.error_log())


# ---------------------------------------------------------------- what is no leak

CLEAN = {
    "nothing": "echo 'fine';",
    "local variables": "$x = new One; $x->self = $x; $y = range(1, 1000); echo 'fine';",
    "sessions": "session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo 'fine';",
    "output buffers": "ob_start(); echo 'fi'; ob_start(fn ($text) => $text); echo 'ne';",
    "shutdown functions": "register_shutdown_function(function () { echo 'ne'; }); echo 'fi';",
    "exit": "echo 'fine'; exit(1);",
    "an exception": "echo 'fine'; flush(); throw new Exception('thrown');",
    "umask": "umask(077); echo 'fine';",
    "the environment array": "$_ENV['LEAK'] = 1; echo 'fine';",
    "limits": "set_time_limit(7); ignore_user_abort(true); echo 'fine';",
    "superglobals": "$_GET['a'] = $_POST['b'] = $_COOKIE['c'] = $_SERVER['d'] = $_REQUEST['e'] = 1; echo 'fine';",
    "a file that is closed": "$f = fopen(__FILE__, 'r'); fread($f, 10); tmpfile(); echo 'fine';",
    "what is put back": "$old = ini_set('precision', '5'); ini_set('precision', $old); chdir('/'); chdir(__DIR__);"
                        " set_error_handler(fn () => true); restore_error_handler(); umask(umask(077));"
                        " putenv('LEAK=1'); putenv('LEAK'); $GLOBALS['leak'] = 1; unset($GLOBALS['leak']); echo 'fine';",
    "a class that is used first": "echo Shelf::$size === 3 && count(Reader::$books) === 0 ? 'fine' : 'bad';",
    "a class that is loaded": "eval('class Late' . getmypid() . ' { public static $a = 1; public static $b = PHP_VERSION; }'); echo 'fine';",
    "deferred work": "askr_defer(fn () => strlen('x')); echo 'fine';",
    "an early end": "echo 'fine'; askr_finish_request(); strlen('x');",
    "uploads": "echo count($request['files']) === count($_FILES) ? 'fine' : 'bad';",
}


@pytest.mark.parametrize("what", CLEAN)
def test_a_clean_application_has_no_findings(paranoid, what):
    handler = CLEAN[what]
    if "eval" in handler:
        handler = f"if (!class_exists('Late' . getmypid())) {{ {handler.replace(chr(34), chr(39))} }} else echo 'fine';"
    app = paranoid(handler, ini=["variables_order=EGPCS"])
    upload = (b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + b"c" * 300_000 +
              b"\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"})
    for _ in range(3):
        assert app.get("/a?b=1").text == "fine"
        assert app.post("/b", b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}).text == "fine"
        assert app.post("/c", *upload).text == "fine"
    assert findings(app) == []
    assert "leak hunt: 9 requests left nothing behind" in app.error_log()


def test_what_the_application_puts_back_afterwards_is_no_leak(paranoid):
    app = paranoid("Shelf::$books[] = 1; One::it()->uses++; putenv('LEAK=1'); chdir('/'); echo 'fine';",
                   boot=DECLARED + "One::it();",
                   after="Shelf::$books = []; One::it()->uses = 0; putenv('LEAK'); chdir(__DIR__);")
    for _ in range(3):
        app.get("/")
    assert findings(app) == []


def test_a_boot_that_changes_things_is_no_leak(paranoid):
    app = paranoid("echo remember();", boot=DECLARED + """
        chdir('/'); umask(0); putenv('BOOT=1'); ini_set('precision', '5'); set_error_handler(fn () => true); One::it();
        $open = fopen(__FILE__, 'r'); date_default_timezone_set('Asia/Tokyo'); define('BOOTED', 1);""")
    for _ in range(3):
        app.get("/")
    assert {line.split(" changed")[0] for line in findings(app)} == {"static variable $calls of remember() (worker.php:3)"}


# ---------------------------------------------------------------- how it is told


def test_a_place_is_told_twice_and_what_grows_is_said_to_grow(paranoid):
    app = paranoid("Shelf::$books['k' . count(Shelf::$books)] = 1; echo 'fine';")
    for number in range(20):
        app.get(f"/{number}")
    first, second = findings(app)
    assert re.fullmatch(r"static property Shelf::\$books \(worker\.php:5\) changed by GET /0 \(\S+\): was array of 0, is array of 1", first)
    assert re.fullmatch(r"static property Shelf::\$books \(worker\.php:5\) changed again by GET /1 \(\S+\): was array of 1,"
                        r" is array of 2; it grows with each request so far", second)


def test_a_value_made_at_first_use_is_told_once(paranoid):
    app = paranoid("One::it(); echo 'fine';")
    for _ in range(5):
        app.get("/")
    assert len(findings(app)) == 1


def test_what_changes_now_and_then_is_not_said_to_grow(paranoid):
    app = paranoid("if ($request['uri'] === '/change') Shelf::$size++; echo 'fine';")
    for path in ("/change", "/", "/change", "/"):
        app.get(path)
    first, second = findings(app)
    assert "changed again" in second and "grows" not in second


def test_a_changed_singleton_is_named_with_the_property(paranoid):
    app = paranoid("One::it()->uses++; echo 'fine';", boot=DECLARED + "One::it();")
    app.get("/")
    (found,) = findings(app)
    assert found.startswith("static property One::$it->uses (worker.php:4) changed by GET / (")
    assert found.endswith("was 0, is 1")


def test_an_object_that_many_places_know_is_told_once(paranoid):
    app = paranoid("$GLOBALS['one']->uses++; echo 'fine';", boot=DECLARED + "$one = One::it(); $two = [$one]; Shelf::$books[] = $one;")
    app.get("/")
    assert len(findings(app)) == 1


def test_an_element_is_named_with_its_key_unless_that_could_be_a_secret(paranoid):
    app = paranoid("Shelf::$books['a']['of:b']++; One::it()->uses['who is @ home']++; echo 'fine';",
                   boot=DECLARED.replace("int $uses = 0", "array $uses = ['who is @ home' => 1]") +
                   "Shelf::$books = ['z' => [1, 2], 'a' => ['x' => 0, 'of:b' => 0]]; One::it();")
    app.get("/")
    found = "\n".join(findings(app))
    assert "Shelf::$books['a']['of:b'] (worker.php:5) changed by" in found
    assert "One::$it->uses[...] (worker.php:4) changed by" in found
    assert "home" not in found


def test_the_objects_of_a_list_are_one_place(paranoid):
    app = paranoid("foreach (Shelf::$books as $book) $book->uses++; echo 'fine';",
                   boot=DECLARED + "for ($i = 0; $i < 9; $i++) { Shelf::$books['k' . $i] = new One; }")
    for _ in range(4):
        app.get("/")
    first, second = findings(app)
    assert first.startswith("static property Shelf::$books['k0']->uses (worker.php:5) changed by GET /")
    assert "changed again" in second
    assert re.search(r"leak hunt: 4 requests changed .*\['k0'\]->uses \(worker\.php:5\) or another of its list", app.error_log())


def test_an_object_that_is_made_anew_with_the_same_contents_is_no_leak(paranoid):
    app = paranoid("""
        $GLOBALS['one'] = new One; $GLOBALS['one']->peer = new One; $GLOBALS['one']->peer->peer = $GLOBALS['one'];
        $n = $request['uri'] === '/odd' ? 1 : 0; $GLOBALS['call'] = function () use ($n) { return $n; };
        echo 'fine';""", boot=DECLARED.replace("public int $uses", "public ?One $peer = null; public int $uses"))
    for path in ("/", "/", "/", "/odd", "/odd"):
        app.get(path)
    found = findings(app)
    assert [line.split(" by")[0] for line in found] == [
        "global variable $one left", "global variable $call left", "global variable $call changed again"]
    assert found[-1].endswith(": was a closure (worker.php:10), is another one")


def test_an_object_of_an_extension_that_is_made_anew_is_told(paranoid):
    app = paranoid("$GLOBALS['list'] = new ArrayObject([1]); echo 'fine';", boot="$list = new ArrayObject([1]);")
    app.get("/")
    (found,) = findings(app)
    assert found.endswith("was ArrayObject, is another one")


def test_the_summary_names_what_changes_most(paranoid):
    app = paranoid("remember(); One::it(); if ($request['uri'] === '/two') Shelf::$size++; echo 'fine';")
    for path in ("/", "/two", "/two"):
        app.get(path)
    findings(app)
    assert re.findall(r"leak hunt: (.*)", app.error_log()) == [
        "3 requests left state in 3 places, 2 of them more than once",
        "3 requests changed static variable $calls of remember() (worker.php:3)",
        "2 requests changed static property Shelf::$size (worker.php:5)",
    ]


def test_texts_are_not_shown(paranoid):
    app = paranoid("$GLOBALS['user'] = 'password-of-ada'; putenv('TOKEN=password-of-ada'); echo 'fine';")
    app.get("/?token=password-of-ada")
    assert len(findings(app)) == 2
    assert "password-of-ada" not in app.error_log()


def test_a_text_of_the_same_length_is_another(paranoid):
    app = paranoid("$GLOBALS['user'] = 'grace'; echo 'fine';", boot="$user = 'linda';")
    app.get("/")
    (found,) = findings(app)
    assert found.endswith("was string of 5, is another one")


def test_the_log_is_bounded(paranoid):
    app = paranoid("for ($i = 0; $i < 30; $i++) $GLOBALS['v' . uniqid()] = 1; echo 'fine';")
    for _ in range(20):
        app.get("/")
    found = findings(app)
    assert len(found) == 201
    assert found[-1] == "there are more than 200 places; no others are told"


def test_a_connection_left_open_is_named(paranoid):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        app = paranoid(f"static $c = []; $c[] = stream_socket_client('tcp://127.0.0.1:{port}'); echo 'fine';")
        app.get("/")
        app.get("/")
        found = findings(app)
    assert any(line.startswith(f"open file connection to 127.0.0.1:{port} left by GET /") for line in found), found
    assert any(line.endswith("was 1 descriptor, is 2 descriptors; it grows with each request so far") for line in found), found


# ---------------------------------------------------------------- it survives what it looks at


def test_huge_and_cyclic_values_are_looked_at_in_bounded_time(paranoid):
    app = paranoid("""
        $big[] = count($big); $loop->next->again = $loop; $chain->deep++; echo 'fine';""".replace("$big", "$GLOBALS['big']")
                   .replace("$loop", "$GLOBALS['loop']").replace("$chain", "$GLOBALS['chain']"), boot="""
        ini_set('memory_limit', '512M');
        $big = array_fill(0, 1000000, 'x');
        $self = [1]; $self['self'] = &$self;
        $loop = new stdClass; $loop->next = new stdClass; $loop->next->again = $loop;
        $chain = new stdClass; $chain->deep = 0;
        for ($i = 0, $at = $chain; $i < 100000; $i++) { $at = $at->next = new stdClass; }
        $many = []; for ($i = 0; $i < 60000; $i++) { $many[] = (object) ['i' => $i]; }
        for ($i = 0, $nest = []; $i < 10000; $i++) { $nest = [$nest]; }
    """)
    for _ in range(3):
        assert app.get("/").text == "fine"
    found = {line.split(" changed")[0] for line in findings(app)}
    assert found == {"global variable $big", "global variable $chain->deep"}


def test_no_code_of_the_application_runs(paranoid):
    app = paranoid("$GLOBALS['magic']->hidden = 1; echo 'fine';", boot="""
        class Magic implements IteratorAggregate, Countable, ArrayAccess, JsonSerializable, Stringable {
            private $data = [];
            public int $typed;
            function __get($n) { die('called'); } function __set($n, $v) { $this->data[$n] = $v; } function __isset($n): bool { die('called'); }
            function getIterator(): Iterator { die('called'); } function count(): int { die('called'); }
            function offsetGet($o): mixed { die('called'); } function offsetSet($o, $v): void { die('called'); }
            function offsetExists($o): bool { die('called'); } function offsetUnset($o): void { die('called'); }
            function jsonSerialize(): mixed { die('called'); } function __toString(): string { die('called'); }
            function __debugInfo() { die('called'); } function __serialize(): array { die('called'); }
        }
        function numbers() { yield 1; yield 2; }
        $magic = new Magic; $numbers = numbers(); $numbers->current(); $bound = Closure::bind(fn () => $this->data, $magic, Magic::class);
        $date = new DateTime; $list = new ArrayObject([1]); $map = new WeakMap; $map[$magic] = 1; $first = strlen(...);
        $anonymous = new class($magic) { function __construct(private $held) {} }; $pdo = class_exists('PDO') ? new PDO('sqlite::memory:') : null;
        enum Suit: string { case Hearts = 'H'; const Wild = self::Hearts; } $suit = Suit::Hearts;
    """)
    for _ in range(2):
        assert app.get("/").text == "fine"
    (found,) = findings(app)
    assert found.startswith("global variable $magic->data changed by GET /")


def test_a_fatal_error_does_not_end_the_hunt(paranoid):
    app = paranoid("if ($request['uri'] === '/fatal') str_repeat('x', PHP_INT_MAX); remember(); echo 'fine';")
    assert app.get("/fatal").status == 500
    wait_until(lambda: app.get("/").text == "fine", "another worker answers")
    assert any(line.startswith("static variable $calls") for line in findings(app))


def test_it_works_in_forked_workers(paranoid):
    app = paranoid("remember(); echo 'fine';", boot=DECLARED + "askr_cow_ready();", flags=["--cow"])
    app.get("/")
    app.get("/")
    assert len(findings(app)) == 2


# ---------------------------------------------------------------- settings


def test_without_it_nothing_is_said(server):
    app = server({"worker.php": WORKER % (DECLARED, "remember(); echo 'fine';", "")}, wait=False, workers=1)
    app.worker_script = app.root / "worker.php"
    app.start()
    app.get("/")
    app.stop()
    assert "leak" not in app.error_log()


def test_the_banner_says_so(paranoid):
    app = paranoid("echo 'fine';")
    wait_until(lambda: "paranoid: looks for state that requests leave behind" in app.banner(), "the banner is there")


@pytest.mark.parametrize("flags, why", [
    ([], "--paranoid: has nothing to look for: without a worker script (worker.script) each request starts from nothing"),
    (["--worker-script", "w.php", "--isolation", "request"],
     '--paranoid: has nothing to look for: with worker.isolation nothing stays'),
])
def test_it_is_refused_where_nothing_can_stay(tmp_path, flags, why):
    (tmp_path / "w.php").write_text("<?php")
    done = run_askr("serve", "--paranoid", *flags, cwd=tmp_path)
    assert done.returncode == 2
    assert why in done.stderr
