<?php

declare(strict_types=1);

namespace Demo;

/** Ends a request with a status and a sentence for the reader. */
final class HttpError extends \RuntimeException
{
    public function __construct(public readonly int $status, string $message)
    {
        parent::__construct($message);
    }
}
