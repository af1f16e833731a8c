"""What is measured, and the bars that Askr is held to.

A bar names a figure of report.py's summary: a ratio is Askr's value divided by the reference server's in the same round, and
the median of those ratios counts (`added`: the difference); anything else is the median of Askr's own values. Where a case has
Askr in several variants, the best of them counts.
"""

import pathlib
from dataclasses import dataclass

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Bar:
    figure: str  # of report.server_summary(): rps_ratio, cpu_us, ...
    limit: float
    stretch: float | None = None
    peer: str | None = None  # what the ratio is to; None: the case's reference

    @property
    def at_least(self):
        return self.figure in ("rps_ratio", "kept_ratio")

    def met(self, value):
        return self._reaches(value, self.limit)

    def stretch_met(self, value):
        return self.stretch is not None and self._reaches(value, self.stretch)

    def _reaches(self, value, limit):
        return value >= limit if self.at_least else value <= limit

    def text(self):
        sign = "≥" if self.at_least else "≤"
        stretch = f" (stretch {sign} {self.stretch:g})" if self.stretch is not None else ""
        peer = f" to {self.peer}" if self.peer else ""
        return f"{self.figure}{peer} {sign} {self.limit:.3g}{stretch}"


@dataclass(frozen=True)
class Variant:
    """Askr, started in one of several ways."""

    name: str
    flags: tuple = ()
    workers: str | None = None  # None: the run's


ASKR = Variant("askr")
WORKER = Variant("askr-worker")
PRELOAD = Variant("askr-preload", ("--preload-classes", "--warm-url", "/api/hello"))
REWIND = Variant("askr-rewind", ("--isolation", "rewind"))
# Some of them are always being forked or ended, so there are more; "auto" is four for each core.
REQUEST = Variant("askr-request", ("--isolation", "request"), "auto")


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    application: str  # of applications.APPLICATIONS
    path: str
    bars: tuple
    worker_script: bool = False
    connections: int = 64
    servers: tuple = ("nginx+fpm", "apache", "caddy")
    kind: str = "load"  # see rounds.py
    reference: str = "nginx+fpm"
    flags: tuple = ()  # more of `askr serve`
    variants: tuple = (ASKR,)
    when_named: bool = False  # not a part of the run without arguments

    def variant(self, name):
        return next((variant for variant in self.variants if variant.name == name), None)

    def judged(self):
        """The variants that bars are for: not the one that is compared with."""
        return [variant.name for variant in self.variants if variant.name != self.reference]


CACHES = ("nginx-static", "fastcgi_cache", "varnish", "limit")


def cached(size, *bars):
    """A page from the response cache, beside the same bytes from others' caches, as a file, and from a bare loop."""
    return Case(f"cache-{size}k", f"cached page of {size} KB", "cached", f"/?kb={size}", bars, servers=CACHES,
                reference="nginx-static", flags=("--response-cache", "64"))


def workers(name, *arguments, variants, servers=("nginx+fpm",), worker_script=True, **options):
    """How workers come, go and forget: minutes of their own, so only by name."""
    return Case(f"workers-{name}", *arguments, variants=variants, servers=servers, worker_script=worker_script, when_named=True,
                **options)


def memory(name, *flags):
    return Variant(name, flags, "8")


def respawned(name, *flags):
    return Variant(name, flags, "1")


ISOLATED = (REWIND, REQUEST)
SCALED = (Variant("askr-cow", ("--cow", "--workers-min", "2", "--workers-max", "32"), "2"),)

CASES = [
    Case("hello-worker", "hello, worker mode", "hello", "/hello.php",
         (Bar("rps_ratio", 6.0, 7.5), Bar("cpu_us", 18), Bar("p99_ratio", 1 / 3)), worker_script=True),
    Case("hello-request", "hello, a PHP request each", "hello", "/hello.php", (Bar("rps_ratio", 3.6, 5), Bar("cpu_us", 35))),
    Case("latency", "hello, worker mode, one client", "hello", "/hello.php", (Bar("p50_ratio", 0.62, 0.45),),
         worker_script=True, connections=1),
    Case("laravel-worker", "Laravel JSON route, worker mode, state reset", "laravel", "/api/hello",
         (Bar("rps_ratio", 4.2, 4.8),), worker_script=True),
    Case("blade-worker", "Laravel Blade page of 5 KB, worker mode", "laravel", "/page", (Bar("rps_ratio", 3.0, 3.4),),
         worker_script=True),
    Case("laravel-request", "Laravel JSON route, a PHP request each", "laravel", "/api/hello", (Bar("rps_ratio", 1.2, 1.5),),
         variants=(ASKR, PRELOAD)),
    Case("static", "static file of 10 KB", "hello", "/static-10k.txt", (Bar("rps_ratio", 0.95, 1.0),)),
    Case("slow", "32 clients beside 1,000 slow ones", "hello", "/hello.php", (Bar("kept_ratio", 0.9),), connections=32,
         servers=("nginx+fpm",), kind="slow"),
    Case("idle", "a gateway with 10,000 idle connections", "hello", "/hello.php", (Bar("idle_kb", 4, 2),),
         servers=("nginx+fpm",), kind="idle"),
    cached(1, Bar("rps_ratio", 1.5, peer="varnish"), Bar("rps_ratio", 1.0)),
    cached(10, Bar("rps_ratio", 1.0), Bar("rps_ratio", 1.5, peer="varnish"), Bar("rps_ratio", 0.8, 0.9, peer="limit"),
           Bar("cpu_us", 12)),
    # Here the system calls are nearly all there is: the bare loop itself is not 1.5 times as fast as Varnish.
    cached(100, Bar("rps_ratio", 0.8, 0.9, peer="limit"), Bar("rps_ratio", 1.0)),
    workers("respawn", "Laravel, the only worker is killed", "laravel", "/api/hello",
            (Bar("respawn_ms", 5), Bar("of_cold", 1 / 20)), variants=(respawned("askr-cow", "--cow"), respawned("askr-apart")),
            servers=(), kind="respawn", reference="askr-apart", connections=1),
    workers("boot30", "an application that boots for 30 ms, isolated requests", "boot30", "/", (Bar("rps_ratio", 5),),
            variants=ISOLATED),
    workers("laravel", "Laravel JSON route, isolated requests", "laravel", "/api/hello", (Bar("rps_ratio", 0.9),),
            variants=ISOLATED),
    workers("latency", "Laravel JSON route at half load, isolated requests and worker mode", "laravel", "/api/hello",
            (Bar("p50_added", 0.5),), variants=(WORKER, *ISOLATED), servers=(), kind="paced", reference="askr-worker"),
    workers("wordpress", "WordPress front page of 50 KB, isolated requests, booted once", "wordpress", "/",
            (Bar("rps_ratio", 1.5),), variants=ISOLATED, worker_script=False, connections=16,
            flags=("--preload-script", EXAMPLES / "wordpress-preload.php")),
    workers("memory", "Laravel, 8 workers after 10,000 requests", "laravel", "/api/hello", (Bar("memory_ratio", 0.5),),
            variants=(memory("askr-cow", "--cow"), memory("askr-apart")), servers=(), kind="memory", reference="askr-apart"),
    workers("step", "from 10 to 500 clients, 50 ms a request, 2 to 32 workers", "sleep", "/", (Bar("settled_s", 1),),
            variants=SCALED, servers=(), kind="step", connections=10),
    workers("idle", "after 500 clients back to 2 of 32 workers", "sleep", "/", (Bar("rest_s", 30), Bar("dropped", 0)),
            variants=SCALED, servers=(), kind="rest", connections=10),
]
