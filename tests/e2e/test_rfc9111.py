"""RFC 9111 as it applies to a shared cache that belongs to the origin and stores only what opts in with Askr-Cache.

Each row: the section, what it is about, what PHP answers, two requests, and whether the second one is answered without PHP.
Rows that end in "ours" are decisions where the RFC leaves one or an origin may know better; docs/caching.md gives reasons.
"""

import time
from email.utils import parsedate_to_datetime

import pytest

from askrtest.wait import wait_until

from test_response_cache import Site, PAGE  # noqa: F401


@pytest.fixture
def site(server):
    return Site(server({"index.php": PAGE}, flags=["--response-cache", "64"]))


OK = {"Cache_Control": "public, max-age=60"}
TABLE = [
    # --- section 3: storing
    ("3", "GET with 200 is stored", OK, {}, {}, True),
    ("3", "a response without explicit freshness is stored, because Askr-Cache is explicit (ours)", {}, {}, {}, True),
    ("3", "max-age=0 of the application is for its clients; Askr-Cache decides here (ours)", {"Cache_Control": "max-age=0"}, {}, {}, True),
    ("3", "no-cache likewise (ours)", {"Cache_Control": "no-cache"}, {}, {}, True),
    ("3", "Expires in the past likewise (ours)", {"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, {}, {}, True),
    ("3", "no-store in the response", {"Cache_Control": "no-store"}, {}, {}, False),
    ("3", "NO-STORE in any case", {"Cache_Control": "No-Store"}, {}, {}, False),
    ("3", "private in a shared cache", {"Cache_Control": "private"}, {}, {}, False),
    ("3", "private with field names, read as private", {"Cache_Control": 'private="Set-Cookie"'}, {}, {}, False),
    ("3", "private beside public: the stricter wins", {"Cache_Control": "public, private"}, {}, {}, False),
    ("3", "the directive in a second field line", {"Cache_Control": ["public", "no-store"]}, {}, {}, False),
    ("3", "a word that only contains a directive", {"Cache_Control": "x-no-store, my-private"}, {}, {}, True),
    ("3", "for a HEAD all of the page is rendered, and stored (ours)", {}, {"method": "HEAD"}, {}, True),
    ("3", "for a condition likewise (ours)", {}, {"If-None-Match": '"x"'}, {}, True),
    ("3", "and for a range, if the application makes no part of it (ours)", {}, {"Range": "bytes=0-1"}, {}, True),
    ("3", "a response to POST is not stored", {}, {"method": "POST"}, {"method": "POST"}, False),
    ("3", "404 is not stored (ours)", {"status": 404}, {}, {}, False),
    ("3", "301 is not stored (ours)", {"status": 301, "Location": "/"}, {}, {}, False),
    ("3", "500 is not stored", {"status": 500}, {}, {}, False),
    ("3.1", "hop-by-hop fields are not stored", {"Connection": "x", "Keep_Alive": "timeout=5"}, {}, {}, True),
    ("3.3", "an incomplete response (206) is not stored", {"status": 206, "Content_Range": "bytes 0-3/9"}, {}, {}, False),
    ("3.5", "a request with Authorization is neither answered nor stored", {}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer x"}, False),
    ("3.5", "nor is its response reused for others", {}, {"Authorization": "Bearer x"}, {}, False),
    ("3.5", "even with public (ours)", OK, {"Authorization": "Bearer x"}, {"Authorization": "Bearer x"}, False),
    # --- section 4: reusing
    ("4", "another method is not answered by GET's response", {}, {}, {"method": "POST"}, False),
    ("4", "HEAD is", {}, {}, {"method": "HEAD"}, True),
    ("4", "another query is another resource", {}, {"target": "/a?x=1"}, {"target": "/a?x=2"}, False),
    ("4.1", "Vary: the same value", {"Vary": "Accept-Language"}, {"Accept-Language": "de"}, {"Accept-Language": "de"}, True),
    ("4.1", "Vary: another value", {"Vary": "Accept-Language"}, {"Accept-Language": "de"}, {"Accept-Language": "fr"}, False),
    ("4.1", "Vary: absent is not the same as present", {"Vary": "Accept-Language"}, {}, {"Accept-Language": "de"}, False),
    ("4.1", "Vary: absent both times", {"Vary": "Accept-Language"}, {}, {}, True),
    ("4.1", "Vary: names in any case", {"Vary": "ACCEPT-language"}, {"accept-LANGUAGE": "de"}, {"Accept-Language": "de"}, True),
    ("4.1", "Vary: one of several differs", {"Vary": "Accept, X-A"}, {"X-A": "1", "Accept": "a"}, {"X-A": "2", "Accept": "a"}, False),
    ("4.1", "Vary: in two field lines", {"Vary": ["Accept", "X-A"]}, {"X-A": "1"}, {"X-A": "2"}, False),
    ("4.1", "Vary: *", {"Vary": "*"}, {}, {}, False),
    ("4.1", "Vary: Origin, as CORS needs it", {"Vary": "Origin"}, {"Origin": "https://a"}, {"Origin": "https://b"}, False),
    # --- section 5.2.1: what clients ask for is advice, and anybody could send it to get past the cache (ours)
    ("5.2.1", "Cache-Control: no-cache of a client (ours)", {}, {}, {"Cache-Control": "no-cache"}, True),
    ("5.2.1", "Cache-Control: max-age=0 of a client (ours)", {}, {}, {"Cache-Control": "max-age=0"}, True),
    ("5.2.1", "Cache-Control: no-store of a client (ours)", {}, {}, {"Cache-Control": "no-store"}, True),
    ("5.4", "Pragma: no-cache of a client (ours)", {}, {}, {"Pragma": "no-cache"}, True),
    # --- section 7.3 and practice
    ("7.3", "a request with a cookie is neither answered nor stored", {}, {"Cookie": "a=1"}, {"Cookie": "a=1"}, False),
    ("7.3", "Set-Cookie does not keep a page out, but is not stored (ours)", {"Set_Cookie": "a=1"}, {}, {}, True),
]


@pytest.mark.parametrize("section, about, answer, first, second, reused", TABLE, ids=[f"{row[0]}: {row[1]}" for row in TABLE])
def test_whether_a_stored_response_is_used(site, section, about, answer, first, second, reused):
    def ask(request):
        headers = {name: value for name, value in request.items() if name not in ("method", "target")}
        method = request.get("method", "GET")
        body = b"x" if method == "POST" else b""
        return site.app.request(method, request.get("target", "/a"), headers, body)

    site.page("/a", **answer)
    ask(first)
    response = ask(second)
    assert (response.header("X-Askr-Cache") == "HIT") == reused
    assert site.runs("/a") == (1 if reused else 2)
    if reused:
        for name in ("Set-Cookie", "Connection", "Keep-Alive", "Askr-Cache"):
            assert response.header(name) is None


# ---------------------------------------------------------------- 4.2 freshness, 4.2.3 age

def test_a_hit_has_an_age_and_a_miss_has_none(site):
    site.page("/a")
    assert site.get("/a").header("Age") is None
    time.sleep(1.1)
    assert int(site.get("/a").header("Age")) in (1, 2)


def test_the_age_that_a_response_comes_with_counts(site):
    site.page("/a", Age="20")
    assert site.get("/a").all("Age") == ["20"]
    hit = site.get("/a")
    assert hit.all("Age") in (["20"], ["21"])
    assert int(hit.header("Cache-Status").split("ttl=")[1]) in (38, 39, 40)


def test_a_response_that_is_too_old_when_it_comes_is_not_stored(site):
    site.page("/a", Age="60")
    for _ in range(2):
        assert site.get("/a").header("Cache-Status") == "askr; fwd=uri-miss; detail=age"


def test_the_date_of_a_hit_is_that_of_the_stored_response(site):
    site.page("/a")
    made = parsedate_to_datetime(site.get("/a").header("Date"))
    wait_until(lambda: int(site.get("/a").header("Age")) >= 2, "it is two seconds old", 5)
    assert 0 <= (parsedate_to_datetime(site.get("/a").header("Date")) - made).total_seconds() <= 1
    site.page("/b", Date="Sun, 06 Nov 1994 08:49:37 GMT")
    for _ in range(2):
        assert site.get("/b").all("Date") == ["Sun, 06 Nov 1994 08:49:37 GMT"]
    site.page("/c", Date="yesterday")
    for _ in range(2):
        assert len(site.get("/c").header("Date")) == 29


def test_a_response_is_not_used_beyond_its_time(site):
    site.page("/a", cache="1")
    site.get("/a")
    time.sleep(1.2)
    assert site.get("/a").header("Cache-Status") == "askr; fwd=stale; stored"


# ---------------------------------------------------------------- 4.3 validation

@pytest.mark.parametrize("condition, status", [
    ({"If-None-Match": '"v"'}, 304), ({"If-None-Match": 'W/"v"'}, 304), ({"If-None-Match": "*"}, 304),
    ({"If-None-Match": '"x", "v"'}, 304), ({"If-None-Match": '"x"'}, 200),
    ({"If-Modified-Since": "Mon, 02 Jan 2023 00:00:00 GMT"}, 304), ({"If-Modified-Since": "Sat, 01 Jan 2022 00:00:00 GMT"}, 200),
    ({"If-None-Match": '"x"', "If-Modified-Since": "Mon, 02 Jan 2023 00:00:00 GMT"}, 200),
    ({"If-Match": '"x"'}, 412), ({"If-Unmodified-Since": "Sat, 01 Jan 2022 00:00:00 GMT"}, 412),
    ({"Range": "bytes=0-1"}, 206), ({"Range": "bytes=0-1", "If-Range": '"x"'}, 200), ({"Range": "bytes=0-1", "If-Range": '"v"'}, 206),
    ({"Range": "lines=0-1"}, 200), ({"Range": "bytes=99999-"}, 416),
])
def test_conditions_are_answered_without_php(site, condition, status):
    site.page("/a", ETag='"v"', Last_Modified="Sun, 01 Jan 2023 00:00:00 GMT")
    site.get("/a")
    assert site.get("/a", condition).status == status
    assert site.runs("/a") == 1


CONDITIONS = [
    ({"If-None-Match": '"v"'}, 304), ({"If-None-Match": '"x"'}, 200), ({"If-Match": '"zzz"'}, 412), ({"If-Match": '"v"'}, 200),
    ({"If-Modified-Since": "Mon, 02 Jan 2023 00:00:00 GMT"}, 304), ({"If-Modified-Since": "Sat, 01 Jan 2022 00:00:00 GMT"}, 200),
    ({"If-Unmodified-Since": "Sat, 01 Jan 2022 00:00:00 GMT"}, 412), ({}, 200),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("before", ["nothing", "a stale page", "a forgotten page"])
@pytest.mark.parametrize("condition, status", CONDITIONS)
def test_a_condition_on_a_page_that_has_to_be_made_is_answered_and_fills_the_cache(site, condition, status, before, method):
    site.page("/a", cache="1, tags=t" if before == "a stale page" else "60, tags=t", ETag='"v"',
              Last_Modified="Sun, 01 Jan 2023 00:00:00 GMT", body="all of it")
    if before != "nothing":
        site.get("/a")
    if before == "a stale page":
        time.sleep(1.2)
    if before == "a forgotten page":
        site.app.askr("cache", "forget-tag", "t")
    runs = site.runs("/a")
    response = site.get("/a", condition, method)
    assert response.status == status
    assert response.text == ("all of it" if status == 200 and method == "GET" else response.text)
    if status == 200:
        assert (response.header("X-Askr-Cache"), response.header("Content-Length")) == ("MISS", "9")
    hit = site.get("/a")
    assert (hit.header("X-Askr-Cache"), hit.text) == ("HIT", "all of it")
    assert site.runs("/a") == runs + 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_etag_that_the_cache_has_made_is_known_before_the_page_is_made_anew(site, method):
    site.page("/a", cache="60, tags=t", body="the same again")
    site.get("/a")
    etag = site.get("/a").header("ETag")
    site.app.askr("cache", "forget-tag", "t")
    assert site.get("/a", {"If-None-Match": etag}, method).status == 304
    site.app.askr("cache", "forget-tag", "t")
    assert site.get("/a", {"If-Match": '"zzz"'}, method).status == 412
    assert site.runs("/a") == 3


def test_a_range_of_a_page_that_is_not_there_is_one(site):
    site.page("/a", body="0123456789")
    response = site.get("/a", {"Range": "bytes=2-4"})
    assert (response.status, response.text, response.header("Content-Range")) == (206, "234", "bytes 2-4/10")
    assert site.seen("/a") == ("HIT", "0123456789")


def test_a_page_that_is_not_to_be_stored_gets_its_requests_as_they_are(server):
    page = """<?php echo $_SERVER['REQUEST_METHOD'], ' ', $_SERVER['HTTP_IF_NONE_MATCH'] ?? '-', ' ', $_SERVER['HTTP_RANGE'] ?? '-';
        header('X-Saw: ' . $_SERVER['REQUEST_METHOD'] . ' ' . ($_SERVER['HTTP_IF_NONE_MATCH'] ?? '-')); header('ETag: "v"');"""
    app = server({"index.php": page}, flags=["--response-cache", "8"])
    assert app.get("/", {"Range": "bytes=0-1"}).text == "GET - bytes=0-1"  # scripts that send parts of something large
    app.get("/")
    assert app.get("/", {"If-None-Match": '"x"'}).header("X-Saw") == 'GET "x"'
    assert app.request("HEAD", "/").header("X-Saw") == "HEAD -"
    assert app.get("/other", {"If-None-Match": '"v"'}).status == 304  # nobody knew


# ---------------------------------------------------------------- 4.4 invalidation

@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_invalidates_what_is_stored_for_its_address(site, method):
    site.page("/a")
    site.get("/a")
    site.get("/a?x=1")
    site.app.request(method, "/a", {"Cookie": "session=1"}, b"x")
    assert site.seen("/a")[0] == "MISS"
    assert site.seen("/a?x=1")[0] == "HIT"


def test_a_write_that_failed_does_not(site):
    site.page("/a")
    site.get("/a")
    site.page("/a", status=500)
    site.app.request("POST", "/a", {}, b"x")
    assert site.seen("/a")[0] == "HIT"


# ---------------------------------------------------------------- 5.2.2.9, RFC 5861, RFC 9211

def test_stale_pages_are_used_only_as_far_as_the_application_says(site):
    site.page("/a", cache="1, swr=1")
    site.get("/a")
    time.sleep(2.3)
    assert site.seen("/a")[0] == "MISS"


def test_cache_status_says_what_happened(site):
    site.page("/a")
    assert site.get("/a").header("Cache-Status") == "askr; fwd=uri-miss; stored"
    assert site.get("/a").header("Cache-Status").startswith("askr; hit; ttl=")
    assert site.get("/a", {"Cookie": "a=1"}).header("Cache-Status") == "askr; fwd=bypass; detail=cookie"
    site.page("/b", Cache_Control="no-store")
    assert site.get("/b").header("Cache-Status") == "askr; fwd=uri-miss; detail=no-store"
