"""Sidecars: queue workers, the scheduler and commands, beside the workers and renewed with them."""

import os
import re
import signal
import time

import pytest

from askrtest.processes import Process, is_alive, session_members
from askrtest.server import kill
from askrtest.wait import holds_for, wait_until

# The plain and the booted template. The worker script of the second one makes $app.
BOOTED = """<?php
class App { public string $name = 'booted'; public array $made = []; function __destruct() { note('destructor'); } }
function note(string $text): void { file_put_contents(__DIR__ . '/notes', $text . ' ' . getmypid() . "\\n", FILE_APPEND); }
$app = new App();
register_shutdown_function(fn () => note('shutdown of the boot'));
askr_after_fork(fn () => $GLOBALS['forked'] = getmypid());
function boot_is_done() { $app = 'a local variable'; askr_cow_ready(); }
%s
while (askr_handle_request(function (array $request) { echo askr_cache_set('from', 'a request') ? 'set' : 'off'; })) {
}
"""
PLAIN = "<?php echo askr_cache_set('from', 'a request') ? 'set' : 'off';"
NOTE = ("<?php if (!function_exists('note')) { function note(string $text): void {"
        " file_put_contents(__DIR__ . '/notes', $text . ' ' . getmypid() . \"\\n\", FILE_APPEND); } } ")
# Works on one job after the other until it is asked to end.
LOOP = NOTE + "note('began'); while (!askr_should_stop()) { usleep(20000); } note('ended');"


@pytest.fixture
def serve(server):
    """serve(queue=..., mode="cow", sidecars={name: command}) writes the scripts and starts."""

    def make(queue=None, scheduler=None, mode="plain", ready="boot_is_done();", wait=True, flags=(), sidecars=None, **options):
        files = {"index.php": PLAIN, "worker.php": BOOTED % ready}
        flags = list(flags)
        for name, text in (("queue", queue), ("scheduler", scheduler)):
            if text is not None:
                files[f"{name}.php"] = text
        for name, command in (sidecars or {}).items():
            flags += ["--sidecar", f"{name}={command}"]
        if mode == "cow":
            flags.append("--cow")
        app = server(files, wait=False, flags=flags, **options)
        for name, text in (("queue", queue), ("scheduler", scheduler)):
            if text is not None:
                app.flags += [f"--{name}-script", str(app.root / f"{name}.php")]
        if mode == "cow":
            app.worker_script = app.root / "worker.php"
        return app.start() if wait else app

    return make


def notes(app):
    path = app.root / "notes"
    return path.read_text().splitlines() if path.exists() else []


def noted(app, text, count=1):
    found = [line for line in notes(app) if line.startswith(text)]
    return found if len(found) >= count else []


def wait_note(app, text, count=1):
    return wait_until(lambda: noted(app, text, count), lambda: f"{text!r} is noted\n{notes(app)}\n{app.said()}")


def sidecars(app, name=None):
    found = [p for p in app.status()["processes"] if p["role"] == "sidecar"]
    return [p for p in found if name is None or p["name"] == name]


def pid_of(app, name):
    (found,) = wait_until(lambda: [p for p in sidecars(app, name) if p["pid"]], f"{name} runs")
    return found["pid"]


BOTH = pytest.mark.parametrize("mode", ["plain", "cow"])


# ---------------------------------------------------------------- what runs


@BOTH
def test_queue_workers_run_beside_the_workers_and_have_names(serve, mode):
    app = serve(LOOP, mode=mode, flags=["--queue-workers", "2"])
    wait_note(app, "began", 2)
    assert sorted(p["name"] for p in sidecars(app)) == ["queue 0", "queue 1"]
    assert {p["state"] for p in sidecars(app)} == {"running"}
    wait_until(lambda: app.status()["workers_alive"] == app.status()["workers_configured"], "workers beside them")
    for process in sidecars(app):
        assert Process(process["pid"]).title == f"askr: {process['name']}"
        assert Process(process["pid"]).parent == app.master
        assert Process(process["pid"]).threads == 1
    table = app.askr("status").stdout
    assert re.search(r"^queue 1 +\d+ +running", table, re.M), table


