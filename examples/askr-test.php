<?php

/*
 * The runner of `askr test` for PHPUnit 9 to 13, as Composer has installed it below the project's vendor folder.
 *
 * It lets PHPUnit do all that it does in front of the first test: read phpunit.xml and the command line, run the
 * bootstrap file and the extensions, load the test files, sort and filter. Where PHPUnit would run the suite, this file
 * hands over what there is to run and calls askr_test_fork(), which returns in each forked process with its piece. There
 * the suite is reduced to that piece and PHPUnit goes on. In the warm process, when all pieces are done, it goes on
 * with an empty suite: what has to be done once at the end (reports of coverage, shutdown functions) is done once.
 *
 * A runner of your own needs four functions:
 *   askr_test_settings(): string      JSON: root, paths, classes
 *   askr_test_fork(string): ?string   the plan as JSON; returns a piece as JSON, or null in the warm process
 *   askr_test_report(string): void    an event as JSON: start, end, done
 *   askr_test_end(): void             the piece is done; does not return
 */

declare(strict_types=1);

namespace Askr\Test;

use PHPUnit\Framework\TestCase;
use PHPUnit\Framework\TestSuite;

/** Reports what becomes of the tests of one process. */
final class Reports
{
    /** @var ?array<string, mixed> the test that runs */
    private static ?array $current = null;
    private static float $started = 0.0;

    /** @param array<string, mixed> $event */
    public static function send(array $event): void
    {
        \askr_test_report((string) json_encode($event, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR));
    }

    public static function start(string $id, ?string $file, ?int $line): void
    {
        self::flush();
        self::$current = ['event' => 'end', 'id' => $id, 'file' => (string) $file, 'line' => (int) $line, 'status' => 'passed', 'issues' => []];
        self::send(['event' => 'start', 'id' => $id, 'file' => (string) $file, 'line' => (int) $line]);
        self::$started = microtime(true);
    }

    /** @param array<string, mixed> $more */
    public static function status(string $id, ?string $file, ?int $line, string $status, array $more): void
    {
        if (self::$current === null || self::$current['id'] !== $id) {
            self::start($id, $file, $line);
        }
        // What comes first counts, but for an error while the test is taken down.
        if (self::$current['status'] === 'passed' || $status === 'error' || $status === 'failed') {
            if (!in_array(self::$current['status'], ['error', 'failed'], true)) {
                self::$current = ['status' => $status] + $more + self::$current;
            }
        }
    }

    public static function issue(string $id, string $issue): void
    {
        if (self::$current !== null && self::$current['id'] === $id && !in_array($issue, self::$current['issues'], true)) {
            self::$current['issues'][] = $issue;
        }
    }

    public static function output(string $output): void
    {
        if (self::$current !== null) {
            self::$current['output'] = $output;
        }
    }

    public static function finish(?int $assertions): void
    {
        if (self::$current !== null) {
            self::$current['assertions'] = (int) $assertions;
            self::flush();
        }
    }

    public static function flush(): void
    {
        if (self::$current === null) {
            return;
        }
        self::send(self::$current + ['seconds' => microtime(true) - self::$started]);
        self::$current = null;
    }
}

/** Knows the suite: what is in it, and how to take out all but one piece. */
final class Suites
{
    public static function fileOf(object $test): string
    {
        if (property_exists($test, '__filename')) {
            return (string) (new \ReflectionProperty($test, '__filename'))->getValue();
        }
        if (!$test instanceof TestCase) {
            return method_exists($test, 'valueObjectForEvents') ? $test->valueObjectForEvents()->file() : $test->getName();
        }

        return (string) (new \ReflectionClass($test))->getFileName();
    }

    public static function idOf(object $test): string
    {
        if (method_exists($test, 'valueObjectForEvents')) {
            return $test->valueObjectForEvents()->id();
        }
        if (!$test instanceof TestCase) {
            return $test->getName();
        }
        $data = $test->usesDataProvider() ? '#' . $test->dataName() : '';

        return get_class($test) . '::' . $test->getName(false) . $data;
    }

