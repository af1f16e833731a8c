"""The server's environment in PHP: there, as a container sets it, and without what is secret or could pass for a request."""

import json
from pathlib import Path

import pytest

from askrtest.server import run_askr
from askrtest.wait import wait_until

LOOK = """
    echo json_encode([
        'server' => $_SERVER,
        'env' => $_ENV,
        'getenv' => getenv(),
        'one' => getenv('APP_ENV'),
        'secret' => getenv('ASKR_PUSHER_SECRET'),
        'child' => shell_exec('env'),
        'file' => @file_get_contents('/proc/self/environ'),
        'info' => (function () { ob_start(); phpinfo(); return ob_get_clean(); })(),
        'booted' => $GLOBALS['booted'] ?? null,
    ], JSON_INVALID_UTF8_SUBSTITUTE);"""
LOOP = """<?php
    $booted = ['server' => $_SERVER['APP_ENV'] ?? null, 'getenv' => getenv('APP_ENV'), 'secret' => getenv('ASKR_PUSHER_SECRET')];
    askr_cow_ready();
    function run() { include __DIR__ . '/pages' . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH); }
    while (askr_handle_request(fn () => run())) { }"""
PAGES = {
    "look.php": "<?php " + LOOK,
    "put.php": "<?php putenv('APP_ENV=put'); echo json_encode([getenv('APP_ENV'), $_SERVER['APP_ENV']]); putenv('APP_ENV');",
    "name.php": "<?php echo json_encode([$_SERVER[$_GET['name']] ?? null, getenv($_GET['name'])]);",
}
MODES = {
    "request": [],
    "worker": [],
    "cow": ["--cow"],
    "isolation": ["--isolation", "request"],
    "rewind": ["--isolation", "rewind"],
}
ENVIRONMENT = {"APP_ENV": "prod", "DATABASE_URL": "mysql://db/shop?a=b", "EMPTY": ""}
SECRETS = {"ASKR_PUSHER_SECRET": "very-secret-1", "ASKR_ADMIN_TOKEN": "very-secret-2", "ASKR_SOME_OTHER_TOKEN": "very-secret-3"}


@pytest.fixture(params=MODES)
def serve(server, request):
    def make(env=(), flags=(), ini=()):
        files = PAGES if request.param == "request" else {f"pages/{name}": text for name, text in PAGES.items()}
        app = server({**files, "worker.php": LOOP}, wait=False, env={**ENVIRONMENT, **dict(env)},
                     flags=[*MODES[request.param], *flags], ini=ini, workers=1)
        if request.param != "request":
            app.worker_script = app.root / "worker.php"
        return app.start()

    return make


def test_scripts_have_it(serve):
    seen = serve().get("/look.php").json()
    for name, value in ENVIRONMENT.items():
        assert (seen["server"][name], seen["getenv"][name]) == (value, value)
        assert name not in seen["env"]  # Debian's variables_order
    assert seen["one"] == "prod"
    assert "APP_ENV=prod\n" in seen["child"]
    assert seen["booted"] in (None, {"server": "prod", "getenv": "prod", "secret": False})


def test_variables_order_says_whether_env_has_it(serve):
    seen = serve(ini=["variables_order=EGPCS"]).get("/look.php").json()
    assert ENVIRONMENT.items() <= seen["env"].items()
    assert ENVIRONMENT.items() <= seen["server"].items()


def test_every_request_finds_the_same(serve):
    app = serve()
    for _ in range(3):
        seen = app.get("/look.php?a=b", {"X-Custom": "c"}).json()["server"]
        assert (seen["APP_ENV"], seen["QUERY_STRING"], seen["HTTP_X_CUSTOM"]) == ("prod", "a=b", "c")
        assert "HTTP_X_CUSTOM" not in app.get("/look.php").json()["server"]


def test_putenv_shows_in_getenv_alone(serve):
    assert serve().get("/put.php").json() == ["put", "prod"]


def test_it_never_passes_for_a_part_of_the_request(serve):
    """What a request may lack, an environment must not fill in."""
    forged = {"HTTPS": "on", "REMOTE_USER": "admin", "PHP_AUTH_USER": "admin", "PHP_AUTH_PW": "x", "AUTH_TYPE": "Basic",
              "PATH_INFO": "/forged", "PATH_TRANSLATED": "/forged", "HTTP_PROXY": "http://evil", "HTTP_COOKIE": "a=b",
              "HTTP_AUTHORIZATION": "Basic eA==", "HTTP_X_FORWARDED_FOR": "1.2.3.4", "ORIG_PATH_INFO": "/forged"}
    replaced = {"REQUEST_METHOD": "POST", "QUERY_STRING": "forged=1", "REQUEST_URI": "/forged", "SCRIPT_NAME": "/forged",
                "DOCUMENT_ROOT": "/forged", "CONTENT_LENGTH": "99", "REMOTE_ADDR": "1.2.3.4", "HTTP_HOST": "evil",
                "SERVER_NAME": "evil", "REQUEST_TIME": "1", "HTTP_X_REQUEST_ID": "forged", "PHP_SELF": "/forged"}
    app = serve(env={**forged, **replaced})
    seen = app.get("/look.php", {"Host": "a"}).json()["server"]
    assert not set(forged) & set(seen)
    for name, value in replaced.items():
        assert seen[name] != value, name
    assert seen["HTTP_HOST"] == "a"


