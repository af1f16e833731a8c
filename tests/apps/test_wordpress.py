"""WordPress on a MariaDB of its own, from its installation in the browser to a post with a picture."""

import re

import pytest
import requests
import wordpress
from mariadb import MariaDb
from pictures import png, png_size

from askrtest.wait import wait_until

pytestmark = pytest.mark.time_limit(240)

ADMIN = ("editor", "a passphrase of the tests 1!")

# What a request finds, as JSON; and a line for each end of a request.
PROBE = """<?php
add_filter('query_vars', fn ($names) => [...$names, 'probe']);
add_action('template_redirect', function () {
    if (get_query_var('probe') === '') return;
    wp_send_json(['variable' => get_query_var('probe'), 'get' => $_GET, 'post' => $_POST, 'cookie' => $_COOKIE['quoted'] ?? '',
        'request' => $_REQUEST, 'agent' => $_SERVER['HTTP_USER_AGENT'], 'uri' => $_SERVER['REQUEST_URI'],
        'page' => $GLOBALS['pagenow'], 'user' => wp_get_current_user()->user_login, 'mobile' => wp_is_mobile(),
        'permitted' => current_user_can('unfiltered_html'), 'started' => $GLOBALS['timestart'] >= $_SERVER['REQUEST_TIME']]);
});
add_action('shutdown', function () {
    if (isset($_GET['probe'])) file_put_contents(WP_CONTENT_DIR . '/ends', "$_GET[probe]\\n", FILE_APPEND | LOCK_EX);
});
"""


class Reader(requests.Session):
    """`host`: of the address that the blog believes to have, when it is asked at another one."""

    def __init__(self, url, host=None):
        super().__init__()
        self.url = url
        if host:
            self.headers["Host"] = host

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
def database():
    with MariaDb() as database:
        yield database


@pytest.fixture(scope="module")
def site(database, tmp_path_factory):
    """The document root of a blog that is not installed yet."""
    database.create("blog", "blog", "of-the-tests")
    root = wordpress.install(tmp_path_factory.mktemp("wordpress") / "site", "blog", "blog", "of-the-tests", database.socket)
    (root / "wp-content/mu-plugins").mkdir()
    (root / "wp-content/mu-plugins/probe.php").write_text(PROBE)
    return root


@pytest.fixture(scope="module")
def plain(module_server, site, database):
    """A server of the installed blog. It stops before the database, which its workers are connected to."""
    server = module_server(root=site, workers=3)
    name, password = ADMIN
    page = requests.post(f"{server.url}/wp-admin/install.php?step=2", timeout=120, data={
        "weblog_title": "A blog under test", "user_name": name, "admin_password": password,
        "admin_password2": password, "pw_weak": "1", "admin_email": "editor@example.org", "language": ""})
    assert "Success!" in page.text, page.text[-3000:]
    database.execute("UPDATE blog.wp_options SET option_value = '/%postname%/' WHERE option_name = 'permalink_structure';"
                     "DELETE FROM blog.wp_options WHERE option_name = 'rewrite_rules'")
    return server


@pytest.fixture(scope="module")
def reader(plain):
    return lambda: Reader(plain.url)


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


# ---------------------------------------------------------------- booted once, in the template


def preloading(make, root, examples, isolation, **options):
    return make(root=root, flags=["--isolation", isolation, "--preload-script", examples / "wordpress-preload.php"], **options)


@pytest.fixture(scope="module", params=["request", "rewind"])
def preloaded_server(request, plain, module_server, site, examples):
    server = preloading(module_server, site, examples, request.param, workers=3)
    yield server
    assert " error " not in server.error_log(), server.error_log()


@pytest.fixture
def preloaded(preloaded_server, plain):
    return lambda: Reader(preloaded_server.url, host=plain.url.partition("//")[2])


def both(reader, preloaded, method, path, **options):
    """The answers of a server that boots WordPress for each request, and of one that has booted it before."""
    answers = [one().request(method, path, **options) for one in (reader, preloaded)]
    assert [answer.status_code for answer in answers] == [200, 200], path
    return [answer.text for answer in answers]


@pytest.mark.parametrize("path", ["/", "/?p=1", "/?s=it's", "/?s=hello", "/?feed=rss2", "/wp-json/wp/v2/posts", "/hello-world/",
                                  "/wp-json/", "/?rest_route=/wp/v2/types", "/wp-sitemap.xml", "/?author=1"])
def test_a_booted_blog_answers_as_one_that_boots(reader, preloaded, path):
    for _ in range(3):
        alone, booted = both(reader, preloaded, "GET", path)
        assert booted == alone


def test_a_booted_blog_finds_the_same_request(reader, preloaded):
    agent = {"User-Agent": "It's \\ an iPhone Mobile", "Cookie": "quoted=it's"}
    for method, data in (("GET", None), ("POST", {"field": "it's \"quoted\" \\"})):
        alone, booted = both(reader, preloaded, method, "/?probe=it's&list[]=a'b", headers=agent, data=data)
        assert booted == alone
        assert "it\\\\'s" in alone


