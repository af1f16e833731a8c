"""The binary interface of the SDK: nothing in it changes by accident, and plugins and servers of different ages get on."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from askrtest.server import BINARY, ROOT, run_askr

BUILD = BINARY.parents[1]
SDK = ROOT / "sdk/include"
FROZEN = ROOT / "tests/abi/frozen"
BASELINES = ROOT / "tests/abi/baseline"
PLUGINS = ROOT / "tests/plugins/good"
EXPORTS = ROOT / "sdk/cmake/plugin.map"


def version():
    text = (SDK / "askr/abi/base.h").read_text()
    return ".".join(re.search(rf"#define ASKR_ABI_{part} (\d+)", text)[1] for part in ("MAJOR", "MINOR"))


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


def build_plugin(source, headers, folder, name, compiler=None, definitions=()):
    """As a stranger would by hand: one compiler call against a folder of headers."""
    in_c = source.suffix == ".c"
    compiler = compiler or ("gcc" if in_c else "g++")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.so"
    standard = "-std=c11" if in_c else "-std=c++20"
    unique = ["-fno-gnu-unique"] if "g++" == compiler else []
    run(compiler, standard, "-O1", "-fPIC", "-shared", "-fvisibility=hidden", *unique, "-Wl,-z,defs,-z,nodelete",
        f"-Wl,--version-script={EXPORTS}", f'-DPLUGIN_ID="{name}"', *[f"-D{each}" for each in definitions],
        f"-I{headers}", source, "-o", file)
    return file


# --- what must not change


def abi_differences(baseline, library):
    result = subprocess.run(["abidiff", "--no-show-locs", baseline, library], capture_output=True, text=True, timeout=120)
    assert result.returncode & 3 == 0, result.stdout + result.stderr  # 1 and 2: abidiff itself failed
    return result.stdout if result.returncode else ""


def test_the_headers_are_those_of_their_version():
    differences = abi_differences(BASELINES / f"{version()}.abi", BUILD / "bin/abi/surface.so")
    assert not differences, (
        f"the SDK differs from version {version()}: raise ASKR_ABI_MINOR, log the change in sdk/CHANGES.md, "
        f"and run tests/abi/store_baseline\n{differences}"
    )


def changed_headers(folder, *changes):
    """A copy of the SDK in which `changes` (file, old text, new text) were made."""
    shutil.copytree(SDK, folder)
    for file, old, new in changes:
        path = folder / "askr/abi" / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {text.count(old)} times: {old}"
        path.write_text(text.replace(old, new))
    return folder


SWAP = ("log.h", "  int32_t (*is_on)(uint32_t level); /* 1: such a line would be written */\n", "")


def test_a_field_that_vanishes_is_noticed(tmp_path):
    headers = changed_headers(tmp_path / "sdk", SWAP)
    file = tmp_path / "surface.so"
    run("gcc", "-std=c11", "-g", "-shared", "-fPIC", f"-I{headers}", ROOT / "tests/abi/surface.c", "-o", file)
    assert "is_on" in abi_differences(BASELINES / f"{version()}.abi", file)
    layout = subprocess.run(["gcc", "-std=c11", "-fsyntax-only", f"-I{headers}", ROOT / "tests/abi/layout.c"],
                            capture_output=True, text=True)
    assert layout.returncode != 0
    assert "size of askr_log has changed" in layout.stderr


def test_every_struct_of_the_headers_is_watched():
    text = "".join(path.read_text() for path in (SDK / "askr").glob("*/*.h"))
    structs = set(re.findall(r"^\} (askr_\w+);", text, re.MULTILINE))
    surface = set(re.findall(r"const (askr_\w+)\* surface_", (ROOT / "tests/abi/surface.c").read_text()))
    layout = set(re.findall(r"ASKR_SIZE\((\w+),", (ROOT / "tests/abi/layout.inc").read_text()))
    assert len(structs) > 20
    assert structs == surface == layout


def test_frozen_headers_are_kept_for_every_version_with_a_baseline():
    assert {path.stem for path in BASELINES.glob("*.abi")} == {path.name for path in FROZEN.iterdir()}
    assert version() in {path.stem for path in BASELINES.glob("*.abi")}
    changes = (ROOT / "sdk/CHANGES.md").read_text()
    for path in FROZEN.iterdir():
        assert f"## {path.name}" in changes, f"sdk/CHANGES.md says nothing of {path.name}"


# --- plugins and servers of different ages


@pytest.mark.parametrize("age", sorted(path.name for path in FROZEN.iterdir()))
def test_a_plugin_built_with_the_headers_of_a_released_version_runs(server, tmp_path, age):
    in_c = build_plugin(PLUGINS / "plain_c.c", FROZEN / age, tmp_path / "plugins", "plain-c")
    build_plugin(ROOT / "sdk/template/hello.cpp", FROZEN / age, tmp_path / "plugins", "hello")
    app = server({"index.php": "<?php echo 'page';"}, flags=["--plugin-dir", in_c.parent, "--plugin", "plain-c,hello"])
    response = app.get("/hello")
    assert (response.body, response.header("X-Plain-C")) == (b"Hello, 127.0.0.1\n", "Hello from C")


FUTURE = [
    ("base.h", "#define ASKR_ABI_MINOR 4", "#define ASKR_ABI_MINOR 99"),
    ("log.h", SWAP[1], SWAP[1] + "  void (*shout)(const askr_host* host, askr_str line);\n"),
    ("options.h", '  const char* choices;      /* of ASKR_OPTION_CHOICE: "fast best" */\n',
     '  const char* choices;\n  const char* icon;\n  int64_t weight;\n'),
    ("plugin.h", "  const char* const* activated_by;\n", "  const char* const* activated_by;\n  const char* homepage;\n"),
    ("plugin.h", "  void (*master_stop)(void* self);\n", "  void (*master_stop)(void* self);\n  void (*nap)(void* self);\n"),
]
PAST = [("log.h", SWAP[1], "")]

AGELESS = """
#include "askr/abi/all.h"
static const askr_host* host;
static askr_status load(const askr_host* given, void** self) { host = given; *self = NULL; return ASKR_OK; }
static askr_status configure(void* self, const askr_configuration* c) {
  const askr_log* log = (const askr_log*)host->get_interface(host, ASKR_LOG);
  askr_str second = c->text(c, PLUGIN_ID ".second");
  (void)self;
#ifdef FUTURE
  if (ASKR_HAS(log, shout)) return ASKR_E_FAILED;
  if (host->get_interface(host, "askr.telepathy/1") != NULL) return ASKR_E_FAILED;
#endif
  log->write(host, ASKR_LOG_WARNING, second);
  return ASKR_OK;
}
static const askr_option options[] = {
  {.path = PLUGIN_ID ".first", .flag = "--" PLUGIN_ID "-first", .help = "A", .kind = ASKR_OPTION_BOOL, .default_text = "true"},
  {.path = PLUGIN_ID ".second", .flag = "--" PLUGIN_ID "-second", .placeholder = "X", .help = "B", .kind = ASKR_OPTION_TEXT,
   .default_text = "second of " PLUGIN_ID}};
