"""isolation = "rewind" where it cannot be done: why is logged once, counted and shown, and it costs no more than a fork."""

import pytest

from askrtest.load import Load
from askrtest.wait import SANITIZED, wait_until

pytestmark = pytest.mark.skipif(SANITIZED, reason="the shadow memory of a sanitizer is too large to be rewound")

WORKER = """<?php
%s
askr_cow_ready();
while (askr_handle_request(function (array $request): void { %s })) {
}
"""

# what a request does -> (boot, handler, the reason)
HINDRANCES = {
    "a fork": ("", "$p = pcntl_fork(); if ($p === 0) { exit; } pcntl_waitpid($p, $s);", "it has called pcntl_fork()"),
    "a process group": ("", "posix_setpgid(0, 0);", "user, groups, process group, session or priority were changed"),
    "a priority": ("", "proc_nice(1);", "user, groups, process group, session or priority were changed"),
    "a limit": ("", "posix_setrlimit(POSIX_RLIMIT_CORE, 0, 0);", "a resource limit was changed"),
    "a closed file": ("$f = fopen(__FILE__, 'r');", "fclose($GLOBALS['f']);",
                      "a file, a pipe or a socket of the boot was closed or replaced"),
    "much memory": ("$big = str_repeat('a', 80 << 20);", "for ($i = 0; $i < 80 << 20; $i += 4096) { $GLOBALS['big'][$i] = 'b'; }",
                    "it has written to more than 64 MB of memory"),
}


@pytest.fixture
def rewound(server):
    def make(boot="", handler="echo getmypid();", flags=(), **options):
        app = server({"worker.php": WORKER % (boot, handler)}, wait=False, flags=["--isolation", "rewind", *flags],
                     **{"workers": 1, "ini": ["memory_limit=512M"], **options})
        app.worker_script = app.root / "worker.php"
        return app.start()

    return make


def reasons(app):
    return app.status()["rewinding"]["reasons"]


@pytest.mark.parametrize("what", HINDRANCES)
def test_why_a_worker_is_not_rewound_is_counted_shown_and_logged_once(rewound, what):
    boot, handler, reason = HINDRANCES[what]
    app = rewound(boot, f"if ($request['uri'] === '/bad') {{ {handler} }} echo getmypid();")
    assert (reasons(app), app.status()["rewinding"]["not_rewound"]) == ({}, 0)
    first = app.get("/").text
    for count in range(1, 4):
        app.get("/bad")
        wait_until(lambda: reasons(app) == {reason: count}, lambda: f"it is counted: {reasons(app)}\n{app.error_log()}")
    assert app.status()["rewinding"]["not_rewound"] == 3
    assert app.status()["respawns"] == 0
    assert app.get("/").text != first
    lines = [line for line in app.error_log().splitlines() if "not rewound" in line]
    assert len(lines) == 1, lines
    assert f"a worker is not rewound after GET /bad: {reason}; another process takes its place" in lines[0]
    assert f"\n3 not rewound: {reason}\n" in app.askr("status").stdout


def test_another_script_of_a_preloaded_application_is_counted(server):
    app = server({"preload.php": "<?php", "index.php": "<?php echo 'front';", "tool.php": "<?php echo 'tool';"},
                 flags=["--isolation", "rewind", "--preload-script", "root/preload.php"], workers=1)
    assert (app.get("/").text, app.get("/tool.php").text) == ("front", "tool")
    wait_until(lambda: reasons(app) == {"it ran another script, which starts from nothing": 1}, "it is counted")
    app.wait_log("not rewound after GET /tool.php: it ran another script")


def test_the_log_may_be_reopened_without_a_word(rewound, tmp_path):
    app = rewound(error_log=tmp_path / "error.log")
    app.get("/")
    app.signal(10)
    wait_until(lambda: app.get("/") and reasons(app) == {"the error log was reopened": 1}, "it is counted")
    assert "not rewound" not in (tmp_path / "error.log").read_text()


def test_a_mode_without_rewinding_has_nothing_to_say(server):
    assert server({"index.php": "x"}).status()["rewinding"] is None


def test_a_copy_that_a_request_makes_of_its_worker_says_nothing(rewound):
    app = rewound(handler="$p = pcntl_fork(); if ($p === 0) { return; } pcntl_waitpid($p, $s); echo 'fine';")
    assert app.get("/").text == "fine"
    wait_until(lambda: reasons(app) == {"it has called pcntl_fork()": 1}, lambda: f"{reasons(app)}\n{app.error_log()}")


