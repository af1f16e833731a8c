"""Static files: what is served, how, and what never is."""

import os
import time
from email.utils import formatdate, parsedate_to_datetime

import pytest

from askrtest.http import CutShort, request_bytes
from askrtest.processes import open_descriptors
from askrtest.wait import wait_until

LETTERS = b"abcdefghijklmnopqrstuvwxyz"
FRONT = "<?php echo 'front ', $_SERVER['REQUEST_URI'];"


@pytest.fixture(scope="module")
def app(module_server):
    made = module_server(
        {
            "index.php": FRONT,
            "letters.txt": LETTERS,
            "empty.txt": "",
            "style.css": "a{}",
            "script.js": "1",
            "page.html": "<p>",
            "picture.svg": "<svg/>",
            "picture.png": b"\x89PNG",
            "data.json": "{}",
            "font.woff2": "x",
            "unknown.xyzzy": "x",
            "with space.txt": "space",
            "ümlaut.txt": "umlaut",
            "docs/index.html": "docs index",
            "docs/page.txt": "docs page",
            "assets/deep/er.txt": "deep",
            "large.bin": bytes(range(256)) * 4096 * 4,  # 4 MB
            # what must never be seen
            "source.php": "<?php // secret",
            "source.phtml": "<?php // secret",
            "source.phtm": "<?php // secret",
            "source.inc.txt": "<?php // secret",
            "source.phar": "<?php // secret",
            "source.php5": "<?php // secret",
            "source.inc.php": "<?php // secret",
            "SOURCE.PHP": "<?php // secret",
            ".env": "SECRET=secret",
            ".git/config": "secret",
            "assets/.htaccess": "secret",
            "index.php~": "secret",
            "index.php.bak": "secret",
            ".index.php.swp": "secret",
            "index.php.orig": "secret",
            "index.php.save": "secret",
            "#index.php#": "secret",
            ".well-known/acme-challenge/token": "token",
        }
    )
    # A date of this very second is no strong validator (RFC 9110 section 8.8.2.2).
    os.utime(made.root / "letters.txt", (time.time() - 100, time.time() - 100))
    return made


@pytest.fixture(scope="module")
def outside(app):
    """A file beside the document root."""
    path = app.root.parent / "outside.txt"
    path.write_text("outside")
    return path


# ---------------------------------------------------------------- plain


@pytest.mark.parametrize(
    "name, media_type",
    [
        ("letters.txt", "text/plain"),
        ("style.css", "text/css"),
        ("script.js", "text/javascript"),
        ("page.html", "text/html"),
        ("picture.svg", "image/svg+xml"),
        ("picture.png", "image/png"),
        ("data.json", "application/json"),
        ("font.woff2", "font/woff2"),
        ("unknown.xyzzy", "application/octet-stream"),
    ],
)
def test_the_media_type_follows_the_suffix(app, name, media_type):
    response = app.get(f"/{name}")
    assert response.status == 200
    assert response.header("Content-Type").split(";")[0].replace("application/javascript", "text/javascript") == media_type


def test_text_says_that_it_is_utf_8(app):
    assert app.get("/letters.txt").header("Content-Type").lower() == "text/plain; charset=utf-8"


@pytest.mark.parametrize("name, media_type", [("page.html", "text/html"), ("picture.svg", "image/svg+xml")])
def test_a_page_may_name_its_own_charset(app, name, media_type):
    assert app.get(f"/{name}").header("Content-Type") == media_type


def test_a_file_has_its_length_validators_and_date(app):
    response = app.get("/letters.txt")
    assert response.body == LETTERS
    assert response.header("Content-Length") == "26"
    assert response.header("Accept-Ranges") == "bytes"
    assert response.header("ETag").startswith('"')
    modified = parsedate_to_datetime(response.header("Last-Modified")).timestamp()
    assert modified == int((app.root / "letters.txt").stat().st_mtime)
    assert abs(parsedate_to_datetime(response.header("Date")).timestamp() - time.time()) < 5


def test_an_empty_file_is_an_empty_body(app):
    response = app.get("/empty.txt")
    assert (response.status, response.header("Content-Length"), response.body) == (200, "0", b"")


def test_a_large_file_arrives_whole(app):
    assert app.get("/large.bin").body == (app.root / "large.bin").read_bytes()


