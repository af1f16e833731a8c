<?php

/*
 * Serves a Laravel application from a booted process: the framework starts once, every request after that pays for
 * itself only.
 *
 *     ASKR_APP_BASE=/var/www/app askr serve --worker-script examples/laravel-worker.php --root /var/www/app/public
 *
 * `askr_handle_request()` waits for a request, calls the handler and returns true until the worker shall stop. The
 * handler answers, then terminates the kernel with the response already gone. What the request left behind in the
 * framework is undone afterwards, outside the handler: so it also happens when a request ends in `exit`.
 *
 * Where Laravel Octane is installed its own worker, with its listeners and its configuration, does the resetting.
 */

use Askr\Laravel\OctaneWorker;
use Askr\Laravel\RequestFactory;
use Askr\Laravel\Sandbox;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Http\Request;

$base = getenv('ASKR_APP_BASE') ?: ($_SERVER['ASKR_APP_BASE'] ?? getcwd());

require $base.'/vendor/autoload.php';
require_once __DIR__.'/laravel/RequestFactory.php';

if (class_exists(\Laravel\Octane\Worker::class)) {
    require_once __DIR__.'/laravel/OctaneWorker.php';
    (new OctaneWorker($base))->run();

    return;
}

require_once __DIR__.'/laravel/StateSnapshot.php';
require_once __DIR__.'/laravel/FrameworkState.php';
require_once __DIR__.'/laravel/Sandbox.php';

try {
    $app = require $base.'/bootstrap/app.php';
    $kernel = $app->make(Kernel::class);
    $app->instance('request', Request::create('http://localhost'));  // what providers see while they boot
    $kernel->bootstrap();
    $sandbox = new Sandbox($app);
    $sandbox->seal();
} catch (Throwable $error) {
    error_log('Laravel did not boot: '.$error);  // its own handler would answer a client, and there is none yet
    exit(1);
}

$requests = new RequestFactory;
$handler = static function (array $incoming) use ($app, $kernel, $requests): void {
    $request = $requests->create($incoming);
    $response = $kernel->handle($request);
    $response->send();  // ends the response too: Symfony calls fastcgi_finish_request()

    try {
        $kernel->terminate($request, $response);
    } catch (Throwable $error) {
        $app->make(ExceptionHandler::class)->report($error);
    }
};

askr_cow_ready();
while (askr_handle_request($handler)) {
    $sandbox->restore();
}