static const askr_callbacks callbacks = {.size = sizeof(askr_callbacks), .load = load, .configure = configure};
static const askr_descriptor descriptor = {
  .size = sizeof(askr_descriptor), .abi_major = ASKR_ABI_MAJOR, .abi_minor = ASKR_ABI_MINOR, .abi_minimum = 1,
  .activation = ASKR_ACTIVE_ALWAYS, .id = PLUGIN_ID, .version = "1.0.0", .licence = "MIT", .summary = "Of another age",
  .options = options, .option_count = 2, .option_size = sizeof(askr_option), .callbacks = &callbacks};
const askr_descriptor* askr_plugin_v1(void) { return &descriptor; }
"""


def test_plugins_of_the_past_and_of_the_future_run_in_one_process(server, tmp_path):
    source = tmp_path / "ageless.c"
    source.write_text(AGELESS)
    build_plugin(source, changed_headers(tmp_path / "past", *PAST), tmp_path / "plugins", "past")
    build_plugin(source, SDK, tmp_path / "plugins", "present")
    build_plugin(source, changed_headers(tmp_path / "future", *FUTURE), tmp_path / "plugins", "future",
                 definitions=["FUTURE"])
    app = server({"index.php": "<?php echo 'page';"}, flags=["--plugin-dir", tmp_path / "plugins"])
    assert app.get("/").body == b"page"
    for age in ("past", "present", "future"):
        assert f"plugin {age}: second of {age}" in app.error_log()


# --- the SDK as a stranger gets it


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BUILD, "--prefix", folder, env={**os.environ, "DESTDIR": ""})
    return folder


@pytest.fixture(scope="module", autouse=True)
def no_files_in_etc():
    """The package's configuration file has an absolute place; an installation below a prefix must not write there."""
    before = Path("/etc/askr").exists()
    yield
    assert Path("/etc/askr").exists() == before


