"""Compression as clients see it: the coding they asked for, headers that tell caches the truth, the very same bytes."""

import gzip
import os
import time
import zlib

import brotli
import pytest

from askrtest.wait import wait_until

PAGE = "".join(f"<p>Paragraph {n} of a page that is worth compressing.</p>\n" for n in range(400))
STYLE = "body { color: red; }\n" * 500

FILES = {
    "page.php": f"<?php header('Cache-Control: ' . ($_GET['cc'] ?? 'private')); ?>{PAGE}",
    "small.php": "<?php echo 'tiny';",
    "type.php": f"<?php header('Content-Type: ' . $_GET['type']); ?>{PAGE}",
    "none.php": f"<?php header_remove('Content-Type'); ini_set('default_mimetype', ''); ?>{PAGE}",
    "encoded.php": "<?php header('Content-Encoding: gzip'); echo gzencode(str_repeat('already ', 1000));",
    "etag.php": f"<?php header('ETag: \"v1\"'); header('Vary: Cookie'); ?>{PAGE}",
    "lines.php": "<?php foreach ($_GET['h'] as $line) header($line, false); ?>" + PAGE,
    "star.php": f"<?php header('Vary: *'); ?>{PAGE}",
    "nothing.php": "<?php http_response_code(204);",
    "error.php": f"<?php http_response_code(500); ?>{PAGE}",
    # Each event when the one before has been read.
    "stream.php": "<?php header('Content-Type: text/event-stream'); for ($i = 0; $i < 5; $i++) {"
                  " echo \"data: event $i\\n\\n\"; ob_flush(); flush();"
                  " for ($n = 0; !file_exists(\"{$_GET['read']}-$i\") && $n < 10000; ++$n) usleep(1000); }",
    "large.php": "<?php for ($i = 0; $i < 3000; $i++) echo str_repeat(md5((string) $i), 32), \"\\n\";",
    "style.css": STYLE,
    "tiny.css": "a {}",
    "picture.png": b"\x89PNG" + bytes(5000),
    "huge.txt": "line of a huge file\n" * 80_000,
    "lib.js": "var plain = 1;\n" * 200,
    "lib.js.br": brotli.compress(b"var brotli = 1;\n" * 200),
    "lib.js.gz": gzip.compress(b"var gzip = 1;\n" * 200),
}


@pytest.fixture
def app(server):
    return server(FILES, ini=["output_buffering=4096"])


def ask(app, target, accept, method="GET", headers=()):
    fields = list(headers) + ([("Accept-Encoding", accept)] if accept is not None else [])
    return app.request(method, target, fields)


def decoded(response):
    coding = response.header("Content-Encoding")
    if coding == "br":
        return brotli.decompress(response.body)
    return gzip.decompress(response.body) if coding == "gzip" else response.body


CHOICES = {
    "br, gzip": "br",
    "gzip, br": "br",
    "gzip": "gzip",
    "x-gzip": "gzip",
    "GZIP;Q=0.5": "gzip",
    "br;q=0.5, gzip;q=0.9": "gzip",
    "br;q=0, gzip": "gzip",
    "br;q=0, *": "gzip",
    "*": "br",
    "*;q=0": None,
    "identity": None,
    "identity;q=1, gzip;q=0.5": None,
    "identity;q=0.5, gzip;q=0.8": "gzip",
    "deflate, zstd": None,
    "": None,
    "br;q=2, gzip;q=foo": None,
    ";;,,q=": None,
    "gzip;q=0.000": None,
    "gzip;q=0.001": "gzip",
    None: None,
}


@pytest.mark.parametrize("accept", CHOICES)
def test_the_coding_is_the_one_that_the_client_likes_best(app, accept):
    response = ask(app, "/page.php", accept)
    assert response.header("Content-Encoding") == CHOICES[accept]
    assert decoded(response).decode() == PAGE
    assert response.header("Vary") == "Accept-Encoding"
    assert int(response.header("Content-Length")) == len(response.body)


@pytest.mark.parametrize("kind, worth", [
    ("text/html", True), ("text/plain; charset=utf-8", True), ("Application/JSON", True), ("application/hal+json", True),
    ("image/svg+xml", True), ("application/wasm", True), ("image/png", False), ("application/zip", False),
    ("font/woff2", False), ("video/mp4", False), ("application/octet-stream", False),
])
def test_only_types_that_gain_are_compressed(app, kind, worth):
    response = ask(app, f"/type.php?type={kind.replace(' ', '%20').replace('+', '%2B')}", "gzip")
    assert (response.header("Content-Encoding") == "gzip") is worth
    assert (response.header("Vary") == "Accept-Encoding") is worth


