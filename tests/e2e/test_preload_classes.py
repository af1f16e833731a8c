"""worker.preload_classes: the classes that the warm-up pages load are there from the first line of every request."""

import json
import os
import re
import signal

import pytest

from test_signals import switch

from askrtest.load import Load
from askrtest.server import kill
from askrtest.wait import wait_until

STILL = ["opcache.validate_timestamps=0", "opcache.file_update_protection=0"]

AUTOLOAD = """<?php
spl_autoload_register(static function (string $class): void {
    $file = __DIR__ . '/src/' . strtr($class, '\\\\', '/') . '.php';
    if (is_file($file)) { require $file; }
});
"""
# Before anything is loaded, what is there; then what it does.
INDEX = """<?php
$loaded = array_values(array_filter(%s, fn ($name) => class_exists($name, false) || interface_exists($name, false)
    || trait_exists($name, false)));
require __DIR__ . '/autoload.php';
$said = (function () { %s })();
echo json_encode(['loaded' => $loaded, 'said' => $said, 'files' => array_map('basename', get_included_files())]);
"""
NAMES = ["App\\\\Shop", "App\\\\Base", "App\\\\Named", "App\\\\Counts", "App\\\\Suit", "App\\\\Late"]
CLASSES = {
    "src/App/Shop.php": "<?php namespace App; final class Shop extends Base implements Named { use Counts; "
                        "const SUIT = Suit::Hearts; public function name(): string { return 'one'; } }",
    "src/App/Base.php": "<?php declare(strict_types=1);\nnamespace App;\nabstract class Base implements \\Countable { "
                        "public static int $made = 0; public function __construct() { self::$made++; } }",
    "src/App/Named.php": "<?php namespace App; interface Named { public function name(): string; }",
    "src/App/Counts.php": "<?php namespace App; trait Counts { public function count(): int { return self::$made; } }",
    "src/App/Suit.php": "<?php namespace App; enum Suit: string { case Hearts = 'h'; }",
    "src/App/Late.php": "<?php namespace App; class Late {}",
}
USE = "$shop = new App\\Shop(); return [$shop->name(), count($shop), App\\Shop::SUIT->value];"


def application(use=USE, names=NAMES, **more):
    listed = "['" + "', '".join(names) + "']"
    return {"index.php": INDEX % (listed, use), "autoload.php": AUTOLOAD, **CLASSES, **more}


@pytest.fixture
def preloads(server):
    def make(files, *flags, **options):
        ini = [*STILL, *options.pop("ini", ())]
        return server(files, ini=ini, flags=["--preload-classes", "--warm-url", "/", *flags], **options)

    return make


def preloaded(app):
    found = re.search(r"(\d+) classes preloaded", app.banner())
    return int(found.group(1)) if found else 0


# ---------------------------------------------------------------- what is loaded


def test_classes_of_warm_up_pages_are_there_before_the_first_line(preloads):
    app = preloads(application())
    for _ in range(20):  # static properties, too, are new in each request
        answer = json.loads(app.get("/").text)
        assert answer["said"] == ["one", 1, "h"]
        assert sorted(answer["loaded"]) == ["App\\Base", "App\\Counts", "App\\Named", "App\\Shop", "App\\Suit"]
        assert sorted(answer["files"]) == ["autoload.php", "index.php"]
    assert preloaded(app) == 5
    assert app.warnings() == []
    app.assert_nothing_is_held()


def test_without_the_option_nothing_is(server):
    app = server(application(), ini=STILL, flags=["--warm-url", "/"])
    answer = json.loads(app.get("/").text)
    assert answer["said"] == ["one", 1, "h"]
    assert answer["loaded"] == []
    assert preloaded(app) == 0


