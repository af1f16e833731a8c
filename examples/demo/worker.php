<?php

// The same application in worker mode: it boots once and then serves request after request.
//
//     askr serve --root examples/demo/public --worker-script examples/demo/worker.php

declare(strict_types=1);

require __DIR__ . '/src/autoload.php';

$app = new Demo\App(Demo\Config::fromEnvironment());
askr_cow_ready();  // with --cow or --isolation, workers are forked here
while (askr_handle_request(static fn (array $request) => $app->handle())) {
    // the next one
}