def test_head_of_a_large_file_sends_no_body(app):
    with app.client() as client:
        response = client.request("HEAD", "/large.bin")
        assert response.header("Content-Length") == str(4 << 20)
        assert client.get("/letters.txt").body == LETTERS


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_on_a_file_are_405(app, method):
    response = app.request(method, "/letters.txt", body=b"x")
    assert response.status == 405
    assert "GET" in response.header("Allow")
    assert app.get("/letters.txt").body == LETTERS


def test_a_query_does_not_matter(app):
    assert app.get("/letters.txt?v=1").body == LETTERS


@pytest.mark.parametrize(
    "target, body",
    [
        ("/with%20space.txt", b"space"),
        ("/%C3%BCmlaut.txt", b"umlaut"),
        ("/%6Cetters.txt", LETTERS),
        ("/docs/../letters.txt", LETTERS),
        ("/./letters.txt", LETTERS),
        ("/docs//page.txt", b"docs page"),
        ("/assets/deep/er.txt", b"deep"),
    ],
)
def test_paths_are_decoded_and_resolved(app, target, body):
    assert app.get(target).body == body


def test_a_folder_serves_its_index(app):
    assert app.get("/docs/").body == b"docs index"


def test_a_folder_without_its_slash_redirects(app):
    response = app.get("/docs?x=1")
    assert response.status == 301
    assert response.header("Location").endswith("/docs/?x=1")


def test_what_is_no_file_belongs_to_the_front_controller(app):
    assert app.get("/no/such/file.txt").body == b"front /no/such/file.txt"


def test_without_a_front_controller_a_missing_file_is_404(server):
    app = server({"letters.txt": LETTERS})
    assert app.get("/missing.txt").status == 404
    assert app.get("/letters.txt").status == 200


def test_symlinks_are_followed(app, outside):
    (app.root / "storage").symlink_to(outside.parent)
    assert app.get("/storage/outside.txt").body == b"outside"


def test_a_changed_file_is_served_fresh_at_once(app):
    path = app.root / "changing.txt"
    for n in range(20):
        path.write_text(f"version {n:03}")  # same size each time
        assert app.get("/changing.txt").body == f"version {n:03}".encode()


def test_a_replaced_file_is_served_fresh_at_once(app):
    path = app.root / "replaced.txt"
    times = (1_600_000_000, 1_600_000_000)
    for n in range(10):
        new = app.root / "replaced.new"
        new.write_text(f"version {n}")
        os.utime(new, times)  # same size, same time, another file
        new.rename(path)
        assert app.get("/replaced.txt").body == f"version {n}".encode()


def test_a_removed_file_is_gone_at_once(app):
    path = app.root / "removed.txt"
    path.write_text("here")
    assert app.get("/removed.txt").body == b"here"
    path.unlink()
    assert app.get("/removed.txt").body.startswith(b"front")


def test_a_file_that_shrinks_while_it_is_sent_cuts_the_body(app):
    path = app.root / "shrinking.bin"
    path.write_bytes(b"x" * (64 << 20))
    with app.client(receive_buffer=4096) as client:
        client.send(request_bytes("GET", "/shrinking.bin"))
        head = client.read_head()
        assert head.header("Content-Length") == str(64 << 20)
        os.truncate(path, 1 << 20)
        with pytest.raises((CutShort, ConnectionResetError)):
            client.read_body(head)
    assert app.get("/letters.txt").body == LETTERS


def test_a_fifo_does_not_hang_the_gateway(app):
    os.mkfifo(app.root / "pipe.txt")
    response = app.get("/pipe.txt")
    assert response.status in (200, 403, 404)  # 200 is the front controller's
    assert app.get("/letters.txt").body == LETTERS


def test_an_unreadable_file_is_not_an_error_of_the_server(app):
    path = app.root / "locked.txt"
    path.write_text("locked")
    path.chmod(0)
    if os.geteuid() == 0:
        assert app.get("/locked.txt").status == 200  # root reads everything
    else:
        assert app.get("/locked.txt").status == 403


# ---------------------------------------------------------------- conditional requests


@pytest.fixture(scope="module")
def validators(app):
    response = app.get("/letters.txt")
    return response.header("ETag"), response.header("Last-Modified")


LONG_AGO = formatdate(1_000_000_000, usegmt=True)
FUTURE = formatdate(4_000_000_000, usegmt=True)