def test_with_cow_the_script_has_the_variables_of_the_worker_script(serve):
    queue = NOTE + "note(\"$app->name $forked \" . mt_rand()); $app->made[] = 'here'; while (!askr_should_stop()) usleep(9000);"
    app = serve(queue, mode="cow", flags=["--queue-workers", "2"])
    lines = [line.split() for line in wait_note(app, "booted", 2)]
    assert all(forked == pid for _, forked, _, pid in lines)  # askr_after_fork() ran in each
    assert len({random for _, _, random, _ in lines}) == 2


@pytest.mark.parametrize("ready", ["askr_cow_ready();", "boot_is_done();", "(function () { include __DIR__ . '/fork.php'; })();", ""])
def test_wherever_the_fork_point_is_the_scope_is_the_global_one(serve, ready):
    app = serve(NOTE + "note($app->name); $app = null; $name = 'new'; note($GLOBALS['name']); sleep(60);", mode="cow",
                ready=ready, wait=False)
    (app.root / "fork.php").write_text("<?php $app = 'local'; compact('app'); askr_cow_ready();")
    app.start()
    assert wait_note(app, "booted") and wait_note(app, "new") and noted(app, "destructor")


def test_an_included_fork_point_unwinds_without_harm(serve):
    app = serve(NOTE + "$app->name = 'changed'; note($app->name);", mode="cow", wait=False,
                ready="(function () { $other = 1; include __DIR__ . '/fork.php'; })();")
    (app.root / "fork.php").write_text("<?php extract(['app' => 'local']); $$other = 2; askr_cow_ready();")
    app.start()
    wait_note(app, "changed", 3)
    wait_note(app, "destructor", 3)
    assert "signal 11" not in app.error_log()


@BOTH
def test_at_its_end_shutdown_functions_and_destructors_run(serve, mode):
    app = serve(NOTE + "class Late { function __destruct() { note('late destructor'); } } $late = new Late();"
                " register_shutdown_function(fn () => note('shutdown')); note('end'); exit(0);", mode=mode)
    wait_note(app, "late destructor")
    wait_note(app, "shutdown")
    if mode == "cow":
        wait_note(app, "destructor")
        assert len(wait_note(app, "shutdown of the boot")) >= 1
    assert "Fatal" not in app.error_log()


@BOTH
def test_the_key_value_cache_is_shared_with_requests(serve, mode):
    app = serve(NOTE + "while (!askr_should_stop()) { if (askr_cache_get('from') !== null) { note(askr_cache_get('from')); break; }"
                " usleep(5000); } sleep(60);", mode=mode, flags=["--cache-slots", "64"])
    assert app.get("/").text == "set"
    wait_note(app, "a request")


@BOTH
def test_what_a_sidecar_echoes_is_logged_with_its_name(serve, mode):
    app = serve("<?php echo \"one\\ntw\"; header('X-A: b'); http_response_code(404); echo \"o\\n\"; trigger_error('careful', E_USER_WARNING);"
                " file_put_contents('php://stdout', \"to standard output\\n\"); echo 'no line end'; exit(0);", mode=mode)
    app.wait_log(r"info queue 0: one\n")
    app.wait_log(r"info queue 0: two\n")
    app.wait_log(r"queue 0: no line end\n")
    app.wait_log(r"warning queue 0: PHP Warning:  careful")
    app.wait_log(r"(?m)^to standard output$")
    assert "headers already sent" not in app.error_log()
    assert "to standard output" not in app.banner()


@BOTH
def test_there_is_no_time_limit(serve, mode):
    app = serve(NOTE + "note('limit=' . ini_get('max_execution_time')); for ($i = microtime(true); microtime(true) - $i < 1.5;); note('after');"
                " sleep(60);", mode=mode, ini=["max_execution_time=1"])
    wait_note(app, "limit=0")
    wait_note(app, "after")


@BOTH
def test_requests_are_not_for_sidecars(serve, mode):
    app = serve(NOTE + "note(var_export(askr_handle_request(fn () => 1), true)); note('defer=' . var_export(askr_defer(fn () => 1), true));"
                " askr_cow_ready(); note('ready again'); sleep(60);", mode=mode)
    wait_note(app, "false")
    wait_note(app, "defer=false")
    wait_note(app, "ready again")
    app.wait_log(r"askr_handle_request\(\): is for the worker script; this is a sidecar, which gets no requests")


def test_elsewhere_nobody_is_asked_to_stop(server):
    app = server({"index.php": "<?php var_dump(askr_should_stop());"})
    assert app.get("/").text == "bool(false)\n"