def test_the_environments_names_are_not_taken_from_server(serve):
    """php-fpm answers getenv() from what came with the request and from the environment, and not from $_SERVER."""
    app = serve(env={"HTTP_PROXY": "http://proxy", "http_proxy": "http://proxy"})
    assert app.get("/name.php?name=http_proxy").json() == ["http://proxy", "http://proxy"]
    assert app.get("/name.php?name=HTTP_PROXY", {"Proxy": "evil"}).json()[0] is None
    assert app.get("/name.php?name=REMOTE_ADDR").json() == ["127.0.0.1", "127.0.0.1"]


def test_secrets_of_the_server_are_nowhere(serve):
    seen = serve(env=SECRETS, ini=["variables_order=EGPCS"]).get("/look.php").json()
    text = json.dumps(seen)
    for name, value in SECRETS.items():
        assert value not in text
        assert name not in seen["server"] and name not in seen["getenv"] and name not in seen["env"]
    assert seen["secret"] is False
    assert "ASKR_SERVER" not in seen["server"]


def test_nobody_reads_them_in_the_environment_of_another_process(serve):
    app = serve(env=SECRETS, flags=["--sidecar", "sleep=exec sleep 600"])
    for pid in app.members():
        text = Path(f"/proc/{pid}/environ").read_bytes()
        assert not any(value.encode() in text for value in SECRETS.values()), Path(f"/proc/{pid}/cmdline").read_bytes()


def test_the_tests_of_an_application_do_not_have_them(tmp_path):
    (tmp_path / "runner.php").write_text("""<?php
        $seen = [getenv(), $_SERVER, shell_exec('env')];
        for ($pid = getmypid(); $pid > 1 && str_contains((string) @file_get_contents("/proc/$pid/comm"), 'askr'); $pid = $parent) {
            $seen[] = "process $pid";
            $seen[] = file_get_contents("/proc/$pid/environ");
            $parent = (int) explode(' ', explode(') ', file_get_contents("/proc/$pid/stat"))[1])[1];
        }
        file_put_contents(__DIR__ . '/seen', json_encode($seen, JSON_INVALID_UTF8_SUBSTITUTE));""")
    (tmp_path / "tests").mkdir()
    run_askr("test", "--root", tmp_path, "--runner", tmp_path / "runner.php", "--cache", tmp_path / "cache", cwd=tmp_path, env=SECRETS)
    seen = (tmp_path / "seen").read_text()
    assert seen.count("process ") >= 2  # the one that runs tests, and those above it
    assert not any(value in seen for value in SECRETS.values())


def test_clear_env_is_what_php_fpm_does(serve):
    app = serve(env={"HOME": "/home/somebody", "USER": "somebody"}, flags=["--clear-env", "--app-base", "/srv"],
                ini=["variables_order=EGPCS"])
    seen = app.get("/look.php").json()
    assert not set(ENVIRONMENT) & (set(seen["server"]) | set(seen["getenv"]) | set(seen["env"]))
    assert "PATH" not in seen["getenv"]
    for name, value in {"USER": "somebody", "HOME": "/home/somebody", "ASKR_APP_BASE": "/srv"}.items():
        assert (seen["server"][name], seen["getenv"][name]) == (value, value)
    assert seen["booted"] in (None, {"server": None, "getenv": False, "secret": False})


def test_sidecars_have_it_without_the_secrets(server, tmp_path):
    php = f"<?php file_put_contents('{tmp_path}/php', json_encode([getenv(), $_SERVER])); while (!askr_should_stop()) sleep(9);"
    app = server({"index.php": "", "queue.php": php}, wait=False, env={**ENVIRONMENT, **SECRETS},
                 flags=["--sidecar", f"look=env > {tmp_path}/env; exec sleep 600"])
    app.flags += ["--queue-script", str(app.root / "queue.php")]
    app.start()
    for name in ("php", "env"):
        text = wait_until(lambda: (tmp_path / name).exists() and (tmp_path / name).read_text(), f"{name} has looked")
        assert "prod" in text
        assert "very-secret" not in text and "ASKR_ADMIN_TOKEN" not in text


def test_numbers_and_odd_names_do_no_harm(server):
    app = server({"index.php": "<?php echo json_encode([$_SERVER['GOOD'], $_SERVER['12'] ?? null, $_SERVER['a.b'] ?? null]);"},
                 env={"GOOD": "good", "12": "number", "a.b": "dot", "BASH_FUNC_x%%": "() { :; }"})
    assert app.get("/").json() == ["good", None, None]


def test_many_variables(server):
    many = {f"VARIABLE_{number}": str(number) for number in range(300)}
    app = server({"index.php": "<?php echo count(array_filter(array_keys($_SERVER), fn ($k) => str_starts_with($k, 'VARIABLE_'))),"
                               " $_SERVER['VARIABLE_299'], $_SERVER['HTTP_HOST'];"}, env=many)
    for _ in range(2):
        assert app.get("/", {f"X-Field-{number}": "x" for number in range(40)} | {"Host": "h"}).text == "300299h"