def test_if_none_match_answers_304(app, validators):
    etag, modified = validators
    for field in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        with app.client() as client:
            response = client.get("/letters.txt", {"If-None-Match": field})
            assert (response.status, response.body) == (304, b"")
            assert response.header("ETag") == etag
            assert response.header("Content-Length") in (None, "26")
            assert client.get("/letters.txt").body == LETTERS
    assert app.get("/letters.txt", {"If-None-Match": '"other"'}).status == 200


def test_if_modified_since_answers_304(app, validators):
    _, modified = validators
    assert app.get("/letters.txt", {"If-Modified-Since": modified}).status == 304
    assert app.get("/letters.txt", {"If-Modified-Since": LONG_AGO}).status == 200
    assert app.get("/letters.txt", {"If-Modified-Since": "nonsense"}).status == 200


def test_if_none_match_wins_over_if_modified_since(app, validators):
    _, modified = validators
    assert app.get("/letters.txt", {"If-None-Match": '"other"', "If-Modified-Since": modified}).status == 200


def test_if_match_answers_412(app, validators):
    etag, _ = validators
    assert app.get("/letters.txt", {"If-Match": etag}).status == 200
    assert app.get("/letters.txt", {"If-Match": "*"}).status == 200
    assert app.get("/letters.txt", {"If-Match": '"other"'}).status == 412
    assert app.get("/letters.txt", {"If-Match": f"W/{etag}"}).status == 412


def test_if_unmodified_since_answers_412(app, validators):
    assert app.get("/letters.txt", {"If-Unmodified-Since": LONG_AGO}).status == 412
    assert app.get("/letters.txt", {"If-Unmodified-Since": FUTURE}).status == 200


def test_the_etag_changes_with_the_content(app):
    path = app.root / "tagged.txt"
    path.write_text("one")
    first = app.get("/tagged.txt").header("ETag")
    path.write_text("two")
    assert app.get("/tagged.txt").header("ETag") != first
    assert app.get("/tagged.txt", {"If-None-Match": first}).status == 200


# ---------------------------------------------------------------- ranges


@pytest.mark.parametrize(
    "field, content_range, body",
    [
        ("bytes=0-4", "bytes 0-4/26", b"abcde"),
        ("bytes=23-", "bytes 23-25/26", b"xyz"),
        ("bytes=-3", "bytes 23-25/26", b"xyz"),
        ("bytes=0-0", "bytes 0-0/26", b"a"),
        ("bytes=20-1000", "bytes 20-25/26", b"uvwxyz"),
        ("bytes=-1000", "bytes 0-25/26", LETTERS),
    ],
)
def test_a_range_is_206(app, field, content_range, body):
    response = app.get("/letters.txt", {"Range": field})
    assert response.status == 206
    assert response.header("Content-Range") == content_range
    assert response.header("Content-Length") == str(len(body))
    assert response.body == body


@pytest.mark.parametrize("field", ["bytes=26-", "bytes=100-200", "bytes=-0"])
def test_a_range_beyond_the_end_is_416(app, field):
    response = app.get("/letters.txt", {"Range": field})
    assert response.status == 416
    assert response.header("Content-Range") == "bytes */26"


def test_a_range_from_the_start_of_an_empty_file_is_the_file(app):
    response = app.get("/empty.txt", {"Range": "bytes=0-"})
    assert (response.status, response.header("Content-Range"), response.body) == (200, None, b"")


@pytest.mark.parametrize("field", ["bytes=5-1", "lines=1-2", "bytes=a-b", "bytes=", "0-4"])
def test_a_range_that_makes_no_sense_is_ignored(app, field):
    response = app.get("/letters.txt", {"Range": field})
    assert (response.status, response.body) == (200, LETTERS)


def test_several_ranges_are_one_multipart_body(app):
    whole = (app.root / "large.bin").read_bytes()
    response = app.get("/large.bin", {"Range": "bytes=0-1,1000000-1000009,-2"})
    assert response.status == 206
    media_type, _, parameter = response.header("Content-Type").partition(";")
    assert media_type == "multipart/byteranges"
    boundary = parameter.split("boundary=")[1].strip('"').encode()
    parts = response.body.split(b"--" + boundary)
    assert parts[-1].strip() == b"--"
    bodies = [part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts[1:-1]]
    assert bodies == [whole[:2], whole[1000000:1000010], whole[-2:]]
    assert f"content-range: bytes 1000000-1000009/{len(whole)}".encode() in parts[2].lower()
    assert b"content-type: application/octet-stream" in parts[2].lower()