    private static function methodOf(object $test): string
    {
        return match (true) {
            method_exists($test, 'name') => $test->name(),
            $test instanceof TestCase => $test->getName(false),
            default => self::idOf($test),
        };
    }

    /** @var array<string, list<object>> file => suites of its classes */
    private static array $suitesOf = [];
    /** @var list<mixed> what a forked process has no use for: to free it would mean to copy its memory first */
    private static array $kept = [];

    /** @return list<array<string, mixed>> what is not filtered out */
    public static function plan(TestSuite $suite): array
    {
        $files = [];
        self::planSuite($suite, $files);
        $plan = [];
        foreach ($files as $file => $classes) {
            $plan[] = ['file' => (string) $file, 'classes' => array_values($classes)];
        }

        return $plan;
    }

    /** @param array<string, array<string, array<string, mixed>>> $files */
    private static function planSuite(TestSuite $suite, array &$files): void
    {
        self::$kept[] = $suite->tests();
        $ofClass = [];
        foreach ($suite as $test) {
            if ($test instanceof TestSuite && !self::isForData($test)) {
                self::planSuite($test, $files);
                continue;
            }
            foreach ($test instanceof TestSuite ? $test : [$test] as $each) {
                $ofClass[self::planTest($each, $files)] = true;
            }
        }
        foreach (array_keys($ofClass) as $file) {
            self::$suitesOf[$file][] = $suite;
        }
    }

    private static function isForData(TestSuite $suite): bool
    {
        return $suite instanceof \PHPUnit\Framework\DataProviderTestSuite;
    }

    /** @param array<string, array<string, array<string, mixed>>> $files */
    private static function planTest(object $test, array &$files): string
    {
        $file = self::fileOf($test);
        $class = $test instanceof TestCase ? get_class($test) : $file;
        $entry = &$files[$file][$class];
        $entry ??= ['name' => $class, 'depends' => false, 'tests' => []];
        $entry['depends'] = $entry['depends'] || (method_exists($test, 'requires') && $test->requires() !== []);
        $entry['tests'][] = [self::idOf($test), self::methodOf($test)];

        return $file;
    }

    /** @param array{file: string, only: list<string>} $piece */
    public static function reduce(TestSuite $root, array $piece): void
    {
        $file = $piece['file'];
        if ($file === '' && $piece['only'] === []) {
            return;
        }
        $only = array_fill_keys($piece['only'], true);
        if ($file === '') {
            self::keep($root, static fn (object $test): bool => isset($only[self::idOf($test)]));

            return;
        }
        $suites = self::$suitesOf[$file] ?? [];
        // Files that share a suite are told apart test by test.
        $shared = in_array($root, $suites, true) || count(array_filter(self::$suitesOf, static fn (array $others): bool => in_array($suites[0] ?? null, $others, true))) > 1;
        if ($only !== [] || $shared) {
            foreach ($suites as $suite) {
                self::keep($suite, static fn (object $test): bool => self::fileOf($test) === $file && ($only === [] || isset($only[self::idOf($test)])));
            }
        }
        if (!in_array($root, $suites, true)) {
            $root->setTests($suites);
        }
    }

    private static function keep(TestSuite $suite, callable $wanted): bool
    {
        $kept = [];
        self::$kept[] = $suite->tests();
        foreach ($suite->tests() as $test) {
            if ($test instanceof TestSuite ? self::keep($test, $wanted) : $wanted($test)) {
                $kept[] = $test;
            }
        }
        $suite->setTests($kept);

        return $kept !== [];
    }
}

/**
 * Laravel's application is made anew for each test, but what it keeps in static properties is not: the terminal's size,
 * for which it starts a program, and a database in memory with all migrations. Where tests use one, the first of them is
 * set up and taken down once in the warm process, and all processes begin with the tables that this has made.
 */
