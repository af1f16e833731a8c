<?php

namespace App\Askr;

use Illuminate\Cache\Lock;

/** A lock that all workers see. It ends with its time, or when its owner lets go; 0 seconds is until then. */
final class AskrLock extends Lock
{
    public function acquire()
    {
        return askr_cache_add($this->name, $this->owner, (int) $this->seconds);
    }

    public function refresh($seconds = null)
    {
        return $this->isOwnedByCurrentProcess() && askr_cache_touch($this->name, (int) ($seconds ?? $this->seconds));
    }

    public function release()
    {
        return $this->isOwnedByCurrentProcess() && askr_cache_delete($this->name);
    }

    public function forceRelease()
    {
        askr_cache_delete($this->name);
    }

    protected function getCurrentOwner()
    {
        return (string) askr_cache_get($this->name);
    }
}