def test_a_booted_blog_knows_its_user_in_turns(preloaded):
    editor, visitor = preloaded().sign_in(), preloaded()
    for _ in range(12):
        assert 'id="wpadminbar"' in editor.get("/").text
        assert 'id="wpadminbar"' not in visitor.get("/").text
        found = [one.get("/?probe=1").json() for one in (editor, visitor)]
        assert [(one["user"], one["permitted"]) for one in found] == [(ADMIN[0], True), (False, False)]


def test_a_booted_blog_shows_what_was_written_elsewhere(reader, preloaded, preloaded_server):
    title, editor = f"From {preloaded_server.port}", reader().sign_in()
    written = editor.rest("POST", "posts", json={"title": title, "status": "publish"}).json()
    assert title in preloaded().get("/").text
    assert editor.rest("DELETE", f"posts/{written['id']}").status_code == 200
    assert preloaded().get(written["link"]).status_code == 404
    named = editor.rest("GET", "settings").json()
    editor.rest("POST", "settings", json={"title": title, "description": "it's \"renamed\""})
    assert f"<title>{title} &#8211; it&#039;s &quot;renamed&quot;</title>" in preloaded().get("/").text
    editor.rest("POST", "settings", json={key: named[key] for key in ("title", "description")})
    assert preloaded().get("/").text == reader().get("/").text


def test_a_post_of_the_administration_appears_in_a_booted_blog(preloaded, preloaded_server):
    editor = preloaded().sign_in()
    form = editor.get("/wp-admin/post-new.php").text
    fields = dict(re.findall(r"""name=["'](_wpnonce|post_ID|post_type|user_ID)["'] value=["'](\w+)""", form))
    title = f"By hand {preloaded_server.port}"
    answer = editor.post("/wp-admin/post.php", data={**fields, "action": "editpost", "post_title": title, "content": "It's",
                                                     "original_post_status": "auto-draft", "publish": "Publish"})
    assert answer.status_code == 200, answer.text[-2000:]
    assert title in preloaded().get("/").text


def test_a_post_is_written_and_read_in_a_booted_blog(preloaded):
    written = preloaded().sign_in().rest("POST", "posts", json={
        "title": "It's \\ \"quoted\"", "content": "<p>Käse's</p><script>alert(1)</script>", "status": "publish"})
    assert written.status_code == 201, written.text[:2000]
    raw = preloaded().sign_in().rest("GET", f"posts/{written.json()['id']}&context=edit").json()
    assert raw["title"]["raw"] == "It's \\ \"quoted\""
    assert "<script>alert(1)</script>" in raw["content"]["raw"]
    assert preloaded().request("POST", "/wp-json/wp/v2/posts", json={"title": "Mallory"}).status_code == 401
    assert "Käse&#8217;s" in preloaded().get(written.json()["link"]).text


def test_a_draft_is_previewed_in_a_booted_blog(preloaded):
    editor = preloaded().sign_in()
    draft = editor.rest("POST", "posts", json={"title": "Not yet", "content": "secret words", "status": "draft"}).json()
    assert "secret words" in editor.get(f"/?p={draft['id']}&preview=true").text
    assert preloaded().get(f"/?p={draft['id']}").status_code == 404


def test_the_end_of_each_request_is_told_to_plugins_once(preloaded, site):
    ends = site / "wp-content/ends"
    ends.unlink(missing_ok=True)
    for number in range(6):
        assert preloaded().get(f"/?probe={number}").status_code == 200
    wait_until(lambda: sorted(ends.read_text().split()) == list("012345"), lambda: f"six ends: {ends.read_text()}")


def test_maintenance_stops_a_booted_blog_and_is_over_with_the_file(preloaded, site):
    (site / ".maintenance").write_text("<?php $upgrading = time();")
    try:
        wait_until(lambda: preloaded().get("/").status_code == 503, "the blog is in maintenance")
    finally:
        (site / ".maintenance").unlink()
    wait_until(lambda: preloaded().get("/").status_code == 200, "the maintenance is over")


def test_requests_of_a_booted_blog_close_their_connections(preloaded, database):
    def aborted():
        return database.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'").split()[-1]

    before = aborted()
    for _ in range(5):
        assert preloaded().get("/").status_code == 200
    assert aborted() == before


@pytest.mark.parametrize("password, why", [("of-the-tests", "not installed yet"), ("wrong", "Error establishing a database connection")])
def test_a_blog_that_cannot_boot_says_why(server, database, tmp_path, examples, password, why):
    database.execute("CREATE DATABASE IF NOT EXISTS empty; GRANT ALL ON empty.* TO blog@localhost")
    root = wordpress.install(tmp_path / "site", "empty", "blog", password, database.socket)
    app = preloading(server, root, examples, "rewind", wait=False)
    app.expected_exit = 1
    app.launch()
    assert app.wait_exit() == 1
    assert why in app.error_log()