final class Laravel
{
    public static function warmUp(TestSuite $suite): void
    {
        if (class_exists(\Symfony\Component\Console\Terminal::class, false)) {
            \Symfony\Component\Console\Terminal::hasSttyAvailable();
            (new \Symfony\Component\Console\Terminal())->getWidth();
        }
        $test = self::usesMemory() ? self::firstWithDatabase($suite) : null;
        if ($test === null) {
            return;
        }
        ob_start();
        try {
            (fn () => $this->setUp())->call($test);
        } catch (\Throwable) {
            self::forgetDatabase(); // the tests will say it themselves
        }
        try {
            (fn () => $this->tearDown())->call($test);
        } catch (\Throwable) {
            self::forgetDatabase();
        }
        ob_end_clean();
    }

    private static function usesMemory(): bool
    {
        return class_exists(\Illuminate\Foundation\Testing\TestCase::class, false)
            && ($_ENV['DB_DATABASE'] ?? getenv('DB_DATABASE')) === ':memory:';
    }

    private static function firstWithDatabase(TestSuite $suite): ?TestCase
    {
        foreach ($suite as $test) {
            $found = $test instanceof TestSuite ? self::firstWithDatabase($test) : $test;
            if ($found instanceof \Illuminate\Foundation\Testing\TestCase
                && in_array(\Illuminate\Foundation\Testing\RefreshDatabase::class, class_uses_recursive($found), true)) {
                return clone $found;
            }
        }

        return null;
    }

    private static function forgetDatabase(): void
    {
        if (class_exists(\Illuminate\Foundation\Testing\RefreshDatabaseState::class)) {
            \Illuminate\Foundation\Testing\RefreshDatabaseState::$migrated = false;
            \Illuminate\Foundation\Testing\RefreshDatabaseState::$inMemoryConnections = [];
        }
    }
}

/** Where a suite is about to run. Returns in the process that shall run what is left of it. */
final class ForkPoint
{
    private static bool $passed = false;
    /** @var ?array{int, int, int} how many classes, interfaces and traits there were at the fork; null: nobody asks */
    private static ?array $before = null;

    /** @param list<string> $failsOn */
    public static function reach(TestSuite $suite, string $runner, array $failsOn): void
    {
        if (self::$passed) {
            return;
        }
        self::$passed = true;
        self::loadLearntClasses();
        Laravel::warmUp($suite);
        $plan = json_encode(['files' => Suites::plan($suite), 'runner' => $runner, 'fails_on' => $failsOn], JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR);
        $piece = \askr_test_fork($plan);
        if ($piece === null) {
            $suite->setTests([]);

            return;
        }
        foreach (['TEST_TOKEN', 'UNIQUE_TEST_TOKEN'] as $name) {
            $_SERVER[$name] = $_ENV[$name] = (string) getenv($name);
        }
        $piece = json_decode($piece, true, 512, JSON_THROW_ON_ERROR);
        if ($piece['learn']) {
            self::$before = [count(get_declared_classes()), count(get_declared_interfaces()), count(get_declared_traits())];
        }
        Suites::reduce($suite, $piece);
    }

    /** What most pieces of an earlier run have loaded from vendor. */
    private static function loadLearntClasses(): void
    {
        set_error_handler(static fn (): bool => true);
        foreach (settings()['classes'] as $class) {
            try {
                class_exists($class);
            } catch (\Throwable) {
                // Then it is loaded where it is needed, or not at all.
            }
        }
        restore_error_handler();
    }

    /** @return list<string> */
    private static function classesLoadedSince(array $before): array
    {
        $new = [
            ...array_slice(get_declared_interfaces(), $before[1]),
            ...array_slice(get_declared_traits(), $before[2]),
            ...array_slice(get_declared_classes(), $before[0]),
        ];
        $vendor = settings()['root'] . '/vendor/';

        return array_values(array_filter($new, static fn (string $class): bool => !str_contains($class, '@')
            && str_starts_with((string) (new \ReflectionClass($class))->getFileName(), $vendor)));
    }

    public static function end(): void
    {
        Reports::flush();
        Reports::send(['event' => 'done'] + (self::$before === null ? [] : ['classes' => self::classesLoadedSince(self::$before)]));
        \askr_test_end();
    }
}

function settings(): array
{
    return json_decode(\askr_test_settings(), true, 512, JSON_THROW_ON_ERROR);
}

function fail(string $why): never
{
    echo $why, "\n";
    exit(2);
}

