"""The start says so when isolation costs more than the boot that it spares each request."""

import pytest

TOO_LIGHT = "ms: isolation costs more than it saves"
WORKER = "<?php %s askr_cow_ready(); while (askr_handle_request(fn () => print('fine'))) {}"

LIGHT = "function f() { return 1; }"
HEAVY = "for ($i = 0, $n = 0; $i < 3000000; $i++) { $n += $i % 7; }"
# Reading it takes PHP much longer than running it, and opcache would have it.
LONG = "if (0) { " + " ".join(f"function f{number}($a, $b) {{ return $a + {number} * $b; }}" for number in range(1000)) + " }"


# What a machine does beside it can only make a boot look heavier, now and then: it is started a few times.
@pytest.mark.parametrize("isolation, boot, warns", [
    ("request", LIGHT, True), ("rewind", LIGHT, True), ("request", LONG, True), ("request", HEAVY, False), ("rewind", HEAVY, False),
], ids=["request light", "rewind light", "request long", "request heavy", "rewind heavy"])
@pytest.mark.parametrize("script", ["preload", "worker"])
def test_a_boot_that_is_too_light_is_said_at_the_start(server, isolation, boot, warns, script):
    files = {"preload.php": f"<?php {boot}", "index.php": "<?php echo 'fine';", "worker.php": WORKER % boot}
    for _ in range(5 if warns else 1):
        app = server(files, flags=["--isolation", isolation, f"--{script}-script", f"root/{script}.php"],
                     ini=["opcache.file_update_protection=0"])
        assert app.get("/").text == "fine"
        if TOO_LIGHT in app.banner():
            break
    assert (TOO_LIGHT in app.banner()) == warns, app.banner()


def test_it_is_no_reason_to_refuse_a_start(server):
    app = server({"worker.php": WORKER % LIGHT}, flags=["--isolation", "request", "--worker-script", "root/worker.php"],
                 config="[worker]\ncow_strict = true\n")
    assert TOO_LIGHT in app.banner()


def test_without_isolation_nothing_is_said(server):
    app = server({"worker.php": WORKER % LIGHT}, flags=["--cow", "--worker-script", "root/worker.php"])
    assert TOO_LIGHT not in app.banner()