def test_more_types_can_be_named(server):
    app = server(FILES, flags=["--compress-types", "application/octet-stream"])
    assert ask(app, "/type.php?type=application/octet-stream", "br").header("Content-Encoding") == "br"


@pytest.mark.parametrize("target", ["/small.php", "/tiny.css", "/picture.png", "/nothing.php", "/none.php",
                                    "/page.php?cc=no-transform", "/page.php?cc=public,%20No-Transform", "/huge.txt"])
def test_what_should_stay_as_it_is_stays(app, target):
    response = ask(app, target, "br, gzip")
    assert response.header("Content-Encoding") is None
    assert response.header("Vary") is None


def test_a_body_that_is_encoded_already_is_left_alone(app):
    response = ask(app, "/encoded.php", "br")
    assert response.header("Content-Encoding") == "gzip"
    assert gzip.decompress(response.body) == b"already " * 1000


def test_error_pages_of_the_application_are_compressed_too(app):
    response = ask(app, "/error.php", "br")
    assert (response.status, response.header("Content-Encoding")) == (500, "br")


def test_a_strong_etag_becomes_weak_and_vary_is_extended(app):
    encoded, plain = ask(app, "/etag.php", "br"), ask(app, "/etag.php", None)
    assert encoded.header("ETag") == 'W/"v1"'
    assert plain.header("ETag") == '"v1"'
    assert encoded.header("Vary") == plain.header("Vary") == "Cookie, Accept-Encoding"
    assert ask(app, "/star.php", "br").header("Vary") == "*"


def test_fields_that_come_in_several_lines_are_one_list(app):
    response = ask(app, "/lines.php?h[]=Vary:Cookie&h[]=Vary:Origin", "br")
    assert (response.header("Content-Encoding"), response.header("Vary")) == ("br", "Cookie, Origin, Accept-Encoding")
    response = ask(app, "/lines.php?h[]=Cache-Control:public&h[]=Cache-Control:no-transform", "br")
    assert response.header("Content-Encoding") is None


# --- static files


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_a_static_file_is_compressed_and_says_so(app, coding):
    for _ in range(2):  # the second comes from memory
        response = ask(app, "/style.css", coding)
        assert response.header("Content-Encoding") == coding
        assert decoded(response).decode() == STYLE
        assert response.header("ETag").startswith('W/"')
        assert response.header("Accept-Ranges") is None
        assert response.header("Content-Length") == str(len(response.body))
    assert ask(app, "/style.css", None).header("ETag").startswith('"')


def test_a_changed_file_is_compressed_again(app):
    before = ask(app, "/style.css", "br")
    (app.root / "style.css").write_text(STYLE.replace("red", "blue"))
    wait_until(lambda: decoded(ask(app, "/style.css", "br")).decode() == STYLE.replace("red", "blue"), "the new file is sent")
    assert ask(app, "/style.css", "br").header("ETag") != before.header("ETag")


def test_a_client_with_the_encoded_bytes_gets_304(app):
    etag = ask(app, "/style.css", "br").header("ETag")
    again = ask(app, "/style.css", "br", headers=[("If-None-Match", etag)])
    assert (again.status, again.header("ETag"), again.header("Vary")) == (304, etag, "Accept-Encoding")
    other = ask(app, "/style.css", "br", headers=[("If-None-Match", etag[2:])])
    assert (other.status, other.header("ETag")) == (304, etag[2:])


def test_ranges_are_of_the_plain_bytes(app):
    response = ask(app, "/style.css", "br", headers=[("Range", "bytes=0-9")])
    assert (response.status, response.body) == (206, STYLE[:10].encode())
    assert response.header("Content-Encoding") is None
    weak = ask(app, "/style.css", "br").header("ETag")
    response = ask(app, "/style.css", "br", headers=[("Range", "bytes=0-9"), ("If-Range", weak)])
    assert (response.status, decoded(response).decode()) == (200, STYLE)


def test_a_part_of_a_file_says_what_the_whole_varies_by(app):
    for ranges in ("bytes=0-9", "bytes=0-1,5-6"):
        response = ask(app, "/style.css", "br", headers=[("Range", ranges)])
        assert (response.status, response.header("Vary")) == (206, "Accept-Encoding")
    assert ask(app, "/picture.png", "br", headers=[("Range", "bytes=0-9")]).header("Vary") is None


