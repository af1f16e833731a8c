<?php

namespace App\Askr;

use Illuminate\Session\CacheBasedSessionHandler;
use Illuminate\Support\ServiceProvider;

/**
 * CACHE_STORE=askr and SESSION_DRIVER=askr.
 *
 * Copy this folder to app/Askr, and name this class in bootstrap/providers.php.
 */
final class AskrCacheServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        $config = $this->app['config'];
        $config->set('cache.stores.askr', $config->get('cache.stores.askr', []) + ['driver' => 'askr']);

        $this->app->booting(function (): void {
            $this->app['cache']->extend('askr', function ($app, array $config) {
                $prefix = $config['prefix'] ?? $app['config']['cache.prefix'] ?? '';

                return $app['cache']->repository(new AskrStore($prefix), $config);
            });
        });
    }

    public function boot(): void
    {
        $this->app['session']->extend('askr', fn ($app) => new CacheBasedSessionHandler(
            clone $app['cache']->store('askr'),
            $app['config']['session.lifetime'],
        ));
    }
}
