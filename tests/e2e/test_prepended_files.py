"""auto_prepend_file and auto_append_file are for each request, also where an application has booted before."""

import re

import pytest

from askrtest.scripts import UNBUFFERED
from askrtest.wait import wait_until

# How a request comes to its script: a booted worker script, a preload script, or from nothing.
MODES = {
    "per request": (), "worker": ("worker",), "cow": ("worker", "--cow"), "request": ("worker", "--isolation", "request"),
    "rewind": ("worker", "--isolation", "rewind"), "preload request": ("preload", "--isolation", "request"),
    "preload rewind": ("preload", "--isolation", "rewind"),
}
in_each_mode = pytest.mark.parametrize("mode", MODES)
in_worker_modes = pytest.mark.parametrize("mode", [mode for mode in MODES if "worker" in MODES[mode]])


@pytest.fixture
def serve(server):
    """`code` answers in every mode; `prepend` and `append` are the files around it."""

    def make(mode, code, prepend="", append="", boot="", ini=(), files=None, flags=()):
        kind, *mode_flags = MODES[mode] or ("",)
        handler = f"<?php {boot}\n$handler = function ($request) {{ {code} }};\nwhile (askr_handle_request($handler)) {{ }}"
        app = server({"before.php": f"<?php {prepend}", "after.php": f"<?php {append}", "worker.php": handler,
                      "boot.php": f"<?php {boot}", "index.php": f"<?php {code}", **(files or {})}, wait=False, workers=1)
        app.ini = [*UNBUFFERED, f"auto_prepend_file={app.root}/before.php", f"auto_append_file={app.root}/after.php", *ini]
        app.flags += [*mode_flags, *flags]
        if kind == "worker":
            app.worker_script = app.root / "worker.php"
        if kind == "preload":
            app.flags += ["--preload-script", str(app.root / "boot.php")]
        return app.start()

    return make


@in_each_mode
def test_they_run_around_each_request_with_its_superglobals(serve, mode):
    app = serve(mode, "echo \"[script $_GET[n]]\";", prepend="header('X-Before: ' . $_GET['n']); echo \"[before $_GET[n]]\";",
                append="echo \"[after $_GET[n]]\";")
    for n in range(3):
        response = app.get(f"/?n={n}")
        assert response.text == f"[before {n}][script {n}][after {n}]"
        assert response.header("X-Before") == str(n)


@in_each_mode
def test_a_firewall_ends_a_request_before_the_application_sees_it(serve, mode):
    app = serve(mode, "file_put_contents(__DIR__ . '/seen', $_GET['n'] . ' ', FILE_APPEND); echo 'ran';",
                prepend="if (isset($_GET['evil'])) { http_response_code(403); exit('blocked'); }", append="echo ' after';")
    for n in range(2):
        assert app.get(f"/?n={n}").text == "ran after"
        blocked = app.get(f"/?evil=1&n=evil{n}")
        assert (blocked.status, blocked.text) == (403, "blocked")
    assert (app.root / "seen").read_text() == "0 1 "


@in_each_mode
def test_what_they_change_is_what_the_script_gets(serve, mode):
    array = "$request['headers']['HTTP_X_A']" if "worker" in MODES[mode] else "$_SERVER['HTTP_X_A']"
    app = serve(mode, f"echo $_GET['n'], $_SERVER['HTTP_X_A'], {array}, $GLOBALS['here'];",
                prepend="$_GET['n'] = 'clean '; $_SERVER['HTTP_X_A'] = 'changed '; $here = 'global';")
    for _ in range(2):
        assert app.get("/?n=dirty", [("X-A", "sent")]).text == "clean changed changed global"


@in_each_mode
def test_functions_and_classes_in_them_are_no_obstacle(serve, mode):
    app = serve(mode, "echo guard($_GET['n']), (new Guard)->name(), ' ';", append="echo ended();"
                " function ended() { return 'ended'; }",
                prepend="function guard($n) { return \"guarded $n \"; } class Guard { function name() { return 'by class'; } }"
                        " static $count = 0; $count++;")
    for n in range(3):
        assert app.get(f"/?n={n}").text == f"guarded {n} by class ended"


