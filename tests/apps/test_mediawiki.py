"""MediaWiki on SQLite, as its readers and writers use it."""

import re

import mediawiki
import pytest
import requests
from askrtest.wait import wait_until
from pictures import png, png_size

pytestmark = pytest.mark.time_limit(180)


class Reader(requests.Session):
    def __init__(self, url):
        super().__init__()
        self.url = url

    def request(self, method, path, **options):
        return super().request(method, path if "://" in path else self.url + path, timeout=60, **options)

    def api(self, method="GET", files=None, **parameters):
        parameters = {"format": "json", "formatversion": "2", **parameters}
        place = "params" if method == "GET" else "data"
        answer = self.request(method, "/api.php", files=files, **{place: parameters})
        assert answer.status_code == 200, answer.text[:2000]
        return answer.json()

    def token(self, kind="csrf"):
        return self.api(action="query", meta="tokens", type=kind)["query"]["tokens"][f"{kind}token"]

    def sign_in(self):
        name, password = mediawiki.ADMIN
        answer = self.api("POST", action="clientlogin", username=name, password=password,
                          logintoken=self.token("login"), loginreturnurl=self.url)
        assert answer["clientlogin"]["status"] == "PASS", answer
        return self

    def whoami(self):
        return self.api(action="query", meta="userinfo")["query"]["userinfo"]["name"]

    def write(self, title, text):
        answer = self.api("POST", action="edit", title=title, text=text, token=self.token())
        assert answer["edit"]["result"] == "Success", answer

    def upload(self, name, content):
        answer = self.api("POST", files={"file": (name, content, "image/png")}, action="upload", filename=name,
                          comment="a test", token=self.token())
        assert answer["upload"]["result"] == "Success", answer
        return answer["upload"]["imageinfo"]["url"]


@pytest.fixture(scope="module")
def reader(module_server, tmp_path_factory):
    root = mediawiki.install(tmp_path_factory.mktemp("mediawiki") / "site")
    server = module_server(root=root, ini=["memory_limit=256M"])
    return lambda: Reader(server.url)


def test_the_first_page_is_reached_from_the_root(reader):
    page = reader().get("/")
    assert page.status_code == 200
    assert page.url.endswith("Main_Page")
    assert "MediaWiki has been installed" in page.text
    assert len(page.content) > 10_000


def test_a_page_that_is_not_there_answers_404(reader):
    assert reader().get("/index.php/No_such_page").status_code == 404


def test_a_writer_signs_in_and_out(reader):
    writer = reader().sign_in()
    assert writer.whoami() == "Admin"
    assert reader().whoami() == "127.0.0.1"
    writer.api("POST", action="logout", token=writer.token())
    assert writer.whoami() == "127.0.0.1"


def test_a_writer_signs_in_by_the_form(reader):
    writer = reader()
    form = writer.get("/index.php?title=Special:UserLogin").text
    token = re.search(r'name="wpLoginToken"[^>]*value="([^"]+)"|value="([^"]+)"[^>]*name="wpLoginToken"', form)
    name, password = mediawiki.ADMIN
    page = writer.post("/index.php?title=Special:UserLogin&returnto=Main_Page", data={
        "wpName": name, "wpPassword": password, "wploginattempt": "Log in", "authAction": "login",
        "wpEditToken": "+\\", "title": "Special:UserLogin", "force": "",
        "wpLoginToken": (token.group(1) or token.group(2)).replace("&#43;", "+").replace("&#92;", "\\")})
    assert page.url.endswith("Main_Page")
    assert '"wgUserName":"Admin"' in page.text


def test_a_wrong_password_does_not_sign_in(reader):
    visitor = reader()
    answer = visitor.api("POST", action="clientlogin", username="Admin", password="wrong",
                         logintoken=visitor.token("login"), loginreturnurl=visitor.url)
    assert answer["clientlogin"]["status"] == "FAIL"


