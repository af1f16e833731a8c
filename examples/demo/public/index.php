<?php

// The front controller: every request that is no file below public/ arrives here.

declare(strict_types=1);

require __DIR__ . '/../src/autoload.php';

(new Demo\App(Demo\Config::fromEnvironment()))->handle();
