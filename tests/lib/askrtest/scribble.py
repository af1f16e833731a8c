"""How a test makes PHP write rubbish into the memory that the processes of a server share."""

import re

import pytest

from .http import CutShort
from .server import run_askr
from .wait import SANITIZED

PAGE = 4096

# How PHP serves the site.
MODES = {
    "request": [],
    "worker": [],
    "isolation": ["--isolation", "request"],
    "rewind": ["--isolation", "rewind"],
}

# To be included in a page: scribble_over() writes to what is writable of the bytes [offset, offset + size) of a server's
# mapping, which is known by its size. The seed says how. `?scribble` asks for that.
SCRIBBLE = r"""
function writable_parts(int $total, int $offset, int $size): array
{
    $files = [];
    foreach (file('/proc/self/maps') as $line) {
        if (!preg_match('/^(\w+)-(\w+) (\S{3})s (\w+) \S+ (\d+) /', $line, $part)) continue;
        [$begin, $end, $from] = [hexdec($part[1]), hexdec($part[2]), hexdec($part[4])];
        $files[$part[5]][] = [$begin, $end - $begin, $from, $part[3][1] === 'w'];
    }
    foreach ($files as $parts) {
        if (array_sum(array_column($parts, 1)) !== $total) continue;
        $found = [];
        foreach ($parts as [$begin, $length, $from, $writable]) {
            $first = max($offset, $from);
            $last = min($offset + $size, $from + $length);
            if ($writable && $first < $last) $found[] = [$begin + $first - $from, $last - $first];
        }
        return $found;
    }
    throw new Exception('there is no such mapping');
}

function scribble_over(int $total, int $offset, int $size, int $seed): void
{
    foreach (writable_parts($total, $offset, $size) as [$address, $length]) scribble($address, $length, $seed);
}

function has_scribbled(): bool
{
    if (!isset($_GET['scribble'])) return false;
    scribble_over((int) $_GET['total'], (int) $_GET['offset'], (int) $_GET['size'], (int) $_GET['seed']);
    echo 'scribbled';
    return true;
}

function scribble(int $address, int $size, int $seed): void
{
    $c = FFI::cdef('void *memcpy(uintptr_t to, const void *from, size_t size); void *memset(uintptr_t to, int with, size_t size);');
    mt_srand($seed);
    $word = fn () => pack('V', [0, 0xffffffff, 1 << mt_rand(0, 31), mt_rand(), mt_rand(0, 300), getmypid()][mt_rand(0, 5)]);
    switch ($seed % 5) {
        case 0:
            $c->memcpy($address, random_bytes($size), $size);
            break;
        case 1:
            $c->memset($address, $seed % 2 ? 0 : 255, $size);
            break;
        case 2:
            $c->memcpy($address, str_repeat($word(), intdiv($size, 4)), intdiv($size, 4) * 4);
            break;
        case 3:  // its beginning, where counts and locks are
            for ($at = 0; $at + 4 <= min($size, 16384); $at += 4) $c->memcpy($address + $at, $word(), 4);
            break;
        default:
            for ($times = 0; $times < 3000; ++$times) $c->memcpy($address + 4 * mt_rand(0, intdiv($size, 4) - 1), $word(), 4);
    }
}

"""


def regions(app):
    """(offset, size) of each region in the server's mapping, and how large that is: they lie one after the other."""
    flags = [flag for name, value in app.settings.items() for flag in (f"--{name.replace('_', '-')}", value)]
    if app.worker_script:
        flags += ["--worker-script", str(app.worker_script)]
    text = run_askr("regions", *flags, *app.flags).stdout
    places, at = {}, 0
    for name, kilobytes in re.findall(r"^(\w+\.\w+) .*? (\d+) KB", text, re.M):
        size = -(-int(kilobytes) * 1024 // PAGE) * PAGE
        places[name] = (at, size)
        at += size
    return places, at


def start_site(server, mode, functions, flags=(), wait=True, **options):
    """A server with two gateways whose pages call answer(), which `functions` (PHP) defines."""
    if mode == "rewind" and SANITIZED:
        pytest.skip("the shadow memory of a sanitizer is too large to be rewound")
    code = "<?php" + SCRIBBLE + functions
    app = server({"index.php": code + "answer();", "a.txt": "static",
                  "worker.php": code + "askr_cow_ready(); while (askr_handle_request(function () { answer(); })) {}"},
                 wait=False, gateways=2, flags=[*flags, *MODES[mode]], ini=["ffi.enable=1"], **options)
    if mode != "request":
        app.worker_script = app.root / "worker.php"
    return app.start() if wait else app


def answered(app, target, method="GET", **options):
    """The response; None when there was none, which may happen while somebody scribbles."""
    try:
        with app.client(**options) as client:
            return client.request(method, target)
    except (CutShort, OSError):
        return None


def scribble(app, offset, size, total, seed, **options):
    answered(app, f"/?scribble&total={total}&offset={offset}&size={size}&seed={seed}", **options)
