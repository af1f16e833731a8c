"""Which folder is served: not a whole project by mistake, and what the front controller answers."""

import re

import pytest

from askrtest.server import run_askr, write_files

LARAVEL = {
    "artisan": "", "bootstrap/app.php": "<?php", "composer.json": "{}", "database/database.sqlite": "SQLite format 3",
    "storage/logs/laravel.log": "secret", "config/app.php": "<?php", "vendor/autoload.php": "<?php", ".env": "APP_KEY=x",
    "public/index.php": "<?php echo 'fine';", "public/a.txt": "a",
}
SYMFONY = {"bin/console": "", "config/bundles.php": "<?php", "src/Kernel.php": "<?php", "var/log/prod.log": "", "composer.json": "{}",
           "vendor/autoload.php": "<?php", "public/index.php": "<?php echo 'fine';"}
DRUPAL = {"composer.json": "{}", "vendor/autoload.php": "<?php", "web/index.php": "<?php echo 'fine';", "config/sync/a.yml": ""}
PROJECTS = {"laravel": (LARAVEL, "public"), "symfony": (SYMFONY, "public"), "drupal": (DRUPAL, "web")}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_whole_project_is_refused_with_the_folder_that_was_meant(server, name):
    files, meant = PROJECTS[name]
    app = server(files, wait=False)
    app.expected_exit = 2
    app.launch()
    assert app.wait_exit() == 2
    (line,) = app.error_log().strip().splitlines()
    assert line.startswith(f"askr: --root: {app.root} is a whole project: its ")
    assert "vendor" in line and f"serve {app.root}/{meant}, or add --yes-serve-this" in line
    doctor = run_askr("doctor", "--root", app.root)
    assert doctor.returncode == 1 and f"serve {app.root}/{meant}" in doctor.stdout


@pytest.mark.parametrize("name", PROJECTS)
def test_who_says_so_may_serve_it(server, name):
    files, meant = PROJECTS[name]
    app = server(files, flags=["--yes-serve-this"])
    assert app.get(f"/{meant}/index.php").text == "fine"
    app.stop()
    assert server(root=app.root / meant).get("/").text == "fine"


def test_a_laravel_without_public_is_refused_too(server):
    files = {name: text for name, text in LARAVEL.items() if not name.startswith("public/")}
    app = server(files, wait=False)
    app.expected_exit = 2
    app.launch()
    assert app.wait_exit() == 2
    assert "database/database.sqlite" in app.error_log() and f"serve {app.root}/public" in app.error_log()


@pytest.mark.parametrize("files", [
    {"index.php": "<?php echo 'fine';", "composer.json": "{}", "vendor/autoload.php": "<?php", "libraries/x.php": "<?php"},
    {"index.php": "<?php echo 'fine';", "wp-includes/version.php": "<?php", "composer.json": "{}", "web/index.php": "<?php"},
    {"index.php": "<?php echo 'fine';", "includes/WebStart.php": "<?php", "api.php": "<?php", "composer.json": "{}", "vendor/x": ""},
    {"index.php": "<?php echo 'fine';", "public/index.php": "<?php"},
], ids=["phpmyadmin", "wordpress", "mediawiki", "scripts"])
def test_an_application_that_is_served_from_its_own_folder_is_served(server, files):
    assert server(files).get("/").text == "fine"


def test_the_folder_that_nobody_named_is_looked_at_as_well(tmp_path):
    write_files(tmp_path, {name: text for name, text in LARAVEL.items() if not name.startswith("public/")} | {"index.php": "<?php"})
    run = run_askr("serve", "--listen", "127.0.0.1:1", cwd=tmp_path)
    assert run.returncode == 2 and "is a whole project" in run.stderr


def test_a_root_without_a_front_controller_is_said(server):
    app = server({"tool.php": "<?php echo 'tool';", "a.txt": "a"})
    assert re.search(r"mode +per request, no index\.php: scripts and files by their paths", app.banner())
    assert app.get("/tool.php").text == "tool" and app.get("/").status == 404
    assert "no index.php" not in server({"index.php": ""}).banner()
    assert "no front controller" in run_askr("doctor", "--root", app.root).stdout


# ---------------------------------------------------------------- the front controller


def test_the_named_front_controller_answers_the_start_page(server):
    app = server({"doku.php": "<?php echo 'doku ', $_SERVER['SCRIPT_NAME'];", "index.php": "<?php echo 'index';", "sub/index.php": "<?php echo 'sub';"},
                 front="doku.php")
    assert app.get("/").text == "doku /doku.php"
    assert app.get("/some/page").text == "doku /doku.php"
    assert app.get("/index.php").text == "index"
    assert app.get("/sub/").text == "sub"


