<?php

use Fruitcake\Cors\CorsService;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Configuration\Exceptions;
use Illuminate\Foundation\Configuration\Middleware;
use Illuminate\Http\Middleware\HandleCors;

return Application::configure(basePath: dirname(__DIR__))
    ->withRouting(
        web: __DIR__.'/../routes/web.php',
        api: __DIR__.'/../routes/api.php',
        health: '/up',
    )
    ->withMiddleware(function (Middleware $middleware): void {
        // The package behind this middleware is not in every registry; nothing here needs it.
        if (! class_exists(CorsService::class)) {
            $middleware->remove(HandleCors::class);
        }
    })
    ->withExceptions(function (Exceptions $exceptions): void {
    })
    ->create();
