"""Laravel, as a browser uses it: in a fresh process state for every request, and in a booted worker."""

import io
import re
import threading

import laravel
import pytest
import requests

WAYS = ["per_request", "preloaded", "worker"]


class Site:
    """The application behind a server, and browsers that visit it."""

    def __init__(self, server, base, way):
        self.server = server
        self.base = base
        self.way = way

    def get(self, path, **options):
        return requests.get(self.server.url + path, timeout=20, **options)

    def browser(self):
        return Browser(self.server.url)

    def log(self):
        file = self.base / "storage/logs/laravel.log"
        return file.read_text() if file.exists() else ""


class Browser(requests.Session):
    def __init__(self, url):
        super().__init__()
        self.url = url

    def request(self, method, path, **options):
        return super().request(method, self.url + path, timeout=20, **options)

    def token(self, page):
        return re.search(r'name="_token" value="([^"]+)"', self.get(page).text).group(1)

    def submit(self, page, fields, action=None, **options):
        return self.post(action or page, data={"_token": self.token(page), **fields}, **options)

    def sign_in(self, name):
        return self.submit("/login", {"email": f"{name}@example.org", "password": f"{name}-secret"})


@pytest.fixture(scope="module", params=WAYS)
def site(request, module_server, tmp_path_factory, examples):
    base = laravel.install(tmp_path_factory.mktemp("laravel") / "app")
    options = {}
    if request.param == "worker":
        options = {"worker_script": examples / "laravel-worker.php", "app_base": base, "workers": 1}
    if request.param == "preloaded":
        options = {"flags": ["--preload-classes", "--warm-url", "/api/hello", "--warm-url", "/page"]}
    return Site(module_server(root=base / "public", **options), base, request.param)


def test_a_json_route_answers(site):
    answer = site.get("/api/hello?name=Ada")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"message": "Hello, Ada", "path": "api/hello"}


def test_a_route_is_found_behind_the_front_controller(site):
    answer = site.get("/index.php/api/hello?name=Ada")
    assert answer.status_code == 200
    assert answer.json() == {"message": "Hello, Ada", "path": "api/hello"}


def test_a_page_comes_from_its_layout_and_includes(site):
    page = site.get("/page")
    assert page.status_code == 200
    assert page.text.count("<tr class=") == 20
    assert page.text.count("Author &amp; Son") == 20
    assert f'href="{site.server.url}/articles/7"' in page.text
    assert 4_500 < len(page.content) < 5_500


def test_the_health_route_answers(site):
    assert site.get("/up").status_code == 200


