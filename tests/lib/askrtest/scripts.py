"""PHP scripts that more than one test serves; they live in tests/e2e/php/."""

from pathlib import Path

# Debian's php.ini holds 4 KB back, so flush() alone would send nothing.
UNBUFFERED = ["output_buffering=0"]

FOLDER = Path(__file__).resolve().parents[2] / "e2e/php"


def php(name):
    return (FOLDER / name).read_text()
