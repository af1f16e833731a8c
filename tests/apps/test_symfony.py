"""Symfony, in a fresh process state for every request, and in a booted worker."""

import pytest
import requests
import symfony


class Browser(requests.Session):
    def __init__(self, url):
        super().__init__()
        self.url = url

    def request(self, method, path, **options):
        return super().request(method, self.url + path, timeout=20, **options)


@pytest.fixture(scope="module", params=["per_request", "preloaded", "worker"])
def site(request, module_server, tmp_path_factory, examples):
    base = symfony.install(tmp_path_factory.mktemp("symfony") / "app")
    options = {}
    if request.param == "worker":
        options = {"worker_script": examples / "symfony-worker.php", "app_base": base, "workers": 1}
    if request.param == "preloaded":
        options = {"flags": ["--preload-classes", "--warm-url", "/api/hello"]}
    server = module_server(root=base / "public", **options)
    return server, lambda: Browser(server.url)


def test_a_json_route_answers(site):
    _, browser = site
    answer = browser().get("/api/hello?name=Ada")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["message"] == "Hello, Ada"


def test_a_route_is_found_behind_the_front_controller(site):
    _, browser = site
    assert browser().get("/index.php/api/hello?name=Ada").json()["message"] == "Hello, Ada"


def test_a_worker_serves_many_requests(site):
    server, browser = site
    visitor = browser()
    pids = {visitor.get("/api/hello").json()["pid"] for _ in range(20)}
    assert len(pids) <= server.settings["workers"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", [{"json": {"a": "1", "b": ["x", "y"]}}, {"data": {"a": "1", "b[]": ["x", "y"]}}], ids=["json", "form"])
def test_bodies_become_the_payload(site, method, body):
    server, browser = site
    answer = browser().request(method, "/api/echo?q=1", headers={"X-Probe": "yes"}, **body).json()
    assert answer["method"] == method
    assert answer["payload"] == {"a": "1", "b": ["x", "y"]}
    assert answer["query"] == {"q": "1"}
    assert answer["probe"] == "yes"
    assert answer["url"] == server.url + "/api/echo?q=1"


def test_a_service_is_reset_between_requests(site):
    _, browser = site
    for _ in range(3):
        assert browser().post("/api/echo", json={}).json()["visits"] == [1, 2]


def test_sessions_last_and_stay_apart(site):
    _, browser = site
    ada, grace = browser(), browser()
    ada.post("/basket", data={"item": "apple"})
    grace.post("/basket", data={"item": "grape"})
    assert ada.post("/basket", data={"item": "avocado"}).json()["items"] == ["apple", "avocado"]
    assert grace.get("/basket").json()["items"] == ["grape"]
    assert browser().get("/basket").json()["items"] == []
    assert len({visitor.get("/basket").json()["id"] for visitor in (ada, grace)}) == 2


def test_two_users_share_a_worker_and_nothing_else(site):
    _, browser = site
    ada, grace = browser(), browser()
    assert ada.post("/sign-in/ada").json() == {"user": "ada"}
    assert grace.post("/sign-in/grace").json() == {"user": "grace"}
    for _ in range(5):
        assert ada.get("/me").json() == {"user": "ada"}
        assert grace.get("/me").json() == {"user": "grace"}
        assert browser().get("/me").json() == {"user": None}


def test_an_upload_is_stored_and_downloaded(site):
    _, browser = site
    visitor, content = browser(), bytes(range(256)) * 2048
    stored = visitor.post("/files", files={"file": ("bytes.bin", content)})
    assert stored.status_code == 201, stored.text[:2000]
    assert (stored.json()["name"], stored.json()["size"]) == ("bytes.bin", len(content))
    assert visitor.get("/files/" + stored.json()["stored"]).content == content
    part = visitor.get("/files/" + stored.json()["stored"], headers={"Range": "bytes=-100"})
    assert (part.status_code, part.content) == (206, content[-100:])


def test_a_missing_upload_is_told(site):
    _, browser = site
    assert browser().post("/files").status_code == 422


def test_a_streamed_response_arrives_while_it_is_made(site):
    _, browser = site
    with browser().get("/stream?pause_ms=300", stream=True) as answer:
        pieces = [piece for piece in answer.iter_content(None) if piece]
    assert b"".join(pieces) == b"".join(b"line %d\n" % number for number in range(1, 6))
    assert len(pieces) > 1


def test_an_exception_answers_500_and_is_in_the_log(site):
    server, browser = site
    answer = browser().get("/error")
    assert answer.status_code == 500
    assert "asked to fail" not in answer.text
    server.wait_log("asked to fail")
    assert browser().get("/api/hello").status_code == 200


def test_an_unknown_path_is_answered_by_the_application(site):
    _, browser = site
    assert browser().get("/no/such/page").status_code == 404
    assert browser().get("/files/00.bin").status_code == 404