@pytest.mark.parametrize("flush", ["", "ob_flush(); flush();"])
@pytest.mark.parametrize("coding, start", [("br", brotli.Decompressor), ("gzip", lambda: zlib.decompressobj(31)), (None, None)])
def test_a_script_that_announces_too_much_is_cut_after_what_it_has_sent(server, coding, start, flush):
    app = server({"index.php": f"<?php header('Content-Length: 50000'); echo str_repeat('0123456789', 3000); {flush}"})
    seen = b""
    with app.begin("GET", "/", [("Accept-Encoding", coding)] if coding else []) as client:
        head = client.read_head()
        assert head.header("Content-Encoding") == coding
        try:
            while piece := (client.read_chunk() if coding else client.read_some(65536)):
                seen += piece
        except Exception:  # the end of the connection is what tells that it is not all
            pass
    if coding:
        decoder = start()
        seen = decoder.process(seen) if coding == "br" else decoder.decompress(seen)
    assert seen == b"0123456789" * 3000


@pytest.mark.parametrize("target", ["/style.css", "/lib.js", "/page.php"])
def test_head_says_what_get_would(app, target):
    get, head = ask(app, target, "br"), ask(app, target, "br", "HEAD")
    assert head.body == b""
    assert head.header("Vary") == get.header("Vary")
    if target != "/page.php":  # how much PHP would write is not known
        assert head.header("Content-Encoding") == get.header("Content-Encoding") == "br"
        assert head.header("ETag") == get.header("ETag")
        assert head.header("Content-Length") in (None, get.header("Content-Length"))


# --- compressed beforehand


def test_a_neighbour_that_was_compressed_beforehand_is_sent_as_it_is(app):
    for accept, content in (("br", b"brotli"), ("gzip", b"gzip"), ("gzip, br;q=0.1", b"gzip"), (None, b"plain")):
        response = ask(app, "/lib.js", accept)
        assert decoded(response).startswith(b"var " + content), accept
        assert response.header("Vary") == "Accept-Encoding"
        assert response.header("Content-Type").startswith("text/javascript")
    assert ask(app, "/lib.js", "br").header("ETag").startswith('W/"')


@pytest.mark.parametrize("suffix, coding, compress", [("br", "br", brotli.compress), ("gz", "gzip", gzip.compress)])
def test_a_neighbour_whose_time_has_lost_its_fraction_is_as_new_as_its_file(server, suffix, coding, compress):
    """As `brotli -k` and `pigz -k` leave them."""
    app = server({"app.js": "var plain = 1;\n" * 200})
    now = int(time.time() * 1e9) // 10**9 * 10**9
    os.utime(app.root / "app.js", ns=(now + 500_000_000, now + 500_000_000))
    neighbour = app.root / f"app.js.{suffix}"
    neighbour.write_bytes(compress(b"var beside = 1;\n" * 200))
    os.utime(neighbour, ns=(now, now))
    response = ask(app, "/app.js", coding)
    assert decoded(response).startswith(b"var beside")
    assert ask(app, "/app.js", coding, headers=[("If-None-Match", response.header("ETag"))]).status == 304
    head = ask(app, "/app.js", coding, "HEAD")
    assert [head.header(name) for name in ("ETag", "Content-Length", "Content-Encoding", "Vary", "Last-Modified")] == [
        response.header(name) for name in ("ETag", "Content-Length", "Content-Encoding", "Vary", "Last-Modified")]
    os.utime(neighbour, ns=(now - 10**9, now - 10**9))
    wait_until(lambda: decoded(ask(app, "/app.js", coding)).startswith(b"var plain"), "a second older is older", 5)


def replace(path, content, like):
    """Another file in its place, with the same time of modification."""
    time.sleep(0.02)  # the clock of the file system ticks
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    os.utime(new, ns=(like.st_mtime_ns, like.st_mtime_ns))
    os.replace(new, path)


@pytest.mark.parametrize("size", [20_000, 200_000])
def test_a_file_that_is_replaced_by_one_of_the_same_size_and_time_is_compressed_anew(server, size):
    old, new = b"a" * size, b"b" * size
    app = server({"app.js": old})
    before = (app.root / "app.js").stat()
    first = ask(app, "/app.js", "br")
    assert decoded(first) == old
    replace(app.root / "app.js", new, before)
    assert (app.root / "app.js").stat().st_mtime_ns == before.st_mtime_ns
    for accept in ("br", "gzip", None):
        response = ask(app, "/app.js", accept, headers=[("If-None-Match", first.header("ETag"))])
        assert (response.status, decoded(response)) == (200, new)
        assert response.header("ETag") not in (first.header("ETag"), first.header("ETag")[2:])


