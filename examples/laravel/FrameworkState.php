<?php

namespace Askr\Laravel;

use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Routing\ResponseFactory;
use Illuminate\Database\Connection;
use Illuminate\Database\DatabaseManager;
use Illuminate\Queue\QueueManager;
use Illuminate\Redis\RedisManager;
use Illuminate\Routing\Contracts\CallableDispatcher;
use Illuminate\Routing\Contracts\ControllerDispatcher;
use Illuminate\View\Engines\CompilerEngine;
use Illuminate\View\FileViewFinder;

/**
 * What Sandbox has to know about the framework: which parts are worth having before the first request, and where it
 * keeps state outside of services.
 */
final class FrameworkState
{
    /** Properties that outlive a request, by the class that declares them. */
    public const KEPT = [
        DatabaseManager::class => ['connections'],
        RedisManager::class => ['connections'],
        QueueManager::class => ['connections'],
        CompilerEngine::class => ['compiledOrNotExpired'],
        Connection::class => ['pdo', 'readPdo'],
        FileViewFinder::class => ['views'],
    ];

    /** Services most requests need: resolved once, before the state is remembered. */
    public const WARM = [
        'auth', 'blade.compiler', 'cache', 'cache.store', 'config', 'cookie', 'date', 'db', 'db.factory',
        'db.transactions', 'encrypter', 'events', 'files', 'filesystem', 'hash', 'log', 'queue', 'redirect', 'redis',
        'router', 'routes', 'session', 'session.store', 'translator', 'url', 'validator', 'view',
        'view.engine.resolver', 'view.finder', CallableDispatcher::class, ControllerDispatcher::class,
        ExceptionHandler::class, ResponseFactory::class,
    ];

    /**
     * Middleware of the framework that has no state and takes nothing of the request into its constructor: one
     * instance serves all requests instead of two new ones for each.
     */
    public const SHARED_MIDDLEWARE = [
        \Illuminate\Auth\Middleware\Authenticate::class,
        \Illuminate\Auth\Middleware\Authorize::class,
        \Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse::class,
        \Illuminate\Cookie\Middleware\EncryptCookies::class,
        \Illuminate\Foundation\Http\Middleware\ConvertEmptyStringsToNull::class,
        \Illuminate\Foundation\Http\Middleware\InvokeDeferredCallbacks::class,
        \Illuminate\Foundation\Http\Middleware\PreventRequestsDuringMaintenance::class,
        \Illuminate\Foundation\Http\Middleware\TrimStrings::class,
        \Illuminate\Foundation\Http\Middleware\ValidateCsrfToken::class,
        \Illuminate\Http\Middleware\HandleCors::class,
        \Illuminate\Http\Middleware\TrustHosts::class,
        \Illuminate\Http\Middleware\TrustProxies::class,
        \Illuminate\Http\Middleware\ValidatePathEncoding::class,
        \Illuminate\Http\Middleware\ValidatePostSize::class,
        \Illuminate\Routing\Middleware\SubstituteBindings::class,
        \Illuminate\Session\Middleware\StartSession::class,
        \Illuminate\View\Middleware\ShareErrorsFromSession::class,
    ];

    /** Classes of the framework whose static properties are settings that a request may change. */
    public const CLASSES = [
        \Illuminate\Auth\AuthenticationException::class,
        \Illuminate\Auth\Middleware\Authenticate::class,
        \Illuminate\Auth\Middleware\RedirectIfAuthenticated::class,
        \Illuminate\Auth\Notifications\ResetPassword::class,
        \Illuminate\Auth\Notifications\VerifyEmail::class,
        \Illuminate\Container\Container::class,
        \Illuminate\Cookie\Middleware\EncryptCookies::class,
        \Illuminate\Database\Eloquent\Relations\Relation::class,
        \Illuminate\Foundation\Http\Middleware\ConvertEmptyStringsToNull::class,
        \Illuminate\Foundation\Http\Middleware\PreventRequestsDuringMaintenance::class,
        \Illuminate\Foundation\Http\Middleware\TrimStrings::class,
        \Illuminate\Foundation\Http\Middleware\VerifyCsrfToken::class,
        \Illuminate\Http\Middleware\HandleCors::class,
        \Illuminate\Http\Middleware\TrustHosts::class,
        \Illuminate\Http\Middleware\TrustProxies::class,
        \Illuminate\Http\Resources\Json\JsonResource::class,
        \Illuminate\Pagination\AbstractCursorPaginator::class,
        \Illuminate\Pagination\AbstractPaginator::class,
        \Illuminate\Queue\Queue::class,
        \Illuminate\Routing\Middleware\ThrottleRequests::class,
        \Illuminate\Routing\Middleware\ValidateSignature::class,
        \Illuminate\Support\DateFactory::class,
        \Illuminate\Support\EncodedHtmlString::class,
        \Illuminate\Support\Facades\Facade::class,
        \Illuminate\Support\Number::class,
        \Illuminate\Support\Once::class,
        \Illuminate\Support\Str::class,
        \Illuminate\Validation\Rules\Email::class,
        \Illuminate\Validation\Rules\File::class,
        \Illuminate\Validation\Rules\Password::class,
        \Illuminate\View\Compilers\BladeCompiler::class,
        \Symfony\Component\HttpFoundation\Request::class,
    ];

    public const MODEL_SETTINGS = [
        'dispatcher', 'encrypter', 'ignoreOnTouch', 'ignoreTimestampsOn', 'isBroadcasting', 'lazyLoadingViolationCallback',
        'missingAttributeViolationCallback', 'discardedAttributeViolationCallback',
        'modelsShouldAutomaticallyEagerLoadRelationships', 'modelsShouldPreventAccessingMissingAttributes',
        'modelsShouldPreventLazyLoading', 'modelsShouldPreventSilentlyDiscardingAttributes', 'relationResolvers',
        'resolver', 'snakeAttributes', 'unguarded',
    ];

    public const MODEL_BOOT_STATE = ['booted', 'bootedCallbacks', 'globalScopes', 'traitInitializers'];
}
