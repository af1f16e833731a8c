"""Plugins are found, checked, put in order and turned on and off; what does not fit is one clear line at the start."""

import os
import shutil

import pytest

from askrtest.plugins import FOLDER, plugin_file, start_with, with_plugins
from askrtest.server import run_askr

SDK = "0.4"
OWN = ("autoscale", "cache", "coalesce", "compress", "defer")


def line_of(result, code=1):
    """The one line of an error."""
    assert result.returncode == code, result.stdout + result.stderr
    (line,) = result.stderr.splitlines()
    return line


MISTAKES = {
    "null-descriptor": "has no descriptor: askr_plugin_v1() returned NULL",
    "short-descriptor": "has a descriptor of 40 bytes, at least 120 are needed: set .size to sizeof(askr_descriptor)",
    "short-callbacks": "has no callbacks, or too short a table of them: set .size to sizeof(askr_callbacks)",
    "bad-id": "has no valid id: use lower case letters, digits and dashes",
    "other-major": f"was built for SDK {SDK.replace('0', '7', 1)}, this server has {SDK}: build it again with this server's SDK",
    "too-new": f"needs SDK 0.99 or later, this server has {SDK}: update the server, or use an older plugin",
    "misnamed": "says that it is somebody-else: rename the file to somebody-else.so",
    "no-symbol": "does not export askr_plugin_v1: it is no plugin, or was built without askr_add_plugin()",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_plugin_that_does_not_fit_is_named_with_the_cure(name):
    assert line_of(start_with(name)) == (
        f"askr: plugin {plugin_file(name)} {MISTAKES[name]} (or turn it off: --no-plugin {name})"
    )


@pytest.mark.parametrize("name", ["null-descriptor", "too-new", "no-symbol"])
def test_a_broken_plugin_that_is_turned_off_does_no_harm(name):
    result = start_with(name, flags=["--no-plugin", "defer"])
    assert result.returncode == 1
    # Its name is unknown, because nothing of it could be read.
    assert "there is no plugin" in line_of(start_with(name, flags=["--no-plugin", name]), 2)


def test_a_file_that_is_no_library_is_named(tmp_path):
    (tmp_path / "text.so").write_text("not a library")
    line = line_of(run_askr("plugins", "--plugin-dir", tmp_path))
    assert line.startswith(f"askr: plugin {tmp_path}/text.so cannot be loaded: ")


def test_a_plugin_for_a_newer_sdk_loads_when_it_can_do_with_this_one():
    result = start_with("newer-sdk")
    assert result.returncode == 0, result.stderr
    assert "newer-sdk     1.0.0     on" in result.stdout


@pytest.mark.parametrize("what", ["folder", "file"])
def test_plugins_that_others_could_replace_are_refused(tmp_path, what):
    shutil.copy(plugin_file("newer-sdk"), tmp_path)
    target = tmp_path if what == "folder" else tmp_path / "newer-sdk.so"
    os.chmod(target, 0o777)
    line = line_of(run_askr("plugins", "--plugin-dir", tmp_path))
    assert f"{target} can be written by others, and what is in it runs in the server: chmod go-w {target}" in line


def test_a_folder_of_plugins_that_is_missing_is_named(tmp_path):
    for command in ("plugins", "config-check", "serve"):
        line = line_of(run_askr(command, "--plugin-dir", tmp_path / "none"), 2)
        assert line == f"askr: plugin folder {tmp_path}/none: No such file or directory"
    (tmp_path / "file").touch()
    assert line_of(run_askr("plugins", "--plugin-dir", tmp_path / "file"), 2).endswith("file: Not a directory")


def test_a_relative_folder_of_plugins_starts_at_the_file_that_names_it(tmp_path):
    (tmp_path / "etc/plugins").mkdir(parents=True)
    shutil.copy(plugin_file("newer-sdk"), tmp_path / "etc/plugins")
    (tmp_path / "etc/askr.toml").write_text('[plugins]\ndir = ["plugins"]\n')
    result = run_askr("plugins", "--config", "etc/askr.toml", cwd=tmp_path)
    assert f"({tmp_path}/etc/plugins/newer-sdk.so)" in result.stdout, result.stderr


def test_a_plugin_that_is_there_twice_is_refused(tmp_path):
    shutil.copy(plugin_file("newer-sdk"), tmp_path)
    line = line_of(run_askr("plugins", "--plugin-dir", tmp_path, "--plugin-dir", FOLDER / "newer-sdk"))
    assert "plugin newer-sdk is there twice: " in line


def test_what_a_plugin_requires_must_be_active():
    assert line_of(start_with("wants-missing"), 2) == (
        f"askr: plugin wants-missing ({plugin_file('wants-missing')}) requires unobtainium, which is not installed: "
        "install it, or --no-plugin wants-missing"
    )


def test_plugins_that_cannot_run_together_are_named():
    assert line_of(start_with("conflicts"), 2) == (
        f"askr: plugin conflicts ({plugin_file('conflicts')}) cannot run beside defer: "
        "turn one of them off with --no-plugin"
    )
    assert start_with("conflicts", flags=["--no-plugin", "defer"]).returncode == 0


def test_plugins_that_require_each_other_are_named():
    assert line_of(start_with("circle-a", "circle-b"), 2) == (
        "askr: these plugins require each other in a circle: circle-a, circle-b; turn one of them off with --no-plugin"
    )


def test_hooks_that_wait_for_each_other_are_named():
    folders = [word for name in ("order-a", "order-b") for word in ("--plugin-dir", FOLDER / name)]
    assert line_of(run_askr("pipeline", *folders), 2) == (
        "askr: the hooks of route wait for each other: order-a before order-b before order-a"
    )


def test_an_option_that_is_taken_is_refused():
    line = line_of(start_with("taken-option"))
    assert line == f"askr: plugin {plugin_file('taken-option')} option server.listen (--listen-too) is taken"


def test_a_default_that_makes_no_sense_is_the_plugin_s_mistake():
    line = line_of(start_with("bad-default"), 2)
    assert line == 'askr: bad.size: expected a size such as 16M, 512K or 1000000, got "many"'


def test_a_step_that_fails_stops_the_start_with_the_plugin_s_reason():
    assert line_of(start_with("load-fails")) == (
        f"askr: plugin load-fails ({plugin_file('load-fails')}): load failed: the moon is not full"
    )


# --- on and off


def test_a_plugin_is_on_when_it_is_named():
    off = start_with("plain-c")
    on = start_with("plain-c", flags=["--plugin", "plain-c"])
    assert "plain-c       1.0.0     off" in off.stdout
    assert "plain-c       1.0.0     on" in on.stdout


def test_names_of_plugins_that_do_not_exist_get_a_suggestion():
    line = line_of(start_with("plain-c", flags=["--plugin", "plain-d"]), 2)
    assert line == 'askr: --plugin: there is no plugin "plain-d", did you mean plain-c?'


def test_options_of_a_plugin_that_is_off_are_errors(tmp_path):
    assert line_of(run_askr("plugins", "--no-plugin", "defer", "--defer-timeout", "5s"), 2) == (
        "askr: --defer-timeout: the plugin defer is disabled"
    )
    line = line_of(start_with("doorman", flags=["--doorman-refuse", "192.0.2.1"]), 2)
    assert line == "askr: --doorman-refuse: the plugin doorman is off; turn it on with --plugin doorman"
    (tmp_path / "askr.toml").write_text('[plugins]\ndisable = ["compress"]\n[compress]\nmin_size = "2K"\n')
    line = line_of(run_askr("config-check", "askr.toml", cwd=tmp_path), 2)
    assert line == "askr: askr.toml:4: compress.min_size: the plugin compress is disabled"


def test_options_of_plugins_are_checked_like_the_server_s_own(tmp_path):
    (tmp_path / "askr.toml").write_text("[compress]\nbrotli_level = 12\n")
    line = line_of(run_askr("config-check", cwd=tmp_path), 2)
    assert line == 'askr: askr.toml:2: compress.brotli_level: expected 0 to 11, got "12"'
    (tmp_path / "askr.toml").write_text("[compress]\nbrotli_lvl = 2\n")
    line = line_of(run_askr("config-check", cwd=tmp_path), 2)
    assert line == "askr: askr.toml:2: compress.brotli_lvl: unknown key, did you mean compress.brotli_level?"
    line = line_of(run_askr("plugins", "--compress-precompressed=perhaps"), 2)
    assert line == 'askr: --compress-precompressed: expected true or false, got "perhaps"'


def test_config_check_shows_the_options_of_plugins_and_hides_secrets(tmp_path):
    (tmp_path / "index.php").write_text("")
    result = run_askr("config-check", *with_plugins("doorman"), "--doorman-secret", "hush", cwd=tmp_path,
                      env={"ASKR_DEFER_TIMEOUT": "2m"})
    assert result.returncode == 0, result.stderr
    lines = {line.split(" = ")[0]: line for line in result.stdout.splitlines()}
    assert lines["defer.timeout"].split("  #")[0].strip() == 'defer.timeout = "2m"'
    assert lines["defer.timeout"].endswith("# ASKR_DEFER_TIMEOUT")
    assert lines["compress.precompressed"].split("  #")[0].strip() == "compress.precompressed = true"
    assert lines["doorman.secret"].split("  #")[0].strip() == 'doorman.secret = "***"'
    assert "hush" not in result.stdout


def test_help_lists_the_options_of_plugins():
    text = run_askr("serve", "--help").stdout
    assert "\nPlugin compress\n" in text
    assert "--compress-brotli-level N" in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_askr_toml_example_names_every_option_of_our_plugins(tmp_path):
    from askrtest.server import ROOT

    lines = (ROOT / "askr.toml.example").read_text().splitlines()
    text = "\n".join(line[1:] if line[:1] == "#" and line[1:2] not in ("", " ") else line for line in lines)
    (tmp_path / "askr.toml").write_text(text)
    (tmp_path / "index.php").write_text("")
    result = run_askr("config-check", "--root", tmp_path, "--front", "index.php", "--worker-script", "", "--preload-script", "",
                      cwd=tmp_path)
    shown = {line.split(" = ")[0]: line for line in result.stdout.splitlines() if " = " in line}
    plugin_lines = [line for path, line in shown.items() if path.split(".")[0] in OWN]
    assert len(plugin_lines) >= 8, result.stdout + result.stderr
    assert all("# askr.toml:" in line for line in plugin_lines), "\n".join(plugin_lines)
    plain = run_askr("config-check", "--root", tmp_path, cwd=tmp_path.parent).stdout
    defaults = {line.split(" = ")[0]: line.split("  #")[0] for line in plain.splitlines() if " = " in line}
    assert [line.split("  #")[0] for line in plugin_lines] == [
        value for path, value in defaults.items() if path.split(".")[0] in OWN
    ]


# --- looking at a plugin


def test_inspect_prints_what_a_plugin_says_of_itself():
    result = run_askr("plugin", "inspect", plugin_file("doorman"))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == "doorman 1.0.0 (MIT): Watches the door"
    assert f"  built for SDK {SDK}, needs 0.1" in result.stdout
    assert "  --doorman-refuse ADDRESS" in result.stdout


def test_verify_says_whether_this_server_would_load_a_plugin():
    good = run_askr("plugin", "verify", plugin_file("doorman"))
    assert (good.returncode, good.stdout) == (0, "doorman 1.0.0: this server would load it\n")
    bad = run_askr("plugin", "verify", plugin_file("load-fails"))
    assert bad.returncode == 1
    assert "load failed: the moon is not full" in bad.stderr


def test_a_plugin_that_crashes_while_it_is_looked_at_does_no_harm():
    line = line_of(run_askr("plugin", "verify", plugin_file("load-crashes")))
    assert line == f"askr: plugin {plugin_file('load-crashes')} crashes while it is loaded: Aborted"


def test_plugin_needs_a_verb_and_a_file():
    assert line_of(run_askr("plugin", "verify"), 2) == (
        "askr: askr plugin inspect FILE.so, or askr plugin verify FILE.so"
    )


def test_pipeline_and_regions_show_what_plugins_add():
    pipeline = run_askr("pipeline", *with_plugins("doorman")).stdout
    assert "request_head    gateway   doorman\n" in pipeline
    assert "response_head   gateway   doorman, compress\n" in pipeline
    assert "connection      gateway   doorman\n" in pipeline
    regions = run_askr("regions", *with_plugins("shared")).stdout
    assert "shared.number     shared" in regions
