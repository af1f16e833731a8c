"""`askr test`: suites of PHPUnit, as Composer installs it, from one warm process."""

import json
import os
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from askrtest.server import BINARY
from askrtest.wait import wait_until

sys.path.insert(0, str(Path(__file__).parents[1] / "apps" / "install"))
import common  # noqa: E402

LIMIT = 120
CONFIGURATION = """<?xml version="1.0"?>
<phpunit bootstrap="vendor/autoload.php" cacheResult="false" cacheResultFile="/dev/null">
  <testsuites><testsuite name="all"><directory>tests</directory></testsuite></testsuites>
  <php><env name="FROM_CONFIGURATION" value="yes"/><ini name="precision" value="7"/></php>
</phpunit>
"""
SUM = "<?php namespace App; class Sum { public static function add($a, $b) { return $a + $b; } }"
GOOD = r"""<?php
namespace Tests;
use App\Sum;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Depends;
use PHPUnit\Framework\Attributes\Group;
use PHPUnit\Framework\TestCase;
final class GoodTest extends TestCase {
    private static int $made = 0;
    public static function setUpBeforeClass(): void { ++self::$made; }
    public function testAdds(): int { $this->assertSame(3, Sum::add(1, 2)); return 3; }
    /** @depends testAdds */
    #[Depends('testAdds')]
    public function testDepends(int $three): void { $this->assertSame(3, $three); $this->assertSame(1, self::$made); }
    /** @dataProvider numbers */
    #[DataProvider('numbers')]
    public function testNumbers(int $number): void { $this->assertGreaterThan(1, $number); }
    public static function numbers(): array { return ['one' => [1], [2], 'a "quoted" <name>' => [3]]; }
    public function testSkipped(): void { $this->markTestSkipped('not today'); }
    public function testIncomplete(): void { $this->markTestIncomplete('later'); }
    public function testFails(): void { $this->assertSame('a', 'b'); }
    public function testThrows(): void { throw new \RuntimeException('boom'); }
    public function testConfiguration(): void {
        $this->assertSame('yes', getenv('FROM_CONFIGURATION'));
        $this->assertSame('7', ini_get('precision'));
        $this->assertSame('cli', PHP_SAPI);
        $this->assertIsResource(STDERR);
    }
    /** @group slow */
    #[Group('slow')]
    public function testGroup(): void { $this->assertTrue(true); }
    /** @runInSeparateProcess */
    #[\PHPUnit\Framework\Attributes\RunInSeparateProcess]
    public function testApart(): void { define('APART', 1); $this->assertTrue(true); }
    public function testNotSeenFromApart(): void { $this->assertFalse(defined('APART')); }
}
"""
OTHER = r"""<?php
namespace Tests;
final class OtherTest extends \PHPUnit\Framework\TestCase {
    public function testOne(): void { $this->assertSame(0, \App\Sum::add(-1, 1)); }
    public function testToken(): void { $this->assertMatchesRegularExpression('/^\d+$/', (string) getenv('TEST_TOKEN') ?: '1'); }
}
"""
BAD = {
    "testExit": ("exit(3);", "exit", "exit(3)"),
    "testSegfault": ("posix_kill(getmypid(), SIGSEGV);", "crash", "SIGSEGV"),
    "testMemory": ("ini_set('memory_limit', '32M'); str_repeat('x', 1 << 28);", "fatal error", "memory size"),
    "testBlocks": ("while (true) { usleep(1000); }", "timeout", "longer than 1 s"),
    "testLeavesChild": ("exec('sleep 997 > /dev/null 2>&1 &'); $this->assertTrue(true);", "left behind", "1 process"),
    "testLeavesDaemon": ("exec('setsid sleep 997 > /dev/null 2>&1 &'); usleep(50000); $this->assertTrue(true);", "left behind", "1 process"),
    "testKillsParent": ("posix_kill(posix_getppid(), SIGKILL); usleep(300000); $this->assertTrue(true);", "killed its parent", "parent"),
}


def install_phpunit(version):
    def install(folder):
        (folder / "composer.json").write_text(json.dumps({"require-dev": {"phpunit/phpunit": version},
                                                          "autoload": {"psr-4": {"App\\": "src/"}}}))
        common.run(["composer", "install", "--no-progress"], cwd=folder, env=common.COMPOSER_ENV, timeout=240)

    return common.cached(f"phpunit{version.lstrip('^~')}", [], install)


