<?php

/*
 * Runs a worker script without a server, to see what a request costs in the application and its reset alone:
 *
 *     ASKR_APP_BASE=/tmp/app php -d opcache.enable_cli=1 tests/apps/loop.php examples/laravel-worker.php /api/hello 3000
 *
 * askr_handle_request() is played by a function that hands out the same GET request again and again, and measures.
 */

[, $script, $uri, $count] = $argv + [3 => '3000'];
putenv('APP_RUNNING_IN_CONSOLE=false');
$_ENV['APP_RUNNING_IN_CONSOLE'] = 'false';

function askr_cow_ready(): void
{
}

function fastcgi_finish_request(): bool
{
    return true;
}

function cpu_microseconds(): float
{
    $usage = getrusage();

    return ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1e6
        + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec'];
}

function server_variables(string $uri): array
{
    $root = getenv('ASKR_APP_BASE').'/public';

    return [
        'DOCUMENT_ROOT' => $root, 'DOCUMENT_URI' => '/index.php', 'GATEWAY_INTERFACE' => 'CGI/1.1',
        'HTTP_ACCEPT' => '*/*', 'HTTP_HOST' => '127.0.0.1:8000', 'HTTP_USER_AGENT' => 'loop', 'PHP_SELF' => '/index.php',
        'QUERY_STRING' => (string) parse_url($uri, PHP_URL_QUERY), 'REMOTE_ADDR' => '127.0.0.1',
        'REMOTE_PORT' => '50000', 'REQUEST_METHOD' => 'GET', 'REQUEST_SCHEME' => 'http', 'REQUEST_TIME' => time(),
        'REQUEST_TIME_FLOAT' => microtime(true), 'REQUEST_URI' => $uri, 'SCRIPT_FILENAME' => $root.'/index.php',
        'SCRIPT_NAME' => '/index.php', 'SERVER_ADDR' => '127.0.0.1', 'SERVER_NAME' => '127.0.0.1',
        'SERVER_PORT' => '8000', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'SERVER_SOFTWARE' => 'askr/loop',
    ];
}

function askr_handle_request(callable $handler): bool
{
    static $served = 0, $started = 0, $memory = 0, $inside = 0;
    global $uri, $count;

    $warm_up = 300;
    if ($served === $warm_up) {
        [$started, $memory, $inside] = [cpu_microseconds(), memory_get_usage(), 0];
    }
    if ($served === $warm_up + (int) $count) {
        fprintf(STDERR, "%s: %.1f us CPU a request, %.1f us of it in the handler, memory grew by %d bytes\n",
            $uri, (cpu_microseconds() - $started) / $count, $inside / $count / 1000, memory_get_usage() - $memory);

        return false;
    }
    $served++;
    $server = server_variables($uri);
    ob_start(static fn (): string => '', 0);
    $before = hrtime(true);
    $handler(['method' => 'GET', 'uri' => $uri, 'query' => $server['QUERY_STRING'], 'headers' => $server, 'body' => '',
        'post' => [], 'files' => []]);
    $inside += hrtime(true) - $before;
    ob_end_clean();
    header_remove();

    return true;
}

require $script;