def test_an_unknown_path_is_answered_by_the_application(site):
    answer = site.get("/no/such/page")
    assert answer.status_code == 404
    assert "Not Found" in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_json_bodies_become_input(site, method):
    answer = requests.request(method, site.server.url + "/api/echo?from=query", json={"a": {"b": [1, 2]}}, timeout=20)
    assert answer.status_code == (201 if method == "POST" else 200)
    assert answer.json()["method"] == method
    assert answer.json()["input"] == {"a": {"b": [1, 2]}, "from": "query"}
    assert answer.json()["content_type"] == "application/json"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_form_bodies_become_input(site, method):
    answer = requests.request(method, site.server.url + "/api/echo", data="x=1&list[]=a&list[]=b&sp=a+b%26c", timeout=20,
                              headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.json()["input"] == {"x": "1", "list": ["a", "b"], "sp": "a b&c"}
    assert answer.json()["raw"] == "x=1&list[]=a&list[]=b&sp=a+b%26c"


def test_headers_and_address_of_the_client_arrive(site):
    answer = requests.post(site.server.url + "/api/echo?q=%C3%A4", headers={"X-Probe": "yes"}, timeout=20).json()
    assert answer["header"] == "yes"
    assert answer["ip"] == "127.0.0.1"
    assert answer["url"] == site.server.url + "/api/echo?q=%C3%A4"


def test_a_form_with_its_token_is_accepted(site):
    browser = site.browser()
    page = browser.submit("/notes", {"title": "First", "text": "with <b>markup</b>"})
    assert page.status_code == 200
    assert page.history[0].status_code == 302
    assert "Note saved" in page.text
    assert "First: with &lt;b&gt;markup&lt;/b&gt;" in page.text
    assert "Note saved" not in browser.get("/notes").text


def test_a_form_without_its_token_is_refused(site):
    assert site.browser().post("/notes", data={"title": "No", "text": "token"}).status_code == 419


def test_a_form_with_the_token_of_another_session_is_refused(site):
    token = site.browser().token("/notes")
    mallory = site.browser()
    mallory.get("/notes")
    assert mallory.post("/notes", data={"_token": token, "title": "No", "text": "token"}).status_code == 419


def test_validation_errors_and_old_input_come_back_once(site):
    browser = site.browser()
    token = browser.token("/notes")
    page = browser.post("/notes", data={"_token": token, "title": "x" * 61, "text": "kept text"},
                        headers={"Referer": site.server.url + "/notes"})
    assert "must not be greater than 60 characters" in page.text
    assert "kept text" in page.text
    again = browser.get("/notes").text
    assert "must not be greater" not in again
    assert "kept text" not in again


def test_validation_errors_of_an_api_client_are_json(site):
    browser = site.browser()
    answer = browser.submit("/notes", {"title": ""}, headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == {"title", "text"}


def test_a_session_lasts_over_requests(site):
    browser = site.browser()
    assert browser.token("/notes") == browser.token("/notes")
    assert browser.token("/notes") != site.browser().token("/notes")


def test_an_upload_is_stored_and_downloaded(site):
    browser = site.browser()
    content = bytes(range(256)) * 4096
    stored = browser.submit("/notes", {"label": "Bytes"}, action="/files",
                            files={"file": ("da ta.bin", io.BytesIO(content), "application/x-test")})
    assert stored.status_code == 201, stored.text[:2000]
    answer = stored.json()
    assert answer["label"] == "Bytes"
    assert answer["original"] == "da ta.bin"
    assert answer["type"] == "application/x-test"
    assert answer["size"] == len(content)
    assert answer["valid"] is True

    download = browser.get("/files/" + answer["stored"])
    assert download.content == content
    assert download.headers["Content-Length"] == str(len(content))
    assert "attachment" in download.headers["Content-Disposition"]

    part = browser.get("/files/" + answer["stored"], headers={"Range": "bytes=1000-1999"})
    assert part.status_code == 206
    assert part.content == content[1000:2000]


def test_several_files_of_one_field_arrive_as_a_list(site):
    browser = site.browser()
    files = [("file", ("one.txt", b"1")), ("more[]", ("two.txt", b"22")), ("more[]", ("three.txt", b"333"))]
    answer = browser.submit("/notes", {"label": "List"}, action="/files", files=files)
    assert answer.status_code == 201, answer.text[:2000]
    assert answer.json()["more"] == ["two.txt", "three.txt"]


def test_an_upload_that_is_missing_is_a_validation_error(site):
    browser = site.browser()
    answer = browser.submit("/notes", {"label": "None"}, action="/files", headers={"Accept": "application/json"})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["file"]


def test_a_streamed_response_arrives_whole(site):
    answer = site.get("/stream?lines=2000")
    assert answer.text.splitlines() == [f"line {number}" for number in range(1, 2001)]


def test_a_streamed_response_arrives_while_it_is_made(site):
    with site.get("/stream?lines=5&pause_ms=300", stream=True) as answer:
        pieces = [piece for piece in answer.iter_content(None) if piece]
    assert b"".join(pieces).count(b"\n") == 5
    assert len(pieces) > 1


def test_a_streamed_download_has_its_name(site):
    answer = site.get("/stream/download")
    assert answer.text == "id,name\n1,Ada\n2,Grace\n"
    assert "people.csv" in answer.headers["Content-Disposition"]


def test_an_exception_answers_500_and_is_in_the_log_of_the_application(site):
    answer = site.get("/api/error", headers={"Accept": "application/json"})
    assert answer.status_code == 500
    assert answer.json() == {"message": "Server Error"}
    assert "asked to fail" in site.log()
    assert site.get("/api/hello").status_code == 200


def test_a_wrong_password_does_not_sign_in(site):
    browser = site.browser()
    page = browser.submit("/login", {"email": "ada@example.org", "password": "wrong"},
                          headers={"Referer": site.server.url + "/login"})
    assert "These credentials do not match" in page.text
    assert browser.get("/me", allow_redirects=False).headers["Location"].endswith("/login")


def test_two_users_and_a_visitor_share_a_worker_and_nothing_else(site):
    ada, grace, visitor = site.browser(), site.browser(), site.browser()
    assert ada.sign_in("ada").json()["user"] == "ada@example.org"
    assert grace.sign_in("grace").json()["user"] == "grace@example.org"
    for _ in range(10):
        for browser, name in ((ada, "ada"), (grace, "grace")):
            me = browser.get("/me").json()
            assert (me["user"], me["facade"]) == (f"{name}@example.org",) * 2
            assert f"signed in as {name.title()}" in browser.get("/notes").text
        assert "not signed in" in visitor.get("/notes").text
        assert visitor.get("/me", allow_redirects=False).status_code == 302
    assert ada.get("/me").json()["session"] != grace.get("/me").json()["session"]

    ada.submit("/notes", {}, action="/logout")
    assert ada.get("/me", allow_redirects=False).status_code == 302
    assert grace.get("/me").json()["user"] == "grace@example.org"


def test_users_at_the_same_time_stay_apart(site):
    wrong = []

    def visit(name):
        browser = site.browser()
        browser.sign_in(name)
        wrong.extend(user for user in (browser.get("/me").json()["user"] for _ in range(20))
                     if user != f"{name}@example.org")

    threads = [threading.Thread(target=visit, args=(name,)) for name in ("ada", "grace") * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_nothing_that_a_request_changes_is_there_in_the_next(site):
    clean = site.get("/api/state").json()["state"]
    assert clean["request"] is True and clean["visits"] == 1
    for round_ in range(3):
        marked = site.get(f"/api/state/dirty?mark=mark{round_}")
        assert marked.json()["marked"] == f"mark{round_}"
        assert site.get("/api/state").json()["state"] == clean


def test_a_signed_in_user_is_gone_from_the_state_of_the_next_request(site):
    site.browser().sign_in("ada")
    assert site.get("/api/state").json()["state"]["user"] is None


def test_only_a_worker_keeps_what_the_application_itself_keeps(site):
    served = [site.get("/api/leak").json()["served"] for _ in range(4)]
    assert served == ([1] * 4 if site.way != "worker" else list(range(served[0], served[0] + 4)))


def test_a_request_that_ends_in_exit_leaves_nothing_behind(site):
    assert site.get("/api/leave").text == "left early"
    assert site.get("/api/state").json()["state"]["app.name"] == "Askr"


def test_memory_does_not_grow_with_requests(site):
    paths = ["/api/hello", "/page", "/notes", "/api/state/dirty", "/api/error", "/stream", "/no/such/page"]

    def memory_after(rounds):
        with requests.Session() as session:
            for path in paths * rounds:
                session.get(site.server.url + path, timeout=20)
        return site.get("/api/worker").json()["memory"]

    before = memory_after(10)
    assert memory_after(30) - before < 64 * 1024


def test_an_application_that_does_not_boot_is_told_before_any_client_comes(server, tmp_path, examples):
    base = laravel.install(tmp_path / "app")
    (base / "bootstrap/providers.php").write_text("<?php throw new RuntimeException('no providers today');")
    broken = server(root=base / "public", worker_script=examples / "laravel-worker.php", app_base=base, wait=False)
    broken.expected_exit = 1
    broken.launch()
    assert broken.wait_exit() == 1
    assert "Laravel did not boot" in broken.error_log()
    assert "no providers today" in broken.error_log()