def test_files_that_do_more_than_declare_classes_run_in_each_request(preloads):
    more = {
        "src/Helps.php": "<?php class Helps {} function help() { return 'helped'; }",
        "src/Registers.php": "<?php class Registers { public static $list = []; } Registers::$list[] = 'a';",
        "src/Chooses.php": "<?php if (PHP_VERSION_ID > 1) { class Chooses { const YES = 1; } } else { class Chooses {} }",
        "src/Returns.php": "<?php class Returns {} return new Returns();",
        "src/Aliases.php": "<?php class Aliases {} class_alias('Aliases', 'Other');",
        "src/Child.php": "<?php class Child extends Helps {}",  # its parent is not preloaded, so it cannot be
    }
    names = ["Helps", "Registers", "Chooses", "Returns", "Aliases", "Other", "Child", "App\\\\Late"]
    use = ("new Child(); new Returns(); new Aliases(); new App\\Late(); "
           "return [help(), Registers::$list, Chooses::YES, class_exists('Other', false)];")
    app = preloads(application(use, names, **more))
    for _ in range(4):
        answer = json.loads(app.get("/").text)
        assert answer["said"] == ["helped", ["a"], 1, True]
        assert answer["loaded"] == ["App\\Late"]
    assert app.warnings() == []


def test_a_preloaded_file_can_still_be_included(preloads):
    use = ("$first = new App\\Late(); $shop = new App\\Shop(); require_once __DIR__ . '/src/App/Late.php'; include_once __DIR__ . '/src/App/Late.php'; "
           "if (!class_exists('App\\Base', false)) { require __DIR__ . '/src/App/Base.php'; } "
           "return [$first instanceof App\\Late, $shop->name()];")
    app = preloads(application(use))
    for _ in range(3):
        assert json.loads(app.get("/").text)["said"] == [True, "one"]
    assert preloaded(app) == 6


def test_only_what_autoloaders_include_is_preloaded(preloads):
    use = "require __DIR__ . '/src/App/Late.php'; return (new App\\Late())::class;"
    app = preloads(application(use))
    answer = json.loads(app.get("/").text)
    assert answer["said"] == "App\\Late"
    assert answer["loaded"] == []
    assert "load no class that can be preloaded" in app.banner()


def test_paths_may_hold_any_character(server, tmp_path):
    root = tmp_path / "it's a \\ \"root\" $x"
    root.mkdir()
    app = server(application(), root=root, ini=STILL, flags=["--preload-classes", "--warm-url", "/"])
    assert json.loads(app.get("/").text)["said"] == ["one", 1, "h"]
    assert preloaded(app) == 5


def test_no_script_is_left_behind(preloads, tmp_path):
    app = preloads(application(), spool_dir=tmp_path)
    assert preloaded(app) == 5
    (uploads,) = tmp_path.glob("askr-uploads-*")
    assert os.listdir(uploads) == []


# ---------------------------------------------------------------- new code


def test_a_reload_learns_anew(server, tmp_path):
    def release(name, use, **more):
        path = tmp_path / name
        for file, text in application(use, **more).items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_text(text)
        return path

    link = tmp_path / "current"
    link.symlink_to(release("first", USE))
    app = server(root=link, ini=STILL, flags=["--preload-classes", "--warm-url", "/"])
    assert json.loads(app.get("/").text)["said"] == ["one", 1, "h"]
    second = release("second", USE + "new App\\Late();", **{
        "src/App/Shop.php": CLASSES["src/App/Shop.php"].replace("'one'", "'two'"),
        "index.php": application("new App\\Late(); " + USE)["index.php"]})
    with Load(app, clients=4, accepts=lambda response: json.loads(response.text)["said"][0] in ("one", "two")) as load:
        switch(link, second)
        assert app.reload().returncode == 0
        load.progresses(20)
    load.assert_flawless()
    answer = json.loads(app.get("/").text)
    assert answer["said"] == ["two", 1, "h"]
    assert "App\\Late" in answer["loaded"]


def test_code_that_fails_its_warm_up_is_taken_back(preloads):
    app = preloads(application())
    shop = app.root / "src/App/Shop.php"
    shop.write_text("<?php namespace App; class Shop extends Nowhere {}")
    run = app.reload()
    assert run.returncode == 1
    assert "GET / was answered 500" in run.stderr
    assert json.loads(app.get("/").text)["said"] == ["one", 1, "h"]
    shop.write_text(CLASSES["src/App/Shop.php"].replace("'one'", "'two'"))
    assert app.reload().returncode == 0
    assert json.loads(app.get("/").text)["said"][0] == "two"


# ---------------------------------------------------------------- faults