@pytest.fixture(params=["^9.6", "^11"], ids=["phpunit9", "phpunit11"])
def any_project(request, tmp_path):
    return make_project(tmp_path, request.param)


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path, "^11")


class Project:
    def __init__(self, folder, cache):
        self.folder, self.cache = folder, cache

    def add(self, name, text):
        file = self.folder / "tests" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def add_class(self, name, methods):
        body = "\n".join(f"    public function {method}(): void {{ {code} }}" for method, code in methods.items())
        return self.add(f"{name}.php", f"<?php\nfinal class {name} extends PHPUnit\\Framework\\TestCase {{\n{body}\n}}\n")

    def command(self, *arguments):
        return [str(BINARY), "test", "--root", str(self.folder), "--cache", str(self.cache), *map(str, arguments)]

    def test(self, *arguments, env=None):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=LIMIT,
                              env={**os.environ, "GITHUB_ACTIONS": "", **(env or {})})

    def results(self, *arguments):
        """id -> result of each test, from --json."""
        run = self.test("--json", *arguments)
        assert run.returncode in (0, 1), run.stdout + run.stderr
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        return {line["id"]: line for line in lines if line["event"] == "test"}


def make_project(tmp_path, version):
    folder = common.copy_tree(install_phpunit(version), tmp_path / "project", linked=("vendor",))
    (folder / "src").mkdir()
    (folder / "src" / "Sum.php").write_text(SUM)
    (folder / "phpunit.xml").write_text(CONFIGURATION)
    return Project(folder, tmp_path / "cache")


def verdicts(junit):
    """(class, name) -> verdict, from a JUnit file."""
    found = {}
    for case in ElementTree.parse(junit).iter("testcase"):
        kinds = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        found[case.get("class"), case.get("name")] = kinds[0] if kinds else "passed"
    return found


def living(pattern):
    return subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True).stdout.split()


# ---------------------------------------------------------------- verdicts


def test_verdicts_are_those_of_phpunit(any_project):
    any_project.add("GoodTest.php", GOOD)
    any_project.add("OtherTest.php", OTHER)
    run = any_project.test("--junit", any_project.folder / "askr.xml", "--parallel", 2)
    assert run.returncode == 1, run.stdout + run.stderr
    subprocess.run(["php", "vendor/bin/phpunit", "--log-junit", "phpunit.xml.out"], cwd=any_project.folder,
                   capture_output=True, timeout=LIMIT)
    ours, theirs = verdicts(any_project.folder / "askr.xml"), verdicts(any_project.folder / "phpunit.xml.out")
    assert ours == theirs
    assert len(ours) == 15


def test_exit_codes(any_project):
    any_project.add("OtherTest.php", OTHER)
    run = any_project.test()
    assert (run.returncode, run.stderr) == (0, "")
    assert "OK: 2 tests, 2 assertions" in run.stdout
    any_project.add_class("WorseTest", {"testFails": "$this->assertTrue(false);"})
    run = any_project.test()
    assert run.returncode == 1
    assert "FAILED WorseTest::testFails" in run.stdout
    assert any_project.test(any_project.folder / "tests" / "OtherTest.php").returncode == 0


@pytest.mark.parametrize("arguments, count", [
    (["--filter", "testOne"], 1), (["--group", "slow"], 1), (["--exclude-group", "slow", "--filter", "testGroup|testOne"], 1),
    (["--testsuite", "all", "--filter", "OtherTest"], 2), (["tests/OtherTest.php"], 2)])
def test_phpunits_own_flags_choose_tests(any_project, arguments, count):
    any_project.add("GoodTest.php", GOOD)
    any_project.add("OtherTest.php", OTHER)
    assert len(any_project.results(*arguments)) == count


def test_the_printed_command_runs_a_failed_test_alone(project):
    project.add("GoodTest.php", GOOD)
    run = project.test()
    again = re.findall(r"again: askr test (\S+) --filter '(.*)'", run.stdout)
    assert len(again) == 3
    for file, pattern in again:
        assert len(project.results(file, "--filter", pattern)) == 1


def test_state_of_one_file_is_not_seen_by_another(project):
    for name in ("FirstTest", "SecondTest"):
        project.add_class(name, {"testAlone": "static $x; $this->assertFalse(defined('SEEN')); define('SEEN', 1); "
                                              "$GLOBALS['seen'] = ($GLOBALS['seen'] ?? 0) + 1; $this->assertSame(1, $GLOBALS['seen']);"})
    assert project.test("--parallel", 1).returncode == 0


