<?php

namespace App\Support;

/** Counts how often it was touched within one request. */
class Visit
{
    private int $count = 0;

    public function touch(): int
    {
        return ++$this->count;
    }
}
