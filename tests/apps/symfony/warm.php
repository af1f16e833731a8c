<?php

// Builds the container and the routes, as deploying would.

require __DIR__.'/vendor/autoload.php';

$kernel = new App\Kernel('prod', false);
$kernel->boot();
$kernel->getContainer()->get('cache_warmer')->warmUp($kernel->getCacheDir(), $kernel->getBuildDir());