def test_a_page_is_written_and_read_back(reader):
    writer = reader().sign_in()
    writer.write("Käse & Brot", "== Heading ==\n'''Bold''' words and a [[Main Page]] link. äöü €")
    page = reader().get("/index.php/K%C3%A4se_%26_Brot")
    assert page.status_code == 200
    assert "<b>Bold</b> words" in page.text
    assert re.search(r'<a href="/index\.php[^"]*Main_Page" title="Main Page">Main Page</a> link', page.text)
    assert "äöü €" in page.text
    raw = reader().get("/index.php?title=K%C3%A4se_%26_Brot&action=raw")
    assert raw.headers["Content-Type"].startswith("text/x-wiki")
    assert raw.text.startswith("== Heading ==")


def test_a_page_is_changed_and_its_history_shows_both(reader):
    writer = reader().sign_in()
    writer.write("Changing", "first words")
    writer.write("Changing", "second words")
    assert "second words" in reader().get("/index.php/Changing").text
    history = reader().api(action="query", titles="Changing", prop="revisions", rvlimit="5")
    assert len(history["query"]["pages"][0]["revisions"]) == 2


def test_a_large_page_is_written_and_read_back(reader):
    text = "\n\n".join(f"Paragraph {number} " + "word " * 100 for number in range(400))
    reader().sign_in().write("Large", text)
    assert reader().get("/index.php?title=Large&action=raw").text.strip() == text.strip()
    assert "Paragraph 399" in reader().get("/index.php/Large").text


def test_an_image_is_uploaded_and_read_back(reader):
    writer, picture = reader().sign_in(), png(640, 480)
    url = writer.upload("Stripes.png", picture)
    seen = reader().get(url)
    assert seen.headers["Content-Type"] == "image/png"
    assert seen.content == picture

    writer.write("With a picture", "[[File:Stripes.png|120px]]")
    page = reader().get("/index.php/With_a_picture").text
    thumbnail = reader().get(re.search(r'<img [^>]*src="([^"]*120px-Stripes\.png)"', page).group(1))
    assert png_size(thumbnail.content) == (120, 90)


def test_a_visitor_may_not_upload(reader):
    visitor = reader()
    answer = visitor.api("POST", files={"file": ("Mallory.png", png(8, 8), "image/png")}, action="upload",
                         filename="Mallory.png", token=visitor.token())
    assert "error" in answer


def settled(load):
    """What a module depends on is noted by the first answers, later than they are sent, and changes its version."""
    answers = [load()]

    def is_as_before():
        answers.append(load())
        return answers[-1].headers["ETag"] == answers[-2].headers["ETag"]

    wait_until(is_as_before, lambda: f"two answers in a row are the same: {[a.headers['ETag'] for a in answers]}")
    return answers[-1]


def test_scripts_and_styles_come_from_load_php(reader):
    visitor = reader()
    scripts = visitor.get("/load.php?modules=startup&only=scripts&raw=1&skin=vector&lang=en")
    assert scripts.headers["Content-Type"].startswith("text/javascript")
    assert "mw.loader" in scripts.text
    styles = settled(lambda: visitor.get("/load.php?modules=skins.vector.styles.legacy&only=styles&skin=vector&lang=en"))
    assert styles.headers["Content-Type"].startswith("text/css")
    assert len(styles.text) > 5_000
    unchanged = visitor.get(styles.request.path_url, headers={"If-None-Match": styles.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_what_the_page_refers_to_is_there(reader):
    visitor = reader()
    page = visitor.get("/index.php/Main_Page").text
    links = re.findall(r'(?:src|href)="(/(?:load\.php|resources/|skins/)[^"]*)"', page)
    assert len(links) >= 3
    for link in links:
        assert visitor.get(link.replace("&amp;", "&")).status_code == 200, link


def test_the_rest_interface_is_reached_by_path_info(reader):
    answer = reader().get("/rest.php/v1/page/Main_Page")
    assert answer.status_code == 200
    assert answer.json()["title"] == "Main Page"


def test_sources_and_settings_are_not_served(reader):
    visitor = reader()
    assert "wgSecretKey" not in visitor.get("/LocalSettings.php").text
    assert visitor.get("/includes/Setup.php").status_code != 200 or "<?php" not in visitor.get("/includes/Setup.php").text
