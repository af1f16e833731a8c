"""Laravel's cache, locks, rate limiter and sessions on the memory that all workers share: examples/laravel-cache."""

import re
import shutil
import threading

import laravel
import pytest
import requests

CHECKS = r"""
use Illuminate\Contracts\Cache\LockTimeoutException;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\RateLimiter;

Route::get('/cache/checks', function () {
    $seen = [];
    $check = function (string $name, bool $good) use (&$seen) { $seen[$name] = $good; };
    Cache::flush();
    $check('store', Cache::getStore() instanceof App\Askr\AskrStore);
    $check('missing', Cache::get('nothing') === null && Cache::get('nothing', 'default') === 'default');
    foreach (['text', '', '007', 7, -3, 1.5, true, false, ['a' => [1, 2]], new DateTimeImmutable('2026-01-01')] as $n => $value) {
        Cache::put("typed$n", $value, 60);
        $check("type $n", Cache::get("typed$n") == $value && gettype(Cache::get("typed$n")) === gettype($value));
    }
    Cache::putMany(['m1' => 1, 'm2' => 'two'], 60);
    $check('many', Cache::many(['m1', 'm2', 'm3']) === ['m1' => 1, 'm2' => 'two', 'm3' => null]);
    $check('add', Cache::add('once', 1, 60) && !Cache::add('once', 2, 60) && Cache::get('once') === 1);
    $check('count', Cache::increment('n') === 1 && Cache::increment('n', 4) === 5 && Cache::decrement('n') === 4 && Cache::get('n') === 4);
    $check('forever', Cache::forever('f', 'x') && Cache::get('f') === 'x');
    $check('forget', Cache::forget('f') && Cache::get('f') === null && !Cache::forget('f'));
    $check('pull', Cache::put('p', 'x', 60) && Cache::pull('p') === 'x' && Cache::get('p') === null);
    $runs = 0;
    $make = function () use (&$runs) { return ++$runs; };
    $check('remember', Cache::remember('r', 60, $make) === 1 && Cache::remember('r', 60, $make) === 1 && $runs === 1);
    $check('has', Cache::has('r') && Cache::missing('nothing'));
    Cache::tags(['red', 'blue'])->put('tagged', 'x', 60);
    $check('tagged', Cache::tags(['red', 'blue'])->get('tagged') === 'x');
    Cache::tags('red')->flush();
    $check('tag flushed', Cache::tags(['red', 'blue'])->get('tagged') === null);
    $long = str_repeat('k', 5000);
    $check('long key', Cache::put($long, 'x', 60) && Cache::get($long) === 'x');
    $check('too large', Cache::put('large', str_repeat('x', 2 << 20), 60) === false && Cache::get('large') === null);
    Cache::put('short', 'x', 1);
    usleep(1_100_000);
    $check('expired', Cache::get('short') === null);

    $lock = Cache::lock('job', 10);
    $check('lock', $lock->get() && !Cache::lock('job', 10)->get());
    $check('not mine', !Cache::lock('job', 10)->release() && Cache::lock('job', 10)->get() === false);
    $check('restored', Cache::restoreLock('job', $lock->owner())->release());
    $check('free again', Cache::lock('job', 10)->get(fn () => 'ran') === 'ran');
    $held = Cache::lock('held', 1);
    $held->get();
    $began = microtime(true);
    $check('block', Cache::lock('held', 10)->block(5) && microtime(true) - $began < 4);
    try {
        Cache::lock('held', 10)->block(1);
        $check('timeout', false);
    } catch (LockTimeoutException) {
        $check('timeout', true);
    }
    Cache::lock('held')->forceRelease();
    $check('forced', Cache::lock('held', 1)->get());
    $allowed = 0;
    for ($i = 0; $i < 8; $i++) $allowed += RateLimiter::attempt('limited', 5, fn () => true, 60) ? 1 : 0;
    $check('limiter', $allowed === 5 && RateLimiter::tooManyAttempts('limited', 5));

    return response()->json($seen);
});
Route::get('/cache/work', function () {
    $won = Cache::lock('exclusive', 20)->get();
    return response()->json(['won' => $won, 'count' => Cache::increment('visits'), 'pid' => getmypid()]);
});
Route::get('/cache/page', fn () => response('<p>page</p>'.microtime(true))
    ->header('Cache-Control', 'public')->header('Askr-Cache', '60, tags=pages'))->withoutMiddleware('web');
Route::get('/cache/private', fn () => response('private')->header('Askr-Cache', '60'));
Route::get('/cache/changed', function () { askr_cache_forget_tag('pages'); return 'done'; });
"""