def test_random_numbers_differ_between_processes(project):
    for number in range(4):
        project.add_class(f"Random{number}Test", {"testDraws": "fwrite(STDERR, 'drew ' . mt_rand()); $this->assertTrue(true);"})
    drawn = {result["output"] for result in project.results("--parallel", 2).values()}
    assert len(drawn) == 4 and all(text.startswith("drew ") for text in drawn)


# ---------------------------------------------------------------- bad behaviour


def test_a_bad_test_fails_alone_and_leaves_nothing_behind(any_project):
    methods = {"testBefore": "$this->assertTrue(true);", **{name: code for name, (code, _, _) in BAD.items()},
               "testAfter": "$this->assertTrue(true);"}
    any_project.add_class("BadTest", methods)
    for number in range(5):
        any_project.add_class(f"Fine{number}Test", {"testFine": "usleep(20000); $this->assertTrue(true);"})
    results = any_project.results("--timeout", "1s", "--parallel", 2)
    assert len(results) == 5 + len(methods)
    for name, (_, kind, message) in BAD.items():
        result = results[f"BadTest::{name}"]
        assert (result["status"], result["type"]) == ("error", kind), result
        assert message in result["message"]
    bad = {id for id, result in results.items() if result["status"] != "passed"}
    assert bad == {f"BadTest::{name}" for name in BAD}
    assert "BadTest.php:" in results["BadTest::testSegfault"]["trace"]
    assert "BadTest.php:" in results["BadTest::testMemory"]["message"]
    assert "BadTest.php:" in results["BadTest::testBlocks"]["trace"]
    wait_until(lambda: not living("sleep 997"), "what tests have started is gone")


def test_a_killed_file_goes_on_with_dependent_tests(project):
    project.add("DependsTest.php", r"""<?php
use PHPUnit\Framework\Attributes\Depends;
final class DependsTest extends PHPUnit\Framework\TestCase {
    public function testFirst(): int { $this->assertTrue(true); return 5; }
    public function testDies(): void { exit(0); }
    #[Depends('testFirst')]
    public function testNeedsFirst(int $five): void { $this->assertSame(5, $five); }
}
""")
    results = project.results()
    assert {id.split("::")[1]: result["status"] for id, result in results.items()} == {
        "testFirst": "passed", "testDies": "error", "testNeedsFirst": "passed"}