def test_a_preloaded_template_forks_sidecars_too(serve):
    app = serve(NOTE + "note(PRELOADED); while (!askr_should_stop()) usleep(9000); note('ended');", wait=False,
                flags=["--isolation", "request"])
    (app.root / "preload.php").write_text("<?php const PRELOADED = 'preloaded';")
    app.flags += ["--preload-script", str(app.root / "preload.php")]
    app.start()
    wait_note(app, "preloaded")
    assert app.get("/").status == 200
    app.stop()
    assert noted(app, "ended")


# ---------------------------------------------------------------- supervision


@BOTH
def test_one_that_ends_well_is_started_again(serve, mode):
    app = serve(NOTE + "note('job');", mode=mode)
    pids = [line.split()[1] for line in wait_note(app, "job", 5)]
    assert len(set(pids)) >= 5
    assert "queue 0 (pid" not in app.error_log()


@BOTH
@pytest.mark.parametrize("code, status", [
    ("exit(3);", r"exited with code 3"),
    ("throw new Exception('no broker');", r"exited with code 255"),
    ("$a = = 1;", r"exited with code 255"),
    ("posix_kill(getmypid(), SIGSEGV);", r"was killed by signal 11 .*\n.*SIGSEGV: PHP at .*queue\.php:1"),
])
def test_one_that_fails_is_started_again_later_and_later(serve, mode, code, status):
    app = serve("<?php " + code, mode=mode)
    app.wait_log(r"warning master: queue 0 \(pid \d+\) " + status.replace("PHP at", "PHP at"))
    app.wait_log(r"starting it again in 0\.1 s(.|\n)*in 0\.2 s(.|\n)*in 0\.4 s")
    assert app.get("/").status == 200
    assert app.status()["respawns"] == 0


def test_a_script_that_has_vanished_is_told_and_retried(serve):
    app = serve(NOTE + "note('job'); exit(1);")
    (app.root / "queue.php").rename(app.root / "away.php")
    app.wait_log(r"queue\.php")
    (app.root / "away.php").rename(app.root / "queue.php")
    wait_note(app, "job", len(notes(app)) + 1)


@BOTH
def test_a_killed_one_is_replaced(serve, mode):
    app = serve(LOOP, mode=mode)
    before = pid_of(app, "queue 0")
    wait_note(app, "began")
    kill(before)
    wait_note(app, "began", 2)
    app.wait_log(rf"queue 0 \(pid {before}\) was killed by signal 9")
    assert not os.path.exists(f"/proc/{before}")  # no zombie


@BOTH
def test_they_survive_their_template_and_are_forked_from_the_next(serve, mode):
    app = serve(LOOP, mode=mode)
    wait_note(app, "began")
    sidecar = pid_of(app, "queue 0")
    (template,) = app.pids("template")
    kill(template)
    wait_until(lambda: app.pids("template") not in ([], [template]), "another template")
    assert pid_of(app, "queue 0") == sidecar
    kill(sidecar)
    wait_note(app, "began", 2)


def test_one_that_ends_while_there_is_no_template_waits_for_it(serve):
    app = serve(LOOP)
    wait_note(app, "began")
    (template,) = app.pids("template")
    sidecar = pid_of(app, "queue 0")
    kill(template)
    kill(sidecar)
    wait_note(app, "began", 2)
    assert len(sidecars(app)) == 1


def test_they_end_when_the_master_is_killed(serve):
    ignores = "<?php pcntl_async_signals(true); pcntl_signal(SIGTERM, fn () => null); while (true) { usleep(10000); }"
    app = serve(ignores, sidecars={"sleep": "exec sleep 600"}, shutdown_timeout="500ms")
    wait_until(lambda: len(sidecars(app)) == 2, "both run")
    app.expected_exit = -signal.SIGKILL
    app.process.kill()
    app.process.wait()
    wait_until(lambda: not session_members(app.process.pid), "nobody is left")


# ---------------------------------------------------------------- draining


JOB = NOTE + """
while (!askr_should_stop()) {
    note('job began');
    while (!file_exists(__DIR__ . '/go')) { usleep(5000); clearstatcache(); }
    note('job done VERSION');
    usleep(5000);
}
note('drained');
"""