# ---------------------------------------------------------------- scripts beside a worker script


WORKER = """<?php
class OfTheApplication { function __destruct() { note('destructor'); } }
function note($text) { file_put_contents(__DIR__ . '/notes', "$text\\n", FILE_APPEND); }
function shared() { return 'application'; }
$app = new OfTheApplication();
register_shutdown_function(fn () => note('shutdown'));
askr_cow_ready();
while (askr_handle_request(function () { echo 'worker ', $_SERVER['REQUEST_URI']; })) { }
note('behind the loop');
"""
FILES = {
    "worker.php": WORKER,
    "index.php": "<?php echo 'the front controller itself';",
    "tool.php": """<?php
        function shared() { return 'tool'; }
        session_start();
        echo json_encode([shared(), class_exists('OfTheApplication'), isset($app), $_SERVER['SCRIPT_NAME'], $_SERVER['PATH_INFO'] ?? null,
            $_SERVER['SCRIPT_FILENAME'] === __FILE__, getcwd() === __DIR__, $_GET, $_POST, count($_FILES), strlen(file_get_contents('php://input'))]);""",
    "admin/index.php": "<?php echo 'admin ', __DIR__;",
    "exit.php": "<?php echo 'before'; register_shutdown_function(function () { echo ' after'; }); exit(3);",
    "fatal.php": "<?php nothing_of_that_name();",
    "plain.txt": "plain\n",
}
MODES = {"worker": [], "cow": ["--cow"], "isolation": ["--isolation", "request"], "rewind": ["--isolation", "rewind"]}


@pytest.fixture(params=MODES)
def loop(server, request):
    def make(files=True, **options):
        app = server(FILES, wait=False, flags=[*MODES[request.param], *(["--worker-files"] if files else [])], workers=2, **options)
        app.worker_script = app.root / "worker.php"
        return app.start()

    return make


def test_without_the_setting_all_paths_are_the_worker_scripts(loop):
    app = loop(files=False)
    for path in ("/", "/tool.php", "/tool.php/x", "/admin/", "/worker.php", "/index.php"):
        assert app.get(path).text == f"worker {path}"
    assert app.get("/plain.txt").text == "plain\n"


def test_with_it_other_scripts_run_from_nothing(loop):
    app = loop()
    for _ in range(2):
        response = app.get("/tool.php/in/fo?a=b")
        assert response.json() == ["tool", False, False, "/tool.php", "/in/fo", True, True, {"a": "b"}, [], 0, 0]
        assert response.header("Set-Cookie")
        assert app.get("/").text == "worker /"
    assert app.get("/admin/").text == f"admin {app.root}/admin"
    assert app.get("/exit.php").text == "before after"
    assert app.get("/fatal.php").status == 500
    for path in ("/", "/nowhere", "/index.php", "/index.php/x", "/worker.php"):
        assert app.get(path).text == f"worker {path}"
    assert app.get("/plain.txt").text == "plain\n"
    assert "behind the loop" in (app.root / "notes").read_text()
    assert "shutdown" in (app.root / "notes").read_text() and "destructor" in (app.root / "notes").read_text()
    assert "PHP Fatal error" not in app.error_log().replace("Call to undefined function nothing_of_that_name", "", 1).replace("PHP Fatal error", "", 1)


def test_bodies_and_uploads_get_there(loop):
    app = loop()
    assert app.post("/tool.php", b"x=1&y[]=2", {"Content-Type": "application/x-www-form-urlencoded"}).json()[8] == {"x": "1", "y": ["2"]}
    assert app.request("PUT", "/tool.php", body=b"z" * 200_000).json()[10] == 200_000
    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n--b--\r\n'
    assert app.post("/tool.php", form, {"Content-Type": "multipart/form-data; boundary=b"}).json()[9] == 1


def test_a_script_that_does_not_end_is_ended(server):
    deaf = "<?php while (true) { askr_handle_request(fn () => print('worker')); }"
    app = server({**FILES, "worker.php": deaf}, wait=False, flags=["--worker-files"], workers=1, shutdown_timeout="2s")
    app.worker_script = app.root / "worker.php"
    app.start()
    for _ in range(3):
        assert app.get("/tool.php").json()[0] == "tool"
        assert app.get("/").text == "worker"


def test_many_at_once(loop):
    app = loop()
    clients = [app.begin("GET", "/tool.php" if number % 2 else "/") for number in range(20)]
    answers = [client.read_response() for client in clients]
    assert {answer.status for answer in answers} == {200}
    assert {answer.text[:8] for answer in answers[::2]} == {"worker /"}
    assert {answer.json()[0] for answer in answers[1::2]} == {"tool"}
