<?php

declare(strict_types=1);

namespace Demo;

/** Renders templates/. What every page shows (user, token, message) is given once. */
final class View
{
    /** @param array<string, mixed> $shared */
    public function __construct(private readonly array $shared)
    {
    }

    /** A whole page. @param array<string, mixed> $values */
    public function page(string $template, string $title, array $values = []): void
    {
        $this->part('header', ['title' => $title]);
        $this->part($template, $values);
        $this->part('footer');
    }

    /** One template. @param array<string, mixed> $values */
    public function part(string $template, array $values = []): void
    {
        (static function (string $_file, array $_values): void {
            extract($_values);
            require $_file;
        })(dirname(__DIR__) . "/templates/$template.php", $values + $this->shared);
    }

    public static function escape(string|int|float $text): string
    {
        return htmlspecialchars((string) $text, ENT_QUOTES | ENT_SUBSTITUTE | ENT_HTML5);
    }

    /** 1536 becomes "1.5 KB". */
    public static function size(int $bytes): string
    {
        return match (true) {
            $bytes < 1024 => "$bytes bytes",
            $bytes < 1024 ** 2 => round($bytes / 1024, 1) . ' KB',
            default => round($bytes / 1024 ** 2, 1) . ' MB',
        };
    }
}