@BOTH
def test_a_reload_lets_the_job_finish_and_runs_the_new_code(serve, mode):
    app = serve(JOB.replace("VERSION", "old"), mode=mode)
    wait_note(app, "job began")
    old = pid_of(app, "queue 0")
    (app.root / "queue.php").write_text(JOB.replace("VERSION", "new"))
    assert app.reload().returncode == 0
    wait_note(app, "job began", 2)  # the new one is there while the old one works
    assert is_alive(old)
    (app.root / "go").touch()
    wait_note(app, "job done new")
    wait_note(app, "drained")
    assert len(noted(app, "job done old")) == 1
    wait_until(lambda: not is_alive(old), "the old one is gone")
    assert "queue 0 (pid" not in app.error_log()


def test_reloads_in_a_row_wait_for_room_and_leave_one(serve):
    app = serve(JOB.replace("VERSION", "x"))
    wait_note(app, "job began")
    assert app.reload().returncode == app.reload().returncode == 0
    app.wait_log("no room for queue 0 until those of an older generation have ended")
    assert len(noted(app, "job began")) == 2
    (app.root / "go").touch()
    wait_note(app, "drained", 2)
    wait_until(lambda: [p["generation"] for p in sidecars(app)] == [3], "the last generation's runs alone")


def test_runs_of_the_old_code_do_not_hold_up_the_server(serve):
    """A generation whose workers are gone stays for its sidecars only."""
    app = serve(JOB.replace("VERSION", "x"))
    wait_note(app, "job began")
    assert app.reload().returncode == 0
    wait_until(lambda: len(app.workers()) == 2, "the old workers are gone")
    (old,) = [p for p in sidecars(app) if p["generation"] == 1]
    assert old["state"] == "draining"
    (app.root / "go").touch()
    wait_until(lambda: len(sidecars(app)) == 1, "the old one too")


def test_logs_are_reopened(serve, tmp_path):
    app = serve("<?php while (!askr_should_stop()) { echo \"still here\\n\"; usleep(20000); }", error_log=tmp_path / "error.log")
    app.wait_log("still here")
    (tmp_path / "error.log").rename(tmp_path / "error.log.1")
    app.signal(signal.SIGUSR1)
    app.wait_log("still here")


def test_reopening_logs_does_not_cut_short_what_they_wait_for(serve, tmp_path):
    log = tmp_path / "error.log"
    app = serve(NOTE + "note('began'); note('waited ' . sleep(2)); error_log('has waited'); sleep(50);", error_log=log)
    wait_note(app, "began")
    old = log.rename(tmp_path / "old.log")
    app.signal(signal.SIGUSR1)
    wait_note(app, "waited 0")
    app.wait_log("has waited")
    assert "has waited" not in old.read_text()


def test_a_failed_reload_leaves_them_alone(serve):
    app = serve(LOOP, mode="cow")
    wait_note(app, "began")
    before = pid_of(app, "queue 0")
    good = app.worker_script.read_text()
    app.worker_script.write_text("<?php broken(")
    assert app.reload().returncode == 1
    (app.root / "queue.php").rename(app.root / "away.php")
    app.worker_script.write_text(good)
    assert "queue.php" in app.reload().stderr
    assert pid_of(app, "queue 0") == before
    assert len(noted(app, "began")) == 1


@BOTH
def test_a_stop_lets_the_job_finish(serve, mode):
    app = serve(JOB.replace("VERSION", "now"), mode=mode)
    wait_note(app, "job began")
    app.signal(signal.SIGTERM)
    holds_for(lambda: app.process.poll() is None, "the server waits for the job", 0.3)
    (app.root / "go").touch()
    assert app.wait_exit() == 0
    assert noted(app, "job done") and noted(app, "drained")


@BOTH
def test_sleep_is_cut_short(serve, mode):
    app = serve(NOTE + "note('began'); while (!askr_should_stop()) { sleep(50); } note('ended');", mode=mode)
    wait_note(app, "began")
    app.stop()
    assert noted(app, "ended")


@BOTH
def test_a_handler_of_the_script_gets_its_signal(serve, mode):
    """As Laravel's queue worker does."""
    app = serve(NOTE + "pcntl_async_signals(true); pcntl_signal(SIGTERM, function () { $GLOBALS['quit'] = true; });"
                " note('began'); while (empty($quit)) { usleep(5000); } note('quit ' . (askr_should_stop() ? 'yes' : 'no'));", mode=mode)
    wait_note(app, "began")
    app.stop()
    assert noted(app, "quit yes")


