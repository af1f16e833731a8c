<?php

/*
 * Serves a Symfony application from a booted process.
 *
 *     askr serve --worker-script examples/symfony-worker.php --app-base /var/www/app --root /var/www/app/public
 *
 * Symfony resets itself: when a booted kernel handles another request, it first calls reset() on every service that
 * has one. All this loop adds is the request and the response. The kernel is `App\Kernel` unless APP_KERNEL_CLASS says
 * otherwise; APP_ENV and APP_DEBUG mean what they always do. Superglobals are fresh in each request, so the
 * framework's own way to make a request from them works here too.
 */

use Symfony\Component\HttpFoundation\Request;

$base = getenv('ASKR_APP_BASE') ?: getcwd();
require $base.'/vendor/autoload.php';

$class = getenv('APP_KERNEL_CLASS') ?: 'App\Kernel';
try {
    $kernel = new $class(getenv('APP_ENV') ?: 'prod', filter_var(getenv('APP_DEBUG'), FILTER_VALIDATE_BOOL));
    $kernel->boot();
} catch (Throwable $error) {
    error_log('Symfony did not boot: '.$error);
    exit(1);
}

$handler = static function () use ($kernel): void {
    $request = Request::createFromGlobals();
    $response = $kernel->handle($request);
    $response->send();  // ends the response too: Symfony calls fastcgi_finish_request()
    $kernel->terminate($request, $response);
};

askr_cow_ready();
while (askr_handle_request($handler));