@in_each_mode
def test_after_exit_or_an_uncaught_exception_nothing_is_appended(serve, mode):
    app = serve(mode, "if (isset($_GET['exit'])) exit('left'); if (isset($_GET['throw'])) throw new Exception('lost'); echo 'ran';",
                append="echo ' appended';")
    for _ in range(2):
        assert app.get("/").text == "ran appended"
        assert app.get("/?exit").text == "left"
        failed = app.get("/?throw")
        assert failed.status == 500 and "appended" not in failed.text


@in_each_mode
def test_an_exception_handler_of_the_application_lets_the_rest_run(serve, mode):
    """As behind php-fpm: the script has failed, what is appended runs."""
    app = serve(mode, "set_exception_handler(function ($e) { echo 'handled ', $e->getMessage(); }); throw new Exception('x');",
                append="echo ' appended';")
    assert app.get("/").text == "handled x appended"


@in_each_mode
def test_an_exception_before_the_script_is_500_and_the_script_does_not_run(serve, mode):
    app = serve(mode, "echo 'ran';", prepend="if (isset($_GET['fail'])) throw new Exception('early');")
    assert app.get("/?fail").status == 500
    app.wait_log("Uncaught Exception: early")
    assert app.get("/").text == "ran"


@in_each_mode
def test_a_file_that_is_not_there_fails_each_request(serve, mode):
    app = serve(mode, "echo 'ran';", ini=["auto_prepend_file=missing.php"])
    for _ in range(2):
        response = app.get("/")
        assert response.status == 500 and "ran" not in response.text
    app.wait_log("Failed opening required 'missing.php'")


@in_worker_modes
def test_the_boot_goes_without_them(serve, mode):
    app = serve(mode, "echo 'ran';", prepend="file_put_contents(__DIR__ . '/runs', '.', FILE_APPEND);",
                boot="file_exists(__DIR__ . '/runs') && exit('not for the boot');")
    assert app.get("/").text == "ran"
    assert (app.root / "runs").read_text() == "."


@in_worker_modes
def test_variables_of_the_loop_survive_them(serve, mode):
    """They run in the global scope, which is that of the worker script itself."""
    app = serve(mode, "$GLOBALS['count']++; echo $GLOBALS['count'], $GLOBALS['mine'];", boot="$count = 0; $mine = ' mine';",
                prepend="$handler = $handler; $other = 'x'; if ($count > 100) echo $mine;", append="unset($other);")
    texts = [app.get("/").text for _ in range(3)]
    kept = mode in ("worker", "cow")
    assert texts == ([f"{n} mine" for n in (1, 2, 3)] if kept else ["1 mine"] * 3)


def test_a_worker_that_serves_on_says_what_it_will_not_include_again(serve):
    app = serve("worker", "echo 'ran';", prepend="require_once __DIR__ . '/firewall.php';", files={"firewall.php": "<?php"})
    assert [app.get("/").text for _ in range(2)] == ["ran", "ran"]
    app.wait_log(r"auto_prepend_file .*before\.php includes .*firewall\.php")
    assert len(re.findall("auto_prepend_file", app.error_log())) == 1


def test_a_rewound_worker_has_nothing_to_say_about_it(serve):
    app = serve("rewind", "echo 'ran';", prepend="require_once __DIR__ . '/firewall.php'; echo checked();",
                files={"firewall.php": "<?php function checked() { return 'checked '; }"})
    assert [app.get("/").text for _ in range(3)] == ["checked ran"] * 3
    wait_until(lambda: app.status(), "the server answers")
    assert "auto_prepend_file" not in app.error_log()


@in_worker_modes
def test_they_run_around_the_files_beside_a_worker_script(serve, mode):
    """worker.files: the worker has taken them for its requests, and gives them back for a script of its own."""
    app = serve(mode, "echo \"[script $_GET[n]]\";", files={"tool.php": "<?php echo \"[tool $_GET[n]]\";"}, flags=["--worker-files"],
                prepend="if (isset($_GET['evil'])) { http_response_code(403); exit('blocked'); } echo \"[before]\"; function guard() {}",
                append="echo \"[after]\";")
    for n in range(2):
        assert app.get(f"/?n={n}").text == f"[before][script {n}][after]"
        assert app.get(f"/tool.php?n={n}").text == f"[before][tool {n}][after]"
        blocked = app.get(f"/tool.php?n={n}&evil=1")
        assert (blocked.status, blocked.text) == (403, "blocked")