@BOTH
def test_a_script_that_handles_nothing_ends_at_once(serve, mode):
    app = serve(NOTE + "note('began'); while (true) { sleep(50); }", mode=mode)
    wait_note(app, "began")
    began = time.monotonic()
    app.stop()
    assert time.monotonic() - began < 15
    assert "shutdown_timeout" not in app.error_log()


DEAF = NOTE + "pcntl_async_signals(true); pcntl_signal(SIGTERM, fn () => note('deaf')); note('began'); while (true) { usleep(5000); }"


def test_after_the_timeout_a_reload_kills(serve):
    app = serve(DEAF, shutdown_timeout="700ms")
    wait_note(app, "began")
    old = pid_of(app, "queue 0")
    assert app.reload().returncode == 0
    app.wait_log(rf"queue 0 \(pid {old}\) still runs after server\.shutdown_timeout; ending it")
    wait_until(lambda: not is_alive(old), "it is killed")
    wait_note(app, "began", 2)


def test_after_the_timeout_a_stop_kills(serve):
    app = serve(DEAF, shutdown_timeout="700ms")
    wait_note(app, "began")
    app.stop()
    assert noted(app, "deaf")


def test_a_second_signal_ends_them_now(serve):
    app = serve(DEAF)
    wait_note(app, "began")
    app.signal(signal.SIGTERM)
    wait_note(app, "deaf")
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0


# ---------------------------------------------------------------- commands


def test_a_command_runs_in_a_shell_and_writes_to_the_log(serve):
    app = serve(sidecars={"greeter": "echo hello from $$ | tr h H; echo oops >&2; exec sleep 600"})
    app.wait_log(r"(?m)^Hello from \d+$")
    app.wait_log(r"(?m)^oops$")
    assert [p["name"] for p in sidecars(app)] == ["sidecar greeter"]
    assert "Hello" not in app.banner()


def test_a_table_names_command_and_folder(serve, tmp_path):
    config = f"""
[[sidecar]]
name = "words"
command = ["python3", "-c", "import os, sys, time; print(os.getcwd(), sys.argv[1:], sys.stdin.read(), flush=True); time.sleep(600)", "a b", "$HOME"]
folder = "{tmp_path}"

[[sidecar]]
name = "shell"
command = "pwd; exec sleep 600"
"""
    app = serve(config=config)
    app.wait_log(rf"(?m)^{re.escape(str(tmp_path))} \['a b', '\$HOME'\] $")
    app.wait_log(rf"(?m)^{re.escape(str(app.folder))}$")
    assert len(sidecars(app)) == 2


def test_a_command_inherits_nothing_of_the_server(serve, tmp_path):
    app = serve(sidecars={"look": f"ls -l /proc/self/fd > {tmp_path}/fds; grep -E 'Sig(Blk|Ign)' /proc/self/status > {tmp_path}/signals;"
                          " exec sleep 600"}, error_log=tmp_path / "error.log")
    wait_until(lambda: (tmp_path / "signals").exists() and (tmp_path / "signals").read_text().count("\n") == 2, "it has looked")
    targets = [line.split(" -> ")[1] for line in (tmp_path / "fds").read_text().splitlines() if " -> " in line]
    targets = [re.sub(r"\[\d+\]", "", target) for target in targets if not target.startswith("/proc/")]
    assert sorted(targets) == sorted(["/dev/null", str(tmp_path / "fds"), "pipe:"])
    assert all(int(line.split()[1], 16) == 0 for line in (tmp_path / "signals").read_text().splitlines())


def test_a_command_that_ends_is_started_again_later_and_later(serve):
    app = serve(sidecars={"short": "exit 0"})
    app.wait_log(r"sidecar short \(pid \d+\) exited with code 0; starting it again in 0\.1 s(.|\n)*in 0\.2 s(.|\n)*in 0\.4 s")
    assert app.get("/").status == 200


def test_a_program_that_does_not_exist_is_told(serve):
    app = serve(config='[[sidecar]]\nname = "none"\ncommand = ["no-such-program"]\n')
    app.wait_log(r"error sidecar none: cannot run no-such-program: No such file or directory")
    app.wait_log(r"sidecar none \(pid \d+\) exited with code 127")


def test_the_whole_process_group_of_a_command_ends(serve, tmp_path):
    app = serve(sidecars={"group": f"sleep 600 & echo $! > {tmp_path}/child; wait"})
    child = int(wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text(), "it has a child"))
    assert is_alive(child)
    assert app.reload().returncode == 0
    wait_until(lambda: not is_alive(child), "the child of the old one has ended")
    wait_until(lambda: len(sidecars(app)) == 1, "one is left")
    app.stop()