@pytest.fixture(scope="module", params=["per_request", "worker"])
def site(request, module_server, tmp_path_factory, examples):
    base = laravel.install(tmp_path_factory.mktemp("laravel") / "app")
    shutil.copytree(examples / "laravel-cache", base / "app/Askr")
    providers = base / "bootstrap/providers.php"
    providers.write_text(providers.read_text().replace("];", "    App\\Askr\\AskrCacheServiceProvider::class,\n];").replace(
        "<?php", "<?php\n\nforeach (glob(__DIR__.'/../app/Askr/*.php') as $file) {\n    require_once $file; // the class map is fixed\n}"))
    routes = base / "routes/web.php"
    routes.write_text(routes.read_text() + CHECKS)
    environment = base / ".env"
    environment.write_text(re.sub("(CACHE_STORE|SESSION_DRIVER)=.*", r"\1=askr", environment.read_text()))
    options = {"flags": ["--cache-slots", "5000", "--response-cache", "50"], "workers": 3}
    if request.param == "worker":
        options |= {"worker_script": examples / "laravel-worker.php", "app_base": base}
    return module_server(root=base / "public", **options)


def test_the_cache_and_its_locks_do_what_laravel_expects(site):
    response = requests.get(site.url + "/cache/checks", timeout=30)
    assert response.status_code == 200, response.text[:2000]
    checks = response.json()
    assert len(checks) >= 30
    assert [name for name, good in checks.items() if not good] == []


def test_all_workers_share_it(site):
    answers = []

    def visit():
        answers.append(requests.get(site.url + "/cache/work", timeout=20).json())

    threads = [threading.Thread(target=visit) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["count"] for answer in answers) == list(range(1, 25))
    assert sum(answer["won"] for answer in answers) == 1
    assert len({answer["pid"] for answer in answers}) > 1


def test_a_session_in_it_is_known_to_every_worker_and_outlives_a_reload(site):
    with requests.Session() as browser:
        page = browser.get(site.url + "/login", timeout=20)
        token = re.search(r'name="_token" value="([^"]+)"', page.text).group(1)
        browser.post(site.url + "/login", timeout=20,
                     data={"_token": token, "email": "ada@example.org", "password": "ada-secret"})
        names = {browser.get(site.url + "/me", timeout=20).status_code for _ in range(10)}
        assert names == {200}
        assert site.reload().returncode == 0
        assert browser.get(site.url + "/me", timeout=20).status_code == 200


def test_a_page_that_opts_in_is_cached_until_its_tag_is_forgotten(site):
    def page():
        return requests.get(site.url + "/cache/page", timeout=20)

    first, second = page(), page()
    assert (first.headers["X-Askr-Cache"], second.headers["X-Askr-Cache"]) == ("MISS", "HIT")
    assert first.text == second.text
    requests.get(site.url + "/cache/changed", timeout=20)
    third = page()
    assert third.headers["X-Askr-Cache"] == "MISS" and third.text != first.text


def test_laravels_own_cache_control_keeps_a_page_out(site):
    response = requests.get(site.url + "/cache/private", timeout=20)
    assert "detail=private" in response.headers["Cache-Status"] and "private" in response.headers["Cache-Control"]
