"""--response-cache: pages that PHP has marked with Askr-Cache are answered without it."""

import contextlib
import gzip
import json
import time

import brotli
import pytest

from askrtest.ports import free_port
from askrtest.server import kill, run_askr
from askrtest.wait import wait_until

# Counts its runs per path, so that a test sees whether PHP ran; answers as `?do=` says.
PAGE = r"""<?php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$runs = __DIR__ . '/../runs' . strtr($path, '/', '_');
$n = (int) @file_get_contents($runs) + 1;
file_put_contents($runs, $n);
$state = json_decode((string) @file_get_contents(__DIR__ . '/../state.json'), true) ?: [];
foreach (($state[$path] ?? []) + ($state['*'] ?? []) as $name => $value) {
    if ($name === 'status') http_response_code($value);
    elseif ($name === 'sleep') usleep($value * 1000);
    elseif ($name === 'body') $body = $value;
    elseif ($name === 'exit') exit;
    elseif ($name === 'die') posix_kill(posix_getpid(), 9);
    else foreach ((array) $value as $each) header("$name: $each", false);
}
if ($_SERVER['REQUEST_METHOD'] === 'POST') { echo 'posted'; return; }
header_remove('X-Powered-By');
echo $body ?? "$path run $n";
"""


class Site:
    def __init__(self, app):
        self.app = app
        self.state = {}

    def page(self, path, cache="60", **fields):
        """What PHP answers for the path: fields (underscores for dashes), and status, sleep, body, die."""
        known = ("status", "sleep", "body", "exit", "die")
        entry = {name if name in known else name.replace("_", "-"): value for name, value in fields.items()}
        if cache is not None:
            entry["Askr-Cache"] = cache
        self.state[path] = entry
        (self.app.root.parent / "state.json").write_text(json.dumps(self.state))

    def runs(self, path):
        file = self.app.root.parent / ("runs" + path.replace("/", "_"))
        return int(file.read_text()) if file.exists() else 0

    def get(self, path, headers=(), method="GET"):
        return self.app.request(method, path, headers)

    def seen(self, path, headers=(), method="GET"):
        """What X-Askr-Cache says, and the body."""
        response = self.get(path, headers, method)
        return response.header("X-Askr-Cache"), response.text


@pytest.fixture
def site(server):
    def make(*flags, slots=64, **options):
        return Site(server({"index.php": PAGE}, flags=["--response-cache", str(slots), *flags], **options))

    return make


# ---------------------------------------------------------------- hits and misses

def test_a_page_that_opts_in_is_made_once(site):
    it = site()
    it.page("/a")
    first, second = it.get("/a"), it.get("/a")
    assert (first.header("X-Askr-Cache"), second.header("X-Askr-Cache")) == ("MISS", "HIT")
    assert first.body == second.body == b"/a run 1"
    assert first.header("Askr-Cache") is None and second.header("Askr-Cache") is None
    assert first.header("Cache-Status") == "askr; fwd=uri-miss; stored"
    assert second.header("Cache-Status").startswith("askr; hit; ttl=")
    assert (first.header("Age"), second.header("Age")) == (None, "0")
    assert second.header("Content-Type") == first.header("Content-Type")
    assert second.header("Content-Length") == str(len(second.body))
    assert it.runs("/a") == 1


def test_a_page_that_does_not_is_made_each_time(site):
    it = site()
    it.page("/a", cache=None)
    assert [it.seen("/a") for _ in range(3)] == [(None, f"/a run {n}") for n in (1, 2, 3)]


def test_without_the_cache_the_field_is_not_understood(server):
    app = server({"index.php": "<?php header('Askr-Cache: 60'); askr_cache_forget_tag('x'); askr_cache_flush(); echo 'x';"})
    assert app.get("/").header("X-Askr-Cache") is None


@pytest.mark.parametrize("path", ["/a", "/a?x=1", "/%61", "/a?", "/a?&"])
def test_spellings_of_one_address_are_one_page(site, path):
    it = site()
    it.page("*")
    it.get("/a?x=1")
    it.get("/a")
    assert it.seen(path)[0] == "HIT"