def test_a_group_that_does_not_listen_is_killed(serve, tmp_path):
    app = serve(sidecars={"deaf": f"trap '' TERM; sleep 600 & echo $! > {tmp_path}/child; while :; do sleep 1; done"},
                shutdown_timeout="600ms")
    child = int(wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text(), "it has a child"))
    app.stop()
    assert not is_alive(child)


CHILD = "sleep 600 & echo $! > {child}"


def child_of(path):
    pid = int(wait_until(lambda: path.exists() and path.read_text(), "it has a child"))
    assert is_alive(pid)
    return pid


@pytest.mark.parametrize("end", ["exit 3", "exit 0", "kill -9 $$"])
def test_what_a_command_has_started_ends_with_it(serve, tmp_path, end):
    """Each time: as many children as commands that run."""
    app = serve(sidecars={"parent": f"{CHILD.format(child=tmp_path / 'child')}; sleep 0.3; {end}"})
    child = child_of(tmp_path / "child")
    app.wait_log(r"sidecar parent \(pid \d+\)")
    wait_until(lambda: not is_alive(child), "the child of the first one has ended")


def test_what_a_queue_worker_has_started_ends_with_it(serve, tmp_path):
    start = NOTE + f"$p = proc_open(['sleep', '600'], [], $pipes); file_put_contents('{tmp_path}/child', proc_get_status($p)['pid']);"
    app = serve(start + "note('began'); while (!file_exists(__DIR__ . '/die')) usleep(5000); posix_kill(getmypid(), SIGKILL);")
    child = child_of(tmp_path / "child")
    (app.root / "die").touch()
    wait_until(lambda: not is_alive(child), "its child has ended")


def test_a_child_that_does_not_listen_is_killed_and_the_next_one_waits_for_that(serve, tmp_path):
    deaf = f"(trap '' TERM; echo $(exec sh -c 'echo $PPID') > {tmp_path}/child; while :; do sleep 0.1; done) & "
    app = serve(sidecars={"parent": deaf + f"while [ ! -s {tmp_path}/child ]; do sleep 0.1; done; exit 1"})
    child = child_of(tmp_path / "child")
    (parent,) = [p["pid"] for p in sidecars(app)]
    wait_until(lambda: not is_alive(child), "it is killed in the end", 15)
    app.wait_log(rf"sidecar parent \(pid {parent}\) exited with code 1")


@BOTH
def test_when_the_master_is_killed_all_that_sidecars_have_started_ends(serve, tmp_path, mode):
    start = NOTE + f"$p = proc_open(['sleep', '600'], [], $pipes); file_put_contents('{tmp_path}/of-php', proc_get_status($p)['pid']);"
    command = f"{CHILD.format(child=tmp_path / 'of-command')}; trap '' TERM; wait; while :; do sleep 1; done"
    app = serve(start + "while (!askr_should_stop()) sleep(60);", mode=mode, sidecars={"group": command}, shutdown_timeout="700ms")
    children = [child_of(tmp_path / "of-php"), child_of(tmp_path / "of-command")]
    app.expected_exit = -signal.SIGKILL
    app.process.kill()
    app.process.wait()
    wait_until(lambda: not session_members(app.process.pid), "nobody is left")
    assert not any(is_alive(child) for child in children)


def test_the_guard_is_there_for_sidecars_only_and_comes_again(serve):
    def guards():
        return [p.pid for p in session_members(app.process.pid) if p.title == "askr: sidecar guard"]

    app = serve()
    assert guards() == []
    app.stop()
    app = serve(sidecars={"sleep": "exec sleep 600"}, shutdown_timeout="500ms")
    (guard,) = wait_until(guards, "there is a guard")
    kill(guard)
    app.wait_log("the guard of the sidecars was killed by signal 9")
    wait_until(lambda: guards() not in ([], [guard]), "another one")
    app.expected_exit = -signal.SIGKILL
    app.process.kill()
    app.process.wait()
    wait_until(lambda: not session_members(app.process.pid), "nobody is left")


# ---------------------------------------------------------------- what they write


