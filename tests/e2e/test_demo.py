"""The demo application, used as a visitor without JavaScript uses it, in both modes."""

import os
import re
import time

import pytest
import requests

DEMO = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../examples/demo"))
PASSWORD = "a long enough secret"


class Visitor:
    """A browser: keeps cookies, sends the hidden token of the page it looks at."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()

    def get(self, path, **options):
        return self.session.get(self.url + path, timeout=20, **options)

    def send(self, page, path, fields, **options):
        token = re.search(r'name="token" value="(\w+)"', self.get(page).text).group(1)
        return self.session.post(self.url + path, data={"token": token, **fields}, timeout=20, **options)

    def register(self, name):
        return self.send("/register", "/register", {"name": name, "password": PASSWORD})


@pytest.fixture(params=["per request", "worker mode"])
def demo(request, server, tmp_path):
    script = f"{DEMO}/worker.php" if request.param == "worker mode" else None
    return server(root=f"{DEMO}/public", worker_script=script, env={"DEMO_DATA": str(tmp_path / "data")},
                  flags=["--response-cache", "16"])


def test_a_visitor_registers_logs_out_and_logs_in_again(demo):
    visitor = Visitor(demo.url)
    assert "Welcome, ann." in visitor.register("ann").text
    assert "You are logged out." in visitor.send("/", "/logout", {}).text
    assert "Your notes" not in visitor.get("/").text
    refused = visitor.send("/login", "/login", {"name": "ann", "password": "wrong"})
    assert refused.status_code == 422 and "do not match" in refused.text
    assert "Welcome back, ann." in visitor.send("/login", "/login", {"name": "ann", "password": PASSWORD}).text


def test_a_form_says_what_is_wrong_and_keeps_what_was_written(demo):
    visitor = Visitor(demo.url)
    answer = visitor.send("/register", "/register", {"name": "b<", "password": "short"})
    assert answer.status_code == 422
    assert "Two to thirty letters" in answer.text and "At least 8 characters." in answer.text
    assert 'value="b&lt;"' in answer.text
    assert "is taken" in (visitor.register("bob"), Visitor(demo.url).register("BOB"))[1].text


def test_a_form_without_its_token_is_refused(demo):
    answer = requests.post(demo.url + "/register", data={"name": "eve", "password": PASSWORD}, timeout=20)
    assert answer.status_code == 403


def test_a_file_goes_up_with_a_note_and_comes_down_unchanged(demo):
    visitor = Visitor(demo.url)
    visitor.register("ann")
    content = os.urandom(700_000)
    page = visitor.send("/", "/notes", {"title": "<b>Hi</b>", "body": "one\ntwo"}, files={"file": ("ü.bin", content)})
    assert page.url.startswith(demo.url + "/notes/")
    assert "&lt;b&gt;Hi&lt;/b&gt;" in page.text and "<b>Hi</b>" not in page.text
    path = page.url[len(demo.url) :]
    download = visitor.get(path + "/file")
    assert download.content == content
    assert download.headers["Content-Disposition"] == "attachment; filename*=UTF-8''%C3%BC.bin"
    visitor.send(path, path + "/delete", {})
    assert visitor.get(path).status_code == 404


def test_nobody_sees_the_notes_of_another(demo):
    ann, bob = Visitor(demo.url), Visitor(demo.url)
    ann.register("ann")
    bob.register("bob")
    page = ann.send("/", "/notes", {"title": "private", "body": ""})
    for _ in range(8):  # whichever worker answers
        assert bob.get(page.url[len(demo.url) :]).status_code == 404
        assert "private" not in bob.get("/").text
        assert "private" in ann.get("/").text


def test_the_progress_page_arrives_step_by_step(demo):
    arrivals = []
    with requests.get(demo.url + "/progress", stream=True, timeout=20) as answer:
        for line in answer.iter_lines():
            if b"<progress" in line:
                arrivals.append(time.monotonic())
    assert len(arrivals) == 15
    assert 1.5 < arrivals[-1] - arrivals[0] < 20
    assert max(later - earlier for earlier, later in zip(arrivals, arrivals[1:])) < 2


def test_the_server_page_tells_the_request_id_that_the_client_gets(demo):
    answer = requests.get(demo.url + "/server", timeout=20)
    assert answer.headers["X-Request-Id"] in answer.text
    assert "Worker process" in answer.text
    assert re.search(r"opcache</th><td>on, ", answer.text)


def test_the_figures_are_cached_until_a_note_comes_or_goes(demo):
    def figures():
        response = requests.get(demo.url + "/figures", timeout=20)
        return response.headers["X-Askr-Cache"], re.search(r"<b>(\d+)</b> notes", response.text).group(1)

    assert [figures(), figures()] == [("MISS", "0"), ("HIT", "0")]
    visitor = Visitor(demo.url)
    visitor.register("cai")
    visitor.send("/", "/notes", {"title": "one", "body": ""})
    assert [figures(), figures()] == [("MISS", "1"), ("HIT", "1")]


def test_an_unknown_address_is_a_page_of_the_application(demo):
    answer = requests.get(demo.url + "/nowhere", timeout=20)
    assert answer.status_code == 404 and "There is nothing at this address." in answer.text


def test_styles_come_from_the_server_itself(demo):
    answer = requests.get(demo.url + "/style.css", timeout=20)
    assert answer.headers["Content-Type"].startswith("text/css") and "ETag" in answer.headers