def test_other_addresses_are_other_pages(site):
    it = site()
    it.page("*")
    it.get("/a?x=1&y=2")
    assert it.seen("/a?y=2&x=1")[0] == "HIT"
    assert it.seen("/a?x=%31&y=2")[0] == "HIT"
    for other in ("/a?x=1", "/a?x=1&y=3", "/b?x=1&y=2", "/a?x=1&y=2&x=2", "/A?x=1&y=2", "/a%2F?x=1&y=2"):
        assert it.seen(other)[0] == "MISS", other
    assert it.seen("/a?x=1&y=2", {"Host": "other"})[0] == "MISS"
    assert it.seen("/a?x=1&y=2", {"Host": "OTHER"})[0] == "HIT"
    assert it.seen("/a?x=1&y=2", {"Host": "other", "X-Forwarded-Host": "evil"})[0] == "MISS"
    assert it.seen("/a?x=1&y=2", {"Host": "other"})[0] == "HIT"


@pytest.mark.parametrize("one, other", [
    ("order[a]=1&order[b]=2", "order[b]=2&order[a]=1"),
    ("order%5Ba%5D=1&order%5Bb%5D=2", "order%5Bb%5D=2&order%5Ba%5D=1"),
    ("a[]=1&a[]=2", "a[]=2&a[]=1"),
    ("a.b=1&a_b=2", "a_b=2&a.b=1"),
    ("a+b=1&a%2Eb=2", "a%2Eb=2&a+b=1"),
])
def test_parameters_that_php_puts_into_one_variable_keep_their_order(server, one, other):
    app = server({"index.php": "<?php header('Askr-Cache: 60'); echo json_encode($_GET);"}, flags=["--response-cache", "8"])
    first = app.get(f"/?x=1&{one}").text
    second = app.get(f"/?x=1&{other}")
    assert second.header("X-Askr-Cache") == "MISS" and second.text != first
    assert app.get(f"/?{one}&x=1").header("X-Askr-Cache") == "HIT"


def test_a_page_that_shows_where_it_is_reached_is_not_given_to_those_who_reach_it_otherwise(server):
    page = """<?php header('Askr-Cache: 60');
        foreach (['SERVER_PORT', 'SERVER_ADDR', 'SERVER_PROTOCOL', 'HTTP_FORWARDED', 'CONTENT_TYPE'] as $each) echo $_SERVER[$each] ?? '', ' ';"""
    app = server({"index.php": page}, flags=["--response-cache", "8"], wait=False)
    app.listen += [f"127.0.0.1:{free_port()}", f"127.0.0.2:{app.port}"]
    app.start()
    seen = set()
    for address in app.listen:
        for version in ("HTTP/1.1", "HTTP/1.0"):
            with app.client(address) as client:
                response = client.request("GET", "/", {"Host": "site"}, version=version)
            assert response.header("X-Askr-Cache") == "MISS"
            seen.add(response.text)
    for name in ("Forwarded", "Content-Type"):
        seen.add(app.get("/", {"Host": "site", name: "host=elsewhere"}).text)
    assert len(seen) == 8
    assert app.get("/", {"Host": "site"}).header("X-Askr-Cache") == "HIT"


def test_parameters_that_make_no_difference_can_be_named(site):
    it = site("--cache-ignore-query", "utm_*", "--cache-ignore-query", "gclid")
    it.page("*")
    it.get("/a?x=1")
    assert it.seen("/a?utm_source=mail&x=1&gclid=7")[0] == "HIT"
    assert it.seen("/a?utm=1&x=1")[0] == "MISS"


def test_it_is_shared_by_all_gateways_and_outlives_workers_and_reloads(site):
    it = site(gateways=4, workers=2)
    it.page("/a")
    it.get("/a")
    for pid in it.app.pids("worker"):
        kill(pid)
    assert it.app.reload().returncode == 0
    assert {it.seen("/a") for _ in range(20)} == {("HIT", "/a run 1")}


def test_worker_mode_fills_it_too(server):
    script = "<?php while (askr_handle_request(function () { static $n = 0; header('Askr-Cache: 60'); echo 'run ', ++$n; }));"
    app = server({"worker.php": script, "index.php": ""}, wait=False, flags=["--response-cache", "8"])
    app.worker_script = app.root / "worker.php"
    app.start()
    assert [app.get("/").text for _ in range(3)] == ["run 1"] * 3