def test_what_a_command_writes_cannot_act_on_the_reader(serve, tmp_path):
    app = serve(sidecars={"odd": r"printf 'bell \a \033[2J \342\200\256txt \302\205 \377 caf\303\251 tab\there\n'; exec sleep 600"},
                error_log=tmp_path / "error.log")
    app.wait_log("tab\there")
    text = (tmp_path / "error.log").read_bytes()
    assert rb"bell \x07 \x1b[2J \u202etxt \u0085 \xff caf" + "é".encode() + b" tab\there\n" in text
    assert not {0x07, 0x1B, 0xFF} & set(text)


def test_a_line_without_an_end_is_written_when_the_command_ends(serve):
    app = serve(sidecars={"short": "printf 'no end'; sleep 0.1"})
    app.wait_log(r"(?m)^no end$")


@BOTH
def test_output_without_end_is_limited_and_what_is_dropped_is_told(serve, mode, tmp_path):
    flood = "<?php $line = str_repeat('x', 2000); while (!askr_should_stop()) { fwrite(STDOUT, \"$line\\n\"); echo \"$line\\n\"; }"
    flood = flood.replace("STDOUT", "$GLOBALS['out'] ??= fopen('php://stdout', 'w')")
    app = serve(flood, mode=mode, sidecars={"flood": "exec yes " + "y" * 2000}, error_log=tmp_path / "error.log")
    app.wait_log(r"warning master: sidecar flood wrote more than 256K a second: \d+ lines \(\d+K\) dropped")
    app.wait_log(r"warning master: queue 0 wrote more than 256K a second")
    app.wait_log(r"warning queue 0: wrote more than 256K a second")
    assert app.get("/").status == 200
    before, began = (tmp_path / "error.log").stat().st_size, time.monotonic()
    holds_for(lambda: app.get("/").status == 200, "requests are served", 1)
    written = (tmp_path / "error.log").stat().st_size - before
    assert written < 1_500_000 * (time.monotonic() - began)  # three of 256K a second, and what the clock has to do with it


@BOTH
@pytest.mark.parametrize("says", ["error_log($line)", "trigger_error($line, E_USER_WARNING)", "error_log(\"$line\\n\", 3, 'php://stderr')"])
def test_so_is_what_php_logs_of_them(serve, mode, says, tmp_path):
    app = serve(f"<?php $line = str_repeat('x', 2000); while (!askr_should_stop()) {says};", mode=mode, error_log=tmp_path / "error.log")
    app.wait_log(r"queue 0:? wrote more than 256K a second: \d+ lines \(\d+K\) dropped")
    before, began = (tmp_path / "error.log").stat().st_size, time.monotonic()
    holds_for(lambda: app.get("/").status == 200, "requests are served", 1)
    written = (tmp_path / "error.log").stat().st_size - before
    assert written < 800_000 * (time.monotonic() - began)  # 256K a second come in pieces as large


def test_a_reload_renews_commands(serve):
    app = serve(sidecars={"sleep": "exec sleep 600"})
    before = pid_of(app, "sidecar sleep")
    assert app.reload().returncode == 0
    wait_until(lambda: [p["pid"] for p in sidecars(app)] not in ([], [before]) and not is_alive(before), "another one runs")


# ---------------------------------------------------------------- the scheduler


@pytest.mark.time_limit(90)
def test_the_scheduler_runs_at_the_start_of_each_minute(serve):
    flood = "for ($i = 0; $i < 20000; ++$i) error_log(str_repeat('x', 1000)); "
    app = serve(scheduler=NOTE + "note('run ' . ($app->name ?? '') . ' ' . date('s')); " + flood + "exit(2);", mode="cow")
    assert sidecars(app) == []
    wait_until(lambda: noted(app, "run"), "it has run", 65)
    (line,) = noted(app, "run booted")
    assert int(line.split()[2]) <= 3
    app.wait_log(r"scheduler \(pid \d+\) exited with code 2")
    wait_until(lambda: sidecars(app) == [], "its run is over")
    assert len(noted(app, "run")) == 1
    app.wait_log(r"warning scheduler: wrote more than 256K a second: \d+ lines \(\d+K\) dropped")
    assert app.error_file.stat().st_size < 8_000_000


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize("flag", ["--queue-script", "--scheduler-script"])
def test_a_missing_script_stops_the_start(server, flag):
    app = server({"index.php": ""}, wait=False, flags=[flag, "none.php"])
    app.launch()
    app.expected_exit = 2
    assert app.wait_exit() == 2
    assert re.search(rf"{flag}: .*none\.php: No such file", app.error_log())
