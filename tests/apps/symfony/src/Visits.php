<?php

namespace App;

use Symfony\Contracts\Service\ResetInterface;

/** Counts within one request: the framework calls reset() before it handles another. */
class Visits implements ResetInterface
{
    private int $count = 0;

    public function add(): int
    {
        return ++$this->count;
    }

    public function reset(): void
    {
        $this->count = 0;
    }
}
