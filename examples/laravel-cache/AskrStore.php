<?php

namespace App\Askr;

use Illuminate\Cache\TaggableStore;
use Illuminate\Contracts\Cache\LockProvider;

/**
 * Laravel's cache on the memory that all workers of Askr share (--cache-slots N): no other process, no socket.
 *
 * Whole numbers are stored as such, so that they can be counted atomically; everything else is serialised. A key of more
 * than 1 KB is replaced by its hash. Values of more than 1 MB are refused: put() answers false.
 */
final class AskrStore extends TaggableStore implements LockProvider
{
    private const LONGEST_KEY = 1000;

    public function __construct(private readonly string $prefix = '')
    {
    }

    public function get($key)
    {
        $value = askr_cache_get($this->key($key));

        return $value === null ? null : $this->decode($value);
    }

    public function many(array $keys)
    {
        return array_combine($keys, array_map($this->get(...), $keys));
    }

    public function put($key, $value, $seconds)
    {
        return askr_cache_set($this->key($key), $this->encode($value), max(1, (int) $seconds));
    }

    public function putMany(array $values, $seconds)
    {
        $all = true;
        foreach ($values as $key => $value) {
            $all = $this->put((string) $key, $value, $seconds) && $all;
        }

        return $all;
    }

    /** Only if there is nothing; of any number of callers one gets true. Cache::add() and RateLimiter use it. */
    public function add($key, $value, $seconds)
    {
        return askr_cache_add($this->key($key), $this->encode($value), max(1, (int) $seconds));
    }

    public function increment($key, $value = 1)
    {
        return askr_cache_increment($this->key($key), (int) $value);
    }

    public function decrement($key, $value = 1)
    {
        return askr_cache_increment($this->key($key), -(int) $value);
    }

    public function forever($key, $value)
    {
        return askr_cache_set($this->key($key), $this->encode($value));
    }

    public function touch($key, $seconds)
    {
        return askr_cache_touch($this->key($key), max(1, (int) $seconds));
    }

    public function forget($key)
    {
        return askr_cache_delete($this->key($key));
    }

    /** All of it, whatever the prefix, and the responses that Askr has cached as well. */
    public function flush()
    {
        askr_cache_flush();

        return true;
    }

    public function lock($name, $seconds = 0, $owner = null)
    {
        return new AskrLock($this->key($name), $seconds, $owner);
    }

    public function restoreLock($name, $owner)
    {
        return $this->lock($name, 0, $owner);
    }

    public function getPrefix()
    {
        return $this->prefix;
    }

    private function key(string $key): string
    {
        $key = $this->prefix.$key;

        return strlen($key) > self::LONGEST_KEY ? $this->prefix.hash('sha256', $key) : $key;
    }

    private function encode(mixed $value): string
    {
        return is_int($value) ? (string) $value : serialize($value);
    }

    private function decode(string $value): mixed
    {
        return preg_match('/^-?\d+$/', $value) === 1 ? (int) $value : unserialize($value);
    }
}
