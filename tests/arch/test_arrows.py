"""The arrows hold in this tree, and the checker notices when they do not."""

from pathlib import Path

import arrows

ROOT = Path(__file__).resolve().parents[2]


def tree(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_every_include_of_the_kernel_follows_an_arrow():
    assert arrows.sources(ROOT / "kernel"), "nothing was checked"
    assert arrows.kernel_violations(ROOT / "kernel") == []


def test_the_sdk_includes_nothing_of_the_kernel():
    assert arrows.sdk_violations(ROOT / "sdk") == []


def test_plugins_include_only_the_sdk():
    assert arrows.plugin_violations(ROOT / "plugins") == []


def test_rooms_link_only_what_they_may_include():
    uses = arrows.declared_uses(ROOT / "kernel/CMakeLists.txt")
    assert set(uses) == set(arrows.ROOMS) - {room for room in arrows.ROOMS if not (ROOT / "kernel" / room).exists()}
    for room, linked in uses.items():
        assert set(linked) <= set(arrows.ROOMS[room]), room


def test_no_two_rooms_may_include_each_other():
    for room, allowed in arrows.ROOMS.items():
        for other in allowed:
            assert room not in arrows.ROOMS[other], f"{room} and {other}"


def test_an_include_against_an_arrow_is_found(tmp_path):
    kernel = tree(
        tmp_path,
        {
            "arena/arena.cpp": '#include "arena/arena.hpp"\n#include "exchange/slot.hpp"\n',
            "php/request.cpp": '#include "http/uri.hpp"\n#  include "exchange/worker_port.hpp"\n',
            "gateway/loop.cpp": '#include "php/runtime.hpp"\n#include <vector>\n',
            "main.cpp": '#include "cli/cli.hpp"\n#include "gateway/loop.hpp"\n',
        },
    )
    assert arrows.kernel_violations(kernel) == [
        "arena/arena.cpp: arena may not include exchange/slot.hpp",
        "gateway/loop.cpp: gateway may not include php/runtime.hpp",
        "main.cpp: main may not include gateway/loop.hpp",
        "php/request.cpp: php may not include http/uri.hpp",
    ]


def test_a_library_in_a_foreign_room_is_found(tmp_path):
    kernel = tree(tmp_path, {"gateway/loop.cpp": '#include "Zend/zend.h"\n', "http/parser.cpp": "#include <llhttp.h>\n"})
    assert arrows.kernel_violations(kernel) == ["gateway/loop.cpp: Zend/zend.h belongs to php"]


def test_an_unknown_room_is_found(tmp_path):
    kernel = tree(tmp_path, {"attic/old.cpp": "int old;\n"})
    assert arrows.kernel_violations(kernel) == ["attic/old.cpp: no room is called attic"]


def test_a_plugin_that_reaches_into_the_kernel_is_found(tmp_path):
    plugins = tree(
        tmp_path,
        {
            "cache/cache.cpp": '#include "askr/sdk.hpp"\n#include "key.hpp"\n#include "pipeline/pipeline.hpp"\n',
            "cache/key.hpp": "#include <string>\n",
            "pusher/pusher.cpp": '#include "key.hpp"\n',
        },
    )
    assert arrows.plugin_violations(plugins) == [
        "cache/cache.cpp: a plugin may not include pipeline/pipeline.hpp",
        "pusher/pusher.cpp: a plugin may not include key.hpp",
    ]


def test_an_sdk_header_that_shows_the_kernel_is_found(tmp_path):
    sdk = tree(tmp_path, {"include/askr/sdk.hpp": '#include "askr/abi/host.h"\n#include "base/fd.hpp"\n'})
    assert arrows.sdk_violations(sdk) == ["include/askr/sdk.hpp: the SDK may not include base/fd.hpp"]