@pytest.mark.parametrize("size", [0, 1, 10_000, 16_384, 100_000, 1_000_000])
def test_bodies_of_every_size_come_back_as_they_were(site, size):
    it = site("--no-plugin", "compress")
    body = ("0123456789abcdef" * (size // 16 + 1))[:size]
    it.page("/a", body=body)
    assert it.get("/a").text == body
    hit = it.get("/a")
    assert (hit.header("X-Askr-Cache"), hit.text, hit.header("Content-Length")) == ("HIT", body, str(size))


def test_a_body_above_the_limit_is_not_stored(site):
    it = site("--cache-max-body-size", "50K")
    it.page("/large", body="x" * 60_000)
    it.page("/small", body="x" * 40_000)
    for path, seen in (("/large", "MISS"), ("/small", "HIT")):
        it.get(path)
        assert it.seen(path)[0] == seen


def test_pages_end_with_their_time(site):
    it = site()
    it.page("/a", cache="1")
    it.get("/a")
    assert it.seen("/a")[0] == "HIT"
    wait_until(lambda: it.seen("/a") == ("MISS", "/a run 2"), "the page is made anew", 5)
    assert it.seen("/a")[0] == "HIT"


def test_age_counts_seconds(site):
    it = site()
    it.page("/a")
    it.get("/a")
    wait_until(lambda: int(it.get("/a").header("Age")) >= 1, "a second has passed", 5)
    assert int(it.get("/a").header("Cache-Status").split("ttl=")[1]) <= 59


# ---------------------------------------------------------------- what is never stored

@pytest.mark.parametrize("fields, detail", [
    ({"Cache_Control": "private"}, "private"),
    ({"Cache_Control": "no-store, max-age=60"}, "no-store"),
    ({"Cache_Control": ["public", "max-age=1, Private"]}, "private"),
    ({"Vary": "*"}, "vary"),
    ({"Vary": "Accept, *"}, "vary"),
    ({"status": 404}, "status"),
    ({"status": 301, "Location": "/b"}, "status"),
    ({"status": 206, "Content_Range": "bytes 0-1/2"}, "status"),
    ({"Content_Range": "bytes 0-1/2"}, "partial"),
    ({"cache": "0"}, "zero"),
    ({"cache": "-1"}, "bad-askr-cache"),
    ({"cache": "soon"}, "bad-askr-cache"),
    ({"cache": "tags=a"}, "bad-askr-cache"),
    ({"cache": "60, fresh=1"}, "bad-askr-cache"),
    ({"cache": "60, swr=x"}, "bad-askr-cache"),
    ({"cache": "60, tags=" + ",".join(f"t{n}" for n in range(70))}, "too-many-tags"),
])
def test_responses_that_are_never_stored(site, fields, detail):
    it = site()
    it.page("/a", **fields)
    for run in (1, 2):
        response = it.get("/a")
        assert response.header("X-Askr-Cache") == "MISS"
        assert response.header("Cache-Status") == f"askr; fwd=uri-miss; detail={detail}"
        assert it.runs("/a") == run
    assert it.app.status()["metrics"]["askr_cache_refused_total"] == 2


@pytest.mark.parametrize("headers, detail", [
    ({"Cookie": "a=1"}, "bypass; detail=cookie"),
    ({"Authorization": "Basic eDp5"}, "bypass; detail=authorization"),
    ({"X-HTTP-Method-Override": "DELETE"}, "bypass; detail=override"),
    ({"X-Original-URL": "/b"}, "bypass; detail=override"),
])
def test_requests_that_pass_it_by(site, headers, detail):
    it = site()
    it.page("/a")
    it.get("/a")
    response = it.get("/a", headers)
    assert (response.header("X-Askr-Cache"), response.text) == ("MISS", "/a run 2")
    assert response.header("Cache-Status") == f"askr; fwd={detail}"
    assert it.seen("/a") == ("HIT", "/a run 1")  # and it is not stored for the others


def test_a_get_with_a_body_passes_it_by(site):
    it = site()
    it.page("/a")
    it.get("/a")
    with it.app.begin("GET", "/a", {"Content-Length": "2"}, body=b"{}") as client:
        assert client.read_response().header("X-Askr-Cache") == "MISS"


def test_cookies_that_make_no_difference_can_be_named(site):
    it = site("--cache-ignore-cookies", "_ga*", "--cache-ignore-cookies", "theme")
    it.page("/a", Vary="Cookie")
    it.get("/a")
    assert it.seen("/a", {"Cookie": "_ga=1; _ga_X=2; theme=dark"})[0] == "HIT"
    assert it.seen("/a", {"Cookie": "_ga=1; session=2"})[0] == "MISS"


def test_fields_that_connection_names_are_neither_sent_nor_stored(site):
    it = site()
    it.page("/a", Connection=["X-Hop, keep-alive", "x-other"], X_Hop="1", X_Other="2", X_Kept="3")
    for seen in ("MISS", "HIT"):
        response = it.get("/a")
        assert response.header("X-Askr-Cache") == seen
        assert (response.header("X-Hop"), response.header("X-Other"), response.header("X-Kept")) == (None, None, "3")


def test_a_cookie_goes_to_the_one_who_made_it_only(site):
    it = site()
    it.page("/a", Set_Cookie="session=secret")
    assert it.get("/a").header("Set-Cookie") == "session=secret"
    hit = it.get("/a")
    assert (hit.header("X-Askr-Cache"), hit.header("Set-Cookie")) == ("HIT", None)


def test_a_body_cut_short_by_a_dead_worker_is_not_stored(server):
    page = """<?php header('Askr-Cache: 60'); $f = __DIR__ . '/../again';
    echo str_repeat('x', 10000); ob_flush(); flush(); if (!file_exists($f)) { touch($f); usleep(50000); posix_kill(posix_getpid(), 9); }"""
    app = server({"index.php": page}, flags=["--response-cache", "8", "--no-plugin", "compress"])
    with app.begin("GET", "/") as client:
        with pytest.raises(Exception):
            client.read_response()
    response = app.get("/")
    assert (response.header("X-Askr-Cache"), len(response.body)) == ("MISS", 10000)
    assert app.get("/").header("X-Askr-Cache") == "HIT"


@pytest.mark.parametrize("end", ["throw new Exception('x');", "nonsense();", "exit(1);"])
def test_a_script_that_fails_in_the_middle_fills_nothing_unfinished(server, end):
    page = f"<?php header('Askr-Cache: 60'); echo str_repeat('x', 9000); ob_flush(); flush(); {end}"
    app = server({"index.php": page}, flags=["--response-cache", "8"])
    for _ in range(2):
        try:
            response = app.get("/")
        except Exception:
            continue
        assert len(response.body) == 9000 or response.header("X-Askr-Cache") == "MISS"


def test_more_bytes_than_announced_or_fewer_are_not_stored(server):
    page = "<?php header('Askr-Cache: 60'); header('Content-Length: 20000'); echo str_repeat('x', 9000); ob_flush(); flush();"
    app = server({"index.php": page}, flags=["--response-cache", "8", "--no-plugin", "compress"])
    for _ in range(2):
        with app.begin("GET", "/") as client:
            with pytest.raises(Exception):
                assert client.read_response().header("X-Askr-Cache") == "HIT"


def test_a_client_that_leaves_fills_nothing_unfinished(site):
    it = site()
    it.page("/a", sleep=200)
    client = it.app.begin("GET", "/a")
    wait_until(lambda: it.runs("/a") == 1, "PHP runs")
    client.close()
    assert it.seen("/a")[0] in ("MISS", "HIT")
    assert it.seen("/a")[0] == "HIT"


# ---------------------------------------------------------------- tags

def test_a_tag_takes_all_its_pages_and_no_other(site):
    it = site()
    it.page("/list", cache="60, tags=posts,home")
    it.page("/post", cache="60, tags=posts, swr=30, stale-if-error=30")
    it.page("/about", cache="60, tags=static")
    for path in ("/list", "/post", "/about"):
        it.get(path)
    assert it.app.askr("cache", "forget-tag", "posts").returncode == 0
    assert [it.seen(path)[0] for path in ("/list", "/post", "/about")] == ["MISS", "MISS", "HIT"]
    assert [it.seen(path)[0] for path in ("/list", "/post", "/about")] == ["HIT"] * 3
    assert it.app.askr("cache", "forget-tag", "home").returncode == 0
    assert [it.seen(path)[0] for path in ("/list", "/post", "/about")] == ["MISS", "HIT", "HIT"]


def test_php_forgets_tags_and_flushes_from_anywhere(site):
    it = site("--cache-slots", "100")
    (it.app.root / "forget.php").write_text(
        "<?php if (isset($_GET['later'])) askr_defer(fn() => askr_cache_forget_tag($_GET['tag']));"
        "elseif (isset($_GET['tag'])) askr_cache_forget_tag($_GET['tag']); else askr_cache_flush(); echo 'done';")
    it.page("/a", cache="60, tags=t")
    it.get("/a")
    it.get("/forget.php?tag=t")
    assert it.seen("/a") == ("MISS", "/a run 2")
    it.get("/forget.php?tag=t&later=1")
    wait_until(lambda: it.seen("/a") != ("HIT", "/a run 2"), "the deferred callback has run")
    it.get("/a")
    it.get("/forget.php")
    assert it.seen("/a")[0] == "MISS"
    assert it.app.askr("cache", "flush").returncode == 0
    assert it.seen("/a")[0] == "MISS"


def test_what_is_rendered_while_its_tag_is_forgotten_is_dead_on_arrival(site):
    it = site()
    it.page("/a", cache="60, tags=t", sleep=300)
    client = it.app.begin("GET", "/a")
    wait_until(lambda: it.runs("/a") == 1, "PHP runs")
    assert it.app.askr("cache", "forget-tag", "t").returncode == 0
    assert client.read_response().text == "/a run 1"
    client.close()
    assert it.seen("/a") == ("MISS", "/a run 2")
    assert it.seen("/a") == ("HIT", "/a run 2")


def test_several_fields_are_one_list_and_quotes_are_no_part_of_a_tag(site):
    it = site()
    it.page("/a", cache=["60, tags=\"posts\"", "tags=home"])
    it.page("/b", cache=["60", "30"])
    for tag in ("posts", "home"):
        assert [it.seen("/a")[0] for _ in range(2)] == ["MISS", "HIT"]
        assert it.app.askr("cache", "forget-tag", tag).returncode == 0
    assert it.get("/a").all("Askr-Cache") == []
    assert it.get("/b").header("Cache-Status") == "askr; fwd=uri-miss; detail=bad-askr-cache"
    it.app.wait_log(r'/b is not stored, bad-askr-cache: "60, 30"; it should look like')


# ---------------------------------------------------------------- writes

WRITES = r"""<?php
$folder = __DIR__ . '/../';
function hold($name) { global $folder; touch("$folder$name-began"); for ($i = 0; file_exists("$folder$name-hold") && $i < 20000; ++$i) usleep(1000); }
if ($_SERVER['REQUEST_METHOD'] === 'GET') {
    $data = file_get_contents($folder . 'data');
    header('Askr-Cache: ' . file_get_contents($folder . 'policy'));
    hold('read');
    echo $data;
    return;
}
if (isset($_GET['fail'])) http_response_code(500);
if (isset($_SERVER['HTTP_X_EARLY'])) { echo str_repeat(' ', 5000); ob_flush(); flush(); }
hold('write');
file_put_contents($folder . 'data', $_SERVER['REQUEST_METHOD']);
echo 'written';
"""


class Written:
    """A page that shows what was written last, and requests that stop where a test wants them to."""

    def __init__(self, app):
        self.app = app
        self.folder = app.root.parent

    def hold(self, what):
        (self.folder / f"{what}-began").unlink(missing_ok=True)
        (self.folder / f"{what}-hold").touch()

    def wait(self, what):
        wait_until((self.folder / f"{what}-began").exists, f"a {what} has begun")

    def release(self, what):
        (self.folder / f"{what}-hold").unlink()

    def seen(self):
        response = self.app.get("/")
        return response.header("X-Askr-Cache"), response.text

    def policy(self, text):
        (self.folder / "policy").write_text(text)


@pytest.fixture
def written(server):
    app = server({"index.php": WRITES, "../data": "old", "../policy": "60, swr=60"}, flags=["--response-cache", "8"], workers=8,
                 gateways=2)
    return Written(app)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_that_began_before_a_write_and_ends_after_it_is_not_kept(written, method):
    written.hold("read")
    with written.app.begin("GET", "/") as reader:
        written.wait("read")
        assert written.app.request(method, "/", {}, b"x").text == "written"
        written.release("read")
        assert reader.read_response().text == "old"
    assert [written.seen() for _ in range(2)] == [("MISS", method), ("HIT", method)]


def test_a_page_that_began_and_ended_while_a_write_was_under_way_is_forgotten(written):
    written.hold("write")
    with written.app.begin("POST", "/", body=b"x") as writer:
        written.wait("write")
        assert [written.seen() for _ in range(2)] == [("MISS", "old"), ("HIT", "old")]
        written.release("write")
        assert writer.read_response().text == "written"
    assert written.seen() == ("MISS", "POST")


def test_what_is_stored_between_the_first_byte_of_a_writes_response_and_its_end_is_forgotten_too(written):
    written.hold("write")
    with written.app.begin("POST", "/", {"X-Early": "1"}, body=b"x") as writer:
        written.wait("write")
        assert [written.seen() for _ in range(2)] == [("MISS", "old"), ("HIT", "old")]
        written.release("write")
        assert writer.read_response().text.endswith("written")
    wait_until(lambda: written.seen() == ("HIT", "POST"), "the page was made anew")


def test_those_who_waited_for_such_a_page_make_their_own(written):
    written.hold("read")
    with contextlib.ExitStack() as clients:
        leader = clients.enter_context(written.app.begin("GET", "/"))
        written.wait("read")
        others = [clients.enter_context(written.app.begin("GET", "/")) for _ in range(5)]
        time.sleep(0.1)  # they wait; nothing says so
        written.app.post("/", b"x")
        written.release("read")
        assert leader.read_response().text == "old"
        assert {client.read_response().text for client in others} == {"POST"}
    assert written.seen() == ("HIT", "POST")


def test_a_renewal_in_the_background_loses_against_a_write_as_well(written):
    written.policy("1, swr=60")
    assert written.seen() == ("MISS", "old")
    wait_until(lambda: written.seen()[0] == "HIT", "it is stored")
    written.hold("read")
    wait_until(lambda: written.seen()[0] == "STALE", "it is stale", 5)
    written.wait("read")
    written.policy("60")
    written.app.post("/", b"x")
    written.release("read")
    wait_until(lambda: written.seen() == ("HIT", "POST"), "the page was made anew")
    assert written.seen() == ("HIT", "POST")


def test_an_error_is_no_write(written):
    written.app.get("/?fail")
    written.app.post("/?fail", b"x")
    assert written.app.get("/?fail").header("X-Askr-Cache") == "HIT"


# ---------------------------------------------------------------- stale pages

def test_a_stale_page_is_served_while_one_request_renews_it_in_the_background(site):
    it = site()
    it.page("/a", cache="1, swr=60", sleep=100)
    it.get("/a")
    it.page("/a", cache="60, swr=60", sleep=3000)
    wait_until(lambda: it.seen("/a")[0] == "STALE", "the page is stale", 5)
    began = time.monotonic()
    answers = [it.seen("/a") for _ in range(5)]
    assert time.monotonic() - began < 2.5  # nobody waits for the 3 s
    assert set(answers) == {("STALE", "/a run 1")}
    wait_until(lambda: it.seen("/a") == ("HIT", "/a run 2"), "the page was renewed", 5)
    assert it.runs("/a") == 2


def test_a_failing_application_is_hidden_by_what_is_stale(site):
    it = site()
    it.page("/a", cache="1, stale-if-error=60", body="good", Set_Cookie="x=1")
    it.get("/a")
    time.sleep(1.1)
    it.page("/a", cache=None, status=500, body="an error page", Set_Cookie="error=1")
    response = it.get("/a")
    assert (response.status, response.text, response.header("X-Askr-Cache")) == (200, "good", "STALE-ERROR")
    assert response.header("Cache-Status") == "askr; fwd=stale; fwd-status=500"
    assert response.header("Set-Cookie") is None and int(response.header("Age")) >= 1
    assert response.header("Content-Length") == "4"
    runs = it.runs("/a")
    assert {it.seen("/a") for _ in range(10)} == {("STALE-ERROR", "good")}
    assert it.runs("/a") <= runs + 1  # it is left in peace for a moment
    it.page("/a", cache="60", body="better")
    wait_until(lambda: it.seen("/a") == ("HIT", "better"), "it recovers", 5)


def test_a_dying_worker_is_hidden_too(site):
    it = site()
    it.page("/a", cache="1, stale-if-error=60", body="good")
    it.get("/a")
    time.sleep(1.1)
    it.page("/a", die=1)
    assert it.seen("/a") == ("STALE-ERROR", "good")


def test_without_stale_if_error_the_error_is_shown(site):
    it = site()
    it.page("/a", cache="1")
    it.get("/a")
    time.sleep(1.1)
    it.page("/a", cache=None, status=503)
    assert it.get("/a").status == 503


def test_a_page_that_stops_opting_in_is_forgotten(site):
    it = site()
    it.page("/a", cache="1, swr=60")
    it.get("/a")
    it.page("/a", cache=None)
    wait_until(lambda: it.seen("/a")[0] is None, "PHP answers", 5)
    assert it.seen("/a")[0] is None


# ---------------------------------------------------------------- conditions, ranges, HEAD

def test_conditions_are_answered_from_a_hit(site):
    it = site()
    it.page("/a", ETag='"one"', Last_Modified="Sun, 06 Nov 1994 08:49:37 GMT", Cache_Control="public, max-age=5")
    it.get("/a")
    response = it.get("/a", {"If-None-Match": 'W/"one"'})
    assert (response.status, response.body, response.header("ETag")) == (304, b"", '"one"')
    assert response.header("Cache-Control") == "public, max-age=5" and response.header("Content-Type") is None
    assert it.get("/a", {"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"}).status == 304
    assert it.get("/a", {"If-None-Match": '"two"'}).status == 200
    assert it.get("/a", {"If-Match": '"two"'}).status == 412
    assert it.runs("/a") == 1


def test_a_page_without_an_etag_gets_one(site):
    it = site()
    it.page("/a")
    it.get("/a")
    etag = it.get("/a").header("ETag")
    assert etag.startswith('"') and len(etag) == 18
    assert it.get("/a", {"If-None-Match": etag}).status == 304


def test_ranges_are_answered_from_a_hit(site):
    it = site()
    body = "".join(f"{n:05d}" for n in range(8000))  # three blocks
    it.page("/a", body=body, ETag='"x"')
    it.get("/a")
    response = it.get("/a", {"Range": "bytes=16380-16399", "Accept-Encoding": "br"})
    assert (response.status, response.text) == (206, body[16380:16400])
    assert response.header("Content-Range") == "bytes 16380-16399/40000"
    many = it.get("/a", {"Range": "bytes=0-4,39995-"})
    assert many.status == 206 and many.header("Content-Type").startswith("multipart/byteranges")
    assert "00000\r\n" in many.text and "07999\r\n" in many.text
    assert it.get("/a", {"Range": "bytes=40000-"}).status == 416
    assert it.get("/a", {"Range": "bytes=0-1", "If-Range": '"y"'}).status == 200
    assert it.runs("/a") == 1


def test_head_has_the_page_made_and_is_answered_from_a_hit(site):
    it = site()
    it.page("/a", body="12345")
    response = it.get("/a", method="HEAD")
    assert (response.header("X-Askr-Cache"), response.header("Content-Length"), response.body) == ("MISS", "5", b"")
    assert it.seen("/a") == ("HIT", "12345")
    response = it.get("/a", method="HEAD")
    assert (response.header("X-Askr-Cache"), response.header("Content-Length"), response.body) == ("HIT", "5", b"")


# ---------------------------------------------------------------- encodings

def test_a_page_is_stored_in_each_coding_that_somebody_wants(site):
    it = site()
    body = "<p>the same words again</p>" * 400
    it.page("/a", body=body, ETag='"one"')
    assert it.get("/a").text == body
    plain = it.get("/a")
    assert (plain.header("Content-Encoding"), plain.text, plain.header("Vary")) == (None, body, "Accept-Encoding")
    for coding, decode in (("gzip", gzip.decompress), ("br", brotli.decompress)):
        for _ in range(3):
            response = it.get("/a", {"Accept-Encoding": coding})
            assert response.header("X-Askr-Cache") == "HIT"
            assert (response.header("Content-Encoding"), decode(response.body).decode()) == (coding, body)
            assert (response.header("ETag"), response.header("Vary")) == ('W/"one"', "Accept-Encoding")
            assert len(response.all("Vary")) == 1
    assert it.get("/a", {"Accept-Encoding": "br", "If-None-Match": 'W/"one"'}).status == 304
    assert it.runs("/a") == 1
    stats = it.app.askr("cache", "stats").stdout
    assert "stores      3\n" in stats  # plain, gzip, brotli: each once
    it.app.askr("cache", "flush")
    assert it.get("/a", {"Accept-Encoding": "br"}).header("X-Askr-Cache") == "MISS"


@pytest.mark.parametrize("coding, decode", [("gzip", gzip.decompress), ("br", brotli.decompress)])
def test_a_large_page_is_encoded_once_and_keeps_nobody_waiting(site, coding, decode):
    it = site("--cache-max-body-size", "16M", "--compress-gzip-level", "9", "--compress-brotli-level", "9", slots=1024)
    body = "".join(f"<p>number {n * n} of the same words</p>" for n in range(150_000))
    it.page("/a", body=body)
    assert it.get("/a").text == body
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(it.app.begin("GET", "/a", [("Accept-Encoding", coding)])) for _ in range(8)]
        clients.pop().close()  # the first one or another: nobody misses it
        for response in [client.read_response() for client in clients]:
            assert (response.header("X-Askr-Cache"), response.header("Content-Encoding")) == ("HIT", coding)
            assert decode(response.body).decode() == body
    assert it.runs("/a") == 1
    assert "stores      2\n" in it.app.askr("cache", "stats").stdout  # plain and encoded: each once
    assert it.get("/a", {"Accept-Encoding": coding}).header("X-Askr-Cache") == "HIT"
    assert "has blocked" not in it.app.error_log()  # in one go it takes more than 100 ms


def test_what_php_has_encoded_itself_varies_by_what_it_says(site):
    it = site()
    it.page("/a", Content_Encoding="x-own", Vary="Accept-Encoding", body="own")
    it.get("/a", {"Accept-Encoding": "x-own"})
    hit = it.get("/a", {"Accept-Encoding": "x-own"})
    assert (hit.header("X-Askr-Cache"), hit.header("Content-Encoding")) == ("HIT", "x-own")
    assert it.get("/a", {"Accept-Encoding": "gzip"}).header("X-Askr-Cache") == "MISS"


# ---------------------------------------------------------------- eviction, commands, faults

def test_pages_that_are_asked_for_again_stay_when_others_pass_through(site):
    it = site(slots=16)
    it.page("*", body="x" * 50_000)
    for _ in range(3):
        it.get("/hot")
    for n in range(200):
        it.get(f"/once?{n}")
        if n % 20 == 0:
            assert it.seen("/hot")[0] == "HIT", n
    stats = it.app.askr("cache", "stats").stdout
    assert int(stats.split("evictions")[1].split()[0]) > 50
    metrics = it.app.status()["metrics"]
    assert metrics["askr_cache_evictions_total"] > 50 and metrics["askr_cache_hits_total"] > 10
    assert metrics["askr_cache_misses_total"] >= 200


def test_the_command_says_what_it_can_do(site):
    it = site()
    for arguments in ([], ["forget-tag"], ["stats", "x"], ["nonsense"]):
        result = it.app.askr("cache", *arguments)
        assert result.returncode == 2 and "askr cache stats | flush | forget-tag NAME" in result.stdout + result.stderr


def test_forget_tag_without_a_response_cache_says_so(server):
    app = server({"index.php": "<?php"}, flags=["--cache-slots", "100"])
    result = app.askr("cache", "forget-tag", "x")
    assert result.returncode == 1 and "the response cache is off" in result.stdout + result.stderr


def test_a_gateway_that_is_killed_leaves_a_cache_that_works(site):
    it = site(gateways=2)
    it.page("/a", body="x" * 100_000)
    it.get("/a")
    slow = it.app.begin("GET", "/a")  # reads nothing: its gateway holds the page
    for pid in it.app.pids("gateway"):
        kill(pid)
    slow.close()

    def works():
        try:
            return it.seen("/a")[0] == "HIT"
        except OSError:
            return False
    wait_until(works, "new gateways answer")
    assert it.app.askr("cache", "flush").returncode == 0
    assert [it.seen("/a")[0] for _ in range(2)] == ["MISS", "HIT"]


def test_the_access_log_says_how_it_was_answered(server, tmp_path):
    app = server({"index.php": "<?php header('Askr-Cache: 60'); echo 'x';", "b.php": "<?php"}, access_log=tmp_path / "log",
                 flags=["--response-cache", "8"])
    for path in ("/", "/", "/b.php"):
        app.get(path)
    wait_until(lambda: len(app.access_lines()) == 3, "three lines")
    assert [line["cache"] for line in app.access_lines()] == ["MISS", "HIT", None]


# ---------------------------------------------------------------- over a restart

def test_the_pages_outlive_a_restart_when_asked(site, tmp_path):
    file = tmp_path / "pages"
    it = site("--cache-persist", str(file))
    it.page("/a", cache="60, tags=t", body="<p>words</p>" * 3000, Vary="Accept-Language")
    it.page("/b", cache="60, tags=u")
    it.page("/c", cache="1")
    for path in ("/a", "/b", "/c"):
        it.get(path, {"Accept-Language": "de"})
    it.app.askr("cache", "forget-tag", "u")
    time.sleep(1.1)
    it.app.stop()
    assert file.exists() and (file.stat().st_mode & 0o777) == 0o600
    it.app.start()
    assert not file.exists()
    assert it.get("/a", {"Accept-Language": "de", "Accept-Encoding": "gzip"}).header("X-Askr-Cache") == "HIT"
    assert [it.seen(path)[0] for path in ("/a", "/b", "/c")] == ["MISS"] * 3
    it.app.askr("cache", "forget-tag", "t")
    assert it.seen("/a", {"Accept-Language": "de"})[0] == "MISS"
    assert "restored 1 responses" in it.app.error_log()


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"askr-cache/9\n" + data[13:], lambda data: b"",
                                    lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:], lambda data: data + b"x" * 8])
def test_a_file_that_is_not_whole_is_refused(site, tmp_path, damage):
    file = tmp_path / "pages"
    it = site("--cache-persist", str(file))
    it.page("/a")
    it.get("/a")
    it.app.stop()
    file.write_bytes(damage(file.read_bytes()))
    it.app.start()
    assert it.seen("/a")[0] == "MISS"
    assert "does not hold the responses of this version of the cache" in it.app.error_log()


def test_help_names_the_options():
    text = run_askr("serve", "--help").stdout
    for flag in ("--response-cache N", "--cache-max-body-size SIZE", "--cache-persist FILE", "--cache-ignore-cookies NAME"):
        assert flag in text
