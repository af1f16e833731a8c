<?php

declare(strict_types=1);

namespace Demo;

/** What this request can tell about the server that runs it. */
final class Server
{
    public static function worker(): int
    {
        return getmypid();
    }

    public static function requestId(): string
    {
        return $_SERVER['HTTP_X_REQUEST_ID'] ?? 'none';
    }

    public static function milliseconds(): float
    {
        return round((microtime(true) - $_SERVER['REQUEST_TIME_FLOAT']) * 1000, 1);
    }

    public static function opcache(): string
    {
        $status = function_exists('opcache_get_status') ? @opcache_get_status(false) : false;
        if (!$status || !$status['opcache_enabled']) {
            return 'off';
        }
        $statistics = $status['opcache_statistics'];

        return sprintf('on, %d scripts, %.1f %% hits', $statistics['num_cached_scripts'], $statistics['opcache_hit_rate']);
    }

    /** @return array<string, string> */
    public static function facts(): array
    {
        return [
            'Worker process' => (string) self::worker(),
            'Request id' => self::requestId(),
            'Server' => $_SERVER['SERVER_SOFTWARE'] ?? 'unknown',
            'PHP' => PHP_VERSION . ' (' . PHP_SAPI . ')',
            'opcache' => self::opcache(),
            'Protocol' => $_SERVER['SERVER_PROTOCOL'] ?? 'unknown',
            'Your address' => ($_SERVER['REMOTE_ADDR'] ?? '') ?: 'a local socket',
            'Memory, at most' => View::size(memory_get_peak_usage()),
            'Time so far' => self::milliseconds() . ' ms',
        ];
    }
}