$settings = settings();
$root = $settings['root'];
$autoload = $root . '/vendor/autoload.php';
if (!is_file($autoload)) {
    fail("$autoload is missing: run `composer install` in $root");
}
foreach (["$root/phpunit.xml", "$root/phpunit.xml.dist"] as $file) {
    if (is_file($file)) {
        libxml_use_internal_errors(true);
        if (!(new \DOMDocument())->load($file)) {
            fail($file . ': ' . trim(libxml_get_last_error()->message));
        }
        libxml_use_internal_errors(false);
        break;
    }
}
require $autoload;
$GLOBALS['_composer_autoload_path'] = $autoload;
if (!defined('PHPUNIT_COMPOSER_INSTALL')) {
    define('PHPUNIT_COMPOSER_INSTALL', $autoload);
}
if (!class_exists(\PHPUnit\Runner\Version::class)) {
    fail("$root/vendor has no PHPUnit");
}
if (is_dir($root . '/vendor/pestphp/pest')) {
    fail("$root uses Pest, which this runner does not know; run vendor/bin/pest");
}
$version = \PHPUnit\Runner\Version::id();
$major = (int) $version;
if ($major < 9 || $major > 13) {
    fail("PHPUnit $version is of a version that this runner does not know: it knows 9 to 13");
}
if (is_dir($root . '/vendor/laravel/framework')) {
    putenv('LARAVEL_PARALLEL_TESTING=1');
    $_SERVER['LARAVEL_PARALLEL_TESTING'] = $_ENV['LARAVEL_PARALLEL_TESTING'] = '1';
}
$words = ['phpunit', ...array_slice($_SERVER['argv'] ?? [], 1)];
foreach ($settings['paths'] as $path) {
    $words[] = $path;
}
$_SERVER['argv'] = $GLOBALS['argv'] = $words;
$_SERVER['argc'] = $GLOBALS['argc'] = count($words);

// Declared here and not above: what they extend exists in PHPUnit 9 alone.
if ($major === 9) {
    final class Listener9 implements \PHPUnit\Framework\TestListener
    {
        private ?string $root = null;

        /** @param list<string> $failsOn */
        public function __construct(private string $version, private array $failsOn) {}

        public function startTestSuite(TestSuite $suite): void
        {
            if ($this->root === null) {
                $this->root = spl_object_hash($suite);
                ForkPoint::reach($suite, "PHPUnit {$this->version}", $this->failsOn);
            }
        }

        public function endTestSuite(TestSuite $suite): void
        {
            Reports::flush();
            if ($this->root === spl_object_hash($suite)) {
                ForkPoint::end();
            }
        }

        public function startTest(\PHPUnit\Framework\Test $test): void
        {
            Reports::start(Suites::idOf($test), Suites::fileOf($test), $this->lineOf($test));
        }

        public function endTest(\PHPUnit\Framework\Test $test, float $time): void
        {
            if ($test instanceof TestCase && $test->hasOutput()) {
                Reports::output($test->getActualOutput());
            }
            Reports::finish($test instanceof TestCase ? $test->getNumAssertions() : 1);
        }

        public function addError(\PHPUnit\Framework\Test $test, \Throwable $t, float $time): void { $this->status($test, 'error', $t); }
        public function addWarning(\PHPUnit\Framework\Test $test, \PHPUnit\Framework\Warning $e, float $time): void { $this->issue($test, 'warning', $e); }
        public function addFailure(\PHPUnit\Framework\Test $test, \PHPUnit\Framework\AssertionFailedError $e, float $time): void { $this->status($test, 'failed', $e); }
        public function addIncompleteTest(\PHPUnit\Framework\Test $test, \Throwable $t, float $time): void { $this->status($test, 'incomplete', $t); }
        public function addRiskyTest(\PHPUnit\Framework\Test $test, \Throwable $t, float $time): void { $this->issue($test, 'risky', $t); }
        public function addSkippedTest(\PHPUnit\Framework\Test $test, \Throwable $t, float $time): void { $this->status($test, 'skipped', $t); }

        private function issue(object $test, string $issue, \Throwable $thrown): void
        {
            Reports::issue(Suites::idOf($test), $issue);
        }

        private function status(object $test, string $status, \Throwable $thrown): void
        {
            if ($test instanceof TestSuite) {
                return; // each of its tests hears of it too
            }
            Reports::status(Suites::idOf($test), Suites::fileOf($test), $this->lineOf($test), $status, [
                'type' => get_class($thrown),
                'message' => trim(\PHPUnit\Framework\TestFailure::exceptionToString($thrown)),
                'trace' => trim(\PHPUnit\Util\Filter::getFilteredStacktrace($thrown)),
            ]);
        }

        private function lineOf(object $test): int
        {
            try {
                return $test instanceof TestCase ? (int) (new \ReflectionMethod($test, $test->getName(false)))->getStartLine() : 0;
            } catch (\ReflectionException) {
                return 0;
            }
        }
    }

    final class Command9 extends \PHPUnit\TextUI\Command
    {
        protected function handleArguments(array $argv): void
        {
            parent::handleArguments($argv);
            $this->arguments['cacheResult'] = false;
            $this->arguments['printer'] = new \PHPUnit\TextUI\DefaultResultPrinter('/dev/null');
            $this->arguments['listeners'][] = new Listener9(\PHPUnit\Runner\Version::id(), $this->failsOn());
        }

        /** @return list<string> */
        private function failsOn(): array
        {
            $document = new \DOMDocument();
            $file = $this->arguments['configuration'] ?? null;
            $known = is_string($file) && is_file($file) && @$document->load($file);
            $asked = [];
            foreach (['risky', 'warning', 'skipped', 'incomplete'] as $what) {
                $name = 'failOn' . ucfirst($what);
                if (!empty($this->arguments[$name]) || ($known && $document->documentElement->getAttribute($name) === 'true')) {
                    $asked[] = $what;
                }
            }

            return $asked;
        }
    }

    exit((new Command9())->run($words, false));
}