def test_the_neighbour_of_the_file_that_was_there_before_is_not_sent(server):
    app = server({"app.js": "var old = 1;\n" * 200})
    path = app.root / "app.js"
    (app.root / "app.js.br").write_bytes(brotli.compress(path.read_bytes()))
    assert decoded(ask(app, "/app.js", "br")).startswith(b"var old")
    time.sleep(1.1)  # neighbours are looked for once a second
    replace(path, b"var new = 1;\n" * 200, path.stat())
    assert decoded(ask(app, "/app.js", "br")).startswith(b"var new")


def test_no_validator_ever_stands_for_two_contents(server):
    """Deploys in two steps, the file and then its neighbour, while clients ask."""
    app = server({"app.js": "0\n" * 2000})
    path = app.root / "app.js"
    seen = {}
    for version in range(1, 60):
        content = f"{version % 10}\n".encode() * 2000
        replace(path, content, path.stat())
        for step in range(2):
            for accept in ("br", "gzip", None):
                response = ask(app, "/app.js", accept)
                body = decoded(response)
                tag = response.header("ETag")
                assert seen.setdefault(tag, body) == body, tag
            if step == 0:
                (app.root / "app.js.br.new").write_bytes(brotli.compress(content))
                os.replace(app.root / "app.js.br.new", app.root / "app.js.br")


@pytest.mark.parametrize("how", ["older", "link", "folder", "empty"])
def test_a_neighbour_that_is_not_to_be_trusted_is_passed_over(server, how):
    app = server({**FILES, "secret.txt": "secret"}, wait=False)
    neighbour = app.root / "lib.js.br"
    if how == "older":
        past = time.time() - 100
        os.utime(neighbour, (past, past))
    elif how == "empty":
        neighbour.write_bytes(b"")
    else:
        neighbour.unlink()
        neighbour.symlink_to(app.root / "secret.txt") if how == "link" else neighbour.mkdir()
    app.start()
    response = ask(app, "/lib.js", "br")
    assert decoded(response).startswith(b"var plain")


def test_neighbours_can_be_turned_off(server):
    app = server(FILES, flags=["--compress-precompressed=false"])
    assert decoded(ask(app, "/lib.js", "br")).startswith(b"var plain")


# --- streams


@pytest.mark.parametrize("coding, start", [("br", brotli.Decompressor), ("gzip", lambda: zlib.decompressobj(31))])
def test_every_event_of_a_stream_can_be_read_at_once(app, tmp_path, coding, start):
    decoder = start()
    feed = decoder.process if coding == "br" else decoder.decompress
    seen, events = "", 0
    with app.begin("GET", f"/stream.php?read={tmp_path}/read", [("Accept-Encoding", coding), ("Connection", "close")]) as client:
        head = client.read_head()
        assert head.header("Content-Encoding") == coding
        while piece := client.read_chunk():
            seen += feed(piece).decode()
            while events < seen.count("\n\n"):
                assert seen.count("\n\n") == events + 1, "the next one waits until this one is read"
                (tmp_path / f"read-{events}").touch()
                events += 1
    assert seen == "".join(f"data: event {n}\n\n" for n in range(5))


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_a_large_page_is_compressed_while_it_is_made(app, coding):
    plain = ask(app, "/large.php", None)
    response = ask(app, "/large.php", coding)
    assert decoded(response) == plain.body
    assert len(response.body) < len(plain.body) / 4


def test_http_1_0_clients_get_a_stream_that_ends_with_the_connection(app):
    response = app.request("GET", "/large.php", [("Accept-Encoding", "gzip")], version="HTTP/1.0")
    assert len(gzip.decompress(response.body)) == 3000 * (32 * 32 + 1)


# --- settings


def test_a_coding_can_be_turned_off(server):
    app = server(FILES, flags=["--compress-brotli-level", "0"])
    assert ask(app, "/page.php", "br, gzip").header("Content-Encoding") == "gzip"
    assert ask(app, "/page.php", "br").header("Content-Encoding") is None


def test_without_the_plugin_nothing_is_compressed(server):
    app = server(FILES, flags=["--no-plugin", "compress"])
    response = ask(app, "/page.php", "br, gzip")
    assert (response.header("Content-Encoding"), response.header("Vary")) == (None, None)


def test_what_was_done_is_counted(app):
    ask(app, "/page.php", "br")
    ask(app, "/page.php", None)
    metrics = app.status()["metrics"]
    assert metrics["askr_compress_responses_total"] == 1
    assert metrics["askr_compress_bytes_in_total"] == len(PAGE)
    assert 0 < metrics["askr_compress_bytes_out_total"] < len(PAGE) / 5
