<?php

declare(strict_types=1);

namespace Demo;

/** Where the application keeps what it is told: outside the document root, made on first use. */
final class Config
{
    public function __construct(public readonly string $dataFolder)
    {
    }

    /** DEMO_DATA names the folder; without it, it is data/ beside public/. */
    public static function fromEnvironment(): self
    {
        return new self(getenv('DEMO_DATA') ?: dirname(__DIR__) . '/data');
    }

    /** The path of a folder below the data folder. */
    public function folder(string $name): string
    {
        $path = "$this->dataFolder/$name";
        if (!is_dir($path) && !@mkdir($path, 0700, true) && !is_dir($path)) {
            throw new \RuntimeException("The folder $path cannot be made; DEMO_DATA can name another one.");
        }

        return $path;
    }
}