def test_an_installed_server_finds_its_plugins(installed):
    result = subprocess.run([installed / "bin/askr", "plugins"], capture_output=True, text=True, timeout=30)
    assert re.search(r"^compress .* on .*lib/askr/plugins/compress.so", result.stdout, re.MULTILINE), result.stderr


@pytest.mark.time_limit(240)
@pytest.mark.parametrize("compiler", [("gcc", "g++"), ("clang-16", "clang++-16")], ids=["gcc", "clang"])
def test_the_template_builds_against_the_installed_sdk_and_runs(installed, server, tmp_path, compiler):
    work = tmp_path / "my-plugin"
    shutil.copytree(installed / "share/askr/template", work)
    shutil.copy(PLUGINS / "plain_c.c", work)
    with open(work / "CMakeLists.txt", "a") as lists:
        lists.write('askr_add_plugin(plain-c SOURCES plain_c.c)\n'
                    'target_compile_definitions(plain-c PRIVATE PLUGIN_ID="plain-c")\n')
    c, cxx = compiler
    run("cmake", "-S", work, "-B", work / "build", f"-DCMAKE_PREFIX_PATH={installed}", f"-DCMAKE_C_COMPILER={c}",
        f"-DCMAKE_CXX_COMPILER={cxx}")
    run("cmake", "--build", work / "build")
    assert "100% tests passed" in run("ctest", "--test-dir", work / "build")
    for name in ("hello", "plain-c"):
        symbols = run("nm", "-D", "--defined-only", work / "build" / f"{name}.so").split("\n")
        assert [line.split()[-1] for line in symbols if line] == ["askr_plugin_v1"]
    app = server({"index.php": "<?php echo 'page';"},
                 flags=["--plugin-dir", work / "build", "--plugin", "hello", "--plugin", "plain-c",
                        "--hello-greeting", "Good day"])
    response = app.get("/hello")
    assert (response.body, response.header("X-Plain-C")) == (b"Good day, 127.0.0.1\n", "Hello from C")
    assert app.status()["metrics"]["hello_answers_total"] == 1


def test_pkg_config_knows_the_sdk(installed):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(installed / "lib/pkgconfig")}
    assert run("pkg-config", "--modversion", "askr-sdk", env=environment).strip() == version() + ".0"
    flags = run("pkg-config", "--cflags", "askr-sdk", env=environment).split()
    (folder,) = [Path(flag[2:]).resolve() for flag in flags if flag.startswith("-I")]
    assert (folder / "askr/sdk.hpp").exists()


def test_a_missing_source_is_an_error_of_its_own(installed, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(x LANGUAGES C)\nfind_package(AskrSDK REQUIRED)\naskr_add_plugin(x)\n")
    result = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-DCMAKE_PREFIX_PATH={installed}"],
                            capture_output=True, text=True, timeout=60)
    assert "askr_add_plugin(x): SOURCES is missing" in result.stderr


def test_our_own_plugins_export_one_symbol_and_include_nothing_but_the_sdk():
    for name in ("autoscale", "cache", "coalesce", "compress", "defer"):
        symbols = run("nm", "-D", "--defined-only", BINARY.parent / "plugins" / f"{name}.so").split("\n")
        assert [line.split()[-1] for line in symbols if line] == ["askr_plugin_v1"]
        assert run_askr("plugin", "verify", BINARY.parent / "plugins" / f"{name}.so").returncode == 0


def test_the_server_exports_nothing_to_plugins():
    symbols = run("nm", "-D", "--defined-only", BINARY)
    assert "askr" not in symbols.replace("askr_php", ""), symbols[:500]
