"""Which room of the kernel may include what: the arrows of the architecture.

    cli -> testing -> process -> { gateway, php, admin } -> pipeline -> exchange -> arena

`base` lies under all of them; `http` and `config` are leaves. PHP and the gateways meet only in `exchange`: neither
includes the other, and `php` knows nothing of HTTP. Plugins see the SDK alone, and the SDK sees nothing of the kernel.
The linker cannot notice a forbidden header without functions, so the includes themselves are read.
"""

import re
from pathlib import Path

# Room -> the rooms whose headers it may include, besides its own.
ROOMS = {
    "base": [],
    "arena": ["base"],
    "http": ["base"],
    "config": ["base"],
    "exchange": ["arena", "base"],
    "pipeline": ["exchange", "arena", "http", "base"],
    "plugin": ["pipeline", "exchange", "arena", "http", "config", "base"],
    "gateway": ["plugin", "pipeline", "exchange", "arena", "http", "config", "base"],
    "admin": ["plugin", "pipeline", "exchange", "arena", "http", "config", "base"],
    "php": ["pipeline", "exchange", "arena", "config", "base"],
    "process": ["gateway", "admin", "php", "plugin", "pipeline", "exchange", "arena", "http", "config", "base"],
    "testing": ["process", "php", "exchange", "arena", "config", "base"],
    "cli": ["testing", "process", "gateway", "admin", "php", "plugin", "pipeline", "exchange", "arena", "http", "config", "base"],
}
MAIN = ["cli", "base"]  # kernel/main.cpp

# What belongs to one room: the start of an include -> the rooms that may write it.
OWNED = {
    "php.h": ["php"],
    "php_": ["php"],
    "main/": ["php"],
    "Zend/": ["php"],
    "zend": ["php"],
    "SAPI.h": ["php"],
    "ext/": ["php"],
    "llhttp": ["http"],
    "toml": ["config"],
    "spdlog/spdlog": ["base"],
    "spdlog/sinks": ["base"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def includes(file):
    """(quoted, path) of each include of a source file."""
    return [(quote == '"', path) for quote, path in INCLUDE.findall(file.read_text())]


def sources(folder):
    return sorted(file for file in folder.rglob("*") if file.suffix in {".c", ".cpp", ".h", ".hpp"})


def kernel_violations(kernel):
    """One line per include below `kernel` (a folder of rooms) that no arrow allows."""
    found = []
    for file in sources(kernel):
        relative = file.relative_to(kernel)
        room = relative.parts[0] if len(relative.parts) > 1 else "main"
        if room != "main" and room not in ROOMS:
            found.append(f"{relative}: no room is called {room}")
            continue
        allowed = MAIN if room == "main" else [room, *ROOMS[room]]
        for quoted, path in includes(file):
            owners = [rooms for start, rooms in OWNED.items() if path.startswith(start)]
            if owners and room not in owners[0]:
                found.append(f"{relative}: {path} belongs to {' and '.join(owners[0])}")
            if quoted and not owners and path.split("/")[0] not in allowed:
                found.append(f"{relative}: {room} may not include {path}")
    return found


def sdk_violations(sdk):
    """The SDK's own headers include the SDK and the standard library."""
    return [
        f"{file.relative_to(sdk)}: the SDK may not include {path}"
        for file in sources(sdk)
        for quoted, path in includes(file)
        if (quoted and not path.startswith("askr/")) or path.startswith("kernel/")
    ]


def plugin_violations(plugins):
    """A plugin includes the SDK, its own folder and libraries, but nothing of the kernel or of another plugin."""
    found = []
    for file in sources(plugins):
        relative = file.relative_to(plugins)
        own_folder = plugins / relative.parts[0]
        for quoted, path in includes(file):
            own = (own_folder / path).exists() or (file.parent / path).exists()
            if quoted and not path.startswith("askr/") and not own:
                found.append(f"{relative}: a plugin may not include {path}")
    return found


def declared_uses(cmake_lists):
    """Room -> rooms it links, as kernel/CMakeLists.txt declares them."""
    uses = {}
    for room, line in re.findall(r"^askr_room\((\w+)(.*)\)$", Path(cmake_lists).read_text(), re.MULTILINE):
        uses[room] = [name for name in re.findall(r"\baskr_(\w+)", line) if name in ROOMS]
    return uses