/** Registers what listens to PHPUnit 10 and later, and hands over to it. */
final class Modern
{
    public static function run(array $words, string $version): int
    {
        $facade = \PHPUnit\Event\Facade::instance();
        foreach (self::subscribers($version) as $subscriber) {
            $facade->registerSubscriber($subscriber);
        }
        array_splice($words, 1, 0, ['--no-output', '--do-not-cache-result']);

        return (new \PHPUnit\TextUI\Application())->run($words);
    }

    /** PHPUnit tells that it will run a suite, but not which object that is. */
    private static function suite(): TestSuite
    {
        foreach (debug_backtrace() as $frame) {
            if (is_a($frame['class'] ?? '', \PHPUnit\TextUI\TestRunner::class, true)) {
                foreach ($frame['args'] ?? [] as $argument) {
                    if ($argument instanceof TestSuite) {
                        return $argument;
                    }
                }
            }
        }
        fail('this PHPUnit runs its suite in a way that the runner does not know');
    }

    /** @return list<string> */
    private static function failsOn(): array
    {
        $configuration = \PHPUnit\TextUI\Configuration\Registry::get();
        $asked = [];
        foreach (['risky', 'warning', 'skipped', 'incomplete', 'deprecation', 'notice'] as $what) {
            $method = 'failOn' . ucfirst($what);
            if (method_exists($configuration, $method) && $configuration->$method()) {
                $asked[] = $what;
            }
        }

        return $asked;
    }

    public static function reach(string $version): void
    {
        ForkPoint::reach(self::suite(), "PHPUnit $version", self::failsOn());
    }

    public static function start(object $test): void
    {
        Reports::start($test->id(), $test->file(), $test->isTestMethod() ? $test->line() : 0);
    }

    public static function bad(object $event, string $status): void
    {
        $test = $event->test();
        $thrown = $event->throwable();
        Reports::status($test->id(), $test->file(), $test->isTestMethod() ? $test->line() : 0, $status, [
            'type' => $thrown->className(), 'message' => trim($thrown->description()), 'trace' => trim($thrown->stackTrace()),
        ]);
    }