@pytest.mark.parametrize("handler", [
    "$p = proc_open(['cat'], [['pipe', 'r'], ['pipe', 'w']], $pipes); fwrite($pipes[0], 'text'); fclose($pipes[0]);"
    " $said = stream_get_contents($pipes[1]); proc_close($p);",
    "$GLOBALS['p'] = proc_open(['cat'], [['pipe', 'r'], ['pipe', 'w']], $GLOBALS['pipes']); fwrite($GLOBALS['pipes'][0], 'text');"
    " fclose($GLOBALS['pipes'][0]); $said = stream_get_contents($GLOBALS['pipes'][1]);"
    " while (proc_get_status($GLOBALS['p'])['running']) { usleep(500); }",
    "$said = exec('echo text');", "$said = trim(shell_exec('echo text'));", "$p = popen('echo text', 'r'); $said = trim(fgets($p));",
    "exec('sleep 1 >/dev/null 2>&1 &'); $said = 'text';",
], ids=["proc_open", "left open", "exec", "shell_exec", "popen", "background"])
def test_a_worker_whose_request_runs_a_program_is_rewound(rewound, handler):
    """Its memory, which the program's process shared before it began that, is put back whole."""
    app = rewound(boot="$list = range(1, 100000);",
                  handler=f"global $list; $sum = array_sum($list); foreach ($list as &$n) {{ $n += 1; }} unset($n); {handler}"
                  " foreach ($list as &$n) { $n += 1; } echo \"$said $sum \", getmypid();")
    answers = {app.get("/").text for _ in range(6)}
    assert len(answers) == 1, (answers, app.error_log())
    assert answers.pop().startswith("text 5000050000 ")
    app.assert_always_rewound()


TOLD = "8 workers in a row could not be rewound"


@pytest.mark.parametrize("boot, handler, reason", [
    ("", "proc_nice(1);", HINDRANCES["a priority"][2]),
    ("askr_after_fork(function () { $GLOBALS['log'] = fopen(__DIR__ . '/log', 'w'); });", "",
     "the boot has left open what other processes share"),
], ids=["requests", "boot"])
def test_when_no_worker_can_be_rewound_each_request_has_one_that_waits_already(rewound, boot, handler, reason):
    """As with isolation = "request": four times as many as the processor has cores, and no checkpoint for any of them."""
    app = rewound(boot, f"{handler} echo getmypid();", workers=None)
    few = app.status()["workers_alive"]
    assert app.status()["rewinding"]["forks_each"] is False
    pids = []
    wait_until(lambda: pids.append(app.get("/").text) or app.status()["rewinding"]["forks_each"], "it has given up")
    wait_until(lambda: app.status()["workers_alive"] == app.status()["workers_target"] == 4 * few, "there are spares")
    pids += [app.get("/").text for _ in range(20)]
    assert len(set(pids)) == len(pids)
    counted = reasons(app)
    assert set(counted) == {reason, "not tried, because the workers before could not be rewound"}
    assert counted[reason] < 8 + few + 2  # and what had been forked by then
    assert app.error_log().count(TOLD) == 1
    assert "each request has a process of its own for now" in app.askr("status").stdout


def test_workers_are_rewound_again_when_nothing_is_in_the_way_any_more(rewound):
    app = rewound(handler="if (file_exists(__DIR__ . '/bad')) { proc_nice(1); } echo getmypid();", workers=None)
    (app.root / "bad").touch()
    wait_until(lambda: app.get("/") and app.status()["rewinding"]["forks_each"], "it has given up")
    (app.root / "bad").unlink()
    with Load(app, clients=4) as load:
        wait_until(lambda: not app.status()["rewinding"]["forks_each"], "one has tried and told", 60)
        wait_until(lambda: app.status()["workers_alive"] == app.status()["workers_target"], "those to spare have gone")
        counted = app.status()["rewinding"]["not_rewound"]
        load.progresses(200, 60)
    load.assert_flawless()
    assert app.status()["rewinding"]["not_rewound"] <= counted + 8  # that had been forked by then
    assert app.error_log().count(TOLD) == 1


def test_some_requests_that_cannot_be_taken_back_do_not_end_it_for_the_others(rewound):
    app = rewound(handler="if ($request['uri'] === '/bad') { proc_nice(1); } echo getmypid();")
    for _ in range(20):
        app.get("/bad")
        assert len({app.get("/").text for _ in range(10)}) <= 2
    assert app.status()["rewinding"]["forks_each"] is False


def test_as_many_workers_as_somebody_has_asked_for_stay_that_many(rewound):
    app = rewound(handler="proc_nice(1);", workers=2)
    wait_until(lambda: app.get("/") and app.status()["rewinding"]["forks_each"], "it has given up")
    for _ in range(10):
        app.get("/")
        assert app.status()["workers_alive"] <= 2
    assert app.status()["workers_target"] == 2