def test_an_interrupt_leaves_no_process(project):
    project.add_class("SlowTest", {"testSlow": "exec('sleep 996'); $this->assertTrue(true);"})
    project.add_class("OtherTest", {"testFails": "$this->assertTrue(false);"})
    with subprocess.Popen(project.command("--parallel", 2), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        wait_until(lambda: living("sleep 996"), "the slow test runs")
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "INTERRUPTED" in out
    wait_until(lambda: not living("sleep 996"), "nothing is left")


# ---------------------------------------------------------------- which tests, and how often


def test_a_long_file_is_split_by_method(project):
    project.add_class("LongTest", {f"test{n}": "usleep(30000); fwrite(STDERR, (string) getmypid()); $this->assertTrue(true);" for n in range(20)})
    project.add_class("ShortTest", {"testShort": "$this->assertTrue(true);"})
    processes = lambda: {result["output"] for id, result in project.results("--parallel", 2).items() if "Long" in id}
    assert len(processes()) == 1
    assert len(processes()) > 2


def test_shards_are_the_whole_without_overlap(project):
    for number in range(7):
        project.add_class(f"N{number}Test", {"testA": "$this->assertTrue(true);", "testB": "$this->assertTrue(true);"})
    shards = []
    for number in range(1, 4):
        project.cache = project.folder / f"cache{number}"  # as on machines that know no times
        shards.append(set(project.results("--shard", f"{number}/3")))
    assert len(set.union(*shards)) == 14
    assert sum(map(len, shards)) == 14
    assert all(len(shard) >= 4 for shard in shards)


def test_failed_runs_what_failed_last(project):
    marker = project.folder / "marker"
    project.add_class("SometimesTest", {"testMarker": f"$this->assertFileExists('{marker}');", "testFine": "$this->assertTrue(true);"})
    assert project.test().returncode == 1
    marker.touch()
    assert list(project.results("--failed")) == ["SometimesTest::testMarker"]
    run = project.test("--failed")
    assert (run.returncode, run.stderr) == (2, "askr: no test failed in the last run\n")


def test_retry_tells_flaky_from_broken(project):
    count = project.folder / "count"
    project.add_class("FlakyTest", {
        "testFlaky": f"$n = (int) @file_get_contents('{count}'); file_put_contents('{count}', $n + 1); $this->assertGreaterThan(1, $n);",
        "testBroken": "$this->assertTrue(false);"})
    results = project.results("--retry", 3)
    assert results["FlakyTest::testFlaky"]["flaky"] and results["FlakyTest::testFlaky"]["status"] == "passed"
    assert results["FlakyTest::testBroken"]["status"] == "failed"


def test_stop_on_failure(project):
    for number in range(30):
        project.add_class(f"N{number:02}Test", {"testIt": "usleep(20000); $this->assertTrue(false);"})
    assert len(project.results("--stop-on-failure", "--parallel", 1)) == 1


def test_isolation_report_names_tests_that_need_others(project):
    project.add_class("AFirstTest", {"testDefines": "$GLOBALS['left'] = 1; $this->assertTrue(true);"})
    project.add_class("BSecondTest", {"testNeeds": "$this->assertSame(1, $GLOBALS['left'] ?? 0);"})
    run = project.test("--isolation-report")
    assert run.returncode == 1
    assert "needs what another file leaves: BSecondTest::testNeeds" in run.stdout


def test_a_seed_gives_one_order(project):
    project.add_class("OrderTest", {f"test{n}": "$this->assertTrue(true);" for n in range(12)})
    orders = [list(project.results("--seed", seed)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


# ---------------------------------------------------------------- scripts and forms


def test_without_a_runner_each_file_is_a_script(tmp_path):
    (tmp_path / "GoodTest.php").write_text("<?php echo 'fine';")
    (tmp_path / "ExitTest.php").write_text("<?php echo 'not fine'; exit(3);")
    (tmp_path / "ThrowTest.php").write_text("<?php throw new Exception('thrown');")
    run = Project(tmp_path, tmp_path / "cache").test()
    assert run.returncode == 1
    assert "3 tests" in run.stdout and "1 failed, 1 errors" in run.stdout
    assert "not fine" in run.stdout and "thrown" in run.stdout and "GoodTest" not in run.stdout


def test_forms(project):
    project.add("GoodTest.php", GOOD)
    teamcity = project.test("--teamcity").stdout
    assert teamcity.count("##teamcity[testFinished ") == 13
    assert teamcity.count("##teamcity[testFailed ") == 3
    assert "✔ Adds" in project.test("--testdox").stdout
    annotations = project.test(env={"GITHUB_ACTIONS": "true"}).stdout
    assert re.search(r"^::error file=tests/GoodTest.php,line=\d+,title=Tests\\GoodTest%3A%3AtestFails::", annotations, re.M)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("arguments, message", [
    (["--parallel", "0"], '--parallel: "0" is no number from 1 to 256'),
    (["--shard", "3/2"], '--shard: "3" is no number from 1 to 2'),
    (["--timeout", "soon"], '--timeout: "soon" is no time as 500ms, 30s or 2m'),
    (["--fliter", "x"], "--fliter: unknown flag, did you mean --filter?"),
    (["--coverage-clover", "x.xml"], "--coverage-clover: coverage is not merged over processes; run vendor/bin/phpunit for it"),
    (["no/such/place"], "no such file or folder: no/such/place"),
    (["--runner", "missing.php"], "no such file or folder: missing.php"),
])
def test_bad_words_are_one_line(project, arguments, message):
    run = project.test(*arguments)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", f"askr: {message}\n")


def test_bad_projects_are_one_line(project):
    def line():
        run = project.test()
        assert run.returncode == 2 and run.stdout == "" and run.stderr.count("\n") == 1, run
        return run.stderr

    (project.folder / "tests").mkdir()
    assert "no tests found" in line().lower()
    (project.folder / "phpunit.xml").write_text("<phpunit><testsuites>")
    assert "phpunit.xml" in line()
    runner = project.folder / "runner.php"
    runner.write_text("<?php this is no PHP")
    run = project.test("--runner", runner)
    assert run.returncode == 2 and "syntax error" in run.stderr and run.stderr.count("\n") == 1
    (project.folder / "vendor").rename(project.folder / "elsewhere")
    assert "composer install" in line()