def test_ranges_that_are_close_together_become_one(app):
    response = app.get("/letters.txt", {"Range": "bytes=0-1,10-11"})
    assert response.status == 206
    assert response.header("Content-Range") == "bytes 0-11/26"
    assert response.body == LETTERS[:12]


def test_a_thousand_ranges_cannot_multiply_the_file(app):
    field = "bytes=" + ",".join("0-" for _ in range(1000))
    response = app.get("/letters.txt", {"Range": field})
    assert response.status in (200, 206, 416)
    assert len(response.body) < 10 * len(LETTERS)


def test_a_range_of_a_large_file(app):
    whole = (app.root / "large.bin").read_bytes()
    assert app.get("/large.bin", {"Range": "bytes=1000001-3000000"}).body == whole[1000001:3000001]


def test_if_range_with_the_right_validator_keeps_the_range(app, validators):
    for validator in validators:
        assert app.get("/letters.txt", {"Range": "bytes=0-4", "If-Range": validator}).status == 206


def test_if_range_with_another_validator_sends_the_whole(app, validators):
    for validator in ('"other"', LONG_AGO, f"W/{validators[0]}"):
        response = app.get("/letters.txt", {"Range": "bytes=0-4", "If-Range": validator})
        assert (response.status, response.body) == (200, LETTERS)


def test_head_with_a_range_has_no_body(app):
    with app.client() as client:
        client.request("HEAD", "/letters.txt", {"Range": "bytes=0-4"})
        assert client.get("/letters.txt").body == LETTERS


# ---------------------------------------------------------------- never


@pytest.mark.parametrize(
    "target",
    [
        "/source.phtml",
        "/source.phtm",
        "/source.inc.txt",
        "/source.phar",
        "/source.php5",
        "/SOURCE.PHP",
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/%2Egit/config",
        "/assets/.htaccess",
        "/index.php~",
        "/index.php.bak",
        "/.index.php.swp",
        "/index.php.orig",
        "/index.php.save",
        "/%23index.php%23",
        "/docs/../.env",
        "/docs/..%2f.env",
    ],
)
def test_secrets_are_never_served(app, target):
    response = app.get(target)
    assert b"secret" not in response.body.lower()
    assert response.status in (200, 400, 403, 404)
    assert response.status != 200 or response.body.startswith(b"front")


@pytest.mark.parametrize("target", ["/source.php", "/source.inc.php", "/source%2ephp", "/source.php?x"])
def test_php_sources_are_run_not_shown(app, target):
    assert b"secret" not in app.get(target).body


def test_well_known_is_served(app):
    assert app.get("/.well-known/acme-challenge/token").body == b"token"


@pytest.mark.parametrize(
    "target",
    [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/%2e%2e%2foutside.txt",
        "/docs/../../outside.txt",
        "/docs/%2e%2e/%2e%2e/outside.txt",
        "/..\\outside.txt",
        "/..%5coutside.txt",
        "/....//outside.txt",
        "//../outside.txt",
        "/%252e%252e/outside.txt",
        "/letters.txt/../../outside.txt",
    ],
)
def test_nothing_outside_the_root_is_reached(app, outside, target):
    response = app.get(target)
    assert response.body != b"outside"
    assert response.status in (200, 400, 403, 404)
    assert response.status != 200 or response.body.startswith(b"front") or response.body == LETTERS


def test_many_files_do_not_use_up_descriptors(server):
    """Files that have not changed lately are kept open, 256 of them, however many are asked for."""
    app = server({f"{n}.bin": b"x" * 70_000 for n in range(600)})
    gateway = app.gateway()
    before = open_descriptors(gateway)
    most = 0
    with app.client() as client:
        def asks_for_all():
            nonlocal most
            for n in range(600):
                assert client.get(f"/{n}.bin").status == 200
            kept = open_descriptors(gateway) - before
            most = max(most, kept)
            return kept >= 256

        wait_until(asks_for_all, lambda: f"files that are old enough are kept open, of which are {most}")
    assert most < 300
