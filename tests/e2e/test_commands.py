"""The command line: every command, its help, its exit code."""

import ctypes
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from askrtest.server import BINARY, ROOT, run_askr
from askrtest.wait import wait_until

FINE = {"index.php": "<?php echo 'fine';"}
COMMANDS = ["serve", "config-check", "doctor", "status", "reload"]


# ---------------------------------------------------------------- help


def test_help_lists_the_commands_and_fits_80_columns():
    run = run_askr("--help")
    assert run.returncode == 0
    assert run.stderr == ""
    for command in COMMANDS:
        assert re.search(rf"^\s+(askr )?{command}\b", run.stdout, re.M), command
    assert max(map(len, run.stdout.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_fits_80_columns(command):
    run = run_askr(command, "--help")
    assert (run.returncode, run.stderr) == (0, "")
    assert command in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80


def test_the_help_of_serve_has_every_flag_of_the_contract():
    text = run_askr("serve", "--help").stdout
    for flag in (
        "--listen --root --front --workers --gateways --workers-min --workers-max --max-requests --max-body-size"
        " --request-timeout --queue-timeout --queue-size --access-log --worker-script --app-base --ini --plugin --no-plugin"
    ).split():
        assert re.search(rf"{flag}\b", text), flag


def test_the_version_is_one_line():
    run = run_askr("--version")
    assert run.returncode == 0
    assert re.fullmatch(r"askr \d+\.\d+\.\d+\S*( .*)?\n", run.stdout)


@pytest.mark.parametrize(
    "arguments, pattern", [(["sreve"], "sreve.*serve"), (["status", "--jsno"], "--jsno.*--json"), ([], "serve")]
)
def test_wrong_usage_is_exit_code_2_with_a_suggestion(arguments, pattern):
    run = run_askr(*arguments)
    assert run.returncode == 2
    assert re.search(pattern, run.stderr + run.stdout, re.S)


# ---------------------------------------------------------------- config-check


def test_config_check_says_where_each_value_comes_from(tmp_path):
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.php").write_text("<?php")
    (tmp_path / "askr.toml").write_text("[server]\nworkers = 3\nmax_body_size = '32M'\nqueue_size = 7\n")
    run = run_askr(
        "config-check",
        tmp_path / "askr.toml",
        "--queue-size",
        "9",
        cwd=tmp_path,
        env={"ASKR_SERVER_MAX_BODY_SIZE": "64M"},
    )
    assert run.returncode == 0, run.stderr
    lines = {key: rest for key, rest in re.findall(r"^\s*([\w.]+)\s*=?\s+(.*)$", run.stdout, re.M)}
    assert re.search(r"3.*askr\.toml:2", lines["server.workers"])
    assert re.search(r"64M.*ASKR_SERVER_MAX_BODY_SIZE", lines["server.max_body_size"])
    assert re.search(r"9.*--queue-size", lines["server.queue_size"])
    assert re.search(r"default", lines["server.request_timeout"])


@pytest.mark.parametrize(
    "config, pattern",
    [
        ("[server]\nworkres = 3\n", r"askr\.toml:2: .*workres.*workers"),
        ("[server]\nworkers = -1\n", r"askr\.toml:2: .*server\.workers"),
        ("[worker]\nini = ['nonsense']\n", r"askr\.toml:2: worker\.ini: .*nonsense"),
        ("not toml at all", r"askr\.toml:1"),
    ],
)
def test_config_check_refuses_what_serve_would_refuse(tmp_path, config, pattern):
    (tmp_path / "askr.toml").write_text(config)
    run = run_askr("config-check", tmp_path / "askr.toml", cwd=tmp_path)
    assert run.returncode == 2
    assert re.search(pattern, run.stderr)
    assert len(run.stderr.strip().splitlines()) == 1


def test_the_example_config_is_valid(tmp_path):
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.php").write_text("<?php")
    (tmp_path / "askr.toml").write_text((ROOT / "askr.toml.example").read_text())
    run = run_askr("config-check", tmp_path / "askr.toml", cwd=tmp_path)
    assert run.returncode == 0, run.stderr


def test_every_source_of_settings_beats_the_next(server):
    files = {"index.php": "<?php echo ini_get('memory_limit');"}
    config = "[server]\nqueue_size = 5\nworkers = 1\n"
    app = server(files, config=config, workers=None, env={"ASKR_SERVER_WORKERS": "2"})
    assert app.status()["workers_configured"] == 2
    app = server(files, config=config, workers=3, env={"ASKR_SERVER_WORKERS": "2"})
    assert app.status()["workers_configured"] == 3


def test_relative_paths_of_a_config_start_at_its_folder(server, tmp_path):
    (tmp_path / "site/public").mkdir(parents=True)
    (tmp_path / "site/public/index.php").write_text("<?php echo __DIR__;")
    config = tmp_path / "site/askr.toml"
    config.write_text("[server]\naccess_log = 'access.log'\n")
    app = server(root=tmp_path / "site/public", flags=["--config", config])
    assert app.get("/").text == str(tmp_path / "site/public")
    wait_until((tmp_path / "site/access.log").exists, "the log is beside the config")


# ---------------------------------------------------------------- doctor


def test_doctor_reports_on_php_the_machine_and_the_application(tmp_path):
    (tmp_path / "index.php").write_text("<?php")
    run = run_askr("doctor", "--root", tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.search(r"^ok\s+.*PHP 8\.2", run.stdout, re.M)
    assert re.search(r"opcache", run.stdout)
    assert re.search(r"descriptor", run.stdout)
    assert all(re.match(r"(ok|warn|FAIL)\b|\s|$|\S.*:?$", line) for line in run.stdout.splitlines())


@pytest.mark.parametrize("front", ["index.php", "app/index.php"])
def test_the_start_and_doctor_warn_of_settings_of_a_folder_which_are_not_read(server, front):
    files = {front: "<?php echo ini_get('user_ini.filename'), '|', ini_get('auto_prepend_file');"}
    settings = str(Path(front).parent / ".user.ini")
    app = server({**files, settings: "auto_prepend_file=firewall.php\n"}, front=front)
    warning = f"{app.root / settings} is not read: give PHP its settings with --ini or in conf.d"
    assert app.get(f"/{front}").body == b"|"
    assert app.banner().count(warning) == 1
    assert re.search(rf"^warn +{re.escape(warning)}", run_askr("doctor", "--root", app.root, "--front", front).stdout, re.M)


def test_doctor_fails_on_a_missing_root(tmp_path):
    run = run_askr("doctor", "--root", tmp_path / "nowhere")
    assert run.returncode in (1, 2)
    assert "nowhere" in run.stdout + run.stderr


def test_doctor_compiles_the_worker_script(tmp_path):
    script = tmp_path / "worker.php"
    arguments = ["doctor", "--root", tmp_path, "--worker-script", script]
    script.write_text("<?php\necho 'not run';\n$a = = 1;")
    run = run_askr(*arguments)
    assert run.returncode == 1
    assert re.search(rf"^FAIL .*does not compile: .*syntax error.* in {script}:3", run.stdout, re.M), run.stdout
    assert (run.stderr, "not run" in run.stdout) == ("", False)
    script.write_text("<?php echo 'not run'; class A {} function f() {} class B extends Missing {}")
    run = run_askr(*arguments)
    assert (run.returncode, run.stderr, "not run" in run.stdout) == (0, "", False), run.stdout
    assert f"worker script {script}" in run.stdout


# ---------------------------------------------------------------- talking to a running server


def test_status_is_a_table_for_people(server):
    app = server(FINE)
    run = app.askr("status")
    assert run.returncode == 0
    for pid in app.members():
        assert re.search(rf"\b{pid}\b", run.stdout)
    for word in ("master", "gateway", "template", "worker", "idle"):
        assert word in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80


def test_the_status_counts_what_the_gateways_have_answered(server):
    app = server({**FINE, "plain.txt": "plain"})
    with app.client() as client:
        for target in ("/plain.txt", "/", "/none.txt"):
            client.get(target)
        # An answer is counted once it was written.
        row = re.compile(r"^gateway 0 .* 0 +1 +3 +\d+ [KM]B", re.M)
        wait_until(lambda: row.search(app.askr("status").stdout), lambda: app.askr("status").stdout)


def test_status_as_json_has_the_keys_of_the_contract(server):
    app = server(FINE)
    status = json.loads(app.askr("status", "--json").stdout)
    assert {"version", "listen", "mode", "uptime_secs", "generation", "workers_configured", "workers_alive", "respawns",
            "rss_kb_total", "processes"} <= set(status)
    assert status["listen"] == app.listen
    assert status["mode"] == "per-request"
    assert {"role", "pid", "state", "requests", "rss_kb", "pss_kb", "uptime_secs"} <= set(status["processes"][0])


def test_status_finds_the_only_server_of_this_user_by_its_address(server, tmp_path):
    app = server(FINE, control=None, env={"XDG_RUNTIME_DIR": str(tmp_path)})
    run = run_askr("status", "--listen", app.listen[0], env={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert run.returncode == 0, run.stderr
    assert str(app.master) in run.stdout


def test_without_a_server_status_and_reload_fail_clearly(tmp_path):
    for command in ("status", "reload"):
        run = run_askr(command, "--control", tmp_path / "none.sock")
        assert run.returncode == 1
        assert "none.sock" in run.stderr
        assert len(run.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["status", "reload"])
def test_the_server_that_the_environment_or_the_file_names_is_asked_and_no_other(server, tmp_path, command):
    server(FINE, control=None)  # would be the only one to ask
    named = run_askr(command, cwd=tmp_path, env={"ASKR_SERVER_CONTROL": str(tmp_path / "named.sock")})
    assert (named.returncode, "named.sock" in named.stderr) == (1, True), named.stderr + named.stdout
    listening = run_askr(command, cwd=tmp_path, env={"ASKR_SERVER_LISTEN": "127.0.0.1:1"})
    assert (listening.returncode, "127.0.0.1-1.sock" in listening.stderr) == (1, True), listening.stderr
    (tmp_path / "askr.toml").write_text("[server]\ncontrol = 'filed.sock'\n")
    filed = run_askr(command, cwd=tmp_path)
    assert (filed.returncode, str(tmp_path / "filed.sock") in filed.stderr) == (1, True), filed.stderr
    (tmp_path / "askr.toml").write_text("[server]\nlisten = '127.0.0.1:2'\n")
    assert "127.0.0.1-2.sock" in run_askr(command, cwd=tmp_path).stderr


def test_the_environment_names_a_running_server(server, tmp_path):
    app = server(FINE)
    run = run_askr("status", cwd=tmp_path, env={"ASKR_SERVER_CONTROL": str(app.control)})
    assert run.returncode == 0, run.stderr
    assert str(app.master) in run.stdout


def test_reload_without_options_refuses_what_it_cannot_be_sure_of(server, tmp_path):
    """Not as root, whose sockets are all in /run/askr: other servers of the machine may have theirs there."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    is_root = os.geteuid() == 0
    if is_root:
        for each in [tmp_path, *tmp_path.parents][: len(tmp_path.parents) - 1]:
            each.chmod(each.stat().st_mode | 0o011)
        os.chown(runtime, 65534, 65534)

    def become_nobody():
        if is_root:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

    def run(command, cwd):
        return subprocess.run([str(BINARY), command], cwd=cwd, env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, preexec_fn=become_nobody, timeout=60)

    apps = [server(FINE, control=None, env={"XDG_RUNTIME_DIR": str(runtime)}, wait=False, limits=become_nobody) for _ in range(2)]
    first, second = apps
    for app in apps:
        app.folder.chmod(0o755)
    first.start()
    elsewhere = run("reload", tmp_path)
    assert elsewhere.returncode == 2
    assert f"was started in {first.folder}, and not here: if it is meant, say --control" in elsewhere.stderr
    assert run("status", tmp_path).returncode == 0
    assert run("reload", first.folder).returncode == 0
    second.start()
    both = run("reload", first.folder)
    assert both.returncode == 2 and "several servers run, say which with --control" in both.stderr


def test_a_variable_that_is_no_setting_is_a_warning_and_an_error_with_strict(server):
    unknown = {"ASKR_SERVER_LISTN": "x"}
    warning = "ASKR_SERVER_LISTN: unknown setting, did you mean ASKR_SERVER_LISTEN?"
    app = server(FINE, env=unknown)
    assert warning in app.warnings()
    assert app.get("/").text == "fine"
    strict = server(FINE, env=unknown, flags=["--strict"], wait=False)
    strict.expected_exit = 2
    strict.launch()
    assert strict.wait_exit() == 2
    assert strict.error_log() == f"askr: {warning}\n"
    check = run_askr("config-check", "--root", app.root, env=unknown)
    assert (check.returncode, check.stderr) == (0, f"askr: {warning}\n")
    assert run_askr("config-check", "--strict", "--root", app.root, env=unknown).returncode == 2


def test_variables_for_scripts_are_no_settings(server):
    names = ["ASKR_QUEUE_CONNECTION", "ASKR_SCHEDULER_INTERVAL", "ASKR_SCHEDULER_TICKS", "ASKR_QUEUE", "ASKR_CACHE_DB"]
    app = server({"index.php": "<?php echo json_encode(array_map('getenv', explode(',', $_GET['names'])));"},
                 env={name: name.lower() for name in names}, flags=["--strict"])
    assert app.warnings() == []
    assert app.get("/?names=" + ",".join(names)).json() == [name.lower() for name in names]


def test_https_that_something_in_front_ends(server):
    script = {"index.php": "<?php echo json_encode([$_SERVER['HTTPS'] ?? null, $_SERVER['REQUEST_SCHEME']]);"}
    assert server(script).get("/").json() == [None, "http"]
    assert server(script, config="[server]\nhttps = true\n").get("/").json() == ["on", "https"]
    assert server(script, env={"ASKR_SERVER_HTTPS": "1"}).get("/").json() == ["on", "https"]


@pytest.mark.parametrize("value, shown", [("true", '"30s"'), ("false", '"0s"')])
def test_canary_may_be_true_or_false(tmp_path, value, shown):
    (tmp_path / "index.php").write_text("<?php")
    (tmp_path / "askr.toml").write_text(f"[reload]\ncanary = {value}\n")
    run = run_askr("config-check", cwd=tmp_path)
    assert run.returncode == 0 and f"reload.canary = {shown}" in run.stdout, run.stdout + run.stderr


# ---------------------------------------------------------------- commands of plugins


def test_a_word_that_nobody_can_be_asked_about_says_why(server, tmp_path):
    nobody = run_askr("cache", "stats", "--control", tmp_path / "none.sock")
    assert nobody.returncode == 2
    assert re.search(r'"cache": unknown command; .*no server answers at .*none\.sock', nobody.stderr)
    for _ in range(2):
        server(FINE, control=None)
    several = run_askr("cache", "stats", cwd=tmp_path)
    assert several.returncode == 2
    assert re.search(r'"cache": unknown command; .*several servers run, say which with --control', several.stderr)


@pytest.mark.parametrize("words", [["cache", "--help"], ["cache", "stats", "-h"], ["help", "cache"]])
def test_the_help_of_a_plugins_command_is_its_usage(server, words):
    app = server(FINE, cache_slots=16)
    run = run_askr(*words, "--control", app.control)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "Usage: askr cache stats | flush | forget-tag NAME\n\nThe caches of a running server\n"


def test_the_help_of_a_word_that_no_plugin_knows_is_an_error(server):
    run = server(FINE).askr("cahce", "--help")
    assert (run.returncode, run.stdout) == (2, "")
    assert '"cahce": unknown command' in run.stderr


# ---------------------------------------------------------------- names and messages that are not UTF-8


def test_a_reload_that_fails_with_other_bytes_than_utf8_is_an_answer(server):
    app = server({"worker.php": "<?php askr_cow_ready(); while (askr_handle_request(function () { echo 'fine'; }));"},
                 wait=False, flags=["--cow"])
    app.worker_script = app.root / "worker.php"
    app.start()
    app.worker_script.write_bytes(b"<?php throw new Exception('caf\xe9');")
    run = app.reload()
    assert run.returncode == 1
    assert "the old code keeps serving" in run.stderr and "caf\ufffd" in run.stderr
    assert app.get("/").text == "fine"


def test_a_reload_of_a_root_that_is_not_utf8_is_an_answer(server, tmp_path):
    root = tmp_path / "caf\udce9"
    root.mkdir()
    app = server(FINE, root=root)
    run = app.reload()
    assert (run.returncode, run.stderr) == (0, "")
    assert "caf\ufffd" in run.stdout
    assert app.get("/").text == "fine"


def test_the_status_of_a_server_on_an_address_that_is_not_utf8_is_an_answer(server, tmp_path):
    app = server(FINE, listen=f"unix:{tmp_path}/caf\udce9.sock")
    assert app.askr("status").returncode == 0
    assert app.status()["listen"] == [f"unix:{tmp_path}/caf\ufffd.sock"]


# ---------------------------------------------------------------- the start


def test_the_banner_says_what_runs_and_where(server):
    app = server(FINE, workers=3, gateways=2)
    banner = app.banner()
    assert re.search(r"PHP +8\.2\.\d+", banner)
    assert re.search(r"opcache", banner)
    assert app.url in banner
    assert re.search(r"\b3 workers|workers\D+3", banner)
    assert re.search(r"\b2 gateways|gateways\D+2", banner)
    assert "\x1b" not in banner
    assert len(banner.splitlines()) <= 15
    assert max(map(len, banner.splitlines())) <= 100


def test_opcache_that_is_off_is_worth_a_warning(server):
    app = server(FINE, ini=["opcache.enable=0"])
    assert re.search(r"opcache.*(off|disabled)", app.banner() + app.error_log(), re.I)


def test_an_askr_toml_in_the_working_directory_is_read(server):
    app = server(FINE, workers=None, wait=False)
    (app.folder / "askr.toml").write_text("[server]\nworkers = 1\n")
    app.start()
    assert app.status()["workers_configured"] == 1
    assert app.get("/").body == b"fine"


def test_a_server_of_root_warns(server):
    warned = "warning: PHP runs as root: use User= in the unit" in server(FINE).banner()
    assert warned == (os.geteuid() == 0)


def without_reading_everything():
    """Root, as which these tests may run, reads what it likes by two capabilities."""
    pr_capbset_drop, cap_dac_override, cap_dac_read_search = 24, 1, 2
    for capability in (cap_dac_override, cap_dac_read_search):
        ctypes.CDLL(None).prctl(pr_capbset_drop, capability, 0, 0, 0)


@pytest.mark.parametrize("secret", ["conf.d", "conf.d/20-safety.ini", "php.ini"])
def test_php_settings_that_may_not_be_read_are_worth_a_warning(server, tmp_path, secret):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/20-safety.ini").write_text("disable_functions=exec\n")
    (tmp_path / "php.ini").write_text("open_basedir=/srv\n")
    (tmp_path / secret).chmod(0)
    environment = {"PHP_INI_SCAN_DIR": f":{tmp_path / 'conf.d'}", "PHPRC": str(tmp_path)}
    app = server(FINE, wait=False, env=environment, limits=without_reading_everything).start()
    said = f"PHP runs without settings that this user may not read: {tmp_path / secret}: Permission denied"
    assert said in app.banner()
    assert app.banner().count("may not read") == 1
    (tmp_path / secret).chmod(0o700)