    public static function skipped(object $event, string $status): void
    {
        $test = $event->test();
        $message = method_exists($event, 'message') ? $event->message() : $event->throwable()->message();
        Reports::status($test->id(), $test->file(), $test->isTestMethod() ? $test->line() : 0, $status, ['message' => $message]);
    }

    /** @return list<object> */
    private static function subscribers(string $version): array
    {
        return [
            new class($version) implements \PHPUnit\Event\TestRunner\ExecutionStartedSubscriber {
                public function __construct(private string $version) {}
                public function notify(\PHPUnit\Event\TestRunner\ExecutionStarted $event): void { Modern::reach($this->version); }
            },
            new class implements \PHPUnit\Event\TestRunner\ExecutionFinishedSubscriber {
                public function notify(\PHPUnit\Event\TestRunner\ExecutionFinished $event): void { ForkPoint::end(); }
            },
            new class implements \PHPUnit\Event\Test\PreparationStartedSubscriber {
                public function notify(\PHPUnit\Event\Test\PreparationStarted $event): void { Modern::start($event->test()); }
            },
            new class implements \PHPUnit\Event\Test\FailedSubscriber {
                public function notify(\PHPUnit\Event\Test\Failed $event): void { Modern::bad($event, 'failed'); }
            },
            new class implements \PHPUnit\Event\Test\ErroredSubscriber {
                public function notify(\PHPUnit\Event\Test\Errored $event): void { Modern::bad($event, 'error'); }
            },
            new class implements \PHPUnit\Event\Test\MarkedIncompleteSubscriber {
                public function notify(\PHPUnit\Event\Test\MarkedIncomplete $event): void { Modern::skipped($event, 'incomplete'); }
            },
            new class implements \PHPUnit\Event\Test\SkippedSubscriber {
                public function notify(\PHPUnit\Event\Test\Skipped $event): void { Modern::skipped($event, 'skipped'); }
            },
            new class implements \PHPUnit\Event\Test\ConsideredRiskySubscriber {
                public function notify(\PHPUnit\Event\Test\ConsideredRisky $event): void { Reports::issue($event->test()->id(), 'risky'); }
            },
            new class implements \PHPUnit\Event\Test\WarningTriggeredSubscriber {
                public function notify(\PHPUnit\Event\Test\WarningTriggered $event): void { Reports::issue($event->test()->id(), 'warning'); }
            },
            new class implements \PHPUnit\Event\Test\PhpWarningTriggeredSubscriber {
                public function notify(\PHPUnit\Event\Test\PhpWarningTriggered $event): void { Reports::issue($event->test()->id(), 'warning'); }
            },
            new class implements \PHPUnit\Event\Test\NoticeTriggeredSubscriber {
                public function notify(\PHPUnit\Event\Test\NoticeTriggered $event): void { Reports::issue($event->test()->id(), 'notice'); }
            },
            new class implements \PHPUnit\Event\Test\PhpNoticeTriggeredSubscriber {
                public function notify(\PHPUnit\Event\Test\PhpNoticeTriggered $event): void { Reports::issue($event->test()->id(), 'notice'); }
            },
            new class implements \PHPUnit\Event\Test\DeprecationTriggeredSubscriber {
                public function notify(\PHPUnit\Event\Test\DeprecationTriggered $event): void { Reports::issue($event->test()->id(), 'deprecation'); }
            },
            new class implements \PHPUnit\Event\Test\PhpDeprecationTriggeredSubscriber {
                public function notify(\PHPUnit\Event\Test\PhpDeprecationTriggered $event): void { Reports::issue($event->test()->id(), 'deprecation'); }
            },
            new class implements \PHPUnit\Event\Test\PrintedUnexpectedOutputSubscriber {
                public function notify(\PHPUnit\Event\Test\PrintedUnexpectedOutput $event): void { Reports::output($event->output()); }
            },
            new class implements \PHPUnit\Event\Test\FinishedSubscriber {
                public function notify(\PHPUnit\Event\Test\Finished $event): void { Reports::finish($event->numberOfAssertionsPerformed()); }
            },
        ];
    }
}

exit(Modern::run($words, $version));
