"""The tiny plugins of tests/plugins, by name."""

from .server import BINARY, run_askr

FOLDER = BINARY.parent / "test-plugins"


def with_plugins(*names):
    """Flags that find and turn on these plugins."""
    return [word for name in names for word in ("--plugin-dir", FOLDER / name, "--plugin", name)]


def plugin_file(name):
    return FOLDER / name / f"{name}.so"


def start_with(*names, flags=(), cwd=None):
    """`askr plugins` loads plugins as `askr serve` does, and ends."""
    folders = [word for name in names for word in ("--plugin-dir", FOLDER / name)]
    return run_askr("plugins", *folders, *flags, cwd=cwd)
