"""WordPress on a MariaDB of its own, from its installation in the browser to a post with a picture."""

import re

import pytest
import requests
import wordpress
from mariadb import MariaDb
from pictures import png, png_size

pytestmark = pytest.mark.time_limit(240)

ADMIN = ("editor", "a passphrase of the tests 1!")


class Reader(requests.Session):
    def __init__(self, url):
        super().__init__()
        self.url = url

    def request(self, method, path, **options):
        return super().request(method, path if "://" in path else self.url + path, timeout=90, **options)

    def sign_in(self):
        self.get("/wp-login.php")
        name, password = ADMIN
        page = self.post("/wp-login.php", data={"log": name, "pwd": password, "wp-submit": "Log In", "testcookie": "1",
                                                "redirect_to": self.url + "/wp-admin/"})
        assert page.url == self.url + "/wp-admin/", page.url
        assert 'id="wpadminbar"' in page.text
        return self

    def rest(self, method, route, **options):
        nonce = self.get("/wp-admin/admin-ajax.php?action=rest-nonce").text
        headers = {"X-WP-Nonce": nonce, **options.pop("headers", {})}
        return self.request(method, f"/?rest_route=/wp/v2/{route}", headers=headers, **options)


@pytest.fixture(scope="module")
def reader(module_server, tmp_path_factory):
    with MariaDb() as database:
        database.create("blog", "blog", "of-the-tests")
        root = wordpress.install(tmp_path_factory.mktemp("wordpress") / "site", "blog", "blog", "of-the-tests",
                                 database.socket)
        server = module_server(root=root, workers=3)
        name, password = ADMIN
        page = requests.post(f"{server.url}/wp-admin/install.php?step=2", timeout=120, data={
            "weblog_title": "A blog under test", "user_name": name, "admin_password": password,
            "admin_password2": password, "pw_weak": "1", "admin_email": "editor@example.org", "language": ""})
        assert "Success!" in page.text, page.text[-3000:]
        yield lambda: Reader(server.url)
        server.stop()  # before the database, which its workers are connected to


def test_the_front_page_shows_the_first_post(reader):
    page = reader().get("/")
    assert page.status_code == 200
    assert "<title>A blog under test</title>" in page.text
    assert "Hello world!" in page.text
    assert len(page.content) > 20_000


def test_what_the_front_page_refers_to_is_there(reader):
    visitor = reader()
    links = re.findall(rf'(?:src|href)=[\'"]({visitor.url}/wp-(?:includes|content)/[^\'"]+)', visitor.get("/").text)
    assert links
    for link in set(links):
        assert visitor.get(link.replace("&#038;", "&")).status_code == 200, link


def test_the_administration_asks_a_visitor_to_sign_in(reader):
    page = reader().get("/wp-admin/")
    assert "/wp-login.php" in page.url
    assert reader().get("/wp-admin").url == page.url


def test_a_wrong_password_does_not_sign_in(reader):
    visitor = reader()
    visitor.get("/wp-login.php")
    page = visitor.post("/wp-login.php", data={"log": ADMIN[0], "pwd": "wrong", "testcookie": "1"})
    assert 'id="login_error"' in page.text


def test_the_administration_works_for_the_editor(reader):
    editor = reader().sign_in()
    for page in ("/wp-admin/", "/wp-admin/edit.php", "/wp-admin/post-new.php", "/wp-admin/upload.php",
                 "/wp-admin/options-general.php", "/wp-admin/themes.php"):
        answer = editor.get(page)
        assert answer.status_code == 200, page
        assert "</html>" in answer.text, page
        assert "critical error" not in answer.text, page


def test_scripts_of_the_administration_come_in_one_answer(reader):
    answer = reader().get("/wp-admin/load-scripts.php?c=0&load[]=jquery-core,jquery-migrate,utils")
    assert answer.headers["Content-Type"].startswith("application/javascript")
    assert "jQuery" in answer.text


def test_a_post_is_written_and_read_back(reader):
    answer = reader().sign_in().rest("POST", "posts", json={
        "title": "Käse & Brot", "content": "<p>With <strong>bold</strong> words, äöü €</p>", "status": "publish"})
    assert answer.status_code == 201, answer.text[:2000]
    page = reader().get(answer.json()["link"])
    assert page.status_code == 200
    assert "<strong>bold</strong> words, äöü €" in page.text
    assert "Käse" in reader().get("/").text
    listed = reader().get("/?rest_route=/wp/v2/posts").json()
    assert answer.json()["id"] in [post["id"] for post in listed]


def test_a_draft_is_not_shown_to_visitors(reader):
    editor = reader().sign_in()
    draft = editor.rest("POST", "posts", json={"title": "Not yet", "content": "secret words", "status": "draft"}).json()
    assert "secret words" in editor.get(f"/?p={draft['id']}&preview=true").text
    visitor = reader().get(f"/?p={draft['id']}")
    assert visitor.status_code == 404
    assert "secret words" not in visitor.text


def test_a_visitor_may_not_write(reader):
    answer = reader().request("POST", "/?rest_route=/wp/v2/posts", json={"title": "Mallory", "status": "publish"})
    assert answer.status_code == 401


def test_a_comment_waits_for_the_editor(reader):
    answer = reader().post("/wp-comments-post.php", data={
        "comment": "Well said", "author": "Grace", "email": "grace@example.org", "comment_post_ID": "1",
        "comment_parent": "0"})
    assert answer.status_code == 200, answer.text[:1000]
    waiting = reader().sign_in().rest("GET", "comments&status=hold").json()
    assert [comment["author_name"] for comment in waiting] == ["Grace"]


def test_a_picture_sent_to_the_rest_interface_is_read_back(reader):
    picture = png(1200, 900)
    answer = reader().sign_in().rest("POST", "media", data=picture, headers={
        "Content-Type": "image/png", "Content-Disposition": 'attachment; filename="stripes.png"'})
    assert answer.status_code == 201, answer.text[:2000]
    sizes = answer.json()["media_details"]["sizes"]
    assert reader().get(sizes["full"]["source_url"]).content == picture
    small = reader().get(sizes["thumbnail"]["source_url"])
    assert small.headers["Content-Type"] == "image/png"
    assert png_size(small.content) == (150, 150)


def test_a_picture_uploaded_by_the_form_is_read_back(reader):
    editor, picture = reader().sign_in(), png(320, 240, seed=7)
    form = editor.get("/wp-admin/media-new.php").text
    nonce = re.search(r'name="_wpnonce" value="(\w+)"|"_wpnonce":"(\w+)"', form)
    answer = editor.post("/wp-admin/async-upload.php", data={
        "action": "upload-attachment", "_wpnonce": nonce.group(1) or nonce.group(2), "name": "form.png"},
        files={"async-upload": ("form.png", picture, "image/png")})
    assert answer.json()["success"] is True, answer.text[:2000]
    assert reader().get(answer.json()["data"]["url"]).content == picture


def test_pretty_addresses_reach_the_front_controller(reader):
    page = reader().get("/no/such/page/")
    assert page.status_code == 404
    assert "A blog under test" in page.text


def test_the_feed_is_xml(reader):
    feed = reader().get("/?feed=rss2")
    assert feed.headers["Content-Type"].startswith("application/rss+xml")
    assert "<title>A blog under test</title>" in feed.text


def test_passwords_of_the_database_are_not_served(reader):
    assert "of-the-tests" not in reader().get("/wp-config.php").text
    assert reader().get("/wp-config-sample.php").status_code != 200 or "define(" not in reader().get(
        "/wp-config-sample.php").text
