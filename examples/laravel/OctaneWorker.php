<?php

namespace Askr\Laravel;

use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request;
use Laravel\Octane\ApplicationFactory;
use Laravel\Octane\Contracts\Client;
use Laravel\Octane\OctaneResponse;
use Laravel\Octane\RequestContext;
use Laravel\Octane\Worker;
use Throwable;

/**
 * Runs the application in Octane's own worker: it clones the application per request, fires its events and resets
 * what `config/octane.php` and the packages in use ask for. This class is the client, in Octane's terms: it makes
 * requests from what the server hands over, and sends responses.
 */
final class OctaneWorker implements Client
{
    private Worker $worker;

    private RequestFactory $requests;

    public function __construct(string $base)
    {
        $_SERVER['LARAVEL_OCTANE'] = $_ENV['LARAVEL_OCTANE'] = '1';  // packages ask for it
        $this->requests = new RequestFactory;
        $this->worker = new Worker(new ApplicationFactory($base), $this);
    }

    /** Returns when the server asks the worker to stop. */
    public function run(): void
    {
        try {
            $this->worker->boot();
        } catch (Throwable $error) {
            error_log('Laravel did not boot: '.$error);
            exit(1);
        }
        askr_cow_ready();
        while (askr_handle_request($this->handle(...)));
        $this->worker->terminate();
    }

    public function marshalRequest(RequestContext $context): array
    {
        return [$this->requests->create($context->data['incoming']), $context];
    }

    public function respond(RequestContext $context, OctaneResponse $response): void
    {
        if ($response->outputBuffer) {
            echo $response->outputBuffer;  // printed outside the response, by dump() for one
        }
        $response->response->send();
    }

    /** Called when the request failed in a way that the application could not turn into a response. */
    public function error(Throwable $error, Application $app, Request $request, RequestContext $context): void
    {
        $app->make(ExceptionHandler::class)->report($error);
        if (! headers_sent()) {
            http_response_code(500);
        }
    }

    private function handle(array $incoming): void
    {
        [$request, $context] = $this->marshalRequest(new RequestContext(['incoming' => $incoming]));
        $this->worker->handle($request, $context);
    }
}