def test_a_template_that_dies_is_replaced_by_one_that_preloads(preloads):
    app = preloads(application())
    (template,) = app.pids("template")
    kill(template, signal.SIGKILL)
    wait_until(lambda: app.pids("template") not in ([], [template]), "there is another template")
    for worker in app.pids("worker"):
        kill(worker, signal.SIGKILL)
    wait_until(lambda: len(app.pids("worker")) == 2, "there are other workers")
    answer = json.loads(app.get("/").text)
    assert answer["said"] == ["one", 1, "h"]
    assert len(answer["loaded"]) == 5


def test_a_later_template_that_cannot_preload_any_more_does_without(preloads):
    app = preloads({**application("return (new App\\Late())::class;"), "plain.php": "<?php echo 'served';"})
    assert preloaded(app) == 1
    (app.root / "src/App/Late.php").write_text("<?php namespace App; class Late { function a() {} function a() {} }")
    (template,) = app.pids("template")
    kill(template, signal.SIGKILL)
    app.wait_log(r"warning .*no classes are preloaded: ")
    wait_until(lambda: app.pids("template") not in ([], [template]), "there is another template")
    for worker in app.pids("worker"):
        kill(worker, signal.SIGKILL)
    wait_until(lambda: len(app.pids("worker")) == 2, "there are other workers")
    assert app.get("/plain.php").text == "served"


def test_a_warm_up_page_that_fails_stops_nothing(preloads):
    app = preloads(application("new App\\Late(); throw new Exception('no');"))
    app.wait_log(r"warning .*GET / was answered 500")
    assert app.get("/").status == 500
    assert preloaded(app) == 1


def test_a_worker_that_dies_while_it_learns_stops_nothing(preloads, tmp_path):
    died = tmp_path / "died"
    use = f"new App\\Late(); if (!file_exists('{died}')) {{ touch('{died}'); posix_kill(getmypid(), SIGKILL); }} return 1;"
    app = preloads(application(use))
    app.wait_log(r"warning .*the worker that learns which classes to preload was killed by signal 9")
    assert json.loads(app.get("/").text)["said"] == 1
    assert preloaded(app) == 0


@pytest.mark.parametrize("second", ["", "<?php class = ;", None], ids=["empty", "syntax", "gone"])
def test_a_file_that_has_changed_since_is_loaded_as_always(preloads, second):
    change = "unlink($file)" if second is None else f"file_put_contents($file, '{second}')"
    use = (f"$shop = new App\\Shop(); new App\\Late(); $file = __DIR__ . '/src/App/Late.php'; "
           f"if (file_exists($file)) {{ {change}; }} return $shop->name();")
    app = preloads(application(use, **{"src/App/Late.php": "<?php namespace App; class Late {}"}))
    assert preloaded(app) == 5
    assert app.get("/").status == 500  # it is broken for everybody
    assert "was answered 500" in app.error_log()


def test_classes_that_php_cannot_preload_do_not_stop_the_start(preloads):
    """A fatal error at the second compilation, which no code can catch."""
    use = ("new App\\Late(); file_put_contents(__DIR__ . '/src/App/Late.php', "
           "'<?php namespace App; class Late { function a() {} function a() {} }'); return 'here';")
    app = preloads({**application(use), "plain.php": "<?php echo 'served';"})
    app.wait_log(r"warning .*no classes are preloaded: ")
    assert app.get("/plain.php").text == "served"
    assert preloaded(app) == 0


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize("flags, why", [
    ([], r"--preload-classes: needs reload\.warm_urls"),
    (["--warm-url", "/", "--worker-script", "root/index.php"], r"--preload-classes: is for per-request mode"),
    (["--warm-url", "/", "--isolation", "request"], r"--preload-classes: is for per-request mode"),
    (["--warm-url", "/", "--ini", "opcache.enable=0"], r"worker\.preload_classes needs opcache"),
    (["--warm-url", "/", "--ini", "opcache.preload=root/autoload.php", "--ini", "opcache.preload_user=root"],
     r"PHP preloads root/autoload\.php already \(opcache\.preload\)"),
], ids=["no url", "worker script", "isolation", "no opcache", "preloads already"])
def test_what_does_not_go_together_is_told(server, flags, why):
    app = server(application(), wait=False, flags=["--preload-classes", *flags])
    app.launch()
    app.expected_exit = app.wait_exit()
    assert app.expected_exit == 2
    assert re.search(why, app.error_log()), app.error_log()
