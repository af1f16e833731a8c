<?php

declare(strict_types=1);

namespace Demo;

/** Who is logged in, the token of the forms, and one message for the next page. */
final class Session
{
    public function __construct(Config $config)
    {
        session_start([
            'save_path' => $config->folder('sessions'),
            'name' => 'demo',
            'cookie_httponly' => true,
            'cookie_samesite' => 'Lax',
            'cookie_secure' => ($_SERVER['HTTPS'] ?? '') === 'on',
            'use_strict_mode' => true,
        ]);
    }

    /** A request that runs for long gives the session back to the user's other requests. */
    public function release(): void
    {
        session_write_close();
    }

    public function user(): ?int
    {
        return $_SESSION['user'] ?? null;
    }

    public function logIn(int $user): void
    {
        session_regenerate_id(true);
        $_SESSION = ['user' => $user];
    }

    public function logOut(): void
    {
        session_regenerate_id(true);
        $_SESSION = [];
    }

    public function token(): string
    {
        return $_SESSION['token'] ??= bin2hex(random_bytes(16));
    }

    /** Refuses a form that this session did not hand out. */
    public function checkToken(mixed $token): void
    {
        if (!is_string($token) || !hash_equals($this->token(), $token)) {
            throw new HttpError(403, 'This form has expired. Please go back, reload the page and send it again.');
        }
    }

    public function say(string $message): void
    {
        $_SESSION['message'] = $message;
    }

    public function takeMessage(): ?string
    {
        $message = $_SESSION['message'] ?? null;
        unset($_SESSION['message']);

        return $message;
    }
}
