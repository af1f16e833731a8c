<?php

namespace App\Providers;

use App\Support\Visit;
use Illuminate\Support\ServiceProvider;

class AppServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        // Per request by contract: a worker that keeps it from one request to the next is broken.
        $this->app->scoped(Visit::class);
    }
}
